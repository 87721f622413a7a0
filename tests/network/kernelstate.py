"""The model beside what the kernel says: every difference as one line of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from namespace import Kernel

from ovfinit.network.address import is_ipv6
from ovfinit.network.model import Bond, Bridge, Device, Network, Route, Rule, Vlan, Vrf

WITHOUT_DEVICE = {"blackhole", "prohibit", "throw", "unreachable"}
METRIC = 5  # where it stands in what routes are compared by
V6_METRIC = 1024  # the kernel's own of an IPv6 route; an IPv4 route has none


def differences(
    network: Network, kernel: Kernel, names: dict[str, str], *, own_metrics: bool = False, ports: bool = True
) -> list[str]:
    """All of them; `names` has the interface of each device. DHCP and router advertisements are not looked at.

    `own_metrics`: the renderer chooses a metric for a route that comes without one. `ports`: look at ports of bridges.
    """
    found = [line for device in network.devices for line in _device(device, network, kernel, names, ports)]
    found += _routes(network, kernel, names, own_metrics=own_metrics)
    rules = {_rule(rule) for device in network.devices for rule in device.rules}
    there = {_kernel_rule(rule) for rule in kernel.rules}
    if rules != there:
        found.append(f"rules: {sorted(map(str, there))}, not {sorted(map(str, rules))}")
    return found


def _device(device: Device, network: Network, kernel: Kernel, names: dict[str, str], ports: bool) -> Iterator[str]:
    name = names[device.id]
    link = kernel.links.get(name)
    if link is None:
        yield f"{name}: is not there"
        return
    wanted = {address.text for address in device.addresses}
    if kernel.addresses(name) != wanted:
        yield f"{name}: addresses {sorted(kernel.addresses(name))}, not {sorted(wanted)}"
    for address in device.addresses:
        info = next((one for one in link["addr_info"] if one["local"] == address.ip), {})
        if (address.lifetime == "0") != bool(info.get("deprecated")):
            yield f"{name}: {address.text} has a preferred lifetime of {info.get('preferred_life_time')}"
        if address.label and info.get("label") != address.label:
            yield f"{name}: {address.text} has the label {info.get('label')}"
    if device.mtu is not None and link["mtu"] != device.mtu:
        yield f"{name}: an MTU of {link['mtu']}, not {device.mtu}"
    if (
        device.macaddress is not None
        and not isinstance(network.master_of(device), Bond)
        and link["address"] != device.macaddress
    ):
        yield f"{name}: the address {link['address']}, not {device.macaddress}"
    master = network.master_of(device) or network.vrf_of(device)
    if link.get("master") != (names[master.id] if master else None):
        yield f"{name}: part of {link.get('master')}"
    data = link.get("linkinfo", {}).get("info_data", {})
    if isinstance(device, Vlan) and (data["id"], link["link"]) != (device.tag, names[device.link]):
        yield f"{name}: tag {data['id']} on {link['link']}"
    if isinstance(device, Vrf) and data["table"] != device.table:
        yield f"{name}: table {data['table']}"
    if isinstance(device, Bond) and device.parameters.mode and data["mode"] != device.parameters.mode:
        yield f"{name}: mode {data['mode']}"
    if isinstance(device, Bridge):
        yield from _bridge(device, data)
    if isinstance(master, Bridge) and ports:
        yield from _port(device, master, link["linkinfo"]["info_slave_data"], name)


def _bridge(bridge: Bridge, data: dict[str, Any]) -> Iterator[str]:
    own = bridge.parameters
    if bool(data["stp_state"]) != bool(own.stp):
        yield f"{bridge.id}: STP {data['stp_state']}"
    if own.priority is not None and data["priority"] != own.priority:
        yield f"{bridge.id}: priority {data['priority']}"
    for key in ("ageing_time", "forward_delay", "hello_time", "max_age"):
        value = getattr(own, key)
        if value is not None and data[key] != value // 10:
            yield f"{bridge.id}: {key} {data[key]}, not {value // 10}"


def _port(port: Device, bridge: Bridge, data: dict[str, Any], name: str) -> Iterator[str]:
    wanted = {
        "cost": dict(bridge.parameters.path_cost).get(port.id),
        "priority": dict(bridge.parameters.port_priority).get(port.id),
        "hairpin": port.hairpin,
        "learning": port.port_mac_learning,
        "neigh_suppress": port.neigh_suppress,
    }
    for key, value in wanted.items():
        if value is not None and data[key] != value:
            yield f"{name}: {key} {data[key]}, not {value}"


def _routes(network: Network, kernel: Kernel, names: dict[str, str], *, own_metrics: bool) -> list[str]:
    wanted = set()
    for device in network.devices:
        for route in device.routes:
            line = _route(route, device, names)
            wanted.add(_blind(line) if own_metrics and route.metric is None else line)
    others = ("fe80:", "multicast", "ff00:")
    found = [_kernel_route(route) for route in kernel.routes if not route["dst"].startswith(others)]
    there = {_blind(line) if _blind(line) in wanted else line for line in found}
    # ifupdown declares every default gateway on-link; in reach it is all the same
    missing = {route for route in wanted - there if (*route[:-2], True, route[-1]) not in there}
    more = {route for route in there - wanted if (*route[:-2], False, route[-1]) not in wanted}
    return [
        *(f"missing route {route}" for route in sorted(map(str, missing))),
        *(f"surplus route {route}" for route in sorted(map(str, more))),
    ]


def _blind(line: tuple[Any, ...]) -> tuple[Any, ...]:
    """A route of whatever metric."""
    return (*line[:METRIC], None, *line[METRIC + 1 :])


def _route(route: Route, device: Device, names: dict[str, str]) -> tuple[Any, ...]:
    alone = route.type in WITHOUT_DEVICE
    metric = route.metric if route.metric is not None else V6_METRIC if is_ipv6(route.to) else 0
    options = {"mtu": route.mtu, "initcwnd": route.congestion_window}
    return (
        "default" if route.default else route.to.removesuffix("/32").removesuffix("/128"),
        route.type,
        route.via,
        None if alone else names[device.id],
        str(route.table or "main"),
        metric,
        device.on_link(route),
        tuple(sorted((key, value) for key, value in options.items() if value is not None)),
    )


def _kernel_route(route: dict[str, Any]) -> tuple[Any, ...]:
    kind = route.get("type", "unicast")
    [options] = route.get("metrics", [{}]) or [{}]
    return (
        route["dst"],
        kind,
        route.get("gateway"),
        None if kind in WITHOUT_DEVICE else route.get("dev"),
        str(route.get("table", "main")),
        route.get("metric", 0),
        "onlink" in route.get("flags", ()),
        tuple(sorted(options.items())),
    )


def _rule(rule: Rule) -> tuple[Any, ...]:
    source = (rule.source or "all").removesuffix("/32").removesuffix("/128")
    return rule.priority, source, rule.mark, rule.type_of_service, str(rule.table)


def _kernel_rule(rule: dict[str, Any]) -> tuple[Any, ...]:
    source = rule.get("src", "all") + (f"/{rule['srclen']}" if "srclen" in rule else "")
    mark, tos = rule.get("fwmark"), rule.get("tos")
    words = {"throughput": 8, "reliability": 4, "lowdelay": 16}
    service = words.get(str(tos), None if tos is None else int(str(tos), 16))
    return rule["priority"], source, None if mark is None else int(mark, 16), service, rule["table"]
