"""From what NetworkManager's library understood back to fields of the model, independently of how we wrote it."""

from __future__ import annotations

from typing import Any

from ovfinit.network import networkmanager
from ovfinit.network.address import is_ipv6
from ovfinit.network.model import Bond, Bridge, Device, Ethernet, Network, Route, Rule, Vlan, Vrf

SCOPES = {0: "global", 253: "link", 254: "host"}
BOND = {
    "miimon": "mii_monitor_interval",
    "lacp_rate": "lacp_rate",
    "min_links": "min_links",
    "xmit_hash_policy": "transmit_hash_policy",
    "ad_select": "ad_select",
    "all_slaves_active": "all_members_active",
    "arp_interval": "arp_interval",
    "arp_ip_target": "arp_ip_targets",
    "arp_validate": "arp_validate",
    "arp_all_targets": "arp_all_targets",
    "updelay": "up_delay",
    "downdelay": "down_delay",
    "fail_over_mac": "fail_over_mac_policy",
    "num_grat_arp": "gratuitous_arp",
    "packets_per_slave": "packets_per_member",
    "primary_reselect": "primary_reselect_policy",
    "resend_igmp": "resend_igmp",
    "lp_interval": "learn_packet_interval",
    "primary": "primary",
    "mode": "mode",
}
# values that the library takes for unsaid
BOND_DEFAULTS = {"arp_interval": "0", "arp_validate": "none", "lacp_rate": "slow"}
BRIDGE_DEFAULTS = {"forward-delay": 15, "hello-time": 2, "max-age": 20, "ageing-time": 300, "priority": 32768}


def understood(settings: dict[str, Any]) -> dict[str, Any]:
    """What one profile says, in the model's fields."""
    connection, v4, v6 = (settings.get(name, {}) for name in ("connection", "ipv4", "ipv6"))
    wired = settings.get("802-3-ethernet", {})
    families = ((v4, "0.0.0.0/0"), (v6, "::/0"))
    routes = {_route(item) for family, _ in families for item in family.get("route-data", ())}
    routes |= {Route(to, family["gateway"], on_link=False) for family, to in families if "gateway" in family}
    match = settings.get("match", {})
    return {
        "name": connection.get("interface-name"),
        "pattern": tuple(match.get("interface-name", ())),
        "drivers": tuple(match.get("driver", ())),
        "hardware": bytes(wired.get("mac-address", ())).hex(":") or None,
        "macaddress": wired.get("assigned-mac-address", "").lower() or None,
        "mtu": wired.get("mtu"),
        "wake_on_lan": wired.get("wake-on-lan") == 64,
        "manual": connection.get("autoconnect") is False,
        "master": (connection.get("slave-type"), connection.get("master")) if "master" in connection else None,
        "addresses": {
            f"{one['address']}/{one['prefix']}" for family, _ in families for one in family.get("address-data", ())
        },
        "routes": routes,
        "rules": {_rule(item) for family, _ in families for item in family.get("routing-rules", ())},
        "nameservers": {server for family, _ in families for server in family.get("dns-data", ())},
        "search": tuple(v4.get("dns-search", ()) or v6.get("dns-search", ())),
        "methods": (v4.get("method"), v6.get("method")),
        "link_local4": v4.get("link-local") == 3 or v4.get("method") == "link-local",
        "privacy": {0: False, 2: True}.get(v6.get("ip6-privacy", -1)),
        "generation": {0: "eui64", 1: "stable-privacy"}.get(v6.get("addr-gen-mode", 2)),
        "ipv6_mtu": v6.get("mtu"),
        "client": v4.get("dhcp-client-id"),
        "ignored": [
            (family.get("ignore-auto-dns", False), family.get("ignore-auto-routes", False)) for family, _ in families
        ],
        "metrics": [family.get("route-metric") for family, _ in families],
        "told": [(family.get("dhcp-send-hostname", True), family.get("dhcp-hostname")) for family, _ in families],
        "host_name_ignored": settings.get("hostname", {}).get("from-dhcp") == 0,
        "own": _own(settings),
    }


def meant(device: Device, network: Network) -> dict[str, Any]:
    """The same out of the model; for what libnm cannot tell apart from its default, the default."""
    master = network.master_of(device)
    owner = master or network.vrf_of(device)
    plain = device if master is None else Device(device.id)
    match = device.match
    named = match.name if match and not device.set_name else None
    certain = named is None or not set(named) & set("*?[")
    found = {
        "name": device.name or (named if certain else None),
        "pattern": () if certain or named is None else (named,),
        "drivers": match.drivers if match and not device.set_name else (),
        "hardware": match.macaddress if match else None,
        "macaddress": device.macaddress,
        "mtu": device.mtu,
        "wake_on_lan": isinstance(device, Ethernet) and device.wake_on_lan,
        "manual": device.activation == "manual",
        "master": (type(owner).__name__.lower(), networkmanager.identity(owner.id)) if owner else None,
        "addresses": {address.text for address in plain.addresses},
        "routes": {
            route.with_(on_link=device.on_link(route), scope=None if is_ipv6(route.to) else route.scope)
            for route in plain.routes
        },
        "rules": {rule.with_(priority=32765 if rule.priority is None else rule.priority) for rule in plain.rules},
        "nameservers": set(plain.nameservers),
        "search": plain.search,
        "privacy": plain.ipv6_privacy,
        "generation": plain.ipv6_generation if plain.ipv6_token is None else "eui64",
        "ipv6_mtu": plain.ipv6_mtu,
        "client": plain.identifier if plain.dhcp4 else None,
        "link_local4": "ipv4" in (plain.link_local or ()),
        "own": _meant_own(device, network),
    }
    leases = [(plain.dhcp4, plain.dhcp4_options), (plain.dhcp6, plain.dhcp6_options)]
    found["ignored"] = [
        (on and options.use_dns is False or ra, on and options.use_routes is False)
        for (on, options), ra in zip(leases, (False, plain.ra_options.use_dns is False and _listens(plain)))
    ]
    found["metrics"] = [options.route_metric if on else None for on, options in leases]
    found["told"] = [
        (not on or options.send_hostname is not False, options.hostname if on else None) for on, options in leases
    ]
    found["host_name_ignored"] = any(on and options.use_hostname is False for on, options in leases)
    found["methods"] = (None, None) if master else (_method4(device), _method6(device))
    return found


def _listens(device: Device) -> bool:
    return _method6(device) == "auto"


def _method4(device: Device) -> str:
    fixed = any(not is_ipv6(address.ip) for address in device.addresses)
    local = "ipv4" in (device.link_local or ())
    return "auto" if device.dhcp4 else "manual" if fixed else "link-local" if local else "disabled"


def _method6(device: Device) -> str:
    fixed = any(is_ipv6(address.ip) for address in device.addresses)
    leads_out = any(route.to == "::/0" for route in device.routes)
    hears = not (fixed and leads_out) and "ipv6" in (
        device.link_local or ("ipv6",) if device.link_local is None else device.link_local
    )
    hears = hears and type(device).__name__ != "Dummy"
    if device.accept_ra or (device.accept_ra is None and hears):
        return "auto"
    local = device.link_local is None or "ipv6" in device.link_local
    return "dhcp" if device.dhcp6 else "manual" if fixed else "link-local" if local else "disabled"


def _route(item: dict[str, Any]) -> Route:
    return Route(
        f"{item['dest']}/{item['prefix']}",
        item.get("next-hop"),
        item.get("src"),
        item.get("metric"),
        item.get("table"),
        item.get("type", "unicast"),
        SCOPES.get(item.get("scope", -1)),
        item.get("onlink", False),
        item.get("mtu"),
        item.get("initcwnd"),
        item.get("initrwnd"),
        item.get("advmss"),
    )


def _rule(item: dict[str, Any]) -> Rule:
    ends = [f"{item[end]}/{item[f'{end}-len']}" if end in item else None for end in ("from", "to")]
    return Rule(*ends, item.get("table"), item["priority"], item.get("fwmark"), item.get("tos"))


def _own(settings: dict[str, Any]) -> dict[str, Any]:
    kind = settings["connection"]["type"]
    port = settings.get("bridge-port", {})
    found = {
        "kind": kind.replace("802-3-", ""),
        "port": (port.get("path-cost", 100), port.get("priority", 32), port.get("hairpin-mode", False)),
    }
    if kind == "bond":
        options = {BOND[key]: value for key, value in settings["bond"]["options"].items()}
        found.update({key: value for key, value in options.items() if BOND_DEFAULTS.get(key) != value})
    elif kind == "bridge":
        bridge = settings["bridge"]
        found.update(
            {key: bridge.get(key, default) for key, default in BRIDGE_DEFAULTS.items()}, stp=bridge.get("stp", True)
        )
    elif kind == "vlan":
        found.update(tag=settings["vlan"]["id"], parent=settings["vlan"]["parent"])
    elif kind == "vrf":
        found.update(table=settings["vrf"]["table"])
    return found


def _meant_own(device: Device, network: Network) -> dict[str, Any]:
    master = network.master_of(device)
    found: dict[str, Any] = {"kind": type(device).__name__.lower(), "port": (100, 32, False)}
    if isinstance(master, Bridge):
        cost, priority = (
            dict(pairs).get(device.id) for pairs in (master.parameters.path_cost, master.parameters.port_priority)
        )
        found["port"] = (100 if cost is None else cost, 32 if priority is None else priority, bool(device.hairpin))
    if isinstance(device, Bond):
        own = {name: value for name, value in device.parameters.as_dict().items() if value not in (None, ())}
        own = {name: value for name, value in own.items() if BOND_DEFAULTS.get(name) != str(value)}
        own["mode"] = own.get("mode", "balance-rr")
        names = {member.id: member.name or (member.match.name if member.match else None) for member in network.devices}
        spelled = {
            "arp_ip_targets": ",".join,
            "learn_packet_interval": lambda value: value // 1000,
            "all_members_active": int,
            "primary": names.get,
        }
        found.update({name: str(spelled[name](value) if name in spelled else value) for name, value in own.items()})
    elif isinstance(device, Bridge):
        own = device.parameters.as_dict()
        for key, default in BRIDGE_DEFAULTS.items():
            value = own[key.replace("-", "_")]
            found[key] = default if value is None else value if key == "priority" else value // 1000
        found["stp"] = bool(own["stp"])
    elif isinstance(device, Vlan):
        below = next(one for one in network.devices if one.id == device.link)
        found.update(tag=device.tag, parent=below.name or networkmanager.identity(below.id))
    elif isinstance(device, Vrf):
        found["table"] = device.table
    return found
