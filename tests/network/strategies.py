"""Random valid documents of version 2, for hypothesis: every key that the model has, in any mixture."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ovfinit.network.outcome import Finding

FLAG = st.booleans()
METRIC = st.integers(1, 2**31 - 1)
TABLE = st.sampled_from([77, 101, 102, 4000])
MACS = st.integers(0, 255).map(lambda last: f"02:00:00:00:09:{last:02x}")
DOMAINS = st.lists(st.sampled_from(["example.org", "example.net", "a.example"]), min_size=1, max_size=2, unique=True)
NICS = {"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:00:02", "eth2": "02:00:00:00:00:03"}
TYPES = ("blackhole", "prohibit", "unreachable", "throw", "local", "multicast")


def options(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with any of these keys; underscores stand for hyphens."""
    return st.fixed_dictionaries({}, optional={key.replace("_", "-"): value for key, value in strategies.items()})


DHCP = options(
    use_dns=FLAG,
    use_domains=st.sampled_from([True, False, "route"]),
    use_ntp=FLAG,
    use_hostname=FLAG,
    use_mtu=FLAG,
    use_routes=FLAG,
    route_metric=METRIC,
    send_hostname=FLAG,
    hostname=st.just("web1"),
)
SWITCHES = options(
    mtu=st.sampled_from([1400, 1500, 9000]),
    macaddress=MACS,
    accept_ra=FLAG,
    ipv6_privacy=FLAG,
    ipv6_address_generation=st.sampled_from(["eui64", "stable-privacy"]),
    ipv6_mtu=st.just(1300),
    link_local=st.lists(st.sampled_from(["ipv4", "ipv6"]), unique=True),
    optional=FLAG,
    critical=FLAG,
    emit_lldp=FLAG,
    ignore_carrier=FLAG,
    activation_mode=st.sampled_from(["manual", "off"]),
    hairpin=FLAG,
    neigh_suppress=FLAG,
    dhcp4=FLAG,
    dhcp6=FLAG,
    dhcp_identifier=st.just("mac"),
    dhcp4_overrides=DHCP,
    dhcp6_overrides=DHCP,
    ra_overrides=options(use_dns=FLAG, use_domains=FLAG, table=TABLE),
)
MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
BOND = options(
    mode=st.sampled_from(MODES),
    lacp_rate=st.sampled_from(["slow", "fast"]),
    mii_monitor_interval=st.sampled_from([0, 100]),
    min_links=st.integers(0, 2),
    transmit_hash_policy=st.sampled_from(["layer2", "layer3+4"]),
    ad_select=st.sampled_from(["stable", "count"]),
    all_members_active=FLAG,
    arp_interval=st.sampled_from([0, 200]),
    arp_ip_targets=st.just(["192.0.2.1", "192.0.2.2"]),
    arp_validate=st.sampled_from(["none", "all"]),
    arp_all_targets=st.sampled_from(["any", "all"]),
    up_delay=st.sampled_from([0, 200]),
    down_delay=st.sampled_from([0, 200]),
    fail_over_mac_policy=st.sampled_from(["none", "active", "follow"]),
    gratuitous_arp=st.integers(0, 255),
    packets_per_member=st.integers(0, 100),
    primary_reselect_policy=st.sampled_from(["always", "better", "failure"]),
    resend_igmp=st.integers(0, 255),
    learn_packet_interval=st.integers(1, 20),
    primary=st.sampled_from(["eth1", "eth2"]),
)
BRIDGE = options(
    ageing_time=st.integers(10, 1000),
    priority=st.integers(0, 15).map(lambda value: value * 4096),
    forward_delay=st.integers(2, 30),
    hello_time=st.integers(1, 10),
    max_age=st.integers(6, 40),
    stp=FLAG,
)


@st.composite
def addressing(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Fixed addresses out of networks that no other device has, and what goes with them."""
    settings: dict[str, Any] = {}
    v4, v6 = f"10.{number}.0", f"2001:db8:{number}:"
    addresses: list[Any] = []
    if draw(FLAG):
        addresses.append(f"{v4}.5/{draw(st.sampled_from([24, 25, 32]))}")
    if draw(FLAG):
        addresses.append(f"{v6}:5/{draw(st.sampled_from([64, 128]))}")
    extra = draw(st.sampled_from([None, None, {"lifetime": 0}, {"label": f"l{number}:1"}]))
    if extra and addresses and ":" not in addresses[0]:
        addresses.append({f"{v4}.6/24": extra})
    routes = []
    for index in range(draw(st.integers(0, 4)) if addresses else 0):
        ipv6 = ":" in (addresses[0] if len(addresses) == 1 else draw(st.sampled_from(addresses[:2])))
        gateway = f"{v6}:{index + 1:x}0" if ipv6 else f"{v4}.{index + 10}"
        away = f"2001:db8:ff{number}::{index + 1}" if ipv6 else f"203.0.{number}.{index + 1}"
        target = f"2001:db8:{number}{index + 1}::/48" if ipv6 else f"172.{16 + index}.{number}.0/24"
        route: dict[str, Any] = {"to": target, "via": draw(st.sampled_from([gateway, away]))}
        # default routes of one number would be netplan's to complain of
        route.update({"to": "default", "metric": 1000 * number + index} if draw(FLAG) else {})
        route.update(draw(options(metric=METRIC)) if "metric" not in route else {})
        route.update(draw(options(table=TABLE, mtu=st.just(1300), congestion_window=st.just(20))))
        if draw(st.integers(0, 4)) == 0:
            route = {"to": target, "type": draw(st.sampled_from(TYPES)), "metric": 1000 * number + index}
        routes.append(route)
    rules = []
    for index in range(draw(st.integers(0, 2)) if addresses else 0):
        ipv6 = ":" in (addresses[0] if isinstance(addresses[0], str) else "")
        source = {"from": f"{v6}:{index:x}1" if ipv6 else f"{v4}.{index + 1}"}
        more = draw(options(mark=st.integers(1, 255), type_of_service=st.sampled_from([4, 8, 16])))
        rules.append({**source, "table": draw(TABLE), "priority": 100 * number + index, **more})
    servers = [f"{v6}:53" if isinstance(one, str) and ":" in one else f"{v4}.53" for one in addresses]
    if servers and draw(FLAG):
        settings["nameservers"] = {"addresses": sorted(set(servers)), **draw(options(search=DOMAINS))}
    for key, value in (("addresses", addresses), ("routes", routes), ("routing-policy", rules)):
        settings.update({key: value} if value else {})
    return settings


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Three adapters, and what may stand on them."""
    ethernets: dict[str, Any] = {}
    for number, (name, mac) in enumerate(NICS.items(), 1):
        settings = {**draw(SWITCHES), **draw(addressing(number)), **draw(options(wakeonlan=FLAG))}
        matched = draw(st.sampled_from([None, None, {"macaddress": mac}, {"name": name}, {"driver": "virtio*"}]))
        if matched:
            settings["match"] = matched
            settings.update({"set-name": f"lan{number}"} if draw(FLAG) else {})
        ethernets[name] = settings
    found: dict[str, Any] = {"version": 2, "ethernets": ethernets}
    upper = draw(st.sampled_from([None, "bonds", "bridges", "vrfs"]))
    settings = {**draw(SWITCHES), **draw(addressing(7))}
    if upper == "bonds":
        found[upper] = {"bond0": {"interfaces": ["eth1", "eth2"], "parameters": draw(BOND), **settings}}
    elif upper == "bridges":
        ports = options(**{"path-cost": st.just({"eth1": 9}), "port-priority": st.just({"eth1": 5})})
        found[upper] = {
            "br0": {"interfaces": ["eth1", "eth2"], "parameters": {**draw(BRIDGE), **draw(ports)}, **settings}
        }
    elif upper == "vrfs":
        for item in (*settings.get("routes", ()), *settings.get("routing-policy", ())):
            item["table"] = 55
        found[upper] = {"red": {"interfaces": ["eth1", "eth2"], "table": 55, **settings}}
    if upper in {"bonds", "bridges"}:
        for name in ("eth1", "eth2"):
            for key in ("addresses", "routes", "routing-policy", "nameservers", "dhcp4", "dhcp6"):
                ethernets[name].pop(key, None)
    if draw(FLAG):
        link = draw(st.sampled_from(["eth0", *(["bond0"] if upper == "bonds" else [])]))
        found["vlans"] = {"v5": {"id": 5, "link": link, **draw(SWITCHES), **draw(addressing(8))}}
    if draw(FLAG):
        found["dummy-devices"] = {"dm0": draw(addressing(9))}
    return found


def tangible(document: dict[str, Any], kinds: set[str]) -> dict[str, Any]:
    """The document less what a network namespace cannot show: DHCP, renaming, hardware, kinds its kernel lacks."""
    import copy

    kept = copy.deepcopy(document)
    for kind in ("bonds", "vlans", "vrfs", "dummy-devices"):
        if kind not in kinds:
            kept.pop(kind, None)
    hidden = (
        *("dhcp4", "dhcp6", "set-name", "activation-mode", "wakeonlan", "emit-lldp", "critical", "optional"),
        *("link-local", "accept-ra", "ipv6-address-generation", "ra-overrides", "ignore-carrier"),
    )
    for bridge in kept.get("bridges", {}).values():
        # a bridge follows the smallest of its ports until it is told otherwise, and being told the same is nothing
        for port in bridge["interfaces"]:
            kept["ethernets"][port].pop("mtu", None)
    for kind, section in kept.items():
        for settings in section.values() if kind != "version" else ():
            for key in (
                *hidden,
                "link-local",
                "accept-ra",
                "ipv6-address-generation",
                "ra-overrides",
                "ignore-carrier",
            ):
                settings.pop(key, None)
            # a veth has neither a driver of that name nor a permanent address to be found again by
            if "driver" in settings.get("match", {}) or "macaddress" in settings:
                settings.pop("match", None)
            # nobody advertises anything there, and networkd would wait for it
            settings["accept-ra"] = False
            routes = [route for route in settings.get("routes", ()) if route.get("type") not in {"local", "multicast"}]
            if "routes" in settings:
                settings["routes"] = routes
    return kept


def without(document: dict[str, Any], errors: tuple[Finding, ...]) -> dict[str, Any]:
    """The document less what the errors name."""
    import copy

    kept = copy.deepcopy(document)
    doomed: list[tuple[list[Any], int]] = []
    for error in errors:
        place: Any = kept
        for depth, part in enumerate(error.path):
            last = depth == len(error.path) - 1
            following = None if last else error.path[depth + 1]
            if isinstance(place, list) and isinstance(part, int):
                if last or not isinstance(place[part], dict) or following not in place[part]:
                    # an address with options, or the whole item
                    doomed.append((place, part))
                    break
            elif last:
                place.pop(part, None)
                break
            if not isinstance(place, list) and part not in place:
                break
            place = place[part]
    for items, index in sorted(doomed, key=lambda one: -one[1]):
        if index < len(items):
            del items[index]
    return kept
