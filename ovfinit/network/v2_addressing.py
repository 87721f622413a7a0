"""The part of netplan's version 2 that all kinds of devices share: addresses, routes, rules, name servers, DHCP."""

from __future__ import annotations

from . import reading
from .address import is_ipv6
from .model import Address, Advertised, Dhcp, Route, Rule
from .reading import Section, Unusable, choice, duration, flag, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UINT32 = 2**32 - 1
MTU = number(68, 65535)  # RFC 791 asks every link to carry 68 octets
IPV6_MTU = number(1280, 65535)  # RFC 8200 section 5
ROUTE_TYPES = (
    *("unicast", "anycast", "blackhole", "broadcast", "local", "multicast"),
    *("nat", "prohibit", "throw", "unreachable", "xresolve"),
)
_FAMILIES = ("ipv4", "ipv6")


def addressing(section: Section, table: int | None = None) -> dict[str, Any]:
    """The fields of `model.Device` that any device can have, from the mapping of one device.

    `table` is a VRF's: all its routes and rules are in that one.
    """
    v4 = _dhcp(section.section("dhcp4-overrides"))
    v6 = _dhcp(section.section("dhcp6-overrides"))
    nameservers, search = _nameservers(section.section("nameservers"))
    return {
        "mtu": section.take("mtu", MTU),
        "dhcp4": section.flag("dhcp4"),
        "dhcp6": section.flag("dhcp6"),
        "dhcp4_options": v4,
        "dhcp6_options": v6,
        # netplan's `duid` is what every renderer does unasked
        "identifier": "mac" if section.take("dhcp-identifier", choice("mac", "duid")) == "mac" else None,
        "addresses": _addresses(section),
        "routes": tuple(dict.fromkeys((*_gateways(section, table), *_routes(section, table)))),
        "rules": _rules(section, table),
        "nameservers": nameservers,
        "search": search,
        "accept_ra": section.take("accept-ra", flag),
        "ra_options": _advertised(section.section("ra-overrides")),
        "link_local": section.every("link-local", choice(*_FAMILIES)) if section.has("link-local") else None,
        "ipv6_privacy": section.take("ipv6-privacy", flag),
        "ipv6_generation": section.take("ipv6-address-generation", choice("eui64", "stable-privacy")),
        "ipv6_token": section.take("ipv6-address-token", reading.ipv6),
        "ipv6_mtu": section.take("ipv6-mtu", IPV6_MTU),
        "emit_lldp": section.take("emit-lldp", flag),
        "ignore_carrier": section.flag("ignore-carrier"),
        "optional": section.flag("optional"),
        "critical": section.flag("critical"),
        "activation": section.take("activation-mode", choice("manual", "off")),
        "hairpin": section.take("hairpin", flag),
        "port_mac_learning": section.take("port-mac-learning", flag),
        "neigh_suppress": section.take("neigh-suppress", flag),
    }


def _addresses(section: Section) -> tuple[Address, ...]:
    """Each item is `ADDRESS/LENGTH`, or a mapping of one such to its label and lifetime."""
    found = []
    for path, item in section.items("addresses"):
        [(written, options)] = item.items() if isinstance(item, dict) and len(item) == 1 else [(item, None)]
        parsed = section.read(written, path, reading.interface_address)
        if parsed is None:
            continue
        more = None if options is None else section.below(options, (*path, str(written)))
        label = lifetime = None
        if more is not None:
            label = more.take("label", reading.label)
            lifetime = more.take("lifetime", _lifetime)
            more.close()
        found.append(Address(*parsed, label=label, lifetime=lifetime))
    return tuple(dict.fromkeys(found))


def _lifetime(value: object) -> str:
    if str(value) not in {"forever", "0"} or isinstance(value, bool):
        raise Unusable(f"{reading.shown(value)} is neither forever nor 0")
    return str(value)


def _gateways(section: Section, table: int | None) -> tuple[Route, ...]:
    """`gateway4` and `gateway6`, which newer documents write as a default route."""
    found = []
    for key, reader, to in (("gateway4", reading.ipv4, "0.0.0.0/0"), ("gateway6", reading.ipv6, "::/0")):
        via = section.take(key, reader)
        if via is not None:
            section.deprecate(key, f"is deprecated: write routes: [{{to: default, via: {via}}}]")
            found.append(Route(to, via, table=table))
    return tuple(found)


def _routes(section: Section, table: int | None) -> tuple[Route, ...]:
    found = []
    for path, item in section.items("routes"):
        below = section.below(item, path)
        if below is not None:
            errors = below.findings.mistakes
            route = _route(below, table)
            below.close()
            # a route with half of its words would send packets elsewhere than asked
            if route is not None and below.findings.mistakes == errors:
                found.append(route)
    return tuple(found)


def _route(section: Section, table: int | None) -> Route | None:
    via = section.take("via", reading.ip)
    source = section.take("from", reading.ip)
    example = via or source or "0.0.0.0"  # noqa: S104 - only its family counts
    everything = "::/0" if is_ipv6(example) else "0.0.0.0/0"
    to = section.take("to", lambda value: everything if value == "default" else reading.network(value))
    type_ = section.take("type", choice(*ROUTE_TYPES)) or "unicast"
    scope = section.take("scope", choice("global", "link", "host"))
    on_link = section.take("on-link", flag)
    if not section.has("to"):
        section.findings.error(section.path, "a route needs `to`: default, or a network")
    if to is None:
        return None
    for key, address in (("via", via), ("from", source)):
        if address is not None and is_ipv6(address) != is_ipv6(to):
            section.error(key, f"{address} is not of the same family as {to}")
    if via is None and not section.has("via") and type_ == "unicast" and scope not in {"link", "host"}:
        section.findings.error(section.path, "a route needs `via`, or `scope: link` if there is no gateway")
    return Route(
        to,
        via,
        source,
        section.take("metric", number(0, UINT32)),
        _table(section, table),
        type_,
        scope,
        on_link,
        section.take("mtu", MTU),
        section.take("congestion-window", number(1, UINT32)),
        section.take("advertised-receive-window", number(1, UINT32)),
        section.take("advertised-mss", number(1, 65535)),
    )


def _rules(section: Section, table: int | None) -> tuple[Rule, ...]:
    found = []
    for path, item in section.items("routing-policy"):
        below = section.below(item, path)
        if below is None:
            continue
        errors = below.findings.mistakes
        rule = Rule(
            below.take("from", reading.network),
            below.take("to", reading.network),
            _table(below, table),
            below.take("priority", number(0, UINT32)),
            below.take("mark", number(1, UINT32)),
            below.take("type-of-service", number(1, 255)),
        )
        below.close()
        if not below.has("from") and not below.has("to"):
            below.findings.error(path, "a rule needs `from` or `to`")
        if table is None and not below.has("table"):
            below.findings.error(path, "a rule needs `table`")
        if rule.source and rule.to and is_ipv6(rule.source) != is_ipv6(rule.to):
            below.error("to", f"{rule.to} is not of the same family as {rule.source}")
        if below.findings.mistakes == errors:
            found.append(rule)
    return tuple(found)


def _table(section: Section, vrf: int | None) -> int | None:
    given = section.take("table", number(1, UINT32))
    if vrf is None or given is None:
        return vrf or given
    if given != vrf:
        section.error("table", f"{given} is not the VRF's own table, {vrf}")
    return vrf


def _nameservers(section: Section | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if section is None:
        return (), ()
    servers = section.every("addresses", reading.ip)
    search = section.every("search", reading.domain)
    section.close()
    return servers, search


def _dhcp(section: Section | None) -> Dhcp:
    if section is None:
        return Dhcp()
    options = Dhcp(
        use_dns=section.take("use-dns", flag),
        use_domains=section.take("use-domains", _domains),
        use_ntp=section.take("use-ntp", flag),
        use_hostname=section.take("use-hostname", flag),
        use_mtu=section.take("use-mtu", flag),
        use_routes=section.take("use-routes", flag),
        route_metric=section.take("route-metric", number(0, UINT32)),
        send_hostname=section.take("send-hostname", flag),
        hostname=section.take("hostname", _hostname),
    )
    section.close()
    return options


def _advertised(section: Section | None) -> Advertised:
    if section is None:
        return Advertised()
    options = Advertised(
        section.take("use-dns", flag),
        section.take("use-domains", _domains),
        section.take("table", number(1, UINT32)),
    )
    section.close()
    return options


def _domains(value: object) -> str:
    if value == "route":
        return "route"
    return "yes" if flag(value) else "no"


def _hostname(value: object) -> str:
    name = reading.domain(value)
    if name[0] == "~" or len(name) > 64:
        raise Unusable(f"{reading.shown(value)} is not a host name")
    return name


MILLISECONDS = duration("ms")
SECONDS = duration("s")
