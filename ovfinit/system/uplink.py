"""Waiting for a way out: a default route, or one through a router, told by netlink and never by sleeping."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

NETLINK_ROUTE = 0
ADAPTER_SECONDS = 20.0
# rtnetlink(7): groups of link, IPv4 address and route, IPv6 address and route
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400


def wait(host: Host, deadline: Deadline, patience: float = ADAPTER_SECONDS) -> bool:
    """True once there is a route to somewhere else, False if there is none at the deadline.

    Without any adapter there is none after `patience` seconds either: a driver may be late, but a machine that has no
    adapter waits for nothing.
    """
    if host.routed():
        return True
    from ..deadline import Deadline as Until
    from .netlink import Events

    lonely = Until(patience)
    with Events(NETLINK_ROUTE, GROUPS) as events:
        while not host.routed():
            left = deadline.remaining() if _adapters(host) else min(deadline.remaining(), lonely.remaining())
            if not events.wait(left):
                return False
    return True


def linked(host: Host) -> bool:
    """True if a link besides the loopback one was brought up; whether it leads anywhere is another question."""
    from ..network.rename import is_up

    return any(name != "lo" and is_up(host, name) for name in host.listing("/sys/class/net"))


def _adapters(host: Host) -> bool:
    """True if there is a link besides the loopback one; sysfs also lists files of drivers (bonding_masters)."""
    names = host.listing("/sys/class/net")
    return any(name != "lo" and host.exists(f"/sys/class/net/{name}/ifindex") for name in names)
