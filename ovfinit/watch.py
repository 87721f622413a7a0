"""Live watch: after the boot the daemon stays, asks its source again now and then, and follows what positively changed.

Only the duties that describe a state follow, and only a source's answer moves them: one that cannot be reached, another
source or another instance changes nothing. An interface that appears is a reason to ask at once.
"""

from __future__ import annotations

import os
import select
import socket
from time import monotonic

from .boot import Boot
from .duties import ORDER
from .errors import OvfinitError
from .stages import LOCAL, NETWORK
from .system.systemd import APPLIED, FAILED, INFO, WARNING, journal, notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from .host import Host

DUTIES = ("hostname", "network", "users")
# metadata of an adapter that was just plugged in appears bit by bit, and adapters come in groups
SETTLE_SECONDS, PAUSE_SECONDS = 2.0, 15.0
RTMGRP_LINK = 0x1
SPREAD = 0.25


class Watch:
    """What `again` makes (a `Boot`, with the configuration as it is by then) is asked once a round."""

    def __init__(self, again: Callable[[], Boot]) -> None:
        self.again = again
        self.said = ""
        self.adapters: frozenset[str] = frozenset()

    def run(self) -> NoReturn:
        """Watch until somebody ends us."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as events:
            events.bind((0, RTMGRP_LINK))
            agent = self.again()
            self.adapters = adapters(agent.host)
            while True:
                interval = agent.config.watch.interval
                notify(f"STATUS=Watching {agent.known.datasource if agent.known else 'for a source'}")
                self._wait(events, agent.host, jittered(interval))
                agent = self.again()
                self.adapters = adapters(agent.host)
                self.look(agent)

    def look(self, agent: Boot) -> bool:
        """One round; returns whether anything was applied."""
        try:
            return self._follow(agent)
        except (OvfinitError, OSError) as error:
            self._say(f"Watch: {error}")
            return False
        finally:
            agent.state.unlock()

    def _follow(self, agent: Boot) -> bool:
        known = agent.known
        if known is None:
            self._say("Watch: nothing was applied here yet")
            return False
        found = agent.probe()
        metadata = found.metadata
        if metadata is None:
            # unknown or gone: neither may remove anything
            self._say(f"Watch: {found.failure().message}; everything stays as it is")
            return False
        if (metadata.datasource, metadata.instance_id) != (known.datasource, known.instance_id):
            self._say(f"Watch: this is instance {metadata.instance_id} now; it is customized at the next boot")
            return False
        self.said = ""
        if metadata == known:
            return False
        others = (name for name in ORDER if name not in DUTIES)
        agent.config = agent.config.with_(disable=(*agent.config.disable, *others))
        report = agent.apply(found, (LOCAL, NETWORK), again=True)
        for error in report.failed:
            journal(f"Watch: {error}", FAILED, WARNING, code=error.code)
        if report.changed:
            journal(f"Watch: followed the metadata: {', '.join(report.changed)}", APPLIED, INFO)
        return bool(report.changed)

    def _say(self, text: str) -> None:
        """The journal hears of a state once, not at every round of it."""
        if text != self.said:
            journal(text, FAILED, WARNING)
        self.said = text

    def _wait(self, events: socket.socket, host: Host, seconds: float) -> None:
        """Until the time is up, or an interface that was not there has been there for a moment; never in a hurry."""
        start = monotonic()
        due = start + seconds
        while (left := due - monotonic()) > 0:
            ready, _, _ = select.select([events], [], [], left)
            if not ready:
                return
            try:
                events.recv(65536)
            except OSError:
                continue  # ENOBUFS: more events than we wanted to read; we look anyway
            if adapters(host) - self.adapters:
                due = min(due, max(monotonic() + SETTLE_SECONDS, start + PAUSE_SECONDS))


def adapters(host: Host) -> frozenset[str]:
    """The hardware addresses of all physical interfaces."""
    return frozenset(interface.mac for interface in host.interfaces())


def jittered(seconds: float) -> float:
    """A quarter more or less, so that the machines of one image do not ask at the same moment."""
    return seconds * (1 - SPREAD + 2 * SPREAD * os.urandom(1)[0] / 255)
