"""The network as one document for netplan, version 2 (https://netplan.readthedocs.io/en/stable/netplan-yaml/).

A word that the tree's own netplan does not know is refused: it would make it drop the whole document.
"""

from __future__ import annotations

from .model import Bond, Bridge, Ethernet, Vlan, Vrf
from .netplanlimits import fitted
from .outcome import HEADER, Finding, Rendered, RenderedFile
from .vrfroutes import placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..host import Host
    from .model import Address, Advertised, Device, Dhcp, Match, Network, Offloads, Route, Rule

    Path = tuple[str | int, ...]

FOLDER = "/etc/netplan"
FILE = f"{FOLDER}/50-ovfinit.yaml"
MODE = 0o600  # netplan complains about anything that others can read
LIBRARY, LIBRARY_LIMIT = "libnetplan.so", 8 * 1024 * 1024
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_FREE = ("path-cost", "port-priority")  # mappings whose keys are ids of devices
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))


def render(network: Network, vocabulary: bytes | None, *, manager: bool = False) -> Rendered:
    """The document, by path of the tree. `vocabulary`: what `vocabulary_of` found; None takes every word for known.

    `manager`: other documents have put NetworkManager in charge; what it has no words for, netplan leaves out. Errors
    are settings that cannot be said, devices of a kind that is not known, and what stands on these.
    """
    network = placed(network)
    errors: list[Finding] = []
    sections: dict[str, dict[str, Any]] = {}
    left_out: set[str] = set()
    for device in network.devices:
        kind, id_ = device.path
        missing = [below for below in device.below if below in left_out]
        fits = None
        if missing:
            errors.append(Finding(device.path, f"stands on {missing[0]}, which is left out"))
        elif not _known(kind, vocabulary):
            errors.append(Finding(device.path, f"{kind} are not known to the netplan of this machine"))
        else:
            fits = fitted(device, vocabulary, manager=manager, errors=errors)
        if fits is None:
            left_out.add(id_)
        else:
            settings = _without_unknown(_settings(fits), device.path, vocabulary, errors)
            sections.setdefault(kind, {})[id_] = settings
    if manager:
        from .networkmanager import render as profiles

        named = {error.path for error in errors}
        errors += [error for error in profiles(network).errors if error.path not in named]
    files = {}
    if sections:
        lines = _lines({"network": {"version": 2, **sections}}, 0)
        files[FILE] = RenderedFile(HEADER + "\n".join(lines) + "\n", MODE)
    names = tuple(device.name for device in network.devices if device.name and device.id not in left_out)
    return Rendered(files, names, tuple(sorted(left_out)), tuple(errors))


def vocabulary_of(host: Host) -> bytes | None:
    """The library that reads netplan's documents, which holds every key it knows as a text; None if there is none.

    Distributions add words to old releases, so a version would say less.
    """
    for folder in ("/usr/lib", *(f"/usr/lib/{name}" for name in host.listing("/usr/lib") if name.endswith("-gnu"))):
        for name in host.listing(folder):
            if name.startswith(LIBRARY):
                return host.read(f"{folder}/{name}", LIBRARY_LIMIT)
    return None


def _known(word: str, vocabulary: bytes | None) -> bool:
    return vocabulary is None or word.encode() in vocabulary


def _without_unknown(settings: Any, path: Path, vocabulary: bytes | None, errors: list[Finding]) -> Any:
    """The settings less those whose keys are not known, each of which is an error."""
    if isinstance(settings, list):
        return [_without_unknown(item, (*path, index), vocabulary, errors) for index, item in enumerate(settings)]
    if not isinstance(settings, dict):
        return settings
    kept = {}
    for key, value in settings.items():
        # keys with other signs are addresses and names of ports
        if path[-1] in _FREE or "/" in key or _known(key, vocabulary):
            kept[key] = _without_unknown(value, (*path, key), vocabulary, errors)
        else:
            errors.append(Finding((*path, key), "is not known to the netplan of this machine"))
    return kept


def _settings(device: Device) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if device.match is not None:
        settings["match"] = _match(device.match)
        settings["set-name"] = device.set_name
    settings.update(_own(device))
    settings.update(
        {
            "macaddress": device.macaddress,
            "mtu": device.mtu,
            "optional": device.optional or None,
            "critical": device.critical or None,
            "activation-mode": device.activation,
            "ignore-carrier": device.ignore_carrier or None,
            "emit-lldp": device.emit_lldp,
            "hairpin": device.hairpin,
            "port-mac-learning": device.port_mac_learning,
            "neigh-suppress": device.neigh_suppress,
            "link-local": None if device.link_local is None else list(device.link_local),
            "dhcp4": device.dhcp4 or None,
            # netplan compares the overrides of both families even where nobody asks DHCP
            "dhcp4-overrides": _dhcp(device.dhcp4_options) or None if device.dhcp4 else None,
            "dhcp6": device.dhcp6 or None,
            "dhcp6-overrides": _dhcp(device.dhcp6_options) or None if device.dhcp6 else None,
            "dhcp-identifier": device.identifier,
            "accept-ra": device.accept_ra,
            "ra-overrides": _advertised(device.ra_options) or None,
            "ipv6-privacy": device.ipv6_privacy,
            "ipv6-mtu": device.ipv6_mtu,
            "ipv6-address-generation": device.ipv6_generation,
            "ipv6-address-token": device.ipv6_token,
            "addresses": [_address(address) for address in device.addresses] or None,
            "nameservers": _given(
                {"addresses": list(device.nameservers) or None, "search": list(device.search) or None}
            )
            or None,
            "routes": [_route(device, route) for route in device.routes] or None,
            "routing-policy": [_rule(rule) for rule in device.rules] or None,
        }
    )
    return _given(settings)


def _own(device: Device) -> dict[str, Any]:
    """What only this kind of device has."""
    if isinstance(device, Ethernet):
        return {"wakeonlan": device.wake_on_lan or None, **_offloads(device.offloads)}
    if isinstance(device, Vlan):
        return {"id": device.tag, "link": device.link}
    if isinstance(device, Vrf):
        return {"table": device.table, "interfaces": list(device.interfaces)}
    if isinstance(device, Bond):
        return {"interfaces": list(device.interfaces), "parameters": _bond(device) or None}
    if isinstance(device, Bridge):
        return {"interfaces": list(device.interfaces), "parameters": _bridge(device) or None}
    return {}


def _match(match: Match) -> dict[str, Any]:
    drivers: Any = list(match.drivers)
    if len(match.drivers) < 2:
        # older releases know a single driver only
        drivers = match.drivers[0] if match.drivers else None
    return _given({"name": match.name, "macaddress": match.macaddress, "driver": drivers})


def _address(address: Address) -> Any:
    options = _given({"label": address.label, "lifetime": 0 if address.lifetime == "0" else address.lifetime})
    return {address.text: options} if options else address.text


def _route(device: Device, route: Route) -> dict[str, Any]:
    return _given(
        {
            "to": "default" if route.default and route.via else route.to,
            "via": route.via,
            "from": route.source,
            "metric": route.metric,
            "table": route.table,
            "type": route.type if route.type != "unicast" else None,
            "scope": route.scope,
            # netplan leaves it to the author to notice that a gateway lies outside the address's network
            "on-link": True if device.on_link(route) else route.on_link,
            "mtu": route.mtu,
            "congestion-window": route.congestion_window,
            "advertised-receive-window": route.advertised_receive_window,
            "advertised-mss": route.advertised_mss,
        }
    )


def _rule(rule: Rule) -> dict[str, Any]:
    return _given(
        {
            "from": rule.source,
            "to": rule.to,
            "table": rule.table,
            "priority": rule.priority,
            "mark": rule.mark,
            "type-of-service": rule.type_of_service,
        }
    )


def _dhcp(options: Dhcp) -> dict[str, Any]:
    return _given(
        {
            "use-dns": options.use_dns,
            "use-domains": _domains(options.use_domains),
            "use-ntp": options.use_ntp,
            "use-hostname": options.use_hostname,
            "use-mtu": options.use_mtu,
            "use-routes": options.use_routes,
            "route-metric": options.route_metric,
            "send-hostname": options.send_hostname,
            "hostname": options.hostname,
        }
    )


def _advertised(options: Advertised) -> dict[str, Any]:
    words = {"use-dns": options.use_dns, "use-domains": _domains(options.use_domains), "table": options.table}
    return _given(words)


def _domains(word: str | None) -> bool | str | None:
    return {"yes": True, "no": False}.get(word or "", word)


def _offloads(offloads: Offloads) -> dict[str, Any]:
    return {
        "receive-checksum-offload": offloads.receive_checksum,
        "transmit-checksum-offload": offloads.transmit_checksum,
        "tcp-segmentation-offload": offloads.tcp_segmentation,
        "tcp6-segmentation-offload": offloads.tcp6_segmentation,
        "generic-segmentation-offload": offloads.generic_segmentation,
        "generic-receive-offload": offloads.generic_receive,
        "large-receive-offload": offloads.large_receive,
    }


def _bond(bond: Bond) -> dict[str, Any]:
    own = bond.parameters
    return _given(
        {
            "mode": own.mode,
            "lacp-rate": own.lacp_rate,
            "mii-monitor-interval": own.mii_monitor_interval,
            "min-links": own.min_links,
            "transmit-hash-policy": own.transmit_hash_policy,
            "ad-select": own.ad_select,
            # the former names of this and of packets-per-member are those that every release knows
            "all-slaves-active": own.all_members_active,
            "arp-interval": own.arp_interval,
            "arp-ip-targets": list(own.arp_ip_targets) or None,
            "arp-validate": own.arp_validate,
            "arp-all-targets": own.arp_all_targets,
            "up-delay": own.up_delay,
            "down-delay": own.down_delay,
            "fail-over-mac-policy": own.fail_over_mac_policy,
            "gratuitous-arp": own.gratuitous_arp,
            "packets-per-slave": own.packets_per_member,
            "primary-reselect-policy": own.primary_reselect_policy,
            "resend-igmp": own.resend_igmp,
            "learn-packet-interval": _seconds(own.learn_packet_interval),
            "primary": own.primary,
        }
    )


def _bridge(bridge: Bridge) -> dict[str, Any]:
    own = bridge.parameters
    return _given(
        {
            "ageing-time": _seconds(own.ageing_time),
            "priority": own.priority,
            "forward-delay": _seconds(own.forward_delay),
            "hello-time": _seconds(own.hello_time),
            "max-age": _seconds(own.max_age),
            "stp": own.stp,
            "path-cost": dict(own.path_cost) or None,
            "port-priority": dict(own.port_priority) or None,
        }
    )


def _seconds(milliseconds: int | None) -> int | str | None:
    if milliseconds is None or milliseconds % 1000:
        return None if milliseconds is None else f"{milliseconds}ms"
    return milliseconds // 1000


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A mapping as YAML in block style, two blanks a level."""
    indent = "  " * depth
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield f"{indent}{_scalar(key)}:"
            yield from _lines(item, depth + 1)
        elif isinstance(item, list) and item:
            yield f"{indent}{_scalar(key)}:"
            for one in item:
                first, *rest = list(_lines(one, depth + 2)) if isinstance(one, dict) else [_scalar(one)]
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
        else:
            yield f"{indent}{_scalar(key)}: {_scalar(item)}"


def _scalar(value: object) -> str:
    """A scalar, or an empty list or mapping, on one line; texts that YAML may take for something else in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, list, dict)):
        return str(value)
    text = str(value)
    if text[:1].isalpha() and set(text) <= _PLAIN and text.lower() not in _WORDS:
        return text
    # no value of the model holds a quote, a backslash or anything unprintable
    return f'"{text}"'
