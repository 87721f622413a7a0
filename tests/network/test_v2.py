"""Netplan version 2 into the model: what is understood, and how every mistake is named."""

from __future__ import annotations

import pytest
from network.documents import errors, ethernet

from ovfinit.network import v2
from ovfinit.network.model import (
    Address,
    Advertised,
    Bond,
    Bridge,
    Dummy,
    Ethernet,
    Match,
    Offloads,
    Route,
    Rule,
    Vlan,
    Vrf,
)


def test_plain_static_adapter() -> None:
    """Addresses, name servers and a default route arrive in canonical spelling."""
    parsed = ethernet(
        addresses=["192.0.2.10/24", "2001:DB8:0::10/64"],
        nameservers={"addresses": ["192.0.2.53"], "search": ["example.org"]},
        routes=[{"to": "default", "via": "192.0.2.1", "metric": 100}],
    )
    assert (parsed.errors, parsed.warnings, parsed.deprecations) == ((), (), ())
    assert parsed.network.devices == (
        Ethernet(
            "eth0",
            addresses=(Address("192.0.2.10", 24), Address("2001:db8::10", 64)),
            routes=(Route("0.0.0.0/0", "192.0.2.1", metric=100),),
            nameservers=("192.0.2.53",),
            search=("example.org",),
        ),
    )


def test_top_network_key_is_optional() -> None:
    """The mapping is understood with the `network:` key of a file, and paths then start with it."""
    parsed = v2.parse({"network": {"version": 2, "ethernets": {"eth0": {"mtu": "big"}}}})
    assert [device.id for device in parsed.network.devices] == ["eth0"]
    assert parsed.errors[0].dotted == "network.ethernets.eth0.mtu"
    assert parsed.errors[0].path == ("network", "ethernets", "eth0", "mtu")


def test_gateway_keys_are_understood_and_deprecated() -> None:
    """gateway4 and gateway6 become default routes, with advice on how to write them today."""
    parsed = ethernet(addresses=["192.0.2.10/24", "2001:db8::10/64"], gateway4="192.0.2.1", gateway6="2001:db8::1")
    assert parsed.network.devices[0].routes == (Route("0.0.0.0/0", "192.0.2.1"), Route("::/0", "2001:db8::1"))
    assert [finding.dotted for finding in parsed.deprecations] == ["ethernets.eth0.gateway4", "ethernets.eth0.gateway6"]
    assert "routes: [{to: default, via: 192.0.2.1}]" in str(parsed.deprecations[0])


@pytest.mark.parametrize(
    ("to", "via", "expected"),
    [
        ("default", "10.0.0.1", "0.0.0.0/0"),
        ("0.0.0.0/0", "10.0.0.1", "0.0.0.0/0"),
        ("default", "fe80::1", "::/0"),
        ("::/0", "fe80::1", "::/0"),
        ("10.1.2.3/8", "10.0.0.1", "10.0.0.0/8"),
        ("10.1.2.3", "10.0.0.1", "10.1.2.3/32"),
    ],
)
def test_route_destinations(to: str, via: str, expected: str) -> None:
    """Every spelling of a destination becomes one network without host bits."""
    assert ethernet(routes=[{"to": to, "via": via}]).network.devices[0].routes[0].to == expected


def test_address_with_label_and_lifetime() -> None:
    """An address may be a mapping of itself to its label and lifetime."""
    parsed = ethernet(
        addresses=[{"10.0.0.1/8": {"label": "eth0:a", "lifetime": 0}}, {"10.0.0.2/8": {"lifetime": "forever"}}]
    )
    assert parsed.network.devices[0].addresses == (
        Address("10.0.0.1", 8, "eth0:a", "0"),
        Address("10.0.0.2", 8, None, "forever"),
    )


def test_policy_rules_and_overrides() -> None:
    """Routing policy and DHCP overrides are read in full."""
    device = ethernet(
        dhcp4=True,
        dhcp_identifier="mac",
        dhcp4_overrides={"use-dns": False, "route-metric": 200, "use-domains": "route", "hostname": "web1"},
        routing_policy=[{"from": "10.0.0.0/8", "table": 101, "priority": 5, "mark": 1, "type-of-service": 4}],
    ).network.devices[0]
    assert device.rules == (Rule("10.0.0.0/8", None, 101, 5, 1, 4),)
    options = device.dhcp4_options
    assert (options.use_dns, options.route_metric, options.use_domains, options.hostname) == (
        False,
        200,
        "route",
        "web1",
    )
    assert device.identifier == "mac"


def test_all_kinds_of_devices_in_order() -> None:
    """Devices come out after those they stand on, whatever the order of the document."""
    parsed = v2.parse(
        {
            "version": 2,
            "vlans": {"a-vlan": {"id": 7, "link": "br0"}},
            "bridges": {"br0": {"interfaces": ["bond0"], "parameters": {"stp": True, "forward-delay": "4s"}}},
            "bonds": {
                "bond0": {
                    "interfaces": ["eth0", "eth1"],
                    "parameters": {"mode": "802.3ad", "mii-monitor-interval": 100},
                }
            },
            "ethernets": {"eth1": None, "eth0": {}},
            "dummy-devices": {"dm0": {"addresses": ["10.0.0.1/32"]}},
        }
    )
    assert parsed.errors == ()
    assert [type(device) for device in parsed.network.devices] == [Dummy, Ethernet, Ethernet, Bond, Bridge, Vlan]
    bond, bridge, vlan = parsed.network.devices[3:]
    assert isinstance(bond, Bond)
    assert (bond.parameters.mode, bond.parameters.mii_monitor_interval) == ("802.3ad", 100)
    assert isinstance(bridge, Bridge)
    assert bridge.parameters.forward_delay == 4000
    assert isinstance(vlan, Vlan)
    assert (vlan.tag, vlan.link) == (7, "br0")
    assert parsed.network.master_of(bond) is bridge


def test_former_bond_words_are_understood() -> None:
    """Netplan's former spellings of bond parameters still count."""
    words = {"all-slaves-active": True, "packets-per-slave": 3, "gratuitious-arp": 2}
    bond = v2.parse({"version": 2, "bonds": {"bond0": {"parameters": words}}}).network.devices[0]
    assert isinstance(bond, Bond)
    own = bond.parameters
    assert (own.all_members_active, own.packets_per_member, own.gratuitous_arp) == (True, 3, 2)


def test_match() -> None:
    """Hardware is described by pattern, address and drivers; the id is then any word."""
    description = {"name": "en*", "macaddress": "52-54-00-AB-cd-EF", "driver": ["virtio_net", "e1000*"]}
    document = {
        "version": 2,
        "ethernets": {"private-network-of-the-tenant": {"match": description, "set-name": "lan0"}},
    }
    [device] = v2.parse(document).network.devices
    assert device.match == Match("en*", "52:54:00:ab:cd:ef", ("virtio_net", "e1000*"))
    assert device.name == "lan0"


def test_hardware_address_that_yaml_took_for_a_number() -> None:
    """An unquoted 52:54:00:12:34:56 is a number to YAML 1.1, and is read back."""
    number = ((((52 * 60 + 54) * 60 + 0) * 60 + 12) * 60 + 34) * 60 + 56
    assert ethernet(macaddress=number).network.devices[0].macaddress == "52:54:00:12:34:56"


def test_disabled_and_empty() -> None:
    """`config: disabled` says so; a document without devices is no mistake."""
    assert v2.parse({"config": "disabled"}).network.disabled
    assert v2.parse({"network": {"config": "disabled"}}).network.disabled
    parsed = v2.parse({"version": 2, "renderer": "networkd"})
    assert (parsed.network.devices, parsed.errors, parsed.warnings) == ((), (), ())
    assert str(v2.parse({"ethernets": {}}).warnings[0]) == "version: is missing, taken for 2"


def test_numbers_and_flags_in_quotes() -> None:
    """Netplan takes the text of a scalar, quoted or not; so do we."""
    device = ethernet(mtu="1400", dhcp4="yes", optional="off").network.devices[0]
    assert (device.mtu, device.dhcp4, device.optional) == (1400, True, False)


def test_on_link_gateways() -> None:
    """A gateway outside all own networks is on-link; inside, link-local or said otherwise it is not touched."""
    device = ethernet(addresses=["192.0.2.10/32", "10.0.0.5/24"]).network.devices[0]
    assert device.on_link(Route("0.0.0.0/0", "203.0.113.1"))
    assert not device.on_link(Route("0.0.0.0/0", "203.0.113.1", on_link=False))
    assert not device.on_link(Route("0.0.0.0/0", "10.0.0.1"))
    assert device.on_link(Route("0.0.0.0/0", "10.0.0.1", on_link=True))
    assert not device.on_link(Route("::/0", "fe80::1"))
    assert not device.on_link(Route("::/0", "2001:db8::1"))
    assert not device.on_link(Route("10.0.0.0/8"))


def test_vrf_and_its_table() -> None:
    """Routes and rules of a VRF are in its own table, named or not; another one is a mistake."""
    document = {
        "version": 2,
        "ethernets": {"eth0": {}, "eth1": {}},
        "vrfs": {
            "blue": {
                "table": 1005,
                "interfaces": ["eth0", "eth1"],
                "routes": [{"to": "default", "via": "192.0.2.1"}, {"to": "10.0.0.0/8", "via": "192.0.2.9", "table": 7}],
                "routing-policy": [{"from": "192.0.2.0/24"}],
            }
        },
    }
    parsed = v2.parse(document)
    vrf = parsed.network.devices[-1]
    assert isinstance(vrf, Vrf)
    assert (vrf.table, vrf.interfaces) == (1005, ("eth0", "eth1"))
    assert vrf.routes == (Route("0.0.0.0/0", "192.0.2.1", table=1005),)
    assert vrf.rules == (Rule("192.0.2.0/24", table=1005),)
    assert errors(parsed) == ["vrfs.blue.routes[1].table: 7 is not the VRF's own table, 1005"]
    assert parsed.network.vrf_of(parsed.network.devices[0]) is vrf


def test_offloads_advertisements_and_ports() -> None:
    """What adapters compute, what is taken from routers and how a bridge treats a port are read."""
    parsed = ethernet(
        receive_checksum_offload=True,
        large_receive_offload=False,
        ra_overrides={"use-dns": False, "use-domains": "route", "table": 7},
        hairpin=True,
        port_mac_learning=False,
        neigh_suppress=True,
    )
    assert (parsed.errors, parsed.warnings) == ((), ())
    device = parsed.network.devices[0]
    assert isinstance(device, Ethernet)
    assert device.offloads == Offloads(receive_checksum=True, large_receive=False)
    assert device.ra_options == Advertised(False, "route", 7)
    assert (device.hairpin, device.port_mac_learning, device.neigh_suppress) == (True, False, True)
