"""The model as a file for ifupdown, judged by its text, by ifquery, and by ifup on a kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import consumers
import namespace
import pytest
import yaml

from ovfinit.host import Interface
from ovfinit.network import ifupdown, v2
from ovfinit.network.outcome import Rendered

DATA = Path(__file__).parent.parent / "data" / "network"
FILE = "/etc/network/interfaces.d/50-ovfinit"
NICS = {"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:00:02", "eth2": "02:00:00:00:00:03"}
KNOWN = tuple(Interface(name, mac, "virtio_net") for name, mac in NICS.items())


def rendered(document: dict[str, Any], known: tuple[Interface, ...] = KNOWN) -> Rendered:
    """The outcome for a document without mistakes."""
    parsed = v2.parse(document)
    assert (parsed.errors, parsed.warnings) == ((), ())
    return ifupdown.render(parsed.network, known)


def ethernets(**devices: Any) -> Rendered:
    """The same for adapters alone."""
    return rendered({"version": 2, "ethernets": devices})


def body(result: Rendered) -> str:
    """The text of our file, without its first comment."""
    return result.files[FILE].text.split("\n\n", 1)[1]


def store(result: Rendered, tree: Path) -> Path:
    """Write all files below `tree`; the path of ours."""
    for path, file in result.files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
    return tree / FILE.lstrip("/")


def test_static_adapter_in_full(tmp_path: Path) -> None:
    """The whole text of the commonest case, which ifquery reads as it is meant."""
    result = ethernets(
        eth0={
            "addresses": ["192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"],
            "nameservers": {"addresses": ["192.0.2.53"], "search": ["example.org"]},
            "routes": [{"to": "default", "via": "192.0.2.1", "metric": 100}, {"to": "default", "via": "2001:db8::1"}],
            "mtu": 1400,
        }
    )
    assert (result.errors, result.warnings, result.names) == ((), (), ("eth0",))
    assert body(result) == (
        "auto eth0\n"
        "\niface eth0 inet static\n    address 192.0.2.10/24\n    mtu 1400\n    gateway 192.0.2.1\n    metric 100\n"
        "    dns-nameservers 192.0.2.53\n    dns-search example.org\n"
        "\niface eth0 inet static\n    address 192.0.2.11/24\n"
        "\niface eth0 inet6 static\n    address 2001:db8::10/64\n    gateway 2001:db8::1\n"
    )
    file = store(result, tmp_path)
    assert consumers.ifquery(file, "--list").split() == ["lo", "eth0"]
    answer = consumers.ifquery(file, "eth0").splitlines()
    assert {"address: 192.0.2.10", "address: 192.0.2.11", "address: 2001:db8::10", "metric: 100"} <= set(answer)
    assert {"gateway: 192.0.2.1", "gateway: 2001:db8::1", "dns-nameservers: 192.0.2.53", "mtu: 1400"} <= set(answer)


def test_dhcp_and_advertisements() -> None:
    """DHCP of both families, with the metric; IPv6 by advertisements alone."""
    result = ethernets(
        eth0={"dhcp4": True, "dhcp6": True, "accept-ra": False, "dhcp4-overrides": {"route-metric": 300}, "mtu": 1400},
        eth1={"accept-ra": True, "ipv6-privacy": True},
        eth2={"optional": True, "critical": True},
    )
    assert body(result) == (
        "auto eth0\n"
        "\niface eth0 inet dhcp\n    metric 300\n    pre-up ip link set dev $IFACE mtu 1400\n"
        "\niface eth0 inet6 dhcp\n    accept_ra 0\n"
        "\nauto eth1\n"
        "\niface eth1 inet6 auto\n    accept_ra 2\n    privext 2\n"
        "\nallow-hotplug eth2\nno-auto-down eth2\n"
        "\niface eth2 inet manual\n"
    )


def test_hardware_is_resolved_to_names(tmp_path: Path) -> None:
    """Addresses, drivers and patterns become names of adapters; the more precise description chooses first."""
    result = ethernets(
        all={"match": {"name": "e*"}, "dhcp4": True},
        lan={"match": {"macaddress": "02:00:00:00:00:02"}, "addresses": ["10.0.0.1/24"]},
    )
    assert result.errors == ()
    assert result.names == ("eth1", "eth0", "eth2")
    file = store(result, tmp_path)
    assert consumers.ifquery(file, "--list").split() == ["lo", "eth0", "eth2", "eth1"]
    assert "address: 10.0.0.1\n" in consumers.ifquery(file, "eth1")
    assert "address: 10.0.0.1\n" not in consumers.ifquery(file, "eth2")
    by_driver = ethernets(any={"match": {"driver": "virtio*"}, "dhcp4": True})
    assert body(by_driver).startswith("auto eth0 eth1 eth2\n")


def test_hardware_that_is_not_there_is_an_error_of_its_own() -> None:
    """An adapter that fits nothing is named and left out, and so is what stands on it; the rest goes on."""
    document = {
        "version": 2,
        "ethernets": {
            "gone": {"match": {"macaddress": "02:00:00:00:00:99"}, "dhcp4": True},
            "other": {"match": {"driver": "e1000"}},
            "eth0": {"dhcp4": True},
        },
        "vlans": {"v5": {"id": 5, "link": "gone"}},
    }
    result = rendered(document)
    assert [str(error) for error in result.errors] == [
        "ethernets.gone.match: fits no network adapter of this machine",
        "ethernets.other.match: fits no network adapter of this machine",
        "vlans.v5: stands on gone, which is not there",
    ]
    assert body(result) == "auto eth0\n\niface eth0 inet dhcp\n"


def test_an_image_without_known_hardware_gets_patterns() -> None:
    """Where no adapter is known, ifupdown's own patterns find it when the machine starts."""
    result = rendered(
        {
            "version": 2,
            "ethernets": {
                "lan": {"match": {"macaddress": "02:00:00:00:00:01"}, "dhcp4": True},
                "wan": {"match": {"name": "ens*"}, "dhcp4": True},
                "new": {"match": {"macaddress": "02:00:00:00:00:03"}, "set-name": "dmz0", "dhcp4": True},
            },
        },
        known=(),
    )
    assert result.errors == ()
    assert body(result) == (
        "auto mac/02:00:00:00:00:01=lan\n\niface lan inet dhcp\n"
        "\nrename mac/02:00:00:00:00:03=dmz0\nauto dmz0\n\niface dmz0 inet dhcp\n"
        "\nauto /ens*=wan\n\niface wan inet dhcp\n"
    )


def test_what_ifupdown_cannot_do_is_said() -> None:
    """Settings without a counterpart are errors with their path, and cost nothing but themselves."""
    overrides = {"use-dns": False, "use-routes": False}
    result = ethernets(
        eth0={"dhcp4": True, "dhcp4-overrides": overrides, "emit-lldp": True, "link-local": ["ipv4"]},
        eth1={"dhcp4-overrides": overrides, "ra-overrides": {"use-dns": False}},
    )
    client = "ifupdown leaves it to the DHCP client and its own configuration"
    assert [str(error) for error in result.errors] == [
        f"ethernets.eth0.dhcp4-overrides.use-dns: {client}",
        f"ethernets.eth0.dhcp4-overrides.use-routes: {client}",
        "ethernets.eth0.link-local: ifupdown has no way of its own to make an IPv4 link-local address",
        "ethernets.eth0.emit-lldp: ifupdown sends no LLDP",
        "ethernets.eth1.ra-overrides.use-dns: ifupdown leaves router advertisements to the kernel",
    ]
    assert result.left_out == ()
    assert body(result).startswith("auto eth0\n\niface eth0 inet dhcp\n")


def test_vlans() -> None:
    """VLANs need no package; a name that ifupdown would read as another VLAN is refused."""
    vlans = {
        "eth0.5": {"id": 5, "link": "eth0"},
        "storage": {"id": 9, "link": "eth0", "addresses": ["10.9.0.1/24"]},
        "eth0.7": {"id": 8, "link": "eth0"},
    }
    result = rendered({"version": 2, "ethernets": {"eth0": {}}, "vlans": vlans})
    assert [str(error) for error in result.errors] == [
        "vlans.eth0.7: ifupdown takes the name eth0.7 for tag 7 on eth0: choose a name without a dot"
    ]
    assert "ip link add link eth0 name $IFACE type vlan id 9" in body(result)
    assert "iface eth0.5 inet manual" in body(result)


def test_wake_on_lan_is_left_to_udev() -> None:
    """A .link file serves ifupdown as well; renaming is ifupdown's own."""
    result = ethernets(x={"match": {"macaddress": "02:00:00:00:00:01"}, "set-name": "lan0", "wakeonlan": True})
    assert body(result).startswith("rename mac/02:00:00:00:00:01=lan0\nauto lan0\n")
    link = result.files["/etc/systemd/network/10-ovfinit-x.link"].text
    assert "WakeOnLan=magic" in link
    assert "\nName=" not in link


def test_kernel_has_what_the_document_says(tmp_path: Path) -> None:
    """The real ifup, given our file, makes what networkd makes out of the same document."""
    result = rendered(yaml.safe_load((DATA / "routing.yaml").read_text()))
    assert (result.errors, result.warnings) == ((), ())
    store(result, tmp_path)
    kernel = namespace.ifup(tmp_path, NICS)
    namespace.assert_routing(kernel)


def test_ifdown_leaves_nothing(tmp_path: Path) -> None:
    """Rules, routes without a device and bridges go with the real ifdown."""
    store(rendered(yaml.safe_load((DATA / "routing.yaml").read_text())), tmp_path)
    kernel = namespace.ifup(tmp_path, NICS, down=True)
    assert (kernel.routes, kernel.rules, kernel.addresses("eth0")) == ([], [], set())
    assert "br0" not in kernel.links


@pytest.mark.parametrize("known", [KNOWN, ()])
def test_patterns_and_renaming_work_in_ifup(tmp_path: Path, known: tuple[Interface, ...]) -> None:
    """The real ifup renames by hardware address, whether or not the adapter was known when the file was written."""
    document = {
        "version": 2,
        "ethernets": {
            "first": {"match": {"macaddress": NICS["eth0"]}, "set-name": "lan0", "addresses": ["10.0.0.1/24"]},
            "second": {"match": {"macaddress": NICS["eth1"]}, "addresses": ["10.0.1.1/24"]},
        },
    }
    store(rendered(document, known), tmp_path)
    kernel = namespace.ifup(tmp_path, NICS)
    assert kernel.addresses("lan0") == {"10.0.0.1/24"}
    assert kernel.addresses("eth1") == {"10.0.1.1/24"}


def test_ip_takes_every_word_of_a_bond_and_a_vlan() -> None:
    """The commands that make virtual devices are understood by ip(8), even where the kernel has no such devices."""
    if shutil.which("ip") is None:
        pytest.skip("needs ip (package iproute2)")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    numbers = ("mii-monitor-interval", "up-delay", "down-delay", "min-links", "resend-igmp", "gratuitous-arp")
    parameters = {
        **dict.fromkeys(numbers, 100),
        "mode": "802.3ad",
        "lacp-rate": "fast",
        "transmit-hash-policy": "layer3+4",
        "ad-select": "bandwidth",
        "all-members-active": True,
        "fail-over-mac-policy": "none",
        "primary-reselect-policy": "better",
        "learn-packet-interval": 2,
        "packets-per-member": 3,
        "arp-interval": 0,
        "arp-ip-targets": ["10.0.0.1", "10.0.0.2"],
        "arp-validate": "none",
        "arp-all-targets": "any",
    }
    document = {
        "version": 2,
        "ethernets": {"lo": {}},
        "bonds": {"bond0": {"parameters": parameters}},
        "vlans": {"v5": {"id": 5, "link": "lo"}},
        "dummy-devices": {"dm0": {}},
    }
    lines = [line.partition("|| ")[2] for line in body(rendered(document)).splitlines() if "ip link add" in line]
    assert len(lines) == 3
    for line in lines:
        command = ["unshare", "--net", "sh", "-c", line]
        done = subprocess.run(command, env={**os.environ, "IFACE": "x0"}, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "Unknown device type" in done.stderr, done.stderr


def test_the_mtu_of_an_adapter_with_ipv6_alone_is_the_links(tmp_path: Path) -> None:
    """The word `mtu` of an IPv6 stanza would change that family's only, so a command does it."""
    store(ethernets(eth0={"addresses": ["2001:db8:1::5/64"], "mtu": 1400, "accept-ra": False}), tmp_path)
    assert namespace.ifup(tmp_path, NICS).links["eth0"]["mtu"] == 1400
