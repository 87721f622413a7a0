"""The network as NetworkManager's keyfiles: nm-settings-keyfile(5), nm-settings-nmcli(5), as of NetworkManager 1.42.

One profile for each device. A new name is udev's work and stands in a `.link` file, as for every renderer.
"""

from __future__ import annotations

from .model import Bond, Bridge, Ethernet, Match, Vlan, Vrf
from .networkd import link_file
from .nmaddressing import ip_sections
from .nmkeyfile import text
from .nmparameters import bond_options, bridge_options, port_options
from .outcome import Finding, Rendered, RenderedFile
from .vrfroutes import placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Device, Network, Offloads
    from .nmkeyfile import Lines, Sections

FOLDER = "/etc/NetworkManager/system-connections"
PREFIX = "ovfinit-"
MODE = 0o600  # NetworkManager reads no profile that others can read
# NetworkManager takes the profile with the highest number that fits an adapter; what an image brings has 0 or less
PRECISE, VAGUE = 100, 50
MAGIC_PACKET = 0x40  # NMSettingWiredWakeOnLan
SEVERAL = 3  # NMConnectionMultiConnect: one profile, any number of adapters


def render(network: Network) -> Rendered:
    """All profiles by path of the tree.

    Errors are what NetworkManager has no word for, and devices that stand on what is left out; a setting that is
    refused does not cost the rest of its device.
    """
    network = placed(network)
    files: dict[str, RenderedFile] = {}
    errors: list[Finding] = []
    left_out: set[str] = set()
    for device in network.devices:
        problem = _homeless(device, network, left_out)
        if problem:
            errors.append(Finding(device.path, problem))
            left_out.add(device.id)
            continue
        sections = _profile(device, network, errors)
        files[f"{FOLDER}/{PREFIX}{device.id}.nmconnection"] = RenderedFile(text(sections), MODE)
        if device.set_name:
            # all else that a .link file can hold is in the profile
            files |= link_file(Ethernet(device.id, device.match, device.set_name, device.macaddress), network)
    names = tuple(device.name for device in network.devices if device.name and device.id not in left_out)
    return Rendered(files, names, tuple(sorted(left_out)), tuple(errors))


def _homeless(device: Device, network: Network, left_out: set[str]) -> str | None:
    """Why there is nothing this device could stand on."""
    for below in network.devices:
        if below.id in device.below and below.id in left_out:
            return f"stands on {below.id}, which is left out"
        if isinstance(device, Vlan) and below.id == device.link and _several(below):
            return f"stands on {below.id}, which may be several adapters, and NetworkManager wants one"
    return None


def identity(id_: str) -> str:
    """The UUID of a device's profile: the same on every boot (RFC 9562 section 5.8, version 8)."""
    from ..digest import digest

    number = int(digest(b"ovfinit network profile", id_.encode())[:32], 16)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _profile(device: Device, network: Network, errors: list[Finding]) -> Sections:
    def refuse(path: str | tuple[str | int, ...], message: str) -> None:
        below = path.split(".") if isinstance(path, str) else path
        errors.append(Finding((*device.path, *below), message))

    for key, message in _refused(device):
        refuse(key, message)
    master = network.master_of(device) or network.vrf_of(device)
    kind = type(device).__name__.lower()
    several = _several(device)
    sections: Sections = [
        (
            "connection",
            [
                ("id", f"{PREFIX}{device.id}"),
                ("uuid", identity(device.id)),
                ("type", kind),
                ("interface-name", _name(device)),
                ("autoconnect", False if device.activation else None),
                ("autoconnect-priority", VAGUE if several else PRECISE),
                ("multi-connect", SEVERAL if several else None),
                ("master", identity(master.id) if master else None),
                ("slave-type", type(master).__name__.lower() if master else None),
                ("autoconnect-slaves", 1 if isinstance(device, (Bond, Bridge, Vrf)) else None),
            ],
        ),
        ("match", _match(device)),
        ("ethernet", _hardware(device)),
    ]
    if isinstance(device, Ethernet):
        sections.append(("ethtool", _offloads(device.offloads)))
    elif isinstance(device, Vlan):
        below = next(one for one in network.devices if one.id == device.link)
        sections.append(("vlan", [("id", device.tag), ("parent", below.name or identity(below.id))]))
    elif isinstance(device, Bond):
        sections.append(("bond", bond_options(device, _names(network), refuse)))
    elif isinstance(device, Bridge):
        sections.append(("bridge", bridge_options(device, refuse)))
    elif isinstance(device, Vrf):
        sections.append(("vrf", [("table", device.table)]))
    if isinstance(master, Bridge):
        sections.append(("bridge-port", port_options(device, master)))
    return sections + ip_sections(device, master, refuse)


def _name(device: Device) -> str | None:
    """The name of the interface, where one is certain."""
    match = device.match
    if device.name or match is None or match.name is None:
        return device.name
    return None if any(sign in match.name for sign in "*?[") else match.name


def _several(device: Device) -> bool:
    """True if more than one adapter may fit."""
    return device.match is not None and device.match.macaddress is None and _name(device) is None


def _names(network: Network) -> dict[str, str]:
    return {device.id: name for device in network.devices for name in [_name(device)] if name}


def _match(device: Device) -> Lines:
    match = device.match or Match()
    if device.set_name:
        # the new name says it all, and what udev found the adapter by need not be true any more
        return []
    pattern = match.name if _name(device) is None else None
    return [
        ("interface-name", f"{pattern};" if pattern else None),
        ("driver", "".join(f"{driver};" for driver in match.drivers) or None),
    ]


def _hardware(device: Device) -> Lines:
    wake = isinstance(device, Ethernet) and device.wake_on_lan
    return [
        # the permanent address: a member of a bond is found again although it has the bond's by then
        ("mac-address", device.match.macaddress if device.match else None),
        ("cloned-mac-address", device.macaddress),
        ("mtu", device.mtu),
        ("wake-on-lan", MAGIC_PACKET if wake else None),
    ]


def _offloads(offloads: Offloads) -> Lines:
    return [
        ("feature-rx", offloads.receive_checksum),
        ("feature-tx", offloads.transmit_checksum),
        ("feature-tx-tcp-segmentation", offloads.tcp_segmentation),
        ("feature-tx-tcp6-segmentation", offloads.tcp6_segmentation),
        ("feature-gso", offloads.generic_segmentation),
        ("feature-gro", offloads.generic_receive),
        ("feature-lro", offloads.large_receive),
    ]


def _refused(device: Device) -> Iterator[tuple[str, str]]:
    if device.emit_lldp:
        yield "emit-lldp", "NetworkManager only listens to LLDP"
    if device.activation == "off":
        yield "activation-mode", "NetworkManager holds no interface down, `manual` is the nearest"
    if device.ignore_carrier and isinstance(device, Ethernet):
        yield "ignore-carrier", "is a setting of NetworkManager.conf, not of a profile"
    if device.port_mac_learning is not None:
        yield "port-mac-learning", "NetworkManager leaves it to the kernel"
    if device.neigh_suppress is not None:
        yield "neigh-suppress", "NetworkManager leaves it to the kernel"
    if device.critical and (device.dhcp4 or device.dhcp6):
        yield "critical", "NetworkManager gives up an address whose lease has run out"
