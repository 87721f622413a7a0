"""What a cloud tells about its adapters, as a netplan version 2 mapping.

The platform serves each adapter's first address over DHCP, and its further ones not at all: they become static. With
several adapters the first one keeps the best routes, and what is sent from an address of another one (or from a network
that is led to it) leaves through that one, since a cloud drops packets with a foreign source (Amazon EC2 user guide,
"Multiple network interfaces").
"""

from __future__ import annotations

from .address import contains, is_ipv6, parse_interface, parse_ip, parse_network
from .ranking import rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..model import Nic

FIRST_TABLE = 100
# a subnet of four addresses is the smallest that has room for a router and a host
LONGEST_PREFIX = 30


def from_nics(nics: Sequence[Nic]) -> dict[str, Any]:
    """The mapping (without the top `network:` key) for these adapters, found again by their hardware addresses.

    Adapters are called `nic0`, `nic1` … in the order of card, index and hardware address; the interfaces keep the names
    they have. Those of which nothing but the hardware address is known are left out, and so are texts that are not
    `ADDRESS/LENGTH`.
    """
    known = [nic for nic in nics if nic.dhcp4 or nic.dhcp6 or nic.addresses]
    known.sort(key=order)
    several = len(known) > 1
    devices = [_device(nic, place, several) for place, nic in enumerate(known)]
    rank(devices)
    return {"version": 2, "ethernets": {f"nic{place}": device for place, device in enumerate(devices)}}


def order(nic: Nic) -> tuple[int, bool, int, str]:
    """The first of the adapters sorted by this is the machine's primary one."""
    return nic.card or 0, nic.index is None, nic.index or 0, nic.mac


def _device(nic: Nic, place: int, several: bool) -> dict[str, Any]:
    device: dict[str, Any] = {"match": {"macaddress": nic.mac}, "dhcp4": nic.dhcp4}
    if nic.dhcp6:
        device["dhcp6"] = True
    addresses = _parsed(nic.addresses)
    # the first address of a family is the one that DHCP serves
    further = [each for each in addresses if not is_ipv6(each[0])][nic.dhcp4 :]
    further += [each for each in addresses if is_ipv6(each[0])][nic.dhcp6 :]
    if further:
        device["addresses"] = [f"{ip}/{prefix}" for ip, prefix in further]
    if several and place > 0:
        for ipv6 in (False, True):
            _steer(device, nic, [one for one in addresses if is_ipv6(one[0]) == ipv6], FIRST_TABLE + place)
    return device


def _parsed(texts: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    for text in texts:
        try:
            found.append(parse_interface(text))
        except ValueError:
            continue
    return found


def _steer(device: dict[str, Any], nic: Nic, addresses: Sequence[tuple[str, int]], table: int) -> None:
    """Let packets from these addresses of one family, and from its prefixes, leave through this adapter."""
    if not addresses:
        return
    ipv6 = is_ipv6(addresses[0][0])
    subnet = parse_network("{}/{}".format(*addresses[0]))
    router = _router(nic, ipv6=ipv6)
    sources = [ip for ip, _ in addresses]
    if router is None:
        # the first address of an IPv4 subnet, as on Amazon ("Subnet sizing", VPC user guide); of IPv6 nobody knows
        if ipv6 or addresses[0][1] > LONGEST_PREFIX:
            return
        router = _after(subnet)
        sources = [ip for ip in sources if contains(subnet, ip)]
    # on-link: the address that makes the router reachable comes over DHCP, perhaps after the route
    routes = [{"to": "::/0" if ipv6 else "0.0.0.0/0", "via": router, "table": table, "on-link": True}]
    if addresses[0][1] <= LONGEST_PREFIX:
        routes.append({"to": subnet, "scope": "link", "table": table})
    device.setdefault("routes", []).extend(routes)
    # of a low priority number: asked before the main table, where the first adapter has the better route
    rules = [{"from": source, "table": table, "priority": table} for source in (*sources, *_prefixes(nic, ipv6=ipv6))]
    device.setdefault("routing-policy", []).extend(rules)


def _router(nic: Nic, *, ipv6: bool) -> str | None:
    for text in nic.routers:
        try:
            router = parse_ip(text)
        except ValueError:
            continue
        if is_ipv6(router) == ipv6:
            return router
    return None


def _prefixes(nic: Nic, *, ipv6: bool) -> list[str]:
    found = []
    for text in nic.prefixes:
        try:
            network = parse_network(text)
        except ValueError:
            continue
        if is_ipv6(network) == ipv6:
            found.append(network)
    return found


def _after(subnet: str) -> str:
    """The first address in an IPv4 subnet behind the one that names it, whose last bits are zero."""
    head, _, last = subnet.partition("/")[0].rpartition(".")
    return f"{head}.{int(last) + 1}"
