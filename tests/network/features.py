"""What a network configuration can ask for, one small document each: the rows of the matrix in docs/network.md."""

from __future__ import annotations

from typing import Any

MAC = "02:00:00:00:01:01"
_STATIC: dict[str, Any] = {"addresses": ["192.0.2.10/24", "2001:db8::10/64"], "accept-ra": False}


def adapter(**settings: Any) -> dict[str, Any]:
    """One Ethernet adapter; underscores stand for hyphens, and a hidden one for a keyword of Python."""
    return {"ethernets": {"eth0": {key.rstrip("_").replace("_", "-"): value for key, value in settings.items()}}}


def static(**settings: Any) -> dict[str, Any]:
    """The same with a fixed address of both families."""
    return adapter(**_STATIC, **settings)


def route(**words: Any) -> dict[str, Any]:
    """A fixed address and one route."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in words.items()}
    return static(routes=[{"to": "10.9.0.0/16", "via": "192.0.2.9", **given}])


def rule(**words: Any) -> dict[str, Any]:
    """A fixed address, a table, and one rule that leads to it."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in words.items()}
    table = [{"to": "default", "via": "192.0.2.1", "table": 101}]
    return static(routes=table, routing_policy=[{"from": "192.0.2.10", "table": 101, **given}])


def bond(**parameters: Any) -> dict[str, Any]:
    """Two adapters as one."""
    given = {key.replace("_", "-"): value for key, value in parameters.items()}
    device = {"interfaces": ["eth0", "eth1"], "parameters": given, "dhcp4": True}
    return {"ethernets": {"eth0": {}, "eth1": {}}, "bonds": {"bond0": device}}


def bridge(port: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    """A bridge with one port."""
    given = {key.replace("_", "-"): value for key, value in parameters.items()}
    device = {"interfaces": ["eth0"], "parameters": given, "dhcp4": True}
    return {"ethernets": {"eth0": port or {}}, "bridges": {"br0": device}}


def overrides(family: int, **words: Any) -> dict[str, Any]:
    """An adapter with DHCP and one override."""
    given = {key.replace("_", "-"): value for key, value in words.items()}
    return adapter(**{f"dhcp{family}": True, f"dhcp{family}_overrides": given})


FEATURES: dict[str, dict[str, Any]] = {
    "match: name": adapter(match={"name": "ens3"}, dhcp4=True),
    "match: name, a pattern": adapter(match={"name": "en*"}, dhcp4=True),
    "match: macaddress": adapter(match={"macaddress": MAC}, dhcp4=True),
    "match: driver": adapter(match={"driver": "virtio_net"}, dhcp4=True),
    "match: driver, several": adapter(match={"driver": ["virtio_net", "e1000*"]}, dhcp4=True),
    "set-name": adapter(match={"macaddress": MAC}, set_name="lan0", dhcp4=True),
    "macaddress": adapter(macaddress=MAC, dhcp4=True),
    "mtu": adapter(mtu=1400, dhcp4=True),
    "wakeonlan": adapter(wakeonlan=True, dhcp4=True),
    "receive-checksum-offload and the other offloads": adapter(
        receive_checksum_offload=False,
        transmit_checksum_offload=False,
        tcp_segmentation_offload=False,
        tcp6_segmentation_offload=False,
        generic_segmentation_offload=False,
        generic_receive_offload=False,
        large_receive_offload=False,
        dhcp4=True,
    ),
    "optional": adapter(optional=True, dhcp4=True),
    "critical, with DHCP": adapter(critical=True, dhcp4=True),
    "critical, with fixed addresses": static(critical=True),
    "activation-mode: manual": adapter(activation_mode="manual", dhcp4=True),
    "activation-mode: off": adapter(activation_mode="off", dhcp4=True),
    "ignore-carrier": static(ignore_carrier=True),
    "emit-lldp": static(emit_lldp=True),
    "dhcp4": adapter(dhcp4=True),
    "dhcp6": adapter(dhcp6=True),
    "dhcp-identifier: mac": adapter(dhcp4=True, dhcp_identifier="mac"),
    "dhcp4-overrides: use-dns": overrides(4, use_dns=False),
    "dhcp4-overrides: use-domains": overrides(4, use_domains=True),
    "dhcp4-overrides: use-domains: route": overrides(4, use_domains="route"),
    "dhcp4-overrides: use-ntp": overrides(4, use_ntp=False),
    "dhcp4-overrides: use-hostname": overrides(4, use_hostname=False),
    "dhcp4-overrides: use-mtu": overrides(4, use_mtu=False),
    "dhcp4-overrides: use-routes": overrides(4, use_routes=False),
    "dhcp4-overrides: route-metric": overrides(4, route_metric=300),
    "dhcp4-overrides: send-hostname": overrides(4, send_hostname=False),
    "dhcp4-overrides: hostname": overrides(4, hostname="web1"),
    "dhcp6-overrides: use-dns": overrides(6, use_dns=False),
    "dhcp6-overrides: route-metric": overrides(6, route_metric=300),
    "dhcp6-overrides: hostname": overrides(6, hostname="web1"),
    "accept-ra: true": adapter(accept_ra=True),
    "accept-ra: false": static(),
    "ra-overrides: use-dns": adapter(ra_overrides={"use-dns": False}),
    "ra-overrides: use-domains: route": adapter(ra_overrides={"use-domains": "route"}),
    "ra-overrides: table": adapter(ra_overrides={"table": 101}),
    "link-local: none": adapter(link_local=[], dhcp4=True),
    "link-local: ipv4": adapter(link_local=["ipv4", "ipv6"]),
    "ipv6-privacy": adapter(ipv6_privacy=True, accept_ra=True),
    "ipv6-address-generation": adapter(ipv6_address_generation="stable-privacy", accept_ra=True),
    "ipv6-address-token": adapter(ipv6_address_token="::12", accept_ra=True),
    "ipv6-mtu": static(ipv6_mtu=1300),
    "addresses, both families": static(),
    "addresses: label": adapter(addresses=[{"192.0.2.10/24": {"label": "eth0:x"}}]),
    "addresses: lifetime": adapter(addresses=["192.0.2.9/24", {"192.0.2.10/24": {"lifetime": 0}}]),
    "nameservers: addresses, both families": static(nameservers={"addresses": ["192.0.2.53", "2001:db8::53"]}),
    "nameservers: search": static(nameservers={"addresses": ["192.0.2.53"], "search": ["example.org"]}),
    "routes: default, both families": static(
        routes=[{"to": "default", "via": "192.0.2.1"}, {"to": "default", "via": "2001:db8::1"}]
    ),
    "routes: IPv6 beside IPv4": static(
        routes=[{"to": "10.9.0.0/16", "via": "192.0.2.9"}, {"to": "2001:db8:9::/48", "via": "2001:db8::9"}]
    ),
    "routes: metric": route(metric=50),
    "routes: table": route(table=101),
    "routes: on-link": route(on_link=True),
    "routes: a gateway outside of all subnets": adapter(
        addresses=["192.0.2.10/32"], routes=[{"to": "default", "via": "203.0.113.1"}]
    ),
    "routes: from": route(from_="192.0.2.10"),
    "routes: mtu": route(mtu=1300),
    "routes: congestion-window": route(congestion_window=20),
    "routes: advertised-receive-window": route(advertised_receive_window=20),
    "routes: advertised-mss": route(advertised_mss=1200),
    "routes: scope: link": static(routes=[{"to": "10.9.0.0/16", "scope": "link"}]),
    "routes: type: blackhole": static(routes=[{"to": "10.9.0.0/16", "type": "blackhole"}]),
    "routes: type: throw": static(routes=[{"to": "10.9.0.0/16", "type": "throw"}]),
    "routes: type: multicast": static(routes=[{"to": "239.9.0.0/16", "type": "multicast"}]),
    "routing-policy: from, to, table": rule(to="10.9.0.0/16"),
    "routing-policy: priority": rule(priority=30),
    "routing-policy: mark": rule(mark=7),
    "routing-policy: type-of-service": rule(type_of_service=16),
    "vlans": {"ethernets": {"eth0": {}}, "vlans": {"v5": {"id": 5, "link": "eth0", "dhcp4": True}}},
    "vlans: on a matched adapter": {
        "ethernets": {"eth0": {"match": {"macaddress": MAC}, "set-name": "lan1"}},
        "vlans": {"v5": {"id": 5, "link": "eth0", "dhcp4": True}},
    },
    "bonds": bond(),
    "bonds: mode, mii-monitor-interval, up-delay, down-delay": bond(
        mode="active-backup", mii_monitor_interval=100, up_delay=200, down_delay=300
    ),
    "bonds: primary, primary-reselect-policy": bond(
        mode="active-backup", primary="eth0", primary_reselect_policy="better", mii_monitor_interval=100
    ),
    "bonds: 802.3ad with lacp-rate, ad-select, min-links": bond(
        mode="802.3ad", lacp_rate="fast", ad_select="count", min_links=1, mii_monitor_interval=100
    ),
    "bonds: transmit-hash-policy": bond(mode="balance-xor", transmit_hash_policy="layer3+4", mii_monitor_interval=100),
    "bonds: ARP monitoring": bond(
        mode="active-backup",
        arp_interval=100,
        arp_ip_targets=["192.0.2.1", "192.0.2.2"],
        arp_validate="all",
        arp_all_targets="any",
    ),
    "bonds: fail-over-mac-policy, gratuitous-arp, resend-igmp": bond(
        mode="active-backup", fail_over_mac_policy="active", gratuitous_arp=3, resend_igmp=4, mii_monitor_interval=100
    ),
    "bonds: all-members-active, packets-per-member, learn-packet-interval": bond(
        mode="balance-rr",
        all_members_active=True,
        packets_per_member=3,
        learn_packet_interval=2,
        mii_monitor_interval=100,
    ),
    "bridges": bridge(),
    "bridges: stp, forward-delay, hello-time, max-age, ageing-time": bridge(
        stp=True, forward_delay=4, hello_time=1, max_age=12, ageing_time=100
    ),
    "bridges: forward-delay below a second": bridge(stp=True, forward_delay="2500ms"),
    "bridges: priority, path-cost, port-priority": bridge(
        priority=8192, path_cost={"eth0": 9}, port_priority={"eth0": 5}
    ),
    "bridges: hairpin": bridge({"hairpin": True}),
    "bridges: port-mac-learning": bridge({"port-mac-learning": False}),
    "bridges: neigh-suppress": bridge({"neigh-suppress": True}),
    "dummy-devices": {"dummy-devices": {"dm0": {"addresses": ["10.1.0.1/32"]}}},
    "vrfs": {
        "ethernets": {"eth0": {"addresses": ["192.0.2.10/24"]}},
        "vrfs": {
            "red": {
                "table": 77,
                "interfaces": ["eth0"],
                "routes": [{"to": "default", "via": "192.0.2.1", "on-link": True}],
            }
        },
    },
}


def apart(number: int, document: dict[str, Any]) -> dict[str, Any]:
    """The same document with names of its own, so that it can stand beside others."""
    names = {name: f"{name}x{number}" for section in document.values() for name in section}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {names.get(key, key): renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    return {kind: renamed(section) for kind, section in document.items()}
