"""Version 2 documents with something wrong in them: what is named, what it costs, what is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from network.documents import errors, ethernet

from ovfinit.network import v2


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"addresses": ["10.0.0.1/8", "10.0.0.1/99"]},
            "addresses[1]: '10.0.0.1/99' is not an address with prefix length",
        ),
        ({"addresses": ["10.0.0.1"]}, "addresses[0]: '10.0.0.1' is not an address with prefix length"),
        (
            {"addresses": ["10.0.0.1/8\nDNS=6.6.6.6"]},
            "addresses[0]: '10.0.0.1/8\\nDNS=6.6.6.6' is not an address with prefix length",
        ),
        ({"addresses": ["10.0.0.1\0/8"]}, "addresses[0]: '10.0.0.1\\x00/8' is not an address with prefix length"),
        ({"addresses": "10.0.0.1/8"}, "addresses: must be a list, not a text"),
        (
            {"addresses": [{"10.0.0.1/8": {"label": "a]b"}}]},
            "addresses[0].10.0.0.1/8.label: 'a]b' is not a label: at most 15 letters, digits and . _ - : @ +",
        ),
        ({"mtu": 9.5}, "mtu: 9.5 is not a whole number from 68 to 65535"),
        ({"mtu": True}, "mtu: True is not a whole number from 68 to 65535"),
        ({"dhcp4": "perhaps"}, "dhcp4: 'perhaps' is neither true nor false"),
        ({"gateway4": "fe80::1"}, "gateway4: 'fe80::1' is not an IPv4 address"),
        (
            {"macaddress": "52:54:00:12:34"},
            "macaddress: '52:54:00:12:34' is not a hardware address such as 52:54:00:12:34:56",
        ),
        (
            {"nameservers": {"addresses": ["dns.example.org"]}},
            "nameservers.addresses[0]: 'dns.example.org' is not an IP address",
        ),
        ({"nameservers": {"search": ["a b"]}}, "nameservers.search[0]: 'a b' is not a domain name"),
        ({"nameservers": ["1.1.1.1"]}, "nameservers: must be a mapping, not a list"),
        ({"routes": [{"via": "10.0.0.1"}]}, "routes[0]: a route needs `to`: default, or a network"),
        ({"routes": [{"to": "10.0.0.0/8"}]}, "routes[0]: a route needs `via`, or `scope: link` if there is no gateway"),
        (
            {"routes": [{"to": "10.0.0.0/8", "via": "fe80::1"}]},
            "routes[0].via: fe80::1 is not of the same family as 10.0.0.0/8",
        ),
        (
            {"routes": [{"to": "default", "via": "10.0.0.1", "metric": -1}]},
            "routes[0].metric: -1 is not a whole number from 0 to 4294967295",
        ),
        ({"routing-policy": [{"from": "10.0.0.0/8"}]}, "routing-policy[0]: a rule needs `table`"),
        ({"routing-policy": [{"table": 5}]}, "routing-policy[0]: a rule needs `from` or `to`"),
        ({"link-local": ["ipv5"]}, "link-local[0]: 'ipv5' is not one of ipv4, ipv6"),
        ({"dhcp4-overrides": {"hostname": "a\nb"}}, "dhcp4-overrides.hostname: 'a\\nb' is not a domain name"),
    ],
)
def test_mistakes_are_named_and_cost_only_themselves(settings: dict[str, Any], expected: str) -> None:
    """A mistake is named with its path; the adapter and its other settings stay."""
    parsed = ethernet(**settings, ipv6_privacy=True)
    assert f"ethernets.eth0.{expected}" in errors(parsed)
    assert parsed.lost == ()
    assert parsed.network.devices[0].ipv6_privacy is True
    assert parsed.network.devices[0].routes == ()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"match": ["eth0"]}, "match: must be a mapping, not a list"),
        (
            {"match": {"macaddress": "eth0"}},
            "match.macaddress: 'eth0' is not a hardware address such as 52:54:00:12:34:56",
        ),
        ({"match": {"name": "eth0 !lo"}}, "match.name: 'eth0 !lo' is not a name or shell pattern such as en*"),
        ({"match": {"name": "!lo"}}, "match.name: '!lo' is not a name or shell pattern such as en*"),
        ({"set-name": "lan0"}, "set-name: needs `match`, which says what is to be renamed"),
        (
            {"match": {}, "set-name": "a-name-too-long-for-linux"},
            "set-name: 'a-name-too-long-for-linux' is longer than the 15 characters of an interface's name",
        ),
    ],
)
def test_mistakes_about_which_device_cost_the_device(settings: dict[str, Any], expected: str) -> None:
    """Nothing is configured when it is unclear on which adapter."""
    parsed = ethernet(**settings)
    assert errors(parsed) == [f"ethernets.eth0.{expected}"]
    assert parsed.lost == parsed.errors
    assert parsed.network.devices == ()


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "a/b",
        "../../x",
        "eth 0",
        "eth0\n",
        "a]b",
        "-eth0",
        "eth0;id",
        "$x",
        "12",
        "all",
        "abcdefghijklmnop",
        7,
    ],
)
def test_hostile_names_become_no_file(name: object) -> None:
    """An id that cannot be an interface's name, or could leave its folder, is refused."""
    parsed = v2.parse({"version": 2, "ethernets": {name: {"dhcp4": True}}})
    assert parsed.network.devices == ()
    assert len(parsed.errors) == 1
    assert "\n" not in str(parsed.errors[0])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"version": 1, "config": []}, "version: 1 of the network configuration is not understood, only 2 is"),
        ({"config": [{"type": "physical"}]}, "version: 1 of the network configuration is not understood, only 2 is"),
        ({"version": "2"}, "version: '2' of the network configuration is not understood, only 2 is"),
        ({"version": True}, "version: True of the network configuration is not understood, only 2 is"),
        ([], "must be a mapping, not a list"),
        ("network", "must be a mapping, not a text"),
        (None, "must be a mapping, not nothing"),
        ({"version": 2, "ethernets": ["eth0"]}, "ethernets: must be a mapping, not a list"),
        ({"version": 2, "ethernets": {"eth0": "dhcp"}}, "ethernets.eth0: must be a mapping, not a text"),
        ({"version": 2, "vlans": {"v": {"id": 5}}}, "vlans.v: a VLAN needs `link`"),
        (
            {"version": 2, "vlans": {"v": {"id": 4095, "link": "v"}}},
            "vlans.v.id: 4095 is not a whole number from 0 to 4094",
        ),
        ({"version": 2, "vlans": {"v": {"id": 5, "link": "eth9"}}}, "vlans.v.link: no device is called eth9"),
        (
            {"version": 2, "vlans": {"v": {"id": 5, "link": "v"}}},
            "vlans.v: stands on itself, or on a device that is left out",
        ),
        (
            {"version": 2, "bonds": {"b": {"parameters": {"primary": "x"}}}},
            "bonds.b.parameters.primary: x is not one of the bond's interfaces",
        ),
        (
            {"version": 2, "bonds": {"b": {"parameters": {"mode": "fast"}}}},
            "bonds.b.parameters.mode: 'fast' is not one of " + ", ".join(v2.MODES),
        ),
        ({"version": 2, "bonds": {"b": {"interfaces": ["x"]}}}, "bonds.b.interfaces[0]: no device is called x"),
    ],
)
def test_documents_that_are_wrong_as_a_whole(document: object, expected: str) -> None:
    """Other versions, wrong types and dangling references are plain errors."""
    assert errors(v2.parse(document)) == [expected]


def test_devices_that_stand_on_each_other() -> None:
    """A circle of devices is refused as a whole; what is not in it stays."""
    parsed = v2.parse(
        {
            "version": 2,
            "ethernets": {"eth0": {}},
            "bridges": {"br0": {"interfaces": ["v"]}},
            "vlans": {"v": {"id": 1, "link": "br0"}},
        }
    )
    assert [device.id for device in parsed.network.devices] == ["eth0"]
    assert {finding.dotted for finding in parsed.errors} == {"bridges.br0", "vlans.v"}


def test_a_member_has_one_master() -> None:
    """An adapter that two bridges claim goes to the first, and the second claim is an error."""
    bridges = {"br0": {"interfaces": ["eth0"]}, "br1": {"interfaces": ["eth0"]}}
    parsed = v2.parse({"version": 2, "ethernets": {"eth0": {}}, "bridges": bridges})
    assert errors(parsed) == ["bridges.br1.interfaces[0]: eth0 is part of br0 already"]
    master = parsed.network.master_of(parsed.network.devices[1])
    assert master is not None
    assert master.id == "br0"


def test_two_devices_of_one_name() -> None:
    """One id in two kinds, or a set-name that is taken, is an error."""
    document = {
        "version": 2,
        "ethernets": {"x": {}, "y": {"match": {"name": "z"}, "set-name": "x"}},
        "bonds": {"x": {}},
    }
    assert errors(v2.parse(document)) == [
        "ethernets.y: would be called x, and so is x",
        "bonds.x: another device is called x already",
    ]


def test_unknown_keys_are_warnings_with_their_path() -> None:
    """What we do not know is left out and named; the rest holds."""
    parsed = v2.parse(
        {
            "version": 2,
            "renderer": "NetworkManager",
            "tunnels": {"t": {}},
            "ethernets": {"eth0": {"dhcp4": True, "dchp6": True, "dhcp4-overrides": {"use-magic": 1}, 5: 6}},
        }
    )
    assert parsed.errors == ()
    assert [str(finding) for finding in parsed.warnings] == [
        "renderer: is not followed: network.renderer in ovfinit.yaml chooses it",
        "ethernets.eth0.dhcp4-overrides.use-magic: is not known, left out",
        "ethernets.eth0.dchp6: is not known, left out",
        "ethernets.eth0.5: is not known, left out",
        "tunnels: is not supported, left out",
    ]
    assert parsed.network.devices[0].dhcp4


def test_huge_documents_are_bounded() -> None:
    """Neither devices nor items nor messages grow without bounds."""
    many = v2.parse({"version": 2, "ethernets": {f"e{index}": {"mtu": "x"} for index in range(3000)}})
    assert len(many.network.devices) == v2.DEVICES_LIMIT
    assert len(many.errors) == 100
    assert errors(ethernet(addresses=["10.0.0.1/8"] * 5000)) == ["ethernets.eth0.addresses: has more than 4096 items"]
    assert len(errors(ethernet(gateway4="9" * 10**6))[0]) < 200


def test_a_lost_device_is_known_among_any_number_of_mistakes() -> None:
    """However many mistakes there are, a device that they cost is not taken for a good one, and is named."""
    noise = {"addresses": ["x"] * 200}
    parsed = v2.parse({"version": 2, "ethernets": {"a": noise, "b": {"match": {"macaddress": "x"}}, "c\n": {}}})
    assert [device.id for device in parsed.network.devices] == ["a"]
    assert [finding.path for finding in parsed.lost] == [("ethernets", "b"), ("ethernets", "c\n")]


def test_what_is_not_supported_is_named() -> None:
    """Kinds and settings of netplan's that we do not configure are warned of by their names, with the reason."""
    parsed = v2.parse(
        {
            "version": 2,
            "wifis": {"wlan0": {}},
            "tunnels": {"tun0": {}},
            "ethernets": {"eth0": {"auth": {"key-management": "802.1x"}, "virtual-function-count": 4, "link": "eth1"}},
        }
    )
    assert [str(finding) for finding in parsed.warnings] == [
        "ethernets.eth0.virtual-function-count: is not supported, left out: SR-IOV is not configured",
        "ethernets.eth0.link: is not supported, left out: SR-IOV is not configured",
        "ethernets.eth0.auth: is not supported, left out: 802.1X needs a supplicant",
        "wifis: is not supported, left out",
        "tunnels: is not supported, left out",
    ]


def test_two_ways_out_of_the_same_metric() -> None:
    """Of two default routes the kernel keeps one, which is told; a metric, a table or a family makes them different."""

    def warnings(**second: Any) -> list[str]:
        routes = ({"to": "default", "via": "192.0.2.1"}, {"to": "default", "via": "198.51.100.1", **second})
        document = {f"eth{index}": {"routes": [route]} for index, route in enumerate(routes)}
        return [str(one) for one in v2.parse({"version": 2, "ethernets": document}).warnings]

    assert warnings() == [
        "ethernets.eth1.routes: eth0 has a default route of the same metric, and only one of them can be: give metrics"
    ]
    assert warnings(metric=200) == warnings(table=7) == warnings(via="2001:db8::1") == []
