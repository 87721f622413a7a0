"""What a cloud tells about its adapters, as a netplan version 2 mapping.

The platform serves each adapter's first address over DHCP, and its further ones not at all: they become static. With
several adapters the first one (device number 0) keeps the best routes, and what is sent from an address of another one
leaves through that one, since a cloud drops packets with a foreign source (Amazon EC2 user guide, "Multiple network
interfaces").
"""

from __future__ import annotations

from .address import contains, is_ipv6, parse_interface, parse_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..model import Nic

FIRST_METRIC = 100
FIRST_TABLE = 100
# a subnet of four addresses is the smallest that has room for a router and a host
LONGEST_PREFIX = 30


def from_nics(nics: Sequence[Nic]) -> dict[str, Any]:
    """The mapping (without the top `network:` key) for these adapters, found again by their hardware addresses.

    Adapters are called `nic0`, `nic1` … in the order of their index; the interfaces keep the names they have. Those of
    which nothing but the hardware address is known are left out, and so are texts that are not `ADDRESS/LENGTH`.
    """
    known = [nic for nic in nics if nic.dhcp4 or nic.dhcp6 or nic.addresses]
    known.sort(key=lambda nic: (nic.index is None, nic.index or 0, nic.mac))
    several = len(known) > 1
    return {"version": 2, "ethernets": {f"nic{place}": _device(nic, place, several) for place, nic in enumerate(known)}}


def _device(nic: Nic, place: int, several: bool) -> dict[str, Any]:
    device: dict[str, Any] = {"match": {"macaddress": nic.mac}, "dhcp4": nic.dhcp4}
    if nic.dhcp6:
        device["dhcp6"] = True
    if several:
        for family in ("dhcp4", "dhcp6"):
            if device.get(family):
                device[f"{family}-overrides"] = {"route-metric": FIRST_METRIC * (place + 1)}
    addresses = _parsed(nic.addresses)
    # the first address of a family is the one that DHCP serves
    ipv4 = [each for each in addresses if not is_ipv6(each[0])][nic.dhcp4 :]
    ipv6 = [each for each in addresses if is_ipv6(each[0])][nic.dhcp6 :]
    if ipv4 or ipv6:
        device["addresses"] = [f"{ip}/{prefix}" for ip, prefix in (*ipv4, *ipv6)]
    if several and place > 0:
        _steer(device, addresses, FIRST_TABLE + place)
    return device


def _parsed(texts: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    for text in texts:
        try:
            found.append(parse_interface(text))
        except ValueError:
            continue
    return found


def _steer(device: dict[str, Any], addresses: Sequence[tuple[str, int]], table: int) -> None:
    """Let packets from these addresses leave through this adapter.

    The router is the first address of the subnet, as on Amazon ("Subnet sizing", VPC user guide). That of IPv6 is known
    from router advertisements only, which the kernel heeds by itself.
    """
    routed = [(ip, prefix) for ip, prefix in addresses if not is_ipv6(ip) and prefix <= LONGEST_PREFIX]
    if not routed:
        return
    subnet = parse_network("{}/{}".format(*routed[0]))
    sources = [ip for ip, _ in addresses if not is_ipv6(ip) and contains(subnet, ip)]
    # on-link: the address that makes the router reachable comes over DHCP, perhaps after the route
    device["routes"] = [
        {"to": "0.0.0.0/0", "via": _after(subnet), "table": table, "on-link": True},
        {"to": subnet, "scope": "link", "table": table},
    ]
    device["routing-policy"] = [{"from": ip, "table": table} for ip in sources]


def _after(subnet: str) -> str:
    """The first address in an IPv4 subnet behind the one that names it, whose last bits are zero."""
    head, _, last = subnet.partition("/")[0].rpartition(".")
    return f"{head}.{int(last) + 1}"
