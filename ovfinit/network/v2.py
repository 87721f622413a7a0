"""Netplan's version 2, the field's common language, into the model.

Keys and meanings are those of the netplan reference (https://netplan.readthedocs.io/en/stable/netplan-yaml/).
"""

from __future__ import annotations

from . import reading
from .model import (
    Bond,
    BondParameters,
    Bridge,
    BridgeParameters,
    Device,
    Dummy,
    Ethernet,
    Match,
    Network,
    Offloads,
    Vlan,
    Vrf,
    ordered,
)
from .outcome import Finding, Parsed
from .reading import Findings, Section, choice, flag, number, shown
from .v2_addressing import MILLISECONDS, SECONDS, UINT32, addressing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DEVICES_LIMIT = 1024
MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
HASHES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4")
VALIDATE = ("none", "active", "backup", "all")
# what netplan knows and we do not configure: of the whole document, of one device
_UNSUPPORTED = ("wifis", "tunnels", "modems", "openvswitch", "nm-devices", "virtual-ethernets")
_UNSUPPORTED_HERE = {
    "auth": "802.1X needs a supplicant",
    "openvswitch": "Open vSwitch is not configured",
    "optional-addresses": "nobody waits for a single address: `optional` says it of the device",
    "networkmanager": "settings of one renderer are not passed on",
    "networkd": "settings of one renderer are not passed on",
}
_UNSUPPORTED_HARDWARE = {
    "virtual-function-count": "SR-IOV is not configured",
    "embedded-switch-mode": "SR-IOV is not configured",
    "delay-virtual-functions-rebind": "SR-IOV is not configured",
    "link": "SR-IOV is not configured",
    "infiniband-mode": "InfiniBand is not configured",
}


def parse(value: object) -> Parsed:
    """Read a version 2 mapping, with or without the top `network:` key.

    Nothing is raised: all mistakes come back in `errors`, and `network` holds what is usable without them. Unknown
    keys and kinds of devices that we do not configure are `warnings`. A version other than 2 is an error.
    """
    findings = Findings()
    top = Section({}, (), findings).below(value, ())
    if top is not None and set(top.value) == {"network"}:
        top = top.section("network")
    network = Network() if top is None else _network(top)
    if not network.devices:
        # whatever it was that went wrong, it cost everything
        findings.lost = findings.errors
    collected = (findings.errors, findings.warnings, findings.deprecations, findings.lost)
    return Parsed(network, *map(tuple, collected))


def _network(top: Section) -> Network:
    if top.value.get("config") == "disabled":
        return Network(disabled=True)
    version = top.value.get("version") if top.has("version") else None
    if version is None and isinstance(top.value.get("config"), (list, tuple)):
        version = 1  # cloud-init's first format may leave its version out
    if version is None:
        top.warn("version", "is missing, taken for 2")
    elif version != 2 or isinstance(version, bool):
        top.findings.lose(
            (*top.path, "version"), f"{shown(version)} of the network configuration is not understood, only 2 is"
        )
        return Network()
    if top.take("renderer", choice("networkd", "NetworkManager", "sriov")) == "NetworkManager":
        top.warn("renderer", "is not followed: network.renderer in ovfinit.yaml chooses it")
    devices: dict[str, Device] = {}
    names: dict[str, str] = {}
    for kind, build in _KINDS.items():
        section = top.section(kind)
        for id_ in () if section is None else section.value:
            assert section is not None
            path = (*section.path, id_ if isinstance(id_, str) else shown(id_))
            if len(devices) >= DEVICES_LIMIT:
                top.findings.lose(section.path, f"there are more than {DEVICES_LIMIT} devices")
                break
            errors = len(top.findings.errors)
            # `eth0:` with nothing after it is a device without any settings
            below = section.below({} if section.value[id_] is None else section.value[id_], path)
            device = None if below is None else _device(below, id_, build)
            if device is None:
                # the first mistake in it says why, unless there were too many to keep
                lost = top.findings.errors[errors : errors + 1] or [Finding(path, "is left out")]
                top.findings.lost += lost if len(top.findings.lost) < reading.FINDINGS_LIMIT else []
            elif device.id in devices:
                top.findings.lose(path, f"another device is called {device.id} already")
            elif device.name in names:
                top.findings.lose(path, f"would be called {device.name}, and so is {names[device.name]}")
            else:
                devices[device.id] = device
                names.update({device.name: device.id} if device.name else {})
    for kind in _UNSUPPORTED:
        if top.has(kind):
            top.warn(kind, "is not supported, left out")
    top.close()
    joined = _joined(devices, top)
    _contend(joined, top)
    return Network(joined)


def _device(section: Section, id_: object, build: Builder) -> Device | None:
    """One device; None if a mistake leaves open which one is meant or what it is."""
    errors = section.findings.mistakes
    hardware = build is _ethernet
    matched = hardware and section.has("match")
    name = section.read(id_, section.path, reading.device_id if matched else reading.interface_name)
    identity: dict[str, Any] = {"id": name}
    if hardware:
        identity["match"] = _match(section.section("match")) if matched else None
        identity["set_name"] = section.take("set-name", reading.interface_name)
        if identity["set_name"] and not matched:
            section.error("set-name", "needs `match`, which says what is to be renamed")
    usable = section.findings.mistakes == errors
    own = build(section)
    table = None if own is None else own[1].get("table")
    common = {**addressing(section, table), "macaddress": section.take("macaddress", reading.mac)}
    if section.take("renderer", choice("networkd", "NetworkManager", "sriov")) == "NetworkManager":
        section.warn("renderer", "is not followed: network.renderer in ovfinit.yaml chooses it")
    _refuse(section, _UNSUPPORTED_HERE)
    section.close()
    if not usable or own is None:
        return None
    kind, fields = own
    return kind(**identity, **common, **fields)


def _match(section: Section | None) -> Match | None:
    if section is None:
        return None
    drivers: tuple[str, ...] = ()
    if isinstance(section.value.get("driver"), (list, tuple)):
        drivers = section.every("driver", reading.pattern)
    else:
        driver = section.take("driver", reading.pattern)
        drivers = () if driver is None else (driver,)
    match = Match(section.take("name", reading.pattern), section.take("macaddress", reading.mac), drivers)
    section.close()
    return match


def _refuse(section: Section, reasons: Mapping[str, str]) -> None:
    for key, reason in reasons.items():
        if section.has(key):
            section.warn(key, f"is not supported, left out: {reason}")


def _ethernet(section: Section) -> Own:
    _refuse(section, _UNSUPPORTED_HARDWARE)
    offloads = Offloads(**{name: section.take(key, flag) for name, key in _OFFLOADS.items()})
    return Ethernet, {"wake_on_lan": section.flag("wakeonlan"), "offloads": offloads}


def _dummy(section: Section) -> Own:
    del section
    return Dummy, {}


def _vlan(section: Section) -> Own:
    tag = section.take("id", number(0, 4094))
    link = section.take("link", reading.device_id)
    for key in ("id", "link"):
        if not section.has(key):
            section.findings.error(section.path, f"a VLAN needs `{key}`")
    return None if tag is None or link is None else (Vlan, {"tag": tag, "link": link})


def _bond(section: Section) -> Own:
    members = section.every("interfaces", reading.device_id)
    below = section.section("parameters")
    if below is None:
        return Bond, {"interfaces": members}
    settings: dict[str, Any] = {name: below.take(key, reader) for key, (name, reader) in _BOND.items()}
    for key, name in _BOND_OLD.items():
        old = below.take(key, _BOND[_BOND_NEW[key]][1])
        settings[name] = old if settings[name] is None else settings[name]
    settings["arp_ip_targets"] = below.every("arp-ip-targets", reading.ipv4)
    if settings["primary"] is not None and settings["primary"] not in members:
        below.error("primary", f"{settings['primary']} is not one of the bond's interfaces")
        settings["primary"] = None
    below.close()
    return Bond, {"interfaces": members, "parameters": BondParameters(**settings)}


def _bridge(section: Section) -> Own:
    ports = section.every("interfaces", reading.device_id)
    below = section.section("parameters")
    if below is None:
        return Bridge, {"interfaces": ports}
    settings: dict[str, Any] = {name: below.take(key, reader) for key, (name, reader) in _BRIDGE.items()}
    # the reference's default, which netplan applies to a bridge with any parameter
    settings["stp"] = True if settings["stp"] is None else settings["stp"]
    settings["path_cost"] = _per_port(below, "path-cost", 65535, ports)
    settings["port_priority"] = _per_port(below, "port-priority", 63, ports)
    below.close()
    return Bridge, {"interfaces": ports, "parameters": BridgeParameters(**settings)}


def _vrf(section: Section) -> Own:
    members = section.every("interfaces", reading.device_id)
    table = section.take("table", number(1, UINT32))
    if not section.has("table"):
        section.findings.error(section.path, "a VRF needs `table`")
    return None if table is None else (Vrf, {"table": table, "interfaces": members})


def _per_port(section: Section, key: str, high: int, ports: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    below = section.section(key)
    found = []
    for port in ports if below is not None else ():
        assert below is not None
        value = below.take(port, number(0, high))
        if value is not None:
            found.append((port, value))
    if below is not None:
        below.close()
    return tuple(found)


def _joined(devices: Mapping[str, Device], top: Section) -> tuple[Device, ...]:
    """Devices in order, none on top of something unknown or of itself, each part of one bond, bridge or VRF at most."""
    kept = dict(devices)
    owner: dict[str, str] = {}
    for device in devices.values():
        if not isinstance(device, (Bond, Bridge, Vrf)):
            continue
        members = []
        for index, member in enumerate(device.interfaces):
            path = (*top.path, *device.path, "interfaces", index)
            if member not in devices:
                top.findings.error(path, f"no device is called {member}")
            elif member in owner:
                top.findings.error(path, f"{member} is part of {owner[member]} already")
            else:
                owner[member] = device.id
                members.append(member)
        kept[device.id] = device.with_(interfaces=tuple(members))
        if isinstance(device, Bond) and device.parameters.primary not in {None, *members}:
            kept[device.id] = kept[device.id].with_(parameters=device.parameters.with_(primary=None))
    for device in devices.values():
        if isinstance(device, Vlan) and device.link not in devices:
            top.findings.lose((*top.path, "vlans", device.id, "link"), f"no device is called {device.link}")
            del kept[device.id]
    done, circular = ordered(kept.values())
    for device in circular:
        # what stands on a VLAN that was just taken away lands here as well, and is as little use
        top.findings.lose((*top.path, *device.path), "stands on itself, or on a device that is left out")
    return done


def _contend(devices: tuple[Device, ...], top: Section) -> None:
    """Warn of default routes of which the kernel keeps only one."""
    first: dict[tuple[str, int | None, int | None], Device] = {}
    for device in devices:
        for route in device.routes:
            if not route.default or route.type != "unicast":
                continue
            other = first.setdefault((route.to, route.table, route.metric), device)
            if other is not device:
                message = (
                    f"{other.id} has a default route of the same metric, and only one of them can be: give metrics"
                )
                top.findings.warn((*top.path, *device.path, "routes"), message)


if TYPE_CHECKING:
    from collections.abc import Callable

    Own = tuple[type[Device], dict[str, Any]] | None
    Builder = Callable[[Section], Own]

_KINDS: dict[str, Builder] = {
    "ethernets": _ethernet,
    "dummy-devices": _dummy,
    "bonds": _bond,
    "bridges": _bridge,
    "vlans": _vlan,
    "vrfs": _vrf,
}
_OFFLOADS = {
    "receive_checksum": "receive-checksum-offload",
    "transmit_checksum": "transmit-checksum-offload",
    "tcp_segmentation": "tcp-segmentation-offload",
    "tcp6_segmentation": "tcp6-segmentation-offload",
    "generic_segmentation": "generic-segmentation-offload",
    "generic_receive": "generic-receive-offload",
    "large_receive": "large-receive-offload",
}
_BOND: dict[str, tuple[str, Callable[[object], Any]]] = {
    "mode": ("mode", choice(*MODES)),
    "lacp-rate": ("lacp_rate", choice("slow", "fast")),
    "mii-monitor-interval": ("mii_monitor_interval", MILLISECONDS),
    "min-links": ("min_links", number(0, 255)),
    "transmit-hash-policy": ("transmit_hash_policy", choice(*HASHES)),
    "ad-select": ("ad_select", choice("stable", "bandwidth", "count")),
    "all-members-active": ("all_members_active", flag),
    "arp-interval": ("arp_interval", MILLISECONDS),
    "arp-validate": ("arp_validate", choice(*VALIDATE)),
    "arp-all-targets": ("arp_all_targets", choice("any", "all")),
    "up-delay": ("up_delay", MILLISECONDS),
    "down-delay": ("down_delay", MILLISECONDS),
    "fail-over-mac-policy": ("fail_over_mac_policy", choice("none", "active", "follow")),
    "gratuitous-arp": ("gratuitous_arp", number(0, 255)),
    "packets-per-member": ("packets_per_member", number(0, 65535)),
    "primary-reselect-policy": ("primary_reselect_policy", choice("always", "better", "failure")),
    "resend-igmp": ("resend_igmp", number(0, 255)),
    "learn-packet-interval": ("learn_packet_interval", SECONDS),
    "primary": ("primary", reading.device_id),
}
# former names, and the misspelling that netplan once shipped
_BOND_NEW = {
    "all-slaves-active": "all-members-active",
    "packets-per-slave": "packets-per-member",
    "gratuitious-arp": "gratuitous-arp",
}
_BOND_OLD = {old: _BOND[new][0] for old, new in _BOND_NEW.items()}
_BRIDGE: dict[str, tuple[str, Callable[[object], Any]]] = {
    "ageing-time": ("ageing_time", SECONDS),
    "priority": ("priority", number(0, 65535)),
    "forward-delay": ("forward_delay", SECONDS),
    "hello-time": ("hello_time", SECONDS),
    "max-age": ("max_age", SECONDS),
    "stp": ("stp", flag),
}
