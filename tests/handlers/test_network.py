"""The network duty on trees that pose as machines: which renderer, which files, and what is said when it goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from handlers.posing import IFUPDOWN_FILE, MAIN, Outcome, enable, ifupdown, make, plan

from ovfinit.changes import LOCAL
from ovfinit.state import Past

NETWORKD_FILE = "/etc/systemd/network/10-ovfinit-eth0.network"
NETPLAN_FILE = "/etc/netplan/50-ovfinit.yaml"
PROFILE = "/etc/NetworkManager/system-connections/ovfinit-eth0.nmconnection"


def add_nic(root: Path, name: str, mac: str) -> None:
    """An adapter in the tree's sysfs."""
    device = root / "sys/class/net" / name
    (device / "device").mkdir(parents=True)
    (device / "address").write_text(f"{mac}\n")
    (device / "operstate").write_text("down\n")


def netplan(root: Path) -> None:
    """Netplan with a document of its own."""
    make(
        root,
        "usr/sbin/netplan",
        "etc/netplan/90-default.yaml",
        "usr/lib/systemd/systemd",
        "usr/lib/systemd/systemd-networkd",
    )


def test_no_network_no_changes(tmp_path: Path) -> None:
    """Without a network in the metadata, with a disabled or an empty one, the machine is left as it is."""
    for document in (None, {"config": "disabled"}, {"version": 2}, {"version": 2, "renderer": "networkd"}):
        outcome = plan(tmp_path, document)
        assert (outcome.files, outcome.problems, outcome.error) == ({}, [], None)
        # what was written before goes, except where we are to keep our hands off
        assert outcome.alone == (document == {"config": "disabled"})


def test_an_empty_tree_gets_networkd(tmp_path: Path) -> None:
    """Nothing there at all: networkd's file, 0644 root, in the local stage."""
    outcome = plan(tmp_path)
    assert (list(outcome.files), outcome.problems, outcome.error) == ([NETWORKD_FILE], [], None)
    change = outcome.files[NETWORKD_FILE]
    assert (change.handler, change.stage, change.mode, change.owner, change.group, change.ours, change.secret) == (
        *("network", LOCAL, 0o644, "root", "root", True, False),
    )
    assert b"[Match]\nName=eth0\n" in change.content


def test_installer_tree_gets_ifupdown(tmp_path: Path) -> None:
    """Where networking.service is enabled and networkd merely installed, ifupdown is used."""
    ifupdown(tmp_path)
    outcome = plan(tmp_path)
    assert (list(outcome.files), outcome.problems, outcome.error) == ([IFUPDOWN_FILE], [], None)


def test_networkd_goes_before_ifupdown_and_says_what_fights(tmp_path: Path) -> None:
    """Both enabled: networkd, and every interface that ifupdown also has is reported with file and line."""
    ifupdown(tmp_path, MAIN + "auto eth1\niface eth1 inet dhcp\n")
    enable(tmp_path, "systemd-networkd")
    outcome = plan(tmp_path)
    assert list(outcome.files) == [NETWORKD_FILE]
    assert outcome.problems == ["/etc/network/interfaces:5 gives eth1 to ifupdown, which is enabled as well"]


def test_a_masked_service_is_not_enabled(tmp_path: Path) -> None:
    """A mask beats the link of a target."""
    ifupdown(tmp_path)
    enable(tmp_path, "systemd-networkd")
    (tmp_path / "etc/systemd/system/systemd-networkd.service").symlink_to("/dev/null")
    assert list(plan(tmp_path).files) == [IFUPDOWN_FILE]


@pytest.mark.parametrize(
    ("folder", "link", "file"),
    [
        ("sbin", None, IFUPDOWN_FILE),
        ("usr/sbin", "busybox", IFUPDOWN_FILE),
        ("usr/sbin", "../lib/systemd/systemd", NETWORKD_FILE),
    ],
)
def test_units_count_where_systemd_is_the_init(tmp_path: Path, folder: str, link: str | None, file: str) -> None:
    """Links of systemd's targets are nobody's where sysvinit or another one is the init."""
    ifupdown(tmp_path)
    make(tmp_path, "etc/rcS.d/S10networking", "usr/lib/systemd/systemd", "usr/lib/systemd/systemd-networkd")
    enable(tmp_path, "systemd-networkd")
    make(tmp_path, f"{folder}/init", "usr/sbin/busybox")
    if link is not None:
        (tmp_path / folder / "init").unlink()
        (tmp_path / folder / "init").symlink_to(link)
    outcome = plan(tmp_path)
    assert (list(outcome.files), outcome.problems) == ([file], [])


def test_netplans_tree_gets_a_document_of_netplans(tmp_path: Path) -> None:
    """Netplan with documents is used, although networkd, its servant, is enabled as well."""
    netplan(tmp_path)
    enable(tmp_path, "systemd-networkd")
    outcome = plan(tmp_path)
    assert (list(outcome.files), outcome.problems, outcome.error) == ([NETPLAN_FILE], [], None)
    assert outcome.files[NETPLAN_FILE].mode == 0o600


DEFAULTS = """
network:
  version: 2
  ethernets:
    all-en: {match: {name: "en*"}, dhcp4: true}
    all-eth: {match: {name: "eth*"}, dhcp4: true}
"""


def test_a_document_that_takes_every_adapter_does_not_take_ours(tmp_path: Path) -> None:
    """Debian's cloud image: our adapters get ids that networkd reads before the catch-alls, and stay what they are."""
    netplan(tmp_path)
    (tmp_path / "etc/netplan/90-default.yaml").write_text(DEFAULTS)
    document = {
        "version": 2,
        "ethernets": {
            "eth0": {"addresses": ["192.0.2.10/24"]},
            "nic0": {"match": {"macaddress": "52:54:00:00:00:01"}, "dhcp4": True},
            "wan0": {"dhcp4": True},
        },
        "bridges": {"br0": {"interfaces": ["eth0"], "parameters": {"path-cost": {"eth0": 9}}}},
    }
    outcome = plan(tmp_path, document)
    assert (outcome.problems, outcome.error) == ([], None)
    found = yaml.safe_load(outcome.files[NETPLAN_FILE].content)["network"]
    assert found["ethernets"] == {
        "0-eth0": {"match": {"name": "eth0"}, "addresses": ["192.0.2.10/24"]},
        "0-nic0": {"match": {"macaddress": "52:54:00:00:00:01"}, "dhcp4": True},
        "wan0": {"dhcp4": True},
    }
    assert found["bridges"]["br0"]["interfaces"] == ["0-eth0"]
    assert found["bridges"]["br0"]["parameters"]["path-cost"] == {"0-eth0": 9}


def test_a_device_of_another_document_is_reported(tmp_path: Path) -> None:
    """Netplan merges what two documents say of one id, so both are named."""
    netplan(tmp_path)
    (tmp_path / "etc/netplan/90-default.yaml").write_text("network: {ethernets: {eth0: {dhcp6: true}}}")
    assert plan(tmp_path).problems == [
        "/etc/netplan/90-default.yaml: describes eth0 as well, and netplan merges the two: addresses and routes add up"
    ]


def test_network_manager_behind_netplan(tmp_path: Path) -> None:
    """Ubuntu's desktop: what NetworkManager has no words for is refused; netplan would drop it or stop altogether."""
    netplan(tmp_path)
    (tmp_path / "etc/netplan/90-default.yaml").write_text("network: {version: 2, renderer: NetworkManager}")
    settings = {"addresses": [{"192.0.2.10/24": {"label": "eth0:1"}}], "emit-lldp": True, "ipv6-mtu": 1300}
    outcome = plan(tmp_path, {"version": 2, "ethernets": {"eth0": settings}})
    found = yaml.safe_load(outcome.files[NETPLAN_FILE].content)["network"]["ethernets"]["eth0"]
    assert found == {"addresses": ["192.0.2.10/24"], "emit-lldp": True}
    assert outcome.error is not None
    for named in ("ipv6-mtu: netplan cannot", "addresses[0]: NetworkManager has no", "emit-lldp: NetworkManager only"):
        assert named in outcome.error.message


def test_netplan_merely_installed_is_not_in_use(tmp_path: Path) -> None:
    """Without a document netplan has no say, but on Ubuntu, which leaves everything to it. Our own is no evidence."""
    make(tmp_path, "usr/sbin/netplan", "etc/netplan/50-ovfinit.yaml")
    enable(tmp_path, "systemd-networkd")
    assert list(plan(tmp_path).files) == [NETWORKD_FILE]
    (tmp_path / "etc/os-release").write_text("ID=ubuntu\n")
    assert list(plan(tmp_path).files) == [NETPLAN_FILE]


def test_network_manager_alone_gets_profiles(tmp_path: Path) -> None:
    """Where NetworkManager is enabled and nobody else, it gets a profile that only root can read."""
    make(tmp_path, "usr/sbin/NetworkManager", "usr/lib/systemd/systemd", "usr/lib/systemd/systemd-networkd")
    enable(tmp_path, "NetworkManager")
    outcome = plan(tmp_path)
    assert (list(outcome.files), outcome.problems, outcome.error) == ([PROFILE], [], None)
    assert outcome.files[PROFILE].mode == 0o600


def test_network_manager_told_to_leave_adapters_alone_is_reported(tmp_path: Path) -> None:
    """Ubuntu's server image tells NetworkManager so, until a file of the same name takes that back."""
    make(tmp_path, "usr/sbin/NetworkManager", "usr/lib/systemd/systemd")
    make(tmp_path, "usr/lib/NetworkManager/conf.d/10-globally-managed-devices.conf")
    enable(tmp_path, "NetworkManager")
    [problem] = plan(tmp_path).problems
    assert "make an empty /etc/NetworkManager/conf.d/10-globally-managed-devices.conf" in problem
    make(tmp_path, "etc/NetworkManager/conf.d/10-globally-managed-devices.conf")
    assert plan(tmp_path).problems == []


def test_desktop_with_network_manager_and_ifupdown(tmp_path: Path) -> None:
    """NetworkManager leaves alone what ifupdown has: where that is nothing but loopback, NetworkManager it is."""
    ifupdown(tmp_path)
    make(tmp_path, "usr/sbin/NetworkManager")
    enable(tmp_path, "NetworkManager")
    assert (list(plan(tmp_path).files), plan(tmp_path).problems) == ([PROFILE], [])
    make(tmp_path, interfaces=MAIN + "iface eth1 inet dhcp\n")
    assert (list(plan(tmp_path).files), plan(tmp_path).problems) == ([IFUPDOWN_FILE], [])


def test_what_cannot_be_said_is_an_error_by_name_and_costs_nothing_else(tmp_path: Path) -> None:
    """The rest of the device is configured, and the setting is named with its place."""
    document = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "emit-lldp": True}}}
    outcome = plan(tmp_path, document, renderer="networkmanager")
    assert list(outcome.files) == [PROFILE]
    assert outcome.error is not None
    assert outcome.error.message == "left out: ethernets.eth0.emit-lldp: NetworkManager only listens to LLDP"
    assert outcome.error.where == "#/network-config"


def test_files_of_another_renderer_go_even_if_something_is_wrong(tmp_path: Path) -> None:
    """After a change of renderer nothing of the former one stays, whether a device or only a setting is lost."""
    before = {
        NETWORKD_FILE: "network",
        "/etc/systemd/network/10-ovfinit-eth0.link": "network",
        "/etc/NetworkManager/system-connections/ovfinit-gone.nmconnection": "network",
        "/etc/hostname": "hostname",
    }
    past = Past(new=False, wanted_by=before)
    setting = {"version": 2, "ethernets": {"eth0": {"emit-lldp": True}}}
    assert Outcome(tmp_path, setting, "networkmanager", past).removed == [path for path in before if "host" not in path]
    device = {"version": 2, "ethernets": {"eth0": {"dhcp4": True}, "eth1": {"match": 1}}}
    assert Outcome(tmp_path, device, "networkmanager", past).removed == [NETWORKD_FILE]


def test_renderer_that_nobody_starts_is_reported(tmp_path: Path) -> None:
    """Files that nobody will read are written, and the missing step is named."""
    make(tmp_path, "usr/lib/systemd/systemd", "usr/lib/systemd/systemd-networkd")
    assert plan(tmp_path).problems == ["systemd-networkd is not enabled: systemctl enable systemd-networkd"]
    make(tmp_path, interfaces=MAIN)
    problems = plan(tmp_path, renderer="ifupdown").problems
    assert problems == ["ifupdown is not installed: install it, or set another network.renderer"]


def test_the_setting_beats_the_evidence(tmp_path: Path) -> None:
    """A renderer that is set is used, whatever the tree looks like."""
    ifupdown(tmp_path)
    assert list(plan(tmp_path, renderer="networkd").files) == [NETWORKD_FILE]
    netplan(tmp_path)
    assert list(plan(tmp_path, renderer="ifupdown").files) == [IFUPDOWN_FILE]


def test_hardware_comes_from_the_trees_sysfs(tmp_path: Path) -> None:
    """Ifupdown needs names: they are those of the adapters in the tree, and one that is missing fails alone."""
    ifupdown(tmp_path)
    add_nic(tmp_path, "ens3", "52:54:00:00:00:01")
    add_nic(tmp_path, "ens4", "52:54:00:00:00:02")
    document = {
        "version": 2,
        "ethernets": {
            "lan": {"match": {"macaddress": "52:54:00:00:00:02"}, "addresses": ["10.0.0.2/24"]},
            "rest": {"match": {"name": "e*"}, "dhcp4": True},
            "gone": {"match": {"macaddress": "52:54:00:00:00:09"}, "dhcp4": True},
        },
    }
    outcome = plan(tmp_path, document)
    text = outcome.files[IFUPDOWN_FILE].content.decode()
    assert "iface ens4 inet static\n    address 10.0.0.2/24\n" in text
    assert "iface ens3 inet dhcp\n" in text
    assert text.count("iface ") == 2
    assert outcome.error is not None
    assert outcome.error.message == "left out: ethernets.gone.match: fits no network adapter of this machine"
    assert outcome.error.where == "#/network-config"


def test_mistakes_do_not_cost_the_rest(tmp_path: Path) -> None:
    """A value that cannot be used is an error after everything else was handed out, a key nobody knows a problem."""
    document = {
        "version": 2,
        "ethernets": {"eth0": {"dhcp4": True, "mtu": 1, "magic": 2}, "eth1": {"match": {"macaddress": "x"}}},
    }
    outcome = plan(tmp_path, document)
    assert list(outcome.files) == [NETWORKD_FILE]
    assert outcome.problems == ["#/network-config: ethernets.eth0.magic: is not known, left out"]
    assert outcome.error is not None
    assert outcome.error.message.startswith(
        "left out: ethernets.eth0.mtu: 1 is not a whole number from 68 to 65535; "
        "ethernets.eth1.match.macaddress: 'x' is not a hardware address"
    )
    assert plan(tmp_path, {"version": 2, "wifis": {"w0": {}}}).problems == [
        "#/network-config: wifis: is not supported, left out"
    ]


def test_nothing_usable_is_one_error(tmp_path: Path) -> None:
    """Another version, or mistakes everywhere, leave nothing to plan."""
    outcome = plan(tmp_path, {"version": 3, "config": []})
    assert (outcome.files, outcome.problems) == ({}, [])
    assert outcome.error is not None
    assert outcome.error.message == "left out: version: 3 of the network configuration is not understood, only 2 is"
    many = plan(tmp_path, {"version": 2, "ethernets": {f"bad/{index}": {} for index in range(50)}})
    assert many.error is not None
    assert many.error.message.endswith("(and 45 more)")
