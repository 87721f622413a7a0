"""Waiting for a way out: a default route, or any route off this machine, told by netlink and never by sleeping."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

NETLINK_ROUTE = 0
# rtnetlink(7): groups of link, IPv4 address and route, IPv6 address and route
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400


def wait(host: Host, deadline: Deadline) -> bool:
    """True once there is a route to somewhere else, False if there is none at the deadline."""
    if host.routed():
        return True
    from .netlink import Events

    with Events(NETLINK_ROUTE, GROUPS) as events:
        while not host.routed():
            if not events.wait(deadline.remaining()):
                return False
    return True
