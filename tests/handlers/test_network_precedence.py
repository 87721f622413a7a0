"""Which network counts: the command line's, the admin's, the initramfs's, the source's, or DHCP for want of any."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import Any

import pytest
from scratch import make_seed, make_tree, run

from ovfinit import config as settings
from ovfinit.changes import LeaveAlone, WriteFile
from ovfinit.config import Config
from ovfinit.errors import ConfigError
from ovfinit.handlers import network
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.network.fallback import bring_up
from ovfinit.state import Past

SOURCE = {"version": 2, "ethernets": {"source0": {"dhcp4": True}}}
NET_CONF = """\
DEVICE='ens3'
PROTO='none'
IPV4ADDR='192.0.2.10'
IPV4BROADCAST='192.0.2.255'
IPV4NETMASK='255.255.255.0'
IPV4GATEWAY='192.0.2.1'
IPV4DNS0='192.0.2.53'
IPV4DNS1='0.0.0.0'
HOSTNAME='web1'
DNSDOMAIN='example.org'
ROOTSERVER='192.0.2.2'
filename=''
"""
NET6_CONF = """\
DEVICE6=ens3
IPV6PROTO=none
IPV6ADDR=2001:db8::10
IPV6NETMASK=64
IPV6GATEWAY=2001:db8::1
IPV6DNS0=2001:db8::53
IPV6DOMAINSEARCH='v6.example.org'
"""


def put(root: Path, path: str, text: str) -> None:
    """A file in the tree."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def add_nic(root: Path, name: str, mac: str, driver: str = "e1000") -> None:
    """An adapter in the tree's sysfs."""
    device = root / "sys/class/net" / name / "device"
    device.mkdir(parents=True)
    put(root, f"sys/class/net/{name}/address", f"{mac}\n")
    (root / "sys/bus/drivers" / driver).mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(f"/sys/bus/drivers/{driver}")


def plan(root: Path, document: dict[str, Any] | None, past: Past | None = None, **metadata: Any) -> list[Any]:
    """What the duty hands out for a tree, with the tree's own configuration."""
    host = Host(str(root))
    given = Metadata(instance_id="i-1", network=document, **metadata)
    return list(network.changes(given, settings.load(host), host, past or Past()))


def names(items: list[Any]) -> list[str]:
    """The devices that networkd's files are for."""
    return sorted(
        item.target.rpartition("/")[2].removeprefix("10-ovfinit-").removesuffix(".network")
        for item in items
        if isinstance(item, WriteFile) and item.target.endswith(".network")
    )


def text(items: list[Any]) -> str:
    """All files in one."""
    return "\n".join(item.content.decode() for item in items if isinstance(item, WriteFile))


def encoded(document: str) -> str:
    """As it stands on a kernel command line."""
    return base64.b64encode(document.encode()).decode()


@pytest.mark.parametrize(
    "word",
    [
        encoded("version: 2\nethernets: {cmd0: {dhcp4: true}}\n"),
        encoded("network: {version: 1, config: [{type: physical, name: cmd0, subnets: [{type: dhcp}]}]}\n"),
        base64.b64encode(gzip.compress(b"version: 2\nethernets: {cmd0: {dhcp4: true}}\n", mtime=0)).decode(),
    ],
)
def test_the_command_line_goes_before_all(tmp_path: Path, word: str) -> None:
    """`network-config=` in base64, gzip'ed or not, in any form, counts before the admin's and the source's network."""
    put(tmp_path, "proc/cmdline", f"quiet network-config={word} ip=dhcp\n")
    put(tmp_path, "etc/ovfinit/ovfinit.yaml", "network: {config: {version: 2, ethernets: {admin0: {}}}}\n")
    assert names(plan(tmp_path, SOURCE)) == ["cmd0"]


def test_a_broken_word_is_named_and_the_next_counts(tmp_path: Path) -> None:
    """What is no base64 of a network configuration is a problem, and strands nobody."""
    put(tmp_path, "proc/cmdline", "network-config=nonsense!\n")
    items = plan(tmp_path, SOURCE)
    assert names(items) == ["source0"]
    problem = next(item for item in items if isinstance(item, Problem))
    assert problem.where == "/proc/cmdline"
    assert problem.message.startswith("network-config= is not understood")


def test_the_admin_goes_before_the_source(tmp_path: Path) -> None:
    """`network: {config: …}` in ovfinit.yaml counts before what the source says, and without one."""
    put(tmp_path, "etc/ovfinit/ovfinit.yaml", "network: {config: {version: 2, ethernets: {admin0: {dhcp4: true}}}}\n")
    assert names(plan(tmp_path, SOURCE)) == names(plan(tmp_path, None)) == ["admin0"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("etc/ovfinit/ovfinit.yaml", "network: {config: disabled}\n"),
        ("proc/cmdline", "network-config=disabled\n"),
        ("proc/cmdline", f"network-config={encoded('config: disabled')}\n"),
    ],
)
def test_disabled(tmp_path: Path, file: str, content: str) -> None:
    """Switched off by the admin or on the command line, the network is left alone, and no way is opened either."""
    add_nic(tmp_path, "ens3", "52:54:00:00:00:03")
    put(tmp_path, file, content)
    with pytest.raises(LeaveAlone):
        plan(tmp_path, SOURCE)
    host = Host(str(tmp_path))
    assert bring_up(host, settings.load(host)) is None
    assert not (tmp_path / "run").exists()


def test_disabling_keeps_what_was_written(tmp_path: Path) -> None:
    """Who switches the network duty off keeps the network that the machine has."""
    root = make_tree(tmp_path / "root")
    seed = make_seed(tmp_path / "seed")
    assert run("apply", "--root", root, "--from", seed).code == 0
    written = {path: path.read_bytes() for path in (root / "etc/systemd/network").iterdir()}
    assert written
    put(root, "etc/ovfinit/ovfinit.yaml.d/off.yaml", "network: {config: disabled}\n")
    assert run("apply", "--root", root, "--from", seed).code == 0
    assert {path: path.read_bytes() for path in (root / "etc/systemd/network").iterdir()} == written


@pytest.mark.parametrize(
    ("setting", "place", "message"),
    [
        ("7", "1:19", "must be `disabled` or a network configuration"),
        ("{version: 2, ethernets: {a: {mtu: 7}}}", "1:53", "network.config: ethernets.a.mtu: 7 is not"),
        ("{version: 1, config: [{type: wifi}]}", "1:48", "'wifi' is not one of"),
    ],
)
def test_a_wrong_setting_has_its_place(tmp_path: Path, setting: str, place: str, message: str) -> None:
    """A mistake in the admin's network is told when the configuration is loaded, with line and column."""
    put(tmp_path, "etc/ovfinit/ovfinit.yaml", f"network: {{config: {setting}}}\n")
    with pytest.raises(ConfigError, match="network") as caught:
        settings.load(Host(str(tmp_path)))
    assert caught.value.where == f"/etc/ovfinit/ovfinit.yaml:{place}"
    assert message in caught.value.message


def test_initramfs_where_the_source_says_nothing(tmp_path: Path) -> None:
    """What ipconfig left in /run is configured for good, both families, by hardware address where one is known."""
    add_nic(tmp_path, "ens3", "52:54:00:00:00:03")
    put(tmp_path, "run/net-ens3.conf", NET_CONF)
    put(tmp_path, "run/net6-ens3.conf", NET6_CONF)
    found = text(plan(tmp_path, None))
    for line in (
        "MACAddress=52:54:00:00:00:03",
        "Address=192.0.2.10/24",
        "Address=2001:db8::10/64",
        "Gateway=192.0.2.1",
        "Gateway=2001:db8::1",
        "DNS=192.0.2.53",
        "DNS=2001:db8::53",
        "Domains=example.org v6.example.org",
    ):
        assert line in found
    assert "DNS=0.0.0.0" not in found
    assert names(plan(tmp_path, SOURCE)) == ["source0"]


def test_initramfs_that_asked_dhcp(tmp_path: Path) -> None:
    """A lease is not an address to keep: DHCP is asked again."""
    put(tmp_path, "run/net-ens3.conf", NET_CONF.replace("PROTO='none'", "PROTO='dhcp'"))
    found = text(plan(tmp_path, None))
    assert "DHCP=ipv4" in found
    assert "192.0.2" not in found


def test_a_damaged_file_of_the_initramfs(tmp_path: Path) -> None:
    """A file of no use is named with the reason, and `ip=` takes its place."""
    put(tmp_path, "run/net-ens3.conf", "DEVICE='../x'\nPROTO=dhcp\n")
    put(tmp_path, "proc/cmdline", "ip=ens4:dhcp\n")
    items = plan(tmp_path, None)
    assert names(items) == ["ens4"]
    assert "run/net-ens3.conf is not understood: '../x' is not a name" in next(
        item.message for item in items if isinstance(item, Problem)
    )


def test_ip_where_the_source_says_nothing(tmp_path: Path) -> None:
    """`ip=` counts if the source gives no network, and only then; what is wrong in it is a problem."""
    put(tmp_path, "proc/cmdline", "ip=192.0.2.10::192.0.2.1:24::ens3:none ip=ens4:ibft\n")
    items = plan(tmp_path, None)
    assert names(items) == ["ens3"]
    assert [item.message for item in items if isinstance(item, Problem) and "ip=" in item.message] == [
        "ip=ens4:ibft is not understood: iBFT is not read"
    ]
    assert names(plan(tmp_path, SOURCE)) == ["source0"]


@pytest.mark.parametrize("root_word", ["root=/dev/nfs", "nfsroot=192.0.2.2:/srv", "netroot=iscsi:@192.0.2.2::::x"])
def test_a_root_over_the_network_keeps_its_interface(tmp_path: Path, root_word: str) -> None:
    """Where the root file system hangs on what the initramfs configured, nobody configures it otherwise."""
    put(tmp_path, "proc/cmdline", f"{root_word} ip=dhcp\n")
    put(tmp_path, "run/net-ens3.conf", NET_CONF)
    items = plan(tmp_path, SOURCE)
    assert names(items) == ["ens3"]
    assert "KeepConfiguration=yes" in text(items)


def test_dhcp_where_nobody_configures_anything(tmp_path: Path) -> None:
    """The best adapter (a hypervisor's, then by number) asks DHCP for good: a second boot has a network, too."""
    for name, driver in (("eth0", "e1000"), ("eth10", "virtio_net"), ("eth2", "virtio_net")):
        add_nic(tmp_path, name, f"52:54:00:00:00:{len(name)}{name[-1]}", driver)
    items = plan(tmp_path, None)
    assert names(items) == ["eth2"]
    assert "DHCP=ipv4" in text(items)
    again = plan(tmp_path, None, Past(wanted_by={"/etc/systemd/network/10-ovfinit-eth2.network": "network"}))
    assert names(again) == ["eth2"]


@pytest.mark.parametrize(
    "file",
    [
        "etc/systemd/network/20-wired.network",
        "usr/lib/systemd/network/99-default.network",
        "usr/local/lib/systemd/network/a.network",
    ],
)
def test_somebody_elses_network_is_enough(tmp_path: Path, file: str) -> None:
    """Where an image or its admin configures a network, nothing is added to it."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    put(tmp_path, file, "[Match]\nName=*\n\n[Network]\nDHCP=yes\n")
    assert plan(tmp_path, None) == []


def test_a_manager_that_we_do_not_know_is_left_alone(tmp_path: Path) -> None:
    """Where systemd runs and networkd is not enabled, somebody else has the network: no file, and no warning."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    put(tmp_path, "usr/lib/systemd/systemd", "")
    assert plan(tmp_path, None) == []


def test_systemds_own_files_configure_no_adapter(tmp_path: Path) -> None:
    """What systemd ships for containers does not count, nor do our own files of an earlier boot."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    put(tmp_path, "usr/lib/systemd/network/80-container-host0.network", "")
    put(tmp_path, "etc/systemd/network/10-ovfinit-eth0.network", "")
    put(tmp_path, "run/systemd/network/95-ovfinit-first-boot.network", "")
    assert names(plan(tmp_path, None)) == ["eth0"]


def test_a_broken_network_is_no_reason_for_dhcp(tmp_path: Path) -> None:
    """A source whose network cannot be used leaves an earlier one alone; a machine that has none gets DHCP."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    broken = (Problem("network", "is neither YAML nor base64"),)
    past = Past(wanted_by={"/etc/systemd/network/10-ovfinit-lan.network": "network"})
    assert plan(tmp_path, None, past, problems=broken) == []
    assert names(plan(tmp_path, None, problems=broken)) == ["eth0"]


def test_a_clone_opens_its_way_although_a_file_is_there(tmp_path: Path) -> None:
    """A file of ours for another machine's adapter does not keep a clone from its first network."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    put(tmp_path, "etc/systemd/network/10-ovfinit-nic0.network", "[Match]\nMACAddress=52:54:00:ff:ff:ff\n")
    unit = tmp_path / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/lib/systemd/system/systemd-networkd.service")
    host = Host(str(tmp_path))
    assert bring_up(host, Config()) == "DHCP on eth0, until the metadata says more"
    first = tmp_path / "run/systemd/network/95-ovfinit-first-boot-eth0.network"
    assert first.read_text() == "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n"


def test_dhcp_is_told_of_where_it_counts(tmp_path: Path) -> None:
    """On a later boot our own file decides, and the journal hears of DHCP only on adapters that none of ours fits."""
    host = Host(str(tmp_path))
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01", "virtio_net")
    folder = "etc/systemd/network"
    put(
        tmp_path,
        f"{folder}/10-ovfinit-nic0.network",
        "[Match]\nMACAddress=52:54:00:00:00:01\nType=!vlan\n\n[Network]\n",
    )
    assert bring_up(host, Config()) is None
    add_nic(tmp_path, "ens5", "52:54:00:00:00:02", "virtio_net")
    assert bring_up(host, Config()) == "DHCP on ens5, until the metadata says more"
    put(tmp_path, f"{folder}/10-ovfinit-nic1.network", "[Match]\nName=ens*\nDriver=e1000 virtio_net\n\n[Network]\n")
    assert bring_up(host, Config()) is None
    put(tmp_path, f"{folder}/10-ovfinit-nic1.network", "[Match]\nName=ens*\nDriver=e1000\n\n[Network]\n")
    assert bring_up(host, Config()) == "DHCP on ens5, until the metadata says more"


def test_all_adapters_are_asked_at_once(tmp_path: Path) -> None:
    """Before anybody knows which adapter leads to the metadata, all ask, the best one's route first (issue 6618)."""
    for name, driver in (("ens6", "ena"), ("ens5", "ena"), ("eth0", "e1000")):
        add_nic(tmp_path, name, f"52:54:00:00:00:0{name[-1]}", driver)
    host = Host(str(tmp_path))
    assert bring_up(host, Config()) == "DHCP on ens5, ens6, eth0, until the metadata says more"
    folder = tmp_path / "run/systemd/network"
    texts = {file.name.removeprefix("95-ovfinit-first-boot-"): file.read_text() for file in folder.iterdir()}
    assert sorted(texts) == ["ens5.network", "ens6.network", "eth0.network"]
    assert all("DHCP=yes" in text for text in texts.values())
    assert ["RouteMetric=100" in texts["ens5.network"], "RouteMetric=200" in texts["ens6.network"]] == [True, True]
    assert ["RequiredForOnline=no" in texts[name] for name in sorted(texts)] == [False, True, True]


def test_an_adapter_whose_driver_comes_late(tmp_path: Path) -> None:
    """Where there is no adapter yet, the one that appears is configured all the same (cloud-init issue 6697)."""
    host = Host(str(tmp_path))
    assert bring_up(host, Config()) == "DHCP on whatever adapter appears, until the metadata says more"
    written = (tmp_path / "run/systemd/network/95-ovfinit-first-boot.network").read_text()
    assert written == "[Match]\nName=e*\nType=ether\n\n[Network]\nDHCP=yes\n"


def test_an_ordered_network_opens_the_way(tmp_path: Path) -> None:
    """What the admin ordered is there before a metadata service is asked, in place of DHCP."""
    add_nic(tmp_path, "eth0", "52:54:00:00:00:01")
    unit = tmp_path / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/lib/systemd/system/systemd-networkd.service")
    address = "addresses: [192.0.2.9/24]"
    put(
        tmp_path,
        "etc/ovfinit/ovfinit.yaml",
        f"network: {{config: {{version: 2, ethernets: {{eth0: {{{address}}}}}}}}}\n",
    )
    host = Host(str(tmp_path))
    assert bring_up(host, settings.load(host)) == "The network as ordered by network.config in ovfinit.yaml"
    written = tmp_path / "run/systemd/network/10-ovfinit-eth0.network"
    assert "Address=192.0.2.9/24" in written.read_text()
    assert not (tmp_path / "run/systemd/network/95-ovfinit-first-boot.network").exists()
