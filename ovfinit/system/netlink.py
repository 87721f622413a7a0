"""Waiting for what the kernel announces over netlink(7): each event is a reason to look again, none is read."""

from __future__ import annotations

import select

# the C module: `socket` imports selectors, enum and re besides
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket

LARGEST = 65536


class Events:
    """A subscription; whoever subscribes before looking misses nothing. Raises OSError where there is no netlink."""

    def __init__(self, protocol: int, groups: int) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
        self._socket.bind((0, groups))

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, seconds: float) -> bool:
        """True once something was announced, False if nothing was for so many seconds."""
        ready, _, _ = select.select([self._socket], [], [], seconds)
        if ready:
            try:
                self._socket.recv(LARGEST)
            except OSError:
                pass  # ENOBUFS: more events than fit, as during coldplug; that is a reason to look, too
        return bool(ready)
