"""What the `subnets` of cloud-init's network configuration version 1 mean, in netplan's words.

Format: "Networking config Version 1" of cloud-init's documentation, section "Subnet/IP".
"""

from __future__ import annotations

from . import reading
from .address import is_ipv6, parse_interface, prefix_of
from .reading import Unusable, choice, number
from .v2_addressing import IPV6_MTU, MTU, UINT32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .reading import Section

TYPES = (
    "loopback",
    *("dhcp", "dhcp4", "dhcp6", "static", "static6", "manual"),
    *("ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful"),
)
_FAMILY = {"dhcp": "dhcp4", "dhcp4": "dhcp4", "dhcp6": "dhcp6", "ipv6_dhcpv6-stateful": "dhcp6"}
DEFAULT = {False: "0.0.0.0/0", True: "::/0"}
ANYWHERE = ("default", "0.0.0.0", "::")  # noqa: S104 - a destination
# what cloud-init takes an address without a netmask for
_USUAL = {False: 24, True: 64}


def subnets(section: Section) -> dict[str, Any]:
    """The settings of one device that its subnets ask for, under netplan's keys."""
    settings: dict[str, Any] = {}
    controls = []
    for path, item in section.items("subnets"):
        below = section.below(item, path)
        if below is None:
            continue
        type_ = below.take("type", choice(*TYPES))
        if not below.has("type"):
            below.findings.error(path, f"a subnet needs `type`, one of {', '.join(TYPES)}")
        controls.append(below.take("control", choice("auto", "manual", "hotplug")))
        if type_ in _FAMILY:
            settings[_FAMILY[type_]] = True
        elif type_ in {"ipv6_slaac", "ipv6_dhcpv6-stateless"}:
            # whether DHCPv6 has more to say is written in the advertisement itself (RFC 4861 section 4.2)
            settings["accept-ra"] = True
        if type_ in {"static", "static6"}:
            static(below, settings)
        elif type_ is not None and below.has("address"):
            below.warn("address", f"means nothing in a subnet of type {type_}, left out")
        _servers(below, settings)
        _routes(below, settings)
        _mtu(below, type_, settings)
        for key in ("broadcast", "ipv4", "ipv6"):
            below.has(key)  # follows from the address
        below.close()
    if controls and all(control == "manual" for control in controls):
        settings["activation-mode"] = "manual"
    elif "hotplug" in controls:
        settings["optional"] = True
    return settings


def servers(section: Section, addresses: str, search: str) -> tuple[list[str], list[str]]:
    """Name servers and search domains: one text or a list of them, also several in one text."""
    return _words(section, addresses, reading.ip), _words(section, search, reading.domain)


def add_servers(settings: dict[str, Any], addresses: list[str], search: list[str]) -> None:
    """Put name servers and domains behind those that a device has already."""
    for key, new in (("addresses", addresses), ("search", search)):
        if new:
            own = settings.setdefault("nameservers", {})
            own[key] = list(dict.fromkeys((*own.get(key, ()), *new)))


def route(section: Section) -> dict[str, Any] | None:
    """One route, of a subnet or of the whole document; None, reported, if it cannot be used."""
    mistakes = section.findings.mistakes
    key = "destination" if section.has("destination") else "network"
    via = section.take("gateway", reading.ip)
    if not section.has(key) and not section.has("network"):
        section.findings.error(section.path, "a route needs `destination`")
    if not section.has("gateway"):
        section.findings.error(section.path, "a route needs `gateway`")
    mask = section.take("netmask", _mask) if section.has("netmask") else section.take("prefix", number(0, 128))
    to = section.take(key, lambda value: _destination(value, mask, via))
    metric = section.take("metric", number(0, UINT32))
    mtu = section.take("mtu", MTU)
    if to and via and is_ipv6(to) != is_ipv6(via):
        section.error("gateway", f"{via} is not of the same family as {to}")
    section.close()
    if section.findings.mistakes != mistakes:
        return None
    found = {"to": to, "via": via, "metric": metric, "mtu": mtu}
    return {key: value for key, value in found.items() if value is not None}


def static(section: Section, settings: dict[str, Any], key: str = "address") -> None:
    """Add the fixed address under `key`, with `netmask` or `prefix`, and `gateway`, to the settings of a device."""
    if not section.has(key):
        section.findings.error(section.path, f"a static network needs `{key}`")
        return
    mask = section.take("netmask", _mask) if section.has("netmask") else section.take("prefix", number(0, 128))
    address = section.take(key, lambda value: _address(value, mask))
    if address is None:
        return
    if "/" not in str(section.value[key]) and not section.has("netmask") and not section.has("prefix"):
        section.warn(key, f"has no netmask: taken for {address}")
    if address not in settings.setdefault("addresses", []):
        settings["addresses"].append(address)
    if section.has("pointopoint"):
        section.warn("pointopoint", "is not supported, left out: give a route to the peer")
    gateway = section.take("gateway", reading.ip)
    if gateway is not None and is_ipv6(gateway) != is_ipv6(address):
        section.error("gateway", f"{gateway} is not of the same family as {address}")
    elif gateway is not None:
        default: dict[str, Any] = {"to": DEFAULT[is_ipv6(gateway)], "via": gateway}
        metric = section.take("metric", number(0, UINT32))
        settings.setdefault("routes", []).append(default if metric is None else {**default, "metric": metric})


def _servers(section: Section, settings: dict[str, Any]) -> None:
    add_servers(settings, *servers(section, "dns_nameservers", "dns_search"))


def _routes(section: Section, settings: dict[str, Any]) -> None:
    for path, item in section.items("routes"):
        below = section.below(item, path)
        found = None if below is None else route(below)
        if found is not None:
            settings.setdefault("routes", []).append(found)


def _mtu(section: Section, type_: str | None, settings: dict[str, Any]) -> None:
    """The MTU of a subnet is that of its family: the link's own, or what IPv6 may use of it."""
    addresses = settings.get("addresses", [])
    ipv6 = type_ in {"dhcp6", "static6"} or (type_ or "").startswith("ipv6_")
    ipv6 = ipv6 or (type_ == "static" and bool(addresses) and is_ipv6(addresses[-1]))
    mtu = section.take("mtu", IPV6_MTU if ipv6 else MTU)
    if mtu is not None:
        settings["ipv6-mtu" if ipv6 else "mtu"] = mtu


def _words(section: Section, key: str, reader: reading.Reader[str]) -> list[str]:
    if not section.has(key):
        return []
    value = section.value[key]
    if isinstance(value, (list, tuple)):
        return list(section.every(key, reader))
    path = (*section.path, key)
    words = value.replace(",", " ").split() if isinstance(value, str) else [value]
    return [found for word in words if (found := section.read(word, path, reader)) is not None]


def _mask(value: object) -> int:
    """The prefix length of a netmask, given as an address or as that length."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        try:
            return prefix_of(str(value))
        except ValueError:
            pass
    raise Unusable(f"{reading.shown(value)} is not a netmask such as 255.255.255.0")


def _address(value: object, prefix: int | None) -> str:
    if isinstance(value, str) and "/" in value:
        address, slash, mask = value.partition("/")
        try:
            ip, length = parse_interface(f"{address}{slash}{prefix_of(mask)}")
        except ValueError:
            raise Unusable(f"{reading.shown(value)} is not an address with prefix length") from None
        return f"{ip}/{length}"
    ip = reading.ip(value)
    length = _USUAL[is_ipv6(ip)] if prefix is None else prefix
    if length > 32 and not is_ipv6(ip):
        raise Unusable(f"{reading.shown(value)} does not go with a netmask of {length} bits")
    return f"{ip}/{length}"


def _destination(value: object, prefix: int | None, via: str | None) -> str:
    if value in ANYWHERE and prefix in {None, 0}:
        return DEFAULT[is_ipv6(via or str(value))]
    if prefix is not None and isinstance(value, str) and "/" not in value:
        value = f"{value}/{prefix}"
    return reading.network(value)
