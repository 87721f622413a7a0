"""Commands of ip(8) for what interfaces(5) has no words for. They run in a shell of ifupdown's with $IFACE set.

Everything that goes into one is a number, a canonical address or a checked name: nothing needs quoting.
"""

from __future__ import annotations

from .address import is_ipv6
from .model import Bond, Bridge, Dummy, Vlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .model import Address, Device, Network, Route, Rule

    Word = str | int | bool | None

_WITHOUT_DEVICE = {"blackhole", "prohibit", "throw", "unreachable"}
_TICKS = 10  # the kernel's bridge counts in hundredths of a second


def create(device: Device, kernel: Mapping[str, Sequence[str]], network: Network) -> Iterator[str]:
    """Make a virtual device and take in its members; `kernel` has the interface names of each device below it."""
    members = [name for id_ in device.below for name in kernel[id_]]
    if isinstance(device, Dummy):
        yield _add("type dummy")
    elif isinstance(device, Vlan):
        yield _add(f"link {members[0]} type vlan id {device.tag}")
    elif isinstance(device, Bond):
        own = device.parameters
        yield _add(f"type bond {_words(_bond(device))}".rstrip())
        for name in members:
            # the driver takes in only what is down
            yield f"ip link set dev {name} down"
            yield f"ip link set dev {name} master $IFACE"
        if own.primary is not None:
            yield f"ip link set dev $IFACE type bond primary {kernel[own.primary][0]}"
    elif isinstance(device, Bridge):
        cost, priority = dict(device.parameters.path_cost), dict(device.parameters.port_priority)
        yield _add(f"type bridge {_words(_bridge(device))}".rstrip())
        for port in (each for each in network.devices if each.id in device.interfaces):
            words = {
                "cost": cost.get(port.id),
                "priority": priority.get(port.id),
                "hairpin": _switch(port.hairpin),
                "learning": _switch(port.port_mac_learning),
                "neigh_suppress": _switch(port.neigh_suppress),
            }
            options = _words(words)
            for name in kernel[port.id]:
                yield f"ip link set dev {name} master $IFACE"
                yield f"ip link set dev {name} up"
                if options:
                    yield f"ip link set dev {name} type bridge_slave {options}"


def address_command(address: Address) -> str:
    """Add an address with what `address` in a stanza cannot have."""
    # an address that is never chosen as a source is one whose preference has run out
    words = {"label": address.label, "preferred_lft": address.lifetime}
    return f"ip address add {address.text} dev $IFACE {_words(words)}"


def route_commands(device: Device, route: Route) -> tuple[str, str | None]:
    """Add a route, and take it away if the kernel would not do so together with the interface."""
    where = route.to if route.type == "unicast" else f"{route.type} {route.to}"
    alone = route.type in _WITHOUT_DEVICE
    words = {
        "via": route.via,
        "dev": None if alone else "$IFACE",
        "src": route.source,
        "metric": route.metric,
        "table": route.table,
        "scope": route.scope,
        "mtu": route.mtu,
        "initcwnd": route.congestion_window,
        "initrwnd": route.advertised_receive_window,
        "advmss": route.advertised_mss,
    }
    command = f"ip {_family(route.to)} route {{}} {where} {_words(words)}".rstrip()
    if device.on_link(route):
        command += " onlink"
    return command.format("replace"), command.format("delete") if alone else None


def rule_commands(rule: Rule) -> tuple[str, str]:
    """Add a policy rule, and take it away: no rule goes with its interface."""
    words = {
        "from": rule.source,
        "to": rule.to,
        "fwmark": rule.mark,
        "tos": None if rule.type_of_service is None else hex(rule.type_of_service),
        "table": rule.table,
        "priority": rule.priority,
    }
    command = f"ip {_family(rule.source or rule.to or '')} rule {{}} {_words(words)}"
    return command.format("add"), command.format("delete")


def _add(what: str) -> str:
    link, type_, rest = what.partition("type ")
    return f"test -d /sys/class/net/$IFACE || ip link add {link}name $IFACE {type_}{rest}"


def _family(text: str) -> str:
    return "-6" if is_ipv6(text) else "-4"


def _switch(value: bool | None) -> str | None:
    return None if value is None else "on" if value else "off"


def _words(words: Mapping[str, Word]) -> str:
    shown = {key: int(value) if isinstance(value, bool) else value for key, value in words.items() if value is not None}
    return " ".join(f"{key} {value}" for key, value in shown.items())


def _bond(bond: Bond) -> dict[str, Word]:
    own = bond.parameters
    return {
        "mode": own.mode,
        "miimon": own.mii_monitor_interval,
        "updelay": own.up_delay,
        "downdelay": own.down_delay,
        "arp_interval": own.arp_interval,
        "arp_ip_target": ",".join(own.arp_ip_targets) or None,
        "arp_validate": own.arp_validate,
        "arp_all_targets": own.arp_all_targets,
        "primary_reselect": own.primary_reselect_policy,
        "fail_over_mac": own.fail_over_mac_policy,
        "xmit_hash_policy": own.transmit_hash_policy,
        "resend_igmp": own.resend_igmp,
        "num_grat_arp": own.gratuitous_arp,
        "all_slaves_active": own.all_members_active,
        "min_links": own.min_links,
        "lp_interval": None if own.learn_packet_interval is None else max(1, own.learn_packet_interval // 1000),
        "packets_per_slave": own.packets_per_member,
        "lacp_rate": own.lacp_rate,
        "ad_select": own.ad_select,
    }


def _bridge(bridge: Bridge) -> dict[str, Word]:
    own = bridge.parameters
    times = {
        "ageing_time": own.ageing_time,
        "forward_delay": own.forward_delay,
        "hello_time": own.hello_time,
        "max_age": own.max_age,
    }
    ticks = {key: None if value is None else value // _TICKS for key, value in times.items()}
    return {"stp_state": own.stp, "priority": own.priority, **ticks}
