"""The kernel command line's words about the network, in every spelling of the kernel's and dracut's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ovfinit.host import Host
from ovfinit.network import kernel, v2


def parse(line: str, best: str | None = "ens3") -> tuple[dict[str, Any] | None, list[str]]:
    """The mapping and the problems of a command line."""
    words = [(name, value) for name, _, value in (word.partition("=") for word in line.split())]
    return kernel.parse(words, best)


def ethernets(line: str) -> dict[str, Any]:
    """The adapters of a command line that is without a problem, and is understood by our own parser."""
    network, problems = parse(line)
    assert network is not None
    assert problems == []
    parsed = v2.parse(network)
    assert (parsed.errors, parsed.warnings) == ((), ())
    found: dict[str, Any] = network["ethernets"]
    return found


STATIC = {"addresses": ["192.0.2.10/24"], "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.1"}]}
STATIC6 = {"addresses": ["2001:db8::10/64"], "routes": [{"to": "::/0", "via": "2001:db8::1"}]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ip=dhcp", {"ens3": {"dhcp4": True}}),
        ("ip=on", {"ens3": {"dhcp4": True}}),
        ("ip=any", {"ens3": {"dhcp4": True}}),
        ("ip=both", {"ens3": {"dhcp4": True}}),
        ("ip=single-dhcp", {"ens3": {"dhcp4": True}}),
        ("ip=dhcp6", {"ens3": {"dhcp6": True}}),
        ("ip=auto6", {"ens3": {"accept-ra": True}}),
        ("ip=either6", {"ens3": {"accept-ra": True, "dhcp6": True}}),
        ("ip=link6", {"ens3": {"link-local": ["ipv6"]}}),
        ("ip=eth1:dhcp", {"eth1": {"dhcp4": True}}),
        ("ip=eth1:dhcp:1400", {"eth1": {"dhcp4": True, "mtu": 1400}}),
        (
            "ip=eth1:dhcp:1400:52:54:00:12:34:56",
            {"eth1": {"dhcp4": True, "mtu": 1400, "macaddress": "52:54:00:12:34:56"}},
        ),
        ("ip=:::::eth0:dhcp", {"eth0": {"dhcp4": True}}),
        ("ip=::::web1:eth0:dhcp", {"eth0": {"dhcp4": True}}),
        ("ip=::::web1::on", {"ens3": {"dhcp4": True}}),
        ("ip=192.0.2.10::192.0.2.1:255.255.255.0:web1:eth0:none", {"eth0": STATIC}),
        ("ip=192.0.2.10::192.0.2.1:255.255.255.0:web1:eth0:off", {"eth0": STATIC}),
        ("ip=192.0.2.10:192.0.2.2:192.0.2.1:24::eth0", {"eth0": STATIC}),
        ("ip=192.0.2.10/24::192.0.2.1:::eth0:none", {"eth0": STATIC}),
        ("ip=192.0.2.10::192.0.2.1:255.255.255.0", {"ens3": STATIC}),
        ("ip=10.0.0.5:::::eth0:off", {"eth0": {"addresses": ["10.0.0.5/8"]}}),
        ("ip=172.16.0.5:::::eth0:off", {"eth0": {"addresses": ["172.16.0.5/16"]}}),
        ("ip=192.0.2.5::0.0.0.0:::eth0:off", {"eth0": {"addresses": ["192.0.2.5/24"]}}),
        ("ip=192.0.2.10::192.0.2.1:24::eth0:none:9000", {"eth0": {**STATIC, "mtu": 9000}}),
        (
            "ip=192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53:192.0.2.54",
            {"eth0": {**STATIC, "nameservers": {"addresses": ["192.0.2.53", "192.0.2.54"]}}},
        ),
        (
            "ip=192.0.2.10::192.0.2.1:24::eth0:off:192.0.2.53:0.0.0.0:192.0.2.123",
            {"eth0": {**STATIC, "nameservers": {"addresses": ["192.0.2.53"]}}},
        ),
        ("ip=[2001:db8::10]::[2001:db8::1]:64::eth0:none", {"eth0": STATIC6}),
        ("ip=192.0.2.10::192.0.2.1:24::eth0:none ip=eth1:dhcp", {"eth0": STATIC, "eth1": {"dhcp4": True}}),
        ("ip=192.0.2.10::192.0.2.1:24::eth0:none ip=eth0:auto6", {"eth0": {**STATIC, "accept-ra": True}}),
        (
            "ip=dhcp BOOTIF=01-52-54-00-12-34-56",
            {"bootif": {"match": {"macaddress": "52:54:00:12:34:56"}, "dhcp4": True}},
        ),
        (
            "ip=net0:dhcp ifname=net0:52:54:00:12:34:56",
            {"net0": {"dhcp4": True, "match": {"macaddress": "52:54:00:12:34:56"}, "set-name": "net0"}},
        ),
        (
            "ip=eth0:dhcp nameserver=192.0.2.53 nameserver=[2001:db8::53] rd.peerdns=0",
            {
                "eth0": {
                    "dhcp4": True,
                    "nameservers": {"addresses": ["192.0.2.53", "2001:db8::53"]},
                    "dhcp4-overrides": {"use-dns": False},
                }
            },
        ),
        (
            (
                "ip=192.0.2.10:::24::eth0:none ip=eth1:dhcp rd.route=10.0.0.0/8:192.0.2.9 "
                "rd.route=10.1.0.0/16:10.9.0.1:eth1"
            ),
            {
                "eth0": {"addresses": ["192.0.2.10/24"], "routes": [{"to": "10.0.0.0/8", "via": "192.0.2.9"}]},
                "eth1": {"dhcp4": True, "routes": [{"to": "10.1.0.0/16", "via": "10.9.0.1"}]},
            },
        ),
    ],
)
def test_spellings(line: str, expected: dict[str, Any]) -> None:
    """Each documented spelling becomes what it means."""
    assert ethernets(line) == expected


def test_devices_that_are_made() -> None:
    """Dracut's bond, bridge and vlan carry the address that `ip=` gives to their names."""
    network, problems = parse(
        "vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup,miimon=100:9000 ip=bond0.7:dhcp bridge=br0:eth2 "
        "ip=192.0.2.10::192.0.2.1:24::br0:none"
    )
    assert problems == []
    assert network == {
        "version": 2,
        "ethernets": {"eth0": {}, "eth1": {}, "eth2": {}},
        "vlans": {"bond0.7": {"dhcp4": True, "id": 7, "link": "bond0"}},
        "bonds": {
            "bond0": {
                "interfaces": ["eth0", "eth1"],
                "parameters": {"mode": "active-backup", "mii-monitor-interval": 100},
                "mtu": 9000,
            }
        },
        "bridges": {"br0": {**STATIC, "interfaces": ["eth2"]}},
    }
    assert v2.parse(network).errors == ()


@pytest.mark.parametrize(
    "line", ["", "quiet splash", "ip=off", "ip=none", "nameserver=192.0.2.53", "BOOTIF=01-52-54-00-12-34-56"]
)
def test_nothing_is_asked_for(line: str) -> None:
    """Without a word that wants an address there is no network to speak of."""
    assert parse(line) == (None, [])


def test_any_interface() -> None:
    """Where no interface is known (an image), the first word of the kernel's is about whatever is called `e*`."""
    assert parse("ip=dhcp", None) == (
        {"version": 2, "ethernets": {"any": {"match": {"name": "e*"}, "dhcp4": True}}},
        [],
    )


@pytest.mark.parametrize(
    "word",
    [
        "ip=ibft",
        "ip=eth0:ibft",
        "ip=maybe",
        "ip=192.0.2.300::192.0.2.1:24::eth0:none",
        "ip=192.0.2.3::192.0.2.1:255.0.255.0::eth0:none",
        "ip=192.0.2.3::gateway:24::eth0:none",
        "ip=192.0.2.3:::24::../eth0:none",
        "ip=eth1:dhcp:0",
        "nameserver=dns.example",
        "rd.route=10.0.0.0/8",
        "vlan=vlan5000:eth0",
        "bond=bond0:eth0:mode=9",
        "team=team0:eth0",
        "ifname=net0:52:54",
    ],
)
def test_words_that_are_not_understood(word: str) -> None:
    """A word of no use is named as it stands, and costs only itself."""
    network, problems = parse(f"ip=192.0.2.10:::24::eth9:none {word}")
    assert network is not None
    assert network["ethernets"]["eth9"] == {"addresses": ["192.0.2.10/24"]}
    assert len(problems) == 1
    assert problems[0].startswith(f"{word} is not understood")


def test_a_command_line_has_its_words_in_order(tmp_path: Path) -> None:
    """The host keeps each of several words of one name, and the mapping the last of them."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text('quiet ip=eth0:dhcp root="a b" ip=eth1:dhcp\n')
    host = Host(str(tmp_path))
    assert host.kernel_words == [("quiet", ""), ("ip", "eth0:dhcp"), ("root", "a b"), ("ip", "eth1:dhcp")]
    assert host.cmdline["ip"] == "eth1:dhcp"
