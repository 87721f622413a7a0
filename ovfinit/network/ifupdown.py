"""The network as one file for ifupdown: interfaces(5), as of ifupdown 0.8.

What interfaces(5) has no word for is done by `ip` commands: bonds, bridges and VLANs need none of the packages vlan,
bridge-utils and ifenslave. Devices that are described by their hardware are resolved to the names they have now.
"""

from __future__ import annotations

from ..record import Record
from .address import is_ipv6
from .interfaces import OURS
from .ipcommands import create, delete, routes, rules
from .model import Bond, Bridge, Ethernet, Finding, Rendered, RenderedFile, Vlan
from .networkd import link_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..host import Interface
    from .model import Address, Device, Network

    Options = list[tuple[str, str]]

HEADER = "# Written by ovfinit from the network configuration of this instance.\n"
_SYSCTL = "/proc/sys/net/ipv6/conf/$IFACE"


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

    Errors are devices that fit no adapter, or cannot be expressed; they are left out, and with them what stands on
    them. Warnings are settings that ifupdown has no means for.
    """
    errors: list[Finding] = []
    warnings: list[Finding] = []
    places = _places(network, interfaces, errors)
    parts = [HEADER]
    files: dict[str, RenderedFile] = {}
    for device in network.devices:
        if device.id not in places:
            continue
        missing = [id_ for id_ in device.below if id_ not in places or not places[id_].kernel]
        problem = f"stands on {missing[0]}, which is not there" if missing else _clash(device, places)
        if problem:
            errors.append(Finding(_path(device), problem))
            del places[device.id]
            continue
        warnings += [Finding((*_path(device), key), "has no counterpart in ifupdown") for key in _inexpressible(device)]
        kernel = {id_: places[id_].kernel for id_ in device.below}
        parts.append(_text(device, places[device.id], _stanzas(device, kernel)))
        if isinstance(device, Ethernet) and device.wake_on_lan:
            files |= link_file(device.with_(set_name=None), network)
    if len(parts) > 1:
        files[OURS] = RenderedFile("\n".join(parts))
    return Rendered(files, tuple(errors), tuple(warnings))


def _places(network: Network, interfaces: Sequence[Interface], errors: list[Finding]) -> dict[str, Place]:
    """The place of each device: names written in the document first, then what fits, in the order of ids."""
    places = {}
    taken = {device.id for device in network.devices if device.match is None}
    for device in sorted(network.devices, key=lambda device: device.id):
        if device.match is None:
            places[device.id] = Place((device.id,), (device.id,), (device.id,))
            continue
        fitting = [found for found in interfaces if found.name not in taken and _fits(device, found)]
        place = _place(device, fitting, known=bool(interfaces))
        if isinstance(place, str):
            errors.append(Finding((*_path(device), "match"), place))
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
    hopeless = match.drivers or (match.macaddress and match.name)
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


def _fits(device: Device, found: Interface) -> bool:
    from fnmatch import fnmatchcase

    match = device.match
    assert match is not None
    by_name = match.name is None or found.name == device.set_name or fnmatchcase(found.name, match.name)
    by_driver = not match.drivers or any(fnmatchcase(found.driver or "", pattern) for pattern in match.drivers)
    return by_name and by_driver and match.macaddress in {None, found.mac}


def _clash(device: Device, places: dict[str, Place]) -> str | None:
    """ifupdown makes a VLAN itself of a name with a dot, and takes parent and tag from that name alone."""
    if not isinstance(device, Vlan):
        return None
    if len(places[device.link].kernel) != 1:
        return f"stands on {device.link}, which fits several adapters"
    parent, dot, tag = device.id.rpartition(".")
    if dot and tag.isdecimal() and (parent, int(tag)) != (places[device.link].kernel[0], device.tag):
        return f"ifupdown takes the name {device.id} for tag {tag} on {parent}: choose a name without a dot"
    return None


def _inexpressible(device: Device) -> list[str]:
    """Keys of the document that nothing in the file stands for."""
    v4, v6 = device.dhcp4_options, device.dhcp6_options
    unasked = {
        "dhcp4-overrides.use-dns": v4.use_dns is False,
        "dhcp4-overrides.use-domains": v4.use_domains is not None,
        "dhcp4-overrides.use-ntp": v4.use_ntp is False,
        "dhcp4-overrides.use-hostname": v4.use_hostname is False,
        "dhcp4-overrides.use-mtu": v4.use_mtu is False,
        "dhcp4-overrides.use-routes": v4.use_routes is False,
        "dhcp4-overrides.send-hostname": v4.send_hostname is False,
        "dhcp6-overrides": v6 != type(v6)(),
        "emit-lldp": bool(device.emit_lldp),
        "link-local": "ipv4" in (device.link_local or ()),
    }
    return [key for key, unmet in unasked.items() if unmet]


def _stanzas(device: Device, kernel: dict[str, tuple[str, ...]]) -> list[Stanza]:
    v4 = [_static(address) for address in device.addresses_of(ipv6=False) if not _special(address)]
    if device.dhcp4:
        metric, hostname = device.dhcp4_options.route_metric, device.dhcp4_options.hostname
        options = [("metric", "" if metric is None else str(metric)), ("hostname", hostname or "")]
        v4.append(Stanza("inet", "dhcp", [option for option in options if option[1]]))
    v6 = [_static(address) for address in device.addresses_of(ipv6=True) if not _special(address)]
    if device.dhcp6:
        v6.append(Stanza("inet6", "dhcp", []))
    elif device.accept_ra and not v6:
        v6.append(Stanza("inet6", "auto", []))
    stanzas = [*v4, *v6] or [Stanza("inet", "manual", [])]
    first = stanzas[0]
    before = [*create(device, kernel), *_ipv6(device, v6)]
    if device.mtu is not None and first.method in {"static", "manual"}:
        first.options.append(("mtu", str(device.mtu)))
    elif device.mtu is not None:
        before.append(f"ip link set dev $IFACE mtu {device.mtu}")
    if device.macaddress is not None:
        first.options.append(("hwaddress", device.macaddress))
    if device.nameservers:
        first.options.append(("dns-nameservers", " ".join(device.nameservers)))
    if device.search:
        first.options.append(("dns-search", " ".join(device.search)))
    first.options.extend(("pre-up", command) for command in before)
    for family in (v4, v6):
        _gateway(device, family)
    last = stanzas[-1]
    last.options.extend(("up", command) for command in _specials(device))
    natively = [stanza.options for stanza in stanzas if any(key == "gateway" for key, _ in stanza.options)]
    for up, down in [*routes(device, natively=_native(device, bool(v4) and v4[0].options in natively, bool(v6) and v6[0].options in natively)), *rules(device)]:
        last.options.append(("up", up))
        last.options.extend([("down", down)] if down else [])
    # stanzas are taken down in the order they were brought up: the interface itself goes with the last one
    last.options.extend(("post-down", command) for command in delete(device))
    return stanzas
