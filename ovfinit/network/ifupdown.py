"""The network as one file for ifupdown: interfaces(5), as of ifupdown 0.8.

What interfaces(5) has no word for is done by `ip` commands: bonds, bridges and VLANs need none of the packages vlan,
bridge-utils and ifenslave. Devices that are described by their hardware are resolved to the names they have now.
"""

from __future__ import annotations

from ..record import Record
from .address import is_ipv6
from .interfaces import OURS
from .ipcommands import address_command, create, route_commands, rule_commands
from .model import Ethernet, Match, Route, Vlan, Vrf
from .networkd import link_file
from .outcome import HEADER, Finding, Rendered, RenderedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..host import Interface
    from .model import Address, Device, Network

    Options = list[tuple[str, str]]


class Place(Record):
    """Where a device is: what `auto` brings up, the logical names of its stanzas, names in the kernel, a `rename`.

    `kernel` is empty for a pattern that fits no adapter we know.
    """

    auto: tuple[str, ...]
    logical: tuple[str, ...]
    kernel: tuple[str, ...] = ()
    rename: str | None = None


class Stanza(Record):
    """One `iface` stanza, without its name; commands use $IFACE."""

    family: str
    method: str
    options: Options


def render(network: Network, interfaces: Sequence[Interface]) -> Rendered:
    """Our file, by path of the tree. `interfaces` are the adapters there are, none if nobody can know (an image).

    Errors are devices that fit no adapter, or cannot be expressed, which are left out, and with them what stands on
    them; and settings that ifupdown has no means for, which cost nothing else.
    """
    errors: list[Finding] = []
    places = _places(network, interfaces, errors)
    parts = [HEADER]
    files: dict[str, RenderedFile] = {}
    for device in network.devices:
        if device.id not in places:
            continue
        missing = [id_ for id_ in device.below if id_ not in places or not places[id_].kernel]
        problem = f"stands on {missing[0]}, which is not there" if missing else _clash(device, places)
        if isinstance(device, Vrf):
            problem = "a VRF has no counterpart in ifupdown"
        if problem:
            errors.append(Finding(device.path, problem))
            del places[device.id]
            continue
        errors += [Finding((*device.path, *key.split(".")), reason) for key, reason in _inexpressible(device)]
        kernel = {id_: places[id_].kernel for id_ in device.below}
        parts.append(_text(device, places[device.id], _stanzas(device, kernel, network)))
        # a new name is given by ifupdown itself
        files |= link_file(device.with_(set_name=None), network)
    if len(parts) > 1:
        files[OURS] = RenderedFile("\n".join(parts))
    names = tuple(name for place in places.values() for name in place.kernel)
    left_out = tuple(device.id for device in network.devices if device.id not in places)
    return Rendered(files, names, left_out, tuple(errors))


def _places(network: Network, interfaces: Sequence[Interface], errors: list[Finding]) -> dict[str, Place]:
    """The place of each device. The more it says the earlier it chooses: a name, an address, a driver, a pattern."""
    places = {}
    taken = {device.id for device in network.devices if device.match is None}
    for device in sorted(network.devices, key=_vagueness):
        if device.match is None:
            places[device.id] = Place((device.id,), (device.id,), (device.id,))
            continue
        fitting = [found for found in interfaces if found.name not in taken and _fits(device, found)]
        place = _place(device, fitting, known=bool(interfaces))
        if isinstance(place, str):
            errors.append(Finding((*device.path, "match"), place))
            continue
        taken.update(found.name for found in fitting)
        places[device.id] = place
    return places


def _place(device: Device, fitting: Sequence[Interface], *, known: bool) -> Place | str:
    """The place of a device that is described by its hardware, or why there is none."""
    match, name = device.match, device.set_name
    assert match is not None
    # ifupdown has patterns of its own, which find an adapter whenever it appears
    pattern = f"mac/{match.macaddress}" if match.macaddress else f"/{match.name or '*'}"
    # one thing at a time, that is; and a bare `*` would take in the loopback interface
    hopeless = match.drivers or (match.macaddress is None) == (match.name in {None, "*"})
    if not fitting and (hopeless or (match.macaddress and known)):
        return "fits no network adapter of this machine"
    if name:
        if len(fitting) > 1:
            return f"fits {len(fitting)} adapters, which cannot all be called {name}"
        # by hardware address, so that the line stays true once the name has changed
        current = f"mac/{fitting[0].mac}" if fitting else pattern
        return Place((name,), (name,), (name,), f"{current}={name}")
    names = tuple(found.name for found in fitting)
    return Place(names, names, names) if names else Place((f"{pattern}={device.id}",), (device.id,))


def _vagueness(device: Device) -> tuple[bool, bool, bool, str]:
    match = device.match or Match()
    return (
        match.macaddress is None,
        match.name is None or any(sign in match.name for sign in "*?["),
        not match.drivers,
        device.id,
    )


def _fits(device: Device, found: Interface) -> bool:
    from fnmatch import fnmatchcase

    match = device.match
    assert match is not None
    by_name = match.name is None or found.name == device.set_name or fnmatchcase(found.name, match.name)
    by_driver = not match.drivers or any(fnmatchcase(found.driver or "", pattern) for pattern in match.drivers)
    return by_name and by_driver and match.macaddress in {None, found.mac}


def _clash(device: Device, places: dict[str, Place]) -> str | None:
    """A VLAN's name with a dot must say what it is: ifupdown makes it itself, with parent and tag out of that name."""
    if not isinstance(device, Vlan):
        return None
    if len(places[device.link].kernel) != 1:
        return f"stands on {device.link}, which fits several adapters"
    parent, dot, tag = device.id.rpartition(".")
    if dot and tag.isdecimal() and (parent, int(tag)) != (places[device.link].kernel[0], device.tag):
        return f"ifupdown takes the name {device.id} for tag {tag} on {parent}: choose a name without a dot"
    return None


def _inexpressible(device: Device) -> Iterator[tuple[str, str]]:
    """Keys of the document that nothing in the file stands for, and why."""
    v4, v6 = device.dhcp4_options, device.dhcp6_options
    client = "ifupdown leaves it to the DHCP client and its own configuration"
    for on, options, key in ((device.dhcp4, v4, "dhcp4-overrides"), (device.dhcp6, v6, "dhcp6-overrides")):
        unmet = {
            "use-dns": options.use_dns is False,
            "use-domains": options.use_domains is not None,
            "use-ntp": options.use_ntp is False,
            "use-hostname": options.use_hostname is False,
            "use-mtu": options.use_mtu is False,
            "use-routes": options.use_routes is False,
            "send-hostname": options.send_hostname is False,
            "route-metric": options is v6 and options.route_metric is not None,
            "hostname": options is v6 and options.hostname is not None,
        }
        yield from ((f"{key}.{name}", client) for name, missing in unmet.items() if on and missing)
    if device.dhcp4 and device.identifier is not None:
        yield "dhcp-identifier", client
    if "ipv4" in (device.link_local or ()):
        yield "link-local", "ifupdown has no way of its own to make an IPv4 link-local address"
    if device.emit_lldp:
        yield "emit-lldp", "ifupdown sends no LLDP"
    advertised = device.ra_options.as_dict().items()
    yield from (
        (f"ra-overrides.{name.replace('_', '-')}", "ifupdown leaves router advertisements to the kernel")
        for name, value in advertised
        if value is not None
    )


def _stanzas(device: Device, kernel: Mapping[str, Sequence[str]], network: Network) -> list[Stanza]:
    """One stanza for each address and each way of getting one, or a manual one; the first carries the device itself."""
    v4, v6 = ([_static(one) for one in device.addresses_of(ipv6=ipv6) if _plain(one)] for ipv6 in (False, True))
    if device.dhcp4:
        wanted = device.dhcp4_options
        options = [("metric", wanted.route_metric), ("hostname", wanted.hostname)]
        v4.append(Stanza("inet", "dhcp", [(key, str(value)) for key, value in options if value is not None]))
    if device.dhcp6:
        v6.append(Stanza("inet6", "dhcp", []))
    elif device.accept_ra and not v6:
        v6.append(Stanza("inet6", "auto", []))
    stanzas = [*v4, *v6] or [Stanza("inet", "manual", [])]
    first, last = stanzas[0].options, stanzas[-1].options
    before = [*create(device, kernel, network), *_ipv6(device, v6)]
    # in a stanza of IPv6 the word means that family's MTU alone
    if device.mtu is not None and stanzas[0].family == "inet" and stanzas[0].method in {"static", "manual"}:
        first.append(("mtu", str(device.mtu)))
    elif device.mtu is not None:
        before.append(f"ip link set dev $IFACE mtu {device.mtu}")
    if device.macaddress is not None:
        first.append(("hwaddress", device.macaddress))
    gateways = [gateway for family in (v4, v6) for gateway in _gateway(device, family)]
    if device.nameservers:
        first.append(("dns-nameservers", " ".join(device.nameservers)))
    if device.search:
        first.append(("dns-search", " ".join(device.search)))
    first.extend(("pre-up", command) for command in before)
    last.extend(("up", address_command(one)) for one in device.addresses if not _plain(one))
    others = [route for route in device.routes if route not in gateways]
    for up, down in [*(route_commands(device, route) for route in others), *map(rule_commands, device.rules)]:
        last.extend([("up", up), *([("down", down)] if down else [])])
    if device.ipv6_mtu is not None:
        last.append(("up", _sysctl("mtu", device.ipv6_mtu)))
    if not isinstance(device, Ethernet):
        last.append(("post-down", "ip link delete dev $IFACE || true"))
    return stanzas


def _static(address: Address) -> Stanza:
    return Stanza("inet6" if is_ipv6(address.ip) else "inet", "static", [("address", address.text)])


def _plain(address: Address) -> bool:
    """True if interfaces(5) has words for all of it."""
    return address.label is None and address.lifetime is None


def _gateway(device: Device, stanzas: Sequence[Stanza]) -> list[Route]:
    """Give the first static stanza of a family the default route, if `gateway` and `metric` say all of it."""
    static = [stanza for stanza in stanzas if stanza.method == "static"]
    for route in device.routes if static else ():
        same_family = is_ipv6(route.to) == (static[0].family == "inet6")
        # ifupdown declares every gateway on-link itself
        if (
            same_family
            and route.default
            and route == Route(route.to, route.via, metric=route.metric, on_link=route.on_link)
        ):
            static[0].options.append(("gateway", str(route.via)))
            static[0].options.extend([("metric", str(route.metric))] if route.metric is not None else [])
            return [route]
    return []


def _ipv6(device: Device, stanzas: Sequence[Stanza]) -> list[str]:
    """Router advertisements and the like: options where a stanza takes them, else commands to be run before."""
    commands = []
    if device.accept_ra is not None:
        for stanza in stanzas:
            # 2: even where the machine forwards packets, as networkd does when told so
            stanza.options.append(("accept_ra", "2" if device.accept_ra else "0"))
            stanza.options.extend([("autoconf", "1")] if device.accept_ra and stanza.method == "static" else [])
        commands += [] if stanzas else [_sysctl("accept_ra", 0)]
    if device.ipv6_privacy is not None:
        mode = 2 if device.ipv6_privacy else 0
        native = [stanza for stanza in stanzas if stanza.method in {"static", "auto"}]
        for stanza in native:
            stanza.options.append(("privext", str(mode)))
        commands += [] if native else [_sysctl("use_tempaddr", mode)]
    if device.link_local is not None and "ipv6" not in device.link_local:
        commands.append(_sysctl("addr_gen_mode", 1))
    elif device.ipv6_generation is not None:
        # linux/if_link.h: 0 EUI-64, 1 none, 3 stable with a secret that the kernel draws
        commands.append(_sysctl("addr_gen_mode", 0 if device.ipv6_generation == "eui64" else 3))
    if device.ipv6_token is not None:
        commands.append(f"ip token set {device.ipv6_token} dev $IFACE")
    return commands


def _sysctl(key: str, value: int) -> str:
    """Set an IPv6 setting of the interface, where the kernel has IPv6 at all."""
    file = f"/proc/sys/net/ipv6/conf/$IFACE/{key}"
    return f"test ! -e {file} || echo {value} > {file}"


def _text(device: Device, place: Place, stanzas: Sequence[Stanza]) -> str:
    lines = [f"rename {place.rename}"] if place.rename else []
    # what is optional is left to udev, so that nobody waits for it; udev's helper knows names only, not patterns
    word = "allow-hotplug" if device.optional and place.kernel else "auto"
    lines += [] if device.activation else [f"{word} {' '.join(place.auto)}"]
    lines += [f"no-auto-down {' '.join(place.kernel)}"] if device.critical and place.kernel else []
    for name in place.logical:
        for stanza in stanzas:
            lines += ["", f"iface {name} {stanza.family} {stanza.method}"]
            lines += [f"    {key} {value}" for key, value in stanza.options]
    return "\n".join(lines).lstrip() + "\n"
