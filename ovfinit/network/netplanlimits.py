"""What netplan's two servants, networkd and NetworkManager, keep it from saying.

Over one such setting netplan would make no files at all, for no device: it is refused here, and the rest stays whole.
"""

from __future__ import annotations

from .model import Address, Bond, Bridge, Dhcp, Ethernet, Vrf
from .outcome import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .model import Device

# of these the kernel's own value is another
_ZERO_IS_UNSAID = ("gratuitous_arp", "packets_per_member", "resend_igmp", "priority")
# what releases before 1.0 know of a VRF; a word that came with these
_BARE_VRF = ("id", "table", "interfaces", "routes", "rules")
_FULL_VRFS = b"port-mac-learning"
# part of a message in the libraries of releases that cannot do it
_NO_GENERATION = b"ipv6-address-generation mode is not supported"


def fitted(device: Device, vocabulary: bytes | None, *, manager: bool, errors: list[Finding]) -> Device | None:
    """The device less what cannot be said of it, each an error; None if that leaves open which device is meant.

    `manager`: NetworkManager is netplan's servant, not networkd.
    """

    def refuse(message: str, *path: str | int) -> None:
        errors.append(Finding((*device.path, *path), message))

    blank: dict[str, object] = {}
    if manager and device.match is not None and device.match.drivers:
        refuse("netplan cannot tell NetworkManager to match by driver")
        return None
    if device.ipv6_generation is not None and device.ipv6_token is not None:
        refuse("netplan takes this or ipv6-address-token, not both", "ipv6-address-generation")
        blank["ipv6_generation"] = None
    elif device.ipv6_generation == "stable-privacy" and vocabulary and _NO_GENERATION in vocabulary and not manager:
        refuse("the netplan of this machine cannot tell networkd", "ipv6-address-generation")
        blank["ipv6_generation"] = None
    if isinstance(device, Vrf) and vocabulary is not None and _FULL_VRFS not in vocabulary:
        empty = Vrf(device.id)
        for name, value in device.as_dict().items():
            if name not in _BARE_VRF and value != getattr(empty, name):
                refuse("the netplan of this machine has no such word for a VRF", *_words(name))
                blank[name] = getattr(empty, name)
        for index, _ in enumerate(device.routes):
            refuse("the netplan of this machine crashes over routes of a VRF", "routes", index)
        blank["routes"] = ()
    if isinstance(device, (Bond, Bridge)):
        parameters = device.parameters.as_dict()
        for name in _ZERO_IS_UNSAID:
            if parameters.get(name) == 0:
                refuse("netplan takes 0 for unsaid", "parameters", _key(name))
                parameters[name] = None
        for name in ("path_cost", "port_priority"):
            for port, value in parameters.get(name, ()):
                if value == 0:
                    refuse("netplan takes 0 for unsaid", "parameters", _key(name), port)
            if name in parameters:
                parameters[name] = tuple(pair for pair in parameters[name] if pair[1])
        blank["parameters"] = type(device.parameters)(**parameters)
    if device.emit_lldp is not None and not isinstance(device, Ethernet):
        if device.emit_lldp:
            refuse("netplan has it for physical adapters only", "emit-lldp")
        blank["emit_lldp"] = None
    if device.dhcp4 and device.dhcp6 and not manager:
        blank["dhcp4_options"], blank["dhcp6_options"] = _same(device.dhcp4_options, device.dhcp6_options, refuse)
    if manager:
        blank.update(_with_manager(device, refuse))
    return device.with_(**blank)


_SPELLED = {
    "dhcp4_options": ("dhcp4-overrides",),
    "dhcp6_options": ("dhcp6-overrides",),
    "identifier": ("dhcp-identifier",),
    "nameservers": ("nameservers", "addresses"),
    "search": ("nameservers", "search"),
    "ra_options": ("ra-overrides",),
    "ipv6_generation": ("ipv6-address-generation",),
    "ipv6_token": ("ipv6-address-token",),
    "activation": ("activation-mode",),
}


def _same(v4: Dhcp, v6: Dhcp, refuse: Refuse) -> tuple[Dhcp, Dhcp]:
    """Netplan wants the overrides of both families to be equal: what is given for one is taken for both."""
    same: dict[str, Any] = {}
    for name, first in v4.as_dict().items():
        second = getattr(v6, name)
        assumed = True if name.startswith(("use_", "send_")) and name != "use_domains" else None
        if (assumed if first is None else first) != (assumed if second is None else second):
            family = "dhcp4-overrides" if second is None else "dhcp6-overrides"
            other = "DHCPv6" if second is None else "DHCPv4"
            refuse(f"netplan has one answer for both families: it counts for {other} as well", family, _key(name))
        same[name] = second if first is None else first
    return Dhcp(**same), Dhcp(**same)


def _with_manager(device: Device, refuse: Refuse) -> dict[str, object]:
    blank: dict[str, object] = {}
    if device.activation == "off":
        refuse("NetworkManager holds no interface down, `manual` is the nearest", "activation-mode")
        blank["activation"] = "manual"
    if device.ipv6_mtu is not None:
        refuse("netplan cannot tell NetworkManager", "ipv6-mtu")
        blank["ipv6_mtu"] = None
    for index, address in enumerate(device.addresses):
        if address.label is not None or address.lifetime is not None:
            refuse("NetworkManager has no options of addresses", "addresses", index)
    blank["addresses"] = tuple(Address(address.ip, address.prefix) for address in device.addresses)
    for index, route in enumerate(device.routes):
        if route.type != "unicast":
            refuse("netplan makes unicast routes only where NetworkManager serves it", "routes", index)
    blank["routes"] = tuple(route for route in device.routes if route.type == "unicast")
    return blank


def _words(name: str) -> tuple[str, ...]:
    """The keys that a field of the model is called in a document."""
    return _SPELLED.get(name, (_key(name),))


def _key(name: str) -> str:
    return name.replace("_", "-")


if TYPE_CHECKING:
    from typing import Protocol

    class Refuse(Protocol):
        """Takes a reason and what it is about, below the device."""

        def __call__(self, message: str, *path: str | int) -> None:
            """Note an error."""
