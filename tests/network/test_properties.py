"""OVF properties become the netplan mapping that the person who filled the form in expects."""

import pytest

from ovfinit.model import Nic
from ovfinit.network.properties import from_properties, prefix_length
from ovfinit.normalize.properties import TABLE, Names

NICS = (Nic("00:50:56:00:00:01"), Nic("00:50:56:00:00:02"))


def made(values, nics=(), interfaces=()):
    return from_properties(Names(values, []), TABLE, values, nics, lambda: interfaces)


def ethernets(values, nics=(), interfaces=()):
    network = made(values, nics, interfaces).network
    return network and network["ethernets"]


STATIC = {"ip0": "10.0.0.5", "netmask0": "255.255.255.0"}


def test_nothing():
    """Without an address, a method or name servers there is no configuration."""
    for values in ({}, {"gateway": "10.0.0.1"}, {"domain": "x"}, {"netmask0": "255.0.0.0"}, {"ip0": "0.0.0.0"}):
        assert made(values).network is None


def test_matching():
    """An adapter is matched by its MAC, else it is the machine's interface of that number, else `e*` or `ethN`."""
    two = {**STATIC, "ip1": "10.0.1.5/24"}
    assert [nic["match"] for nic in ethernets(two, NICS).values()] == [
        {"macaddress": "00:50:56:00:00:01"},
        {"macaddress": "00:50:56:00:00:02"},
    ]
    assert ethernets(STATIC)["nic0"]["match"] == {"name": "e*"}
    assert ethernets(STATIC, interfaces=["ens5"])["nic0"]["match"] == {"name": "e*"}
    assert list(ethernets(STATIC, interfaces=["ens5", "ens6"])) == ["ens5"]
    assert list(ethernets(two, interfaces=["ens5", "ens6"])) == ["ens5", "ens6"]
    assert list(ethernets(two)) == ["eth0", "eth1"]
    assert "match" not in ethernets(two)["eth0"]
    assert ethernets(STATIC, [Nic("00:00:00:00:00:00")])["nic0"]["match"] == {"name": "e*"}


def test_name_and_mac_of_their_own():
    """A name or a MAC in the properties goes before what the platform lists."""
    values = {"guestinfo.interface.0.ip.0.address": "10.0.0.5/24", "guestinfo.interface.0.name": "lan0"}
    assert list(ethernets(values, interfaces=["ens5", "ens6"])) == ["lan0"]
    values["guestinfo.interface.0.mac"] = "00-50-56-00-00-09"
    assert ethernets(values, NICS)["lan0"]["match"] == {"macaddress": "00:50:56:00:00:09"}


def test_values():
    """Mask or prefix, several servers, domains and a gateway find their places."""
    values = {
        **STATIC,
        "gateway": "10.0.0.1",
        "DNS": "10.0.0.2, 10.0.0.3;2001:db8::1",
        "searchpath": "a.example b.example",
    }
    assert ethernets(values)["nic0"] == {
        "match": {"name": "e*"},
        "dhcp4": False,
        "addresses": ["10.0.0.5/24"],
        "routes": [{"to": "default", "via": "10.0.0.1"}],
        "nameservers": {"addresses": ["10.0.0.2", "10.0.0.3", "2001:db8::1"], "search": ["a.example", "b.example"]},
    }


def test_both_families():
    """IPv4 and IPv6 stand side by side, each with its own gateway."""
    values = {"ip0": "10.0.0.5/24 2001:DB8::5/64", "gateway": "10.0.0.1,2001:db8::1"}
    nic = ethernets(values)["nic0"]
    assert nic["addresses"] == ["10.0.0.5/24", "2001:db8::5/64"]
    assert nic["routes"] == [{"to": "default", "via": "10.0.0.1"}, {"to": "default", "via": "2001:db8::1"}]


def test_gateway_outside():
    """A gateway outside the adapter's subnets is marked on-link, a link-local one needs no mark."""
    assert ethernets({**STATIC, "gateway": "192.0.2.1"})["nic0"]["routes"][0]["on-link"] is True
    assert "on-link" not in ethernets({"ip0": "2001:db8::5/64", "gateway": "fe80::1"})["nic0"]["routes"][0]


def test_routes():
    """Routes with a destination of their own are kept; `0.0.0.0` is the default route."""
    base = "guestinfo.interface.0."
    values = {
        f"{base}ip.0.address": "10.0.0.5/24",
        f"{base}route.0.gateway": "10.0.0.1",
        f"{base}route.0.destination": "0.0.0.0/0",
        f"{base}route.1.gateway": "10.0.0.2",
        f"{base}route.1.destination": "192.168.7.9/16",
    }
    routes = ethernets(values)["nic0"]["routes"]
    assert routes == [{"to": "default", "via": "10.0.0.1"}, {"to": "192.168.0.0/16", "via": "10.0.0.2"}]


def test_dhcp():
    """DHCP is asked for by method, by the word in place of an address, or by a blank address beside servers."""
    assert ethernets({"bootproto": "DHCP", **STATIC})["nic0"] == {"match": {"name": "e*"}, "dhcp4": True}
    assert ethernets({"ip0": "dhcp"})["nic0"]["dhcp4"] is True
    assert ethernets({"DNS": "10.0.0.2"})["nic0"] == {
        "match": {"name": "e*"},
        "dhcp4": True,
        "nameservers": {"addresses": ["10.0.0.2"]},
    }
    assert ethernets({"guestinfo.interface.0.dhcp": "no", **STATIC})["nic0"]["addresses"] == ["10.0.0.5/24"]
    assert ethernets({"vCloud_bootproto_0": "none", "vCloud_ip_0": "10.0.0.5/24"}) is None


def test_servers_of_no_adapter():
    """Name servers that no adapter is named for go to the first configured one and bring no adapter 0 to life."""
    values = {"guestinfo.interface.1.ip.0.address": "10.0.0.5/24", "guestinfo.dns.server.0": "10.0.0.2"}
    found = ethernets(values, NICS)
    assert list(found) == ["nic1"]
    assert found["nic1"]["nameservers"] == {"addresses": ["10.0.0.2"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"ip1": "300.1.1.1"},
        {"ip1": "10.0.0.7"},
        {"ip1": "10.0.0.7/33"},
        {"ip1": "127.0.0.1/8"},
        {"ip1": "239.1.1.1/24"},
        {"ip1": "255.255.255.255/32"},
        {"ip1": "::1/128"},
        {"ip1": "ff02::1/64"},
        {"ip1": "0127.0.0.1/8"},
        {"ip1": "web1.example.net"},
        {"ip1": "10.0.0.7", "netmask1": "255.0.255.0"},
        {"ip1": "fd00::7", "netmask1": "255.255.255.0"},
        {"gateway": "nowhere"},
        {"DNS": "dns.example.net"},
        {"bootproto": "sometimes"},
        {"guestinfo.interface.0.mac": "no mac"},
        {"guestinfo.interface.0.name": "../../etc"},
        {
            "guestinfo.interface.0.route.0.gateway": "10.0.0.1",
            "guestinfo.interface.0.route.0.destination": "2001:db8::/32",
        },
    ],
)
def test_bad_value_is_reported_and_the_rest_holds(wrong):
    """A value that no adapter can have is a problem that names its property, and stays a property."""
    outcome = made({**STATIC, **wrong})
    assert outcome.network["ethernets"]["nic0"]["addresses"] == ["10.0.0.5/24"]
    assert len(outcome.network["ethernets"]) == 1
    assert len(outcome.problems) == 1
    assert outcome.problems[0].where in wrong
    assert outcome.problems[0].where not in outcome.used


def test_static_without_address():
    """A static method without an address is reported, and nothing is made up."""
    outcome = made({"bootproto": "static"})
    assert (outcome.network, len(outcome.problems)) == (None, 1)


def test_first_name_of_the_table_counts():
    """Where two names of one field have values, the table's order decides."""
    assert ethernets({"ip0": "10.0.0.9/24", "vami.ip0.vm": "10.0.0.5/24"})["nic0"]["addresses"] == ["10.0.0.5/24"]


@pytest.mark.parametrize(
    ("text", "bits", "length"),
    [
        ("24", 32, 24),
        ("/24", 32, 24),
        ("255.255.255.0", 32, 24),
        ("255.255.255.255", 32, 32),
        ("128.0.0.0", 32, 1),
        ("64", 128, 64),
        ("0", 32, None),
        ("0.0.0.0", 32, None),
        ("0.0.0.255", 32, None),
        ("33", 32, None),
        ("129", 128, None),
        ("255.255.255.0", 128, None),
        ("", 32, None),
        ("x", 32, None),
        ("-1", 32, None),
    ],
)
def test_prefix_length(text, bits, length):
    """Netmasks and lengths are understood, holes in a mask are not."""
    assert prefix_length(text, bits) == length


def test_the_primary_adapter_has_the_best_way_out():
    """With several gateways vCloud's primary adapter has the lowest metric, then their numbers count."""
    values = {"vCloud_numnics": "3", "vCloud_primaryNic": "1"}
    for number in range(3):
        values |= {f"vCloud_ip_{number}": f"10.{number}.0.5", f"vCloud_netmask_{number}": "255.255.255.0"}
        values |= {f"vCloud_gateway_{number}": f"10.{number}.0.1"}
    assert [device["routes"][0]["metric"] for device in ethernets(values).values()] == [200, 100, 300]
