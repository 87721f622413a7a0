"""Nonsense in every form: each parser takes whatever a stranger hands it, and what comes out is a network."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ovfinit.network import forms, kernel, v2
from ovfinit.network.forms import convert

ROUNDS = 300
ATOMS = (
    *(None, True, False, 0, 1, -5, 10**12, 1.5, b"x"),
    *("", "x", "10.0.0.1", "10.0.0.1/24", "fe80::1", "default", "eth0", "52:54:00:12:34:56", "\n[x]", "ä" * 70),
)
KEYS = (
    *("type", "name", "mac_address", "mtu", "subnets", "bond_interfaces", "bridge_interfaces", "params", "vlan_id"),
    *("vlan_link", "address", "netmask", "gateway", "dns_nameservers", "dns_search", "routes", "destination"),
    *("network", "prefix", "metric", "control", "interface", "search", "bond-mode", "bridge_pathcost", "accept-ra"),
    *("id", "link", "links", "networks", "services", "ip_address", "ethernet_mac_address", "bond_links", "bond_mode"),
    *("vlan_mac_address", "match", "set-name", "addresses", "interfaces", "parameters", "table", "nameservers", "to"),
    *("via", "from", "routing-policy", "dhcp4", "ra-overrides", "eth0", "eth1", "macaddress", "driver", "optional"),
)
TYPES = (
    *("physical", "bond", "bridge", "vlan", "nameserver", "route", "loopback", "dhcp", "static", "static6", "manual"),
    *("ipv4", "ipv4_dhcp", "ipv6_slaac", "phy", "dns"),
)
WORDS = ("ip", "ip6", "vlan", "bond", "bridge", "nameserver", "rd.route", "ifname", "BOOTIF", "rd.peerdns", "team")
LINES = (
    *("auto", "iface", "eth0", "inet", "inet6", "static", "dhcp", "manual", "address", "10.0.0.1", "netmask", "24"),
    *("gateway", "up", "route", "add", "-net", "gw", "bond-slaves", "bond-mode", "bridge_ports", "none", "#", "\\"),
    *("vlan-raw-device", "mapping", "lo", "loopback", "dns-search"),
)


def value(dice: random.Random, depth: int = 0) -> Any:
    """Something out of the pieces that such documents are made of."""
    throw = dice.random()
    if depth > 3 or throw < 0.45:
        return dice.choice(ATOMS)
    if throw < 0.6:
        return dice.choice(TYPES)
    if throw < 0.8:
        return [value(dice, depth + 1) for _ in range(dice.randint(0, 4))]
    return mapping(dice, depth)


def mapping(dice: random.Random, depth: int = 0) -> dict[str, Any]:
    """The same, always a mapping."""
    keys = [dice.choice(KEYS) for _ in range(dice.randint(0, 8))]
    return {
        key: dice.choice(TYPES) if key == "type" and dice.random() < 0.8 else value(dice, depth + 1) for key in keys
    }


def version1(dice: random.Random) -> dict[str, Any]:
    """A document of cloud-init's."""
    return {"version": 1, "config": [mapping(dice) for _ in range(dice.randint(0, 5))]}


def version2(dice: random.Random) -> dict[str, Any]:
    """A document of netplan's."""
    kinds = ("ethernets", "bonds", "bridges", "vlans", "vrfs", "dummy-devices")
    return {"version": 2, **{dice.choice(kinds): {"eth0": mapping(dice), "eth1": value(dice)} for _ in range(3)}}


def network_data(dice: random.Random) -> dict[str, Any]:
    """A document of OpenStack's."""
    links = [{"id": "a", "ethernet_mac_address": "52:54:00:12:34:56", **mapping(dice)} for _ in range(3)]
    networks = [{"link": "a", **mapping(dice)} for _ in range(3)]
    return {"links": [*links, value(dice)], "networks": networks, "services": value(dice)}


def interfaces(dice: random.Random) -> dict[str, Any]:
    """A file for ifupdown, of any lines."""
    lines = (" ".join(dice.choice(LINES) for _ in range(dice.randint(0, 6))) for _ in range(8))
    return {"network-interfaces": "iface eth0 inet static\n" + "\n".join(lines)}


@pytest.mark.parametrize("make", [version1, version2, network_data, interfaces], ids=lambda make: make.__name__)
def test_any_document(make: Any) -> None:
    """Whatever a document says, it is read without an exception, and what it becomes can be read again."""
    dice = random.Random(4711)
    for _ in range(ROUNDS):
        document = make(dice)
        parsed = forms.parse(document)
        assert all(one in parsed.errors for one in parsed.lost)
        again = v2.parse(dict(convert(document).network))
        assert again.network == parsed.network


def test_any_command_line() -> None:
    """Whatever stands behind the kernel's words, the rest of the line counts, and the outcome is a network."""
    dice = random.Random(4711)
    signs = "abc:=[]0123456789./,;dhcpnoneeth0 "
    for _ in range(ROUNDS):
        words = [
            (dice.choice(WORDS), "".join(dice.choice(signs) for _ in range(dice.randint(0, 40)))) for _ in range(4)
        ]
        network, problems = kernel.parse([*words, ("ip", "192.0.2.1:::24::static0:none")], dice.choice([None, "ens3"]))
        assert network is not None
        assert network["ethernets"]["static0"]["addresses"] == ["192.0.2.1/24"]
        assert len(problems) <= 2 * len(words)
        v2.parse(network)
