"""Waiting for a way out: a default route, or any route off this machine, told by netlink and never by sleeping."""

from __future__ import annotations

import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deadline import Deadline
    from .host import Host

# rtnetlink(7): groups of link, IPv4 address and route, IPv6 address and route
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_RTF_UP = 0x1


def wait(host: Host, deadline: Deadline) -> bool:
    """True once there is a route to somewhere else, False if there is none at the deadline."""
    if routed(host):
        return True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as events:
        events.bind((0, GROUPS))
        while not routed(host):
            ready, _, _ = select.select([events], [], [], deadline.remaining())
            if not ready:
                return False
            try:
                events.recv(65536)
            except OSError:
                continue  # ENOBUFS: more events than we wanted to read; we look again anyway
    return True


def routed(host: Host) -> bool:
    """True if an IPv4 or a global IPv6 default route is up (/proc/net/route, /proc/net/ipv6_route)."""
    for line in (host.text("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[1] == "00000000" and int(fields[3], 16) & _RTF_UP:
            return True
    for line in (host.text("/proc/net/ipv6_route") or "").splitlines():
        fields = line.split()
        default = len(fields) == 10 and fields[0] == "0" * 32 and fields[1] == "00"
        if default and fields[9] != "lo" and int(fields[8], 16) & _RTF_UP:
            return True
    return False
