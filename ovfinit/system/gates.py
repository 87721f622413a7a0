"""The gates between the daemon and systemd's units: files whose locks die with us, so nobody waits for a corpse.

/run/ovfinit/network      locked while a network stage is to come; ovfinit-network.service waits for the lock
/run/ovfinit/final        a FIFO into which ovfinit-final.service writes when the rest of the boot is there
/run/ovfinit/final.lock   locked until the final stage is done
/run/ovfinit/booted       left by ovfinit-final.service: the boot is long over, do not wait
"""

from __future__ import annotations

import os
import select

from ..paths import RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

NETWORK = f"{RUN}/network"
FIFO = f"{RUN}/final"
LOCK = f"{RUN}/final.lock"
BOOTED = f"{RUN}/booted"


class Gates:
    """The gates of one boot. Those that a crashed run of the same boot left are opened first."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._held: dict[str, int] = {}
        os.makedirs(host.real(RUN), mode=0o755, exist_ok=True)
        for path in (NETWORK, FIFO, LOCK):
            _unlink(host.real(path))

    def close(self, *, network: bool, final: bool) -> None:
        """Close the gates of the stages that are still to come; must be done before READY=1."""
        if network:
            self._hold(NETWORK)
        if final or network:
            real = self.host.real(FIFO)
            os.mkfifo(real, 0o600)
            # open for both ends: it never reports end-of-file, and opening does not wait for the other side
            self._held[FIFO] = os.open(real, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._hold(LOCK)

    def open_network(self) -> None:
        """The network stage is done."""
        self._release(NETWORK)

    def open_all(self) -> None:
        """Everything is done."""
        for path in list(self._held):
            self._release(path)

    def wait_for_boot(self, deadline: Deadline) -> bool:
        """Wait until the rest of the boot is there; False if the deadline came first."""
        if self.host.exists(BOOTED) or FIFO not in self._held:
            return True
        ready, _, _ = select.select([self._held[FIFO]], [], [], deadline.remaining())
        return bool(ready)

    def _hold(self, path: str) -> None:
        import fcntl

        descriptor = os.open(self.host.real(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[path] = descriptor

    def _release(self, path: str) -> None:
        descriptor = self._held.pop(path, None)
        if descriptor is not None:
            _unlink(self.host.real(path))
            os.close(descriptor)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
