"""Routes of a VRF, where they work: at the member that reaches their gateway."""

from __future__ import annotations

from .address import contains, is_ipv6
from .model import Network, Vrf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .model import Device, Route


def placed(network: Network) -> Network:
    """The same network with each route of a VRF at the member whose subnet has the gateway, or at its only member.

    A document gives them to the VRF, but the VRF's own interface leads nowhere: what is sent through it is looked up in
    the same table again. Routes without a gateway, and those of which nobody knows where the gateway is, stay.
    """
    moved: dict[str, list[Route]] = {}
    for vrf in network.devices:
        if isinstance(vrf, Vrf):
            members = [device for device in network.devices if device.id in vrf.interfaces]
            for route in vrf.routes:
                member = _member(route, members)
                if member is not None:
                    moved.setdefault(member.id, []).append(route)
                    moved.setdefault(vrf.id, [])
    if not moved:
        return network
    devices = []
    for device in network.devices:
        own = device.routes
        if isinstance(device, Vrf) and device.id in moved:
            members = [each for each in network.devices if each.id in device.interfaces]
            own = tuple(route for route in own if _member(route, members) is None)
        routes = tuple(dict.fromkeys((*own, *moved.get(device.id, ()))))
        devices.append(device if routes == device.routes else device.with_(routes=routes))
    return network.with_(devices=tuple(devices))


def _member(route: Route, members: list[Device]) -> Device | None:
    if route.via is None:
        return None
    for member in members:
        if any(contains(address.text, route.via) for address in member.addresses_of(ipv6=is_ipv6(route.via))):
            return member
    return members[0] if len(members) == 1 else None
