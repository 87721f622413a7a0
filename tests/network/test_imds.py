"""Adapters that a cloud tells of, as a netplan version 2 mapping."""

from __future__ import annotations

from ovfinit.model import Nic
from ovfinit.network.imds import from_nics
from ovfinit.network.v2 import parse

FIRST = Nic(
    "0a:00:00:00:00:01",
    index=0,
    addresses=("172.31.16.10/20", "172.31.16.11/20", "2001:db8::10/128"),
    dhcp4=True,
    dhcp6=True,
)
SECOND = Nic(
    "0a:00:00:00:00:02",
    index=1,
    addresses=("172.31.32.20/20", "172.31.32.21/20", "2001:db8::20/128", "2001:db8::21/128"),
    dhcp4=True,
    dhcp6=True,
)


def test_one_adapter_is_dhcp_and_nothing_else() -> None:
    """A single adapter with one address gets no metric, no table and no new name."""
    nic = Nic("02:29:96:8f:6a:2d", index=0, addresses=("172.31.16.139/20",), dhcp4=True)
    expected = {"version": 2, "ethernets": {"nic0": {"match": {"macaddress": "02:29:96:8f:6a:2d"}, "dhcp4": True}}}
    assert from_nics([nic]) == expected


def test_further_addresses_are_static() -> None:
    """DHCP serves the first address of a family; the others are set by hand."""
    device = from_nics([FIRST])["ethernets"]["nic0"]
    assert device["addresses"] == ["172.31.16.11/20"]
    assert device["dhcp6"] is True
    assert "dhcp4-overrides" not in device


def test_several_adapters_have_metrics_in_order() -> None:
    """The order is that of the device numbers, whatever the order of the list."""
    ethernets = from_nics([SECOND, FIRST])["ethernets"]
    assert [device["match"]["macaddress"] for device in ethernets.values()] == [FIRST.mac, SECOND.mac]
    metrics = [
        [device[f"dhcp{family}-overrides"]["route-metric"] for family in (4, 6)] for device in ethernets.values()
    ]
    assert metrics == [[100, 100], [200, 200]]


def test_answers_leave_through_the_adapter_of_their_address() -> None:
    """A further adapter has a table of its own with the subnet's router, and a rule for each of its addresses."""
    ethernets = from_nics([FIRST, SECOND])["ethernets"]
    assert "routes" not in ethernets["nic0"]
    assert ethernets["nic1"]["routes"] == [
        {"to": "0.0.0.0/0", "via": "172.31.32.1", "table": 101, "on-link": True},
        {"to": "172.31.32.0/20", "scope": "link", "table": 101},
    ]
    assert ethernets["nic1"]["routing-policy"] == [
        {"from": "172.31.32.20", "table": 101, "priority": 101},
        {"from": "172.31.32.21", "table": 101, "priority": 101},
    ]
    assert ethernets["nic1"]["addresses"] == ["172.31.32.21/20", "2001:db8::21/128"]


def test_prefixes_and_ipv6_leave_through_their_adapter() -> None:
    """Networks that are led to a further adapter have rules as its addresses do, of either family; the first has none.

    Policy routing must not hang on one renderer: it is in version 2's own words (cloud-init issue 4862).
    """
    first = FIRST.with_(prefixes=("172.31.16.64/28",))
    second = SECOND.with_(
        prefixes=("172.31.33.0/28", "2001:db8:0:7::/80", "nonsense"), routers=("fe80:ec2::1", "nonsense")
    )
    ethernets = from_nics([first, second])["ethernets"]
    assert "routing-policy" not in ethernets["nic0"]
    assert ethernets["nic1"]["routes"][2:] == [{"to": "::/0", "via": "fe80:ec2::1", "table": 101, "on-link": True}]
    assert [rule["from"] for rule in ethernets["nic1"]["routing-policy"]] == [
        *("172.31.32.20", "172.31.32.21", "172.31.33.0/28"),
        *("2001:db8::20", "2001:db8::21", "2001:db8:0:7::/80"),
    ]
    parsed = parse(from_nics([first, second]))
    assert (parsed.errors, parsed.warnings) == ((), ())


def test_cards_come_before_device_numbers() -> None:
    """Machines with several network cards count devices on each: the first of the first card is the primary one."""
    nics = [
        FIRST.with_(mac="0a:00:00:00:00:0c", card=1, index=0),
        FIRST.with_(mac="0a:00:00:00:00:0b", card=0, index=1),
        FIRST.with_(mac="0a:00:00:00:00:0d", card=1, index=1),
        FIRST.with_(mac="0a:00:00:00:00:0a", card=0, index=0),
        FIRST.with_(mac="0a:00:00:00:00:0e", card=1, index=1),
    ]
    ethernets = from_nics(nics)["ethernets"]
    assert [device["match"]["macaddress"][-1] for device in ethernets.values()] == ["a", "b", "c", "d", "e"]
    assert [device["dhcp4-overrides"]["route-metric"] for device in ethernets.values()] == [100, 200, 300, 400, 500]


def test_no_router_is_guessed_without_a_subnet() -> None:
    """An address that is alone on the wire gives no gateway."""
    lonely = Nic("0a:00:00:00:00:03", index=1, addresses=("10.0.0.9/32",), dhcp4=True)
    assert "routes" not in from_nics([FIRST, lonely])["ethernets"]["nic1"]


def test_without_dhcp_all_addresses_are_static() -> None:
    """A platform that serves nothing leaves everything to us; texts that are no address are left out."""
    nic = Nic("00:50:56:00:00:01", addresses=("192.0.2.5/24", "nonsense", "2001:db8::5/64"))
    device = from_nics([nic])["ethernets"]["nic0"]
    assert device == {"match": {"macaddress": nic.mac}, "dhcp4": False, "addresses": ["192.0.2.5/24", "2001:db8::5/64"]}


def test_adapters_without_facts_are_left_out() -> None:
    """A bare hardware address says nothing about the network."""
    assert from_nics([Nic("00:50:56:00:00:01")]) == {"version": 2, "ethernets": {}}


def test_result_is_understood_by_our_own_parser() -> None:
    """What is made here is a network that the version 2 parser takes without a complaint."""
    parsed = parse(from_nics([FIRST, SECOND]))
    assert parsed.network is not None
    assert not parsed.errors
    assert not parsed.warnings
