"""Waiting for a way out: a default route, or any route off this machine, told by netlink and never by sleeping."""

from __future__ import annotations

import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

# rtnetlink(7): groups of link, IPv4 address and route, IPv6 address and route
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400


def wait(host: Host, deadline: Deadline) -> bool:
    """True once there is a route to somewhere else, False if there is none at the deadline."""
    if host.routed():
        return True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as events:
        events.bind((0, GROUPS))
        while not host.routed():
            ready, _, _ = select.select([events], [], [], deadline.remaining())
            if not ready:
                return False
            try:
                events.recv(65536)
            except OSError:
                continue  # ENOBUFS: more events than we wanted to read; we look again anyway
    return True
