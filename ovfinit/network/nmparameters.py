"""Parameters of bonds and bridges in NetworkManager's words, and which of them it does not take together."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .model import Bond, BondParameters, Bridge, Device
    from .nmkeyfile import Lines, Refuse

_DEFAULT_MODE = "balance-rr"
# where the bonding driver has a use for an option (NMSettingBond verifies it)
_WITH_PRIMARY = ("active-backup", "balance-tlb", "balance-alb")
_WITHOUT_ARP = ("802.3ad", "balance-tlb", "balance-alb")
# seconds, as NMSettingBridge limits them
_LIMITS = {"forward-delay": (2, 30), "hello-time": (1, 10), "max-age": (6, 40), "ageing-time": (0, 1000000)}


def bond_options(bond: Bond, names: Mapping[str, str], refuse: Refuse) -> Lines:
    """The options of a bond, less those that NetworkManager does not take with the others; these are refused."""
    own = bond.parameters
    unfit = dict(_unfit(own, names))
    for key, reason in unfit.items():
        refuse(f"parameters.{key}", reason)
    options: dict[str, tuple[str, str | int | None]] = {
        "mode": ("mode", own.mode or _DEFAULT_MODE),
        "lacp-rate": ("lacp_rate", own.lacp_rate),
        "mii-monitor-interval": ("miimon", own.mii_monitor_interval),
        "min-links": ("min_links", own.min_links),
        "transmit-hash-policy": ("xmit_hash_policy", own.transmit_hash_policy),
        "ad-select": ("ad_select", own.ad_select),
        "all-members-active": (
            "all_slaves_active",
            None if own.all_members_active is None else int(own.all_members_active),
        ),
        "arp-interval": ("arp_interval", own.arp_interval),
        "arp-ip-targets": ("arp_ip_target", ",".join(own.arp_ip_targets) or None),
        "arp-validate": ("arp_validate", own.arp_validate),
        "arp-all-targets": ("arp_all_targets", own.arp_all_targets),
        "up-delay": ("updelay", own.up_delay),
        "down-delay": ("downdelay", own.down_delay),
        "fail-over-mac-policy": ("fail_over_mac", own.fail_over_mac_policy),
        "gratuitous-arp": ("num_grat_arp", own.gratuitous_arp),
        "packets-per-member": ("packets_per_slave", own.packets_per_member),
        "primary-reselect-policy": ("primary_reselect", own.primary_reselect_policy),
        "resend-igmp": ("resend_igmp", own.resend_igmp),
        "learn-packet-interval": (
            "lp_interval",
            None if own.learn_packet_interval is None else max(1, own.learn_packet_interval // 1000),
        ),
        "primary": ("primary", names.get(own.primary or "")),
    }
    return [(name, value) for key, (name, value) in options.items() if key not in unfit]


def _unfit(own: BondParameters, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    mode = own.mode or _DEFAULT_MODE
    if own.lacp_rate not in {None, "slow"} and mode != "802.3ad":
        yield "lacp-rate", f"has a meaning in mode 802.3ad only, and this is {mode}"
    if own.packets_per_member is not None and mode != _DEFAULT_MODE:
        yield "packets-per-member", f"has a meaning in mode {_DEFAULT_MODE} only, and this is {mode}"
    if own.primary is not None and mode not in _WITH_PRIMARY:
        yield "primary", f"has a meaning in mode {', '.join(_WITH_PRIMARY)} only, and this is {mode}"
    elif own.primary is not None and own.primary not in names:
        yield "primary", f"the name of {own.primary} is not known before the machine runs: give it a set-name"
    arp = bool(own.arp_interval)
    if arp and mode in _WITHOUT_ARP:
        yield "arp-interval", f"cannot be in mode {mode}"
        arp = False
    elif arp and not own.arp_ip_targets:
        yield "arp-interval", "needs arp-ip-targets"
        arp = False
    elif arp and own.mii_monitor_interval:
        yield "arp-interval", "cannot be together with mii-monitor-interval"
        arp = False
    if not arp:
        for key, value in (
            ("arp-ip-targets", own.arp_ip_targets),
            ("arp-validate", own.arp_validate not in {None, "none"}),
        ):
            if value:
                yield key, "needs an arp-interval"
    if not own.mii_monitor_interval:
        for key, delay in (("up-delay", own.up_delay), ("down-delay", own.down_delay)):
            if delay:
                yield key, "needs a mii-monitor-interval"


def bridge_options(bridge: Bridge, refuse: Refuse) -> Lines:
    """The settings of a bridge, in whole seconds; those that NetworkManager's limits forbid are refused."""
    own = bridge.parameters
    times = {
        "forward-delay": own.forward_delay,
        "hello-time": own.hello_time,
        "max-age": own.max_age,
        "ageing-time": own.ageing_time,
    }
    # what nobody asked for is off, as in the kernel; NetworkManager would make every port wait half a minute
    lines: Lines = [("stp", bool(own.stp)), ("priority", own.priority)]
    for key, milliseconds in times.items():
        low, high = _LIMITS[key]
        if milliseconds is None:
            continue
        if milliseconds % 1000 or not low <= milliseconds // 1000 <= high:
            refuse(f"parameters.{key}", f"NetworkManager takes whole seconds from {low} to {high}")
        else:
            lines.append((key, milliseconds // 1000))
    return lines


def port_options(port: Device, bridge: Bridge) -> Lines:
    """What a bridge says about one of its ports."""
    own = bridge.parameters
    return [
        ("path-cost", dict(own.path_cost).get(port.id)),
        ("priority", dict(own.port_priority).get(port.id)),
        ("hairpin-mode", port.hairpin),
    ]
