"""The `[ipv4]` and `[ipv6]` sections of NetworkManager's keyfiles: each address, route and rule in its own family."""

from __future__ import annotations

from .address import is_ipv6
from .model import Bond, Bridge, Dummy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Device, Dhcp, Route, Rule
    from .nmkeyfile import Line, Lines, Refuse, Sections

# rtnetlink(7), linux/rtnetlink.h
_SCOPES = {"global": 0, "link": 253, "host": 254}
_TYPES = ("unicast", "local", "blackhole", "unreachable", "prohibit", "throw")
_GENERATION = {"eui64": 0, "stable-privacy": 1}  # NMSettingIP6ConfigAddrGenMode
_ENABLED = 3  # NMSettingIP4LinkLocal
_PRIORITY = 32765  # what the kernel gives the first rule that comes without one
# methods under which NetworkManager takes neither name servers nor routes
_BARE = {"disabled", "link-local"}


def ip_sections(device: Device, master: Device | None, refuse: Refuse) -> Sections:
    """Both families, and what DHCP may say about the host name. A member of a bond or bridge has no addresses."""
    if isinstance(master, (Bond, Bridge)):
        for key, value in (("addresses", device.addresses), ("dhcp4", device.dhcp4), ("dhcp6", device.dhcp6)):
            if value:
                refuse(key, f"a member of {master.id} has no addresses of its own under NetworkManager")
        return []
    methods = {False: _method4(device), True: _method6(device, refuse)}
    _refuse(device, methods, refuse)
    return [
        ("ipv4", [*_shared(device, methods, ipv6=False), *_only4(device, methods[False])]),
        ("ipv6", [*_shared(device, methods, ipv6=True), *_only6(device)]),
        ("hostname", _hostname(device)),
    ]


def _method4(device: Device) -> str:
    if device.dhcp4:
        return "auto"
    if device.addresses_of(ipv6=False):
        return "manual"
    return "link-local" if "ipv4" in (device.link_local or ()) else "disabled"


def _method6(device: Device, refuse: Refuse) -> str:
    """How the device comes to its IPv6 addresses.

    Where the document is silent about router advertisements, a host listens to them, unless it knows its address and
    its way out already, or hears nobody.
    """
    static = device.addresses_of(ipv6=True)
    bare = device.link_local is not None and "ipv6" not in device.link_local
    listens = device.accept_ra
    if listens is None:
        knows = static and any(route.default and is_ipv6(route.to) for route in device.routes)
        listens = not (bare or knows or isinstance(device, Dummy))
    method = "link-local"
    if listens:
        method = "auto"
    elif device.dhcp6:
        method = "dhcp"
    elif static:
        method = "manual"
    elif bare:
        method = "disabled"
    if bare and method != "disabled":
        refuse("link-local", "NetworkManager gives every interface with IPv6 a link-local address")
    return method


def _shared(device: Device, methods: dict[bool, str], *, ipv6: bool) -> Iterator[Line]:
    """The keys that both families have."""
    options = device.dhcp6_options if ipv6 else device.dhcp4_options
    dynamic = device.dhcp6 if ipv6 else device.dhcp4
    method = methods[ipv6]
    yield "method", method
    addresses = device.addresses_of(ipv6=ipv6)
    for number, address in enumerate(addresses, 1):
        yield f"address{number}", address.text
    routes = [route for route in device.routes if is_ipv6(route.to) == ipv6 and route.type in _TYPES]
    no_way_out = dynamic and options.use_routes is False
    gateway = None if no_way_out or not addresses else _gateway(device, routes)
    if gateway is not None:
        yield "gateway", gateway.via
        routes.remove(gateway)
    for number, route in enumerate(routes, 1):
        yield f"route{number}", _route(route)
        yield f"route{number}_options", _route_options(device, route) or None
    for number, rule in enumerate((rule for rule in device.rules if is_ipv6(rule.source or rule.to or "") == ipv6), 1):
        yield f"routing-rule{number}", _rule(rule)
    if method not in _BARE:
        servers = [server for server in device.nameservers if is_ipv6(server) == ipv6]
        yield "dns", "".join(f"{server};" for server in servers) or None
        first = methods[False] in _BARE if ipv6 else True
        yield "dns-search", "".join(f"{domain};" for domain in device.search) or None if first else None
    if dynamic:
        yield from _dhcp(options, no_way_out=no_way_out)
    dns = [use for _, use, _ in _answers(device, methods)[ipv6]]
    yield "ignore-auto-dns", True if False in dns else None


def _dhcp(options: Dhcp, *, no_way_out: bool) -> Iterator[Line]:
    yield "ignore-auto-routes", True if no_way_out else None
    yield "never-default", True if no_way_out else None
    yield "route-metric", options.route_metric
    yield "dhcp-send-hostname", options.send_hostname
    yield "dhcp-hostname", options.hostname if options.send_hostname is not False else None


def _only4(device: Device, method: str) -> Lines:
    both = "ipv4" in (device.link_local or ()) and method != "link-local"
    return [
        ("dhcp-client-id", device.identifier if device.dhcp4 else None),
        ("link-local", _ENABLED if both else None),
    ]


def _only6(device: Device) -> Lines:
    generation = _GENERATION.get(device.ipv6_generation or "")
    return [
        # a token is the host part of an address, which only this way of making one has
        ("addr-gen-mode", _GENERATION["eui64"] if device.ipv6_token else generation),
        ("token", device.ipv6_token),
        ("ip6-privacy", None if device.ipv6_privacy is None else 2 if device.ipv6_privacy else 0),
        ("mtu", device.ipv6_mtu),
    ]


def _hostname(device: Device) -> Lines:
    ignored = [options.use_hostname is False for on, options in _leases(device) if on]
    return [("from-dhcp", 0 if any(ignored) else None)]


def _leases(device: Device) -> tuple[tuple[bool, Dhcp], tuple[bool, Dhcp]]:
    return (device.dhcp4, device.dhcp4_options), (device.dhcp6, device.dhcp6_options)


def _gateway(device: Device, routes: list[Route]) -> Route | None:
    """The default route that `gateway` can express: nothing but an address, in reach."""
    for route in routes:
        plain = (route.to, route.via, route.on_link)
        if (
            route.default
            and route.via
            and route == type(route)(*plain[:2], on_link=route.on_link)
            and not device.on_link(route)
        ):
            return route
    return None


def _route(route: Route) -> str:
    words = [route.to]
    if route.via is not None or route.metric is not None:
        words.append(route.via or ("::" if is_ipv6(route.to) else "0.0.0.0"))  # noqa: S104 - says: no gateway
    if route.metric is not None:
        words.append(str(route.metric))
    return ",".join(words)


def _route_options(device: Device, route: Route) -> str:
    options = {
        "type": route.type if route.type != "unicast" else None,
        "table": route.table,
        "src": route.source,
        "onlink": "true" if device.on_link(route) else None,
        # IPv6 has no scopes of routes
        "scope": None if route.scope is None or is_ipv6(route.to) else _SCOPES[route.scope],
        "mtu": route.mtu,
        "initcwnd": route.congestion_window,
        "initrwnd": route.advertised_receive_window,
        "advmss": route.advertised_mss,
    }
    return ",".join(f"{key}={value}" for key, value in options.items() if value is not None)


def _rule(rule: Rule) -> str:
    # NetworkManager wants every rule numbered
    words = {
        "priority": _PRIORITY if rule.priority is None else rule.priority,
        "from": rule.source,
        "to": rule.to,
        "fwmark": None if rule.mark is None else f"{rule.mark:#x}",
        "tos": None if rule.type_of_service is None else f"{rule.type_of_service:#x}",
        "table": rule.table,
    }
    return " ".join(f"{key} {value}" for key, value in words.items() if value is not None)


def _refuse(device: Device, methods: dict[bool, str], refuse: Refuse) -> None:
    """Name all that no key stands for."""
    for index, address in enumerate(device.addresses):
        if address.label is not None:
            refuse(("addresses", index, "label"), "NetworkManager's profiles have no labels of addresses")
        if address.lifetime == "0":
            refuse(("addresses", index, "lifetime"), "NetworkManager's profiles have no lifetimes of addresses")
    for index, route in enumerate(device.routes):
        if route.type not in _TYPES:
            refuse(("routes", index), f"NetworkManager makes no {route.type} routes")
    for index, server in enumerate(device.nameservers):
        if methods[is_ipv6(server)] in _BARE:
            family = "IPv6" if is_ipv6(server) else "IPv4"
            message = f"NetworkManager takes {family} name servers only where a device has {family} addresses"
            refuse(("nameservers", "addresses", index), message)
    if device.search and methods[False] in _BARE and methods[True] in _BARE:
        refuse("nameservers.search", "NetworkManager has search domains only where a device has addresses")
    if device.ipv6_token is not None and device.ipv6_generation == "stable-privacy":
        refuse("ipv6-address-generation", "a token cannot be combined with stable-privacy")
    for (on, options), family in zip(_leases(device), ("dhcp4-overrides", "dhcp6-overrides")):
        if on:
            _refuse_dhcp(device, options, family, refuse)
    ignored = {options.use_hostname is False for on, options in _leases(device) if on}
    if len(ignored) == 2:
        family = "dhcp4-overrides" if device.dhcp4_options.use_hostname is False else "dhcp6-overrides"
        refuse(f"{family}.use-hostname", "NetworkManager has one answer for both families: it counts for both")
    for answers in _answers(device, methods).values():
        _refuse_domains(answers, refuse)
    if device.ra_options.table is not None:
        refuse("ra-overrides.table", "NetworkManager cannot set advertised routes apart from the others")


def _answers(device: Device, methods: dict[bool, str]) -> dict[bool, list[tuple[str, bool | None, str | None]]]:
    """By family, each who may name servers and domains: its key, and whether they are wanted."""
    v4, v6, ra = device.dhcp4_options, device.dhcp6_options, device.ra_options
    return {
        False: [("dhcp4-overrides", v4.use_dns, v4.use_domains)] if device.dhcp4 else [],
        True: [
            *([("dhcp6-overrides", v6.use_dns, v6.use_domains)] if device.dhcp6 else []),
            *([("ra-overrides", ra.use_dns, ra.use_domains)] if methods[True] == "auto" else []),
        ],
    }


def _refuse_domains(answers: list[tuple[str, bool | None, str | None]], refuse: Refuse) -> None:
    """NetworkManager takes what all of a family's servers name, or nothing of it."""
    ignored = any(use is False for _, use, _ in answers)
    for key, use, domains in answers:
        if ignored and use:
            refuse(f"{key}.use-dns", "NetworkManager ignores the name servers of a whole family, or none")
        if domains == "route":
            refuse(f"{key}.use-domains", "NetworkManager cannot use domains for routing queries only")
        elif domains is not None and (domains == "yes") == ignored:
            refuse(f"{key}.use-domains", "NetworkManager takes domains if and only if it takes name servers")


def _refuse_dhcp(device: Device, options: Dhcp, family: str, refuse: Refuse) -> None:
    if options.use_ntp is False:
        refuse(f"{family}.use-ntp", "NetworkManager hands time servers to other programs, whatever a profile says")
    if options.use_mtu is False and device.mtu is None:
        refuse(f"{family}.use-mtu", "NetworkManager ignores a server's MTU only where `mtu` sets another")
    if options.hostname is not None and options.send_hostname is False:
        refuse(f"{family}.hostname", "is not sent, since send-hostname says so")
