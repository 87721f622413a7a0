"""An /etc/network/interfaces that a platform hands out, as version 2."""

from __future__ import annotations

from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.network import eni, v2
from ovfinit.normalize import normalize

BOND = """\
# a comment
auto lo bond0 br0 \\
     eth0
iface lo inet loopback
iface eth0 inet manual
    bond-master bond0
    mtu 9000
iface bond0 inet6 auto
    bond-slaves none
    bond-mode active-backup
    bond-miimon 100
iface bond0.7 inet dhcp
iface vlan9 inet static
    vlan-raw-device bond0
    address 192.0.2.9/24
    dns-nameservers 192.0.2.53 192.0.2.54
    dns-search example.org
    up ip route add 10.8.0.0/16 via 192.0.2.1
iface br0 inet static
    bridge_ports eth5
    bridge_stp off
    address 198.51.100.9
    netmask 255.255.255.0
iface br0:1 inet static
    address 198.51.100.10/24
allow-hotplug eth5
iface eth5 inet6 dhcp
"""


def test_bonds_bridges_and_vlans() -> None:
    """Words of ifenslave, bridge-utils and vlan are understood; an alias is another address of its interface."""
    converted = eni.convert(BOND)
    assert (converted.errors, converted.warnings) == ((), ())
    assert converted.network == {
        "version": 2,
        "ethernets": {"eth0": {"mtu": 9000}, "eth5": {"dhcp6": True, "optional": True}},
        "bonds": {
            "bond0": {
                "accept-ra": True,
                "interfaces": ["eth0"],
                "parameters": {"mode": "active-backup", "mii-monitor-interval": 100},
            }
        },
        "vlans": {
            "bond0.7": {"dhcp4": True, "activation-mode": "manual", "id": 7, "link": "bond0"},
            "vlan9": {
                "addresses": ["192.0.2.9/24"],
                "nameservers": {"addresses": ["192.0.2.53", "192.0.2.54"], "search": ["example.org"]},
                "routes": [{"to": "10.8.0.0/16", "via": "192.0.2.1"}],
                "activation-mode": "manual",
                "id": 9,
                "link": "bond0",
            },
        },
        "bridges": {
            "br0": {
                "addresses": ["198.51.100.9/24", "198.51.100.10/24"],
                "interfaces": ["eth5"],
                "parameters": {"stp": False},
            }
        },
    }
    assert v2.parse(converted.network).errors == ()


def test_mistakes_have_their_line() -> None:
    """What is not understood, and what is wrong in an interface, is told with its line."""
    converted = eni.convert(
        "source /etc/x/*\nauto eth0\niface eth0 inet static\n  address 10.0.0.300\n  frob 1\n  up touch /tmp/x\n"
        "iface ppp0 inet ppp\niface x\n"
    )
    assert [str(one) for one in converted.errors] == [
        "network-interfaces: line 3: address: '10.0.0.300' is not an IP address"
    ]
    assert [one.message for one in converted.warnings] == [
        "line 1: source is not supported, left out",
        "line 5: frob is not known, left out",
        "line 6: the command of up is not run",
        "line 7: inet ppp is not supported, left out",
        "line 8: iface takes a name, a family and a method",
    ]


def test_it_is_understood_in_metadata() -> None:
    """The key under which old seeds carry it is a form of the network, and becomes version 2."""
    text = "auto eth0\niface eth0 inet dhcp\n"
    found = normalize(Metadata(instance_id="i-1", network={"network-interfaces": text}), Host("/nowhere"), {})
    assert found.network == {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}}
    assert found.problems == ()
