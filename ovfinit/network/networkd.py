"""The network as systemd-networkd's files: systemd.network(5), systemd.netdev(5), systemd.link(5), as of systemd 249.

One `.network` for each device, a `.netdev` for what must be made first, a `.link` (read by udev) for a new name or
wake-on-LAN.
"""

from __future__ import annotations

from .model import Bond, Bridge, Dummy, Ethernet, Match, Vlan, Vrf
from .outcome import HEADER, Finding, Rendered, RenderedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Device, Dhcp, Network, Offloads, Route, Rule

    Value = str | int | bool | None
    Lines = list[tuple[str, Value]]
    Sections = list[tuple[str, Lines]]

FOLDER = "/etc/systemd/network"
PREFIX = "10-ovfinit-"


def render(network: Network) -> Rendered:
    """All files by path of the tree. networkd can express whatever the model holds: nothing is refused.

    A warning is about a pattern that takes in a device which has a description of its own.
    """
    if any(isinstance(device, Vrf) for device in network.devices):
        from .vrfroutes import placed

        network = placed(network)
    files = {}
    for device in network.devices:
        base = f"{FOLDER}/{PREFIX}{device.id}"
        files[f"{base}.network"] = RenderedFile(_text(_network(device, network)))
        if not isinstance(device, Ethernet):
            files[f"{base}.netdev"] = RenderedFile(_text(_netdev(device)))
        files.update(link_file(device, network))
    names = tuple(device.name for device in network.devices if device.name)
    return Rendered(files, names, warnings=tuple(_overlaps(network)))


def _overlaps(network: Network) -> Iterator[Finding]:
    """Patterns whose file is read before that of a device they fit: the first that fits is the only one."""
    vague = [device for device in network.devices if device.match and device.match == Match(device.match.name)]
    for device in vague:
        from fnmatch import fnmatchcase

        pattern = device.match.name if device.match and device.match.name else "*"
        for other in network.devices:
            later = isinstance(other, Ethernet) and f"{device.id}." < f"{other.id}."
            if later and other.name is not None and fnmatchcase(other.name, pattern):
                message = (
                    f"also fits {other.id}, and networkd reads {device.id} first: choose an id that sorts after it"
                )
                yield Finding(("ethernets", device.id, "match"), message)


def link_file(device: Device, network: Network) -> dict[str, RenderedFile]:
    """The `.link` file of a device that needs one. It is udev's, so it serves whatever brings the interface up."""
    wake = isinstance(device, Ethernet) and device.wake_on_lan
    offloads = _offloads(device.offloads) if isinstance(device, Ethernet) else []
    if not device.set_name and not wake and all(value is None for _, value in offloads):
        return {}
    match = [("OriginalName" if key == "Name" else key, value) for key, value in _match(device, network, rename=False)]
    # the first .link that matches is the only one: without a name of ours it must name as systemd's own does
    naming: Lines = [("Name", device.set_name)]
    if not device.set_name:
        naming = [
            ("NamePolicy", "keep kernel database onboard slot path"),
            ("AlternativeNamesPolicy", "database onboard slot path"),
        ]
    sections: Sections = [("Match", match), ("Link", [*naming, ("WakeOnLan", "magic" if wake else None), *offloads])]
    return {f"{FOLDER}/{PREFIX}{device.id}.link": RenderedFile(_text(sections))}


def _offloads(offloads: Offloads) -> Lines:
    return [
        ("ReceiveChecksumOffload", offloads.receive_checksum),
        ("TransmitChecksumOffload", offloads.transmit_checksum),
        ("TCPSegmentationOffload", offloads.tcp_segmentation),
        ("TCP6SegmentationOffload", offloads.tcp6_segmentation),
        ("GenericSegmentationOffload", offloads.generic_segmentation),
        ("GenericReceiveOffload", offloads.generic_receive),
        ("LargeReceiveOffload", offloads.large_receive),
    ]


def _match(device: Device, network: Network, *, rename: bool = True) -> Lines:
    """How to recognise the hardware.

    Virtual devices are kept out: a VLAN or bridge inherits the hardware address of what it stands on, and often a
    pattern fits its name. A member of a bond gets the bond's address, and an adapter with a set address that one:
    there only the permanent address counts.
    """
    match = device.match
    if match is None:
        return [("Name", device.id)]
    name = match.name
    if name is not None and device.set_name and rename:
        name = f"{name} {device.set_name}"
    if match == Match():
        name = "*"
    lines: Lines = [("Name", name), ("Driver", " ".join(match.drivers) or None)]
    if match.macaddress is not None:
        changing = device.macaddress is not None or isinstance(network.master_of(device), Bond)
        lines.append(("PermanentMACAddress" if changing else "MACAddress", match.macaddress))
    return [*lines, ("Type", "!loopback vlan bond bridge")]


def _network(device: Device, network: Network) -> Sections:
    master, vrf = network.master_of(device), network.vrf_of(device)
    families = device.link_local
    if families is None:
        families = () if master else ("ipv6",)
    dhcp = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6"}.get((device.dhcp4, device.dhcp6))
    own = device.macaddress if isinstance(device, Ethernet) else None
    sections: Sections = [
        ("Match", _match(device, network)),
        (
            "Link",
            [
                ("MACAddress", own),
                ("MTUBytes", device.mtu),
                ("ActivationPolicy", {"manual": "manual", "off": "always-down"}.get(device.activation or "")),
                ("RequiredForOnline", False if device.optional or device.activation else None),
            ],
        ),
        (
            "Network",
            [
                ("DHCP", dhcp),
                ("LinkLocalAddressing", {0: "no", 2: "yes"}.get(len(families)) or families[0]),
                ("IPv6AcceptRA", device.accept_ra),
                ("IPv6PrivacyExtensions", device.ipv6_privacy),
                ("IPv6LinkLocalAddressGenerationMode", device.ipv6_generation),
                ("IPv6MTUBytes", device.ipv6_mtu),
                *(
                    ("Address", address.text)
                    for address in device.addresses
                    if not address.label and not address.lifetime
                ),
                *(("DNS", server) for server in device.nameservers),
                ("Domains", " ".join(device.search) or None),
                ("EmitLLDP", device.emit_lldp),
                # a bridge without ports, a VLAN whose cable is out: configured all the same
                (
                    "ConfigureWithoutCarrier",
                    True if device.ignore_carrier or not isinstance(device, Ethernet) else None,
                ),
                ("KeepConfiguration", True if device.critical else None),
                ("Bridge", master.id if isinstance(master, Bridge) else None),
                ("Bond", master.id if isinstance(master, Bond) else None),
                ("VRF", vrf.id if vrf else None),
                ("PrimarySlave", True if isinstance(master, Bond) and master.parameters.primary == device.id else None),
                *(("VLAN", vlan.id) for vlan in network.vlans_on(device)),
            ],
        ),
    ]
    for address in device.addresses:
        if address.label or address.lifetime:
            lines: Lines = [
                ("Address", address.text),
                ("Label", address.label),
                ("PreferredLifetime", address.lifetime),
            ]
            sections.append(("Address", lines))
    sections += [("Route", list(_route(device, route))) for route in device.routes]
    sections += [("RoutingPolicyRule", _rule(rule)) for rule in device.rules]
    sections += _dhcp(device)
    if isinstance(master, Bridge):
        port: Lines = [
            ("Cost", dict(master.parameters.path_cost).get(device.id)),
            ("Priority", dict(master.parameters.port_priority).get(device.id)),
            ("HairPin", device.hairpin),
            ("Learning", device.port_mac_learning),
            ("NeighborSuppression", device.neigh_suppress),
        ]
        sections.append(("Bridge", port))
    return sections


def _route(device: Device, route: Route) -> Iterator[tuple[str, Value]]:
    yield "Destination", route.to
    yield "Gateway", route.via
    yield "GatewayOnLink", True if device.on_link(route) else route.on_link
    yield "PreferredSource", route.source
    yield "Metric", route.metric
    yield "Table", route.table
    yield "Type", route.type if route.type != "unicast" else None
    yield "Scope", route.scope
    yield "MTUBytes", route.mtu
    yield "InitialCongestionWindow", route.congestion_window
    yield "InitialAdvertisedReceiveWindow", route.advertised_receive_window
    yield "TCPAdvertisedMaximumSegmentSize", route.advertised_mss


def _rule(rule: Rule) -> Lines:
    return [
        ("From", rule.source),
        ("To", rule.to),
        ("Table", rule.table),
        ("Priority", rule.priority),
        ("FirewallMark", rule.mark),
        ("TypeOfService", rule.type_of_service),
    ]


def _dhcp(device: Device) -> Sections:
    v4, v6 = device.dhcp4_options, device.dhcp6_options
    sections: Sections = []
    if device.dhcp4:
        own: Lines = [
            ("ClientIdentifier", device.identifier),
            # version 2 takes the server's MTU unless told otherwise; networkd does not
            ("UseMTU", (device.mtu is None) if v4.use_mtu is None else v4.use_mtu),
            ("UseRoutes", v4.use_routes),
            ("RouteMetric", v4.route_metric),
            ("SendHostname", v4.send_hostname),
            ("Hostname", v4.hostname),
        ]
        sections.append(("DHCPv4", [*_shared(v4), *own]))
    if device.dhcp6:
        # nobody advertises the server if advertisements are ignored
        solicit = "solicit" if device.accept_ra is False else None
        sections.append(("DHCPv6", [*_shared(v6), ("WithoutRA", solicit)]))
    # IPv6 routes come from router advertisements, not from DHCPv6
    advertised: Lines = [
        ("UseDNS", device.ra_options.use_dns),
        ("UseDomains", device.ra_options.use_domains),
        ("RouteTable", device.ra_options.table),
        ("Token", f"static:{device.ipv6_token}" if device.ipv6_token else None),
        ("RouteMetric", v6.route_metric if device.dhcp6 else None),
        ("UseGateway", v6.use_routes if device.dhcp6 else None),
        ("UseRoutePrefix", v6.use_routes if device.dhcp6 else None),
        ("UseMTU", v6.use_mtu if device.dhcp6 else None),
    ]
    return [*sections, ("IPv6AcceptRA", advertised)]


def _shared(options: Dhcp) -> Lines:
    return [
        ("UseDNS", options.use_dns),
        ("UseDomains", options.use_domains),
        ("UseNTP", options.use_ntp),
        ("UseHostname", options.use_hostname),
    ]


def _netdev(device: Device) -> Sections:
    # the MTU stands in the .network: one that a bridge was made with is lost as soon as a port joins
    kind = {Bond: "bond", Bridge: "bridge", Vlan: "vlan", Dummy: "dummy", Vrf: "vrf"}[type(device)]
    lines: Lines = [("Name", device.id), ("Kind", kind), ("MACAddress", device.macaddress)]
    sections: Sections = [("NetDev", lines)]
    if isinstance(device, Vlan):
        sections.append(("VLAN", [("Id", device.tag)]))
    elif isinstance(device, Vrf):
        sections.append(("VRF", [("Table", device.table)]))
    elif isinstance(device, Bond):
        sections.append(("Bond", list(_bond(device))))
    elif isinstance(device, Bridge):
        own = device.parameters
        settings: Lines = [
            ("AgeingTimeSec", _span(own.ageing_time)),
            ("Priority", own.priority),
            ("ForwardDelaySec", _span(own.forward_delay)),
            ("HelloTimeSec", _span(own.hello_time)),
            ("MaxAgeSec", _span(own.max_age)),
            ("STP", own.stp),
        ]
        sections.append(("Bridge", settings))
    return sections


def _bond(bond: Bond) -> Iterator[tuple[str, Value]]:
    own = bond.parameters
    yield "Mode", own.mode
    yield "LACPTransmitRate", own.lacp_rate
    yield "MIIMonitorSec", _span(own.mii_monitor_interval)
    yield "MinLinks", own.min_links
    yield "TransmitHashPolicy", own.transmit_hash_policy
    yield "AdSelect", own.ad_select
    yield "AllSlavesActive", own.all_members_active
    yield "ARPIntervalSec", _span(own.arp_interval)
    yield "ARPIPTargets", " ".join(own.arp_ip_targets) or None
    yield "ARPValidate", own.arp_validate
    yield "ARPAllTargets", own.arp_all_targets
    yield "UpDelaySec", _span(own.up_delay)
    yield "DownDelaySec", _span(own.down_delay)
    yield "FailOverMACPolicy", own.fail_over_mac_policy
    yield "GratuitousARP", own.gratuitous_arp
    yield "PacketsPerSlave", own.packets_per_member
    yield "PrimaryReselectPolicy", own.primary_reselect_policy
    yield "ResendIGMP", own.resend_igmp
    yield "LearnPacketIntervalSec", _span(own.learn_packet_interval)


def _span(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _text(sections: Sections) -> str:
    parts = [HEADER]
    for name, lines in sections:
        words = {True: "yes", False: "no"}
        given = [
            f"{key}={words[value] if isinstance(value, bool) else value}\n" for key, value in lines if value is not None
        ]
        if given:
            parts.append(f"[{name}]\n{''.join(given)}")
    return "\n".join(parts)
