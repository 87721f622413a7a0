"""The boot-time daemon: one process for the whole boot, started by ovfinit.service.

Local stage before the network comes up, network stage only if the source or the work needs it, final stage after the
rest of the boot; then it ends. Whatever happens to it, boot goes on: what waits for it waits on locks that die with
it, see etc/systemd/ovfinit.service. Without systemd's notify socket the stages run in order.
"""

from __future__ import annotations

import gc
import os
import sys

from . import status
from .boot import Boot
from .chain import NOT_ASKED, UNREACHABLE
from .deadline import Deadline
from .errors import OvfinitError, SourceAbsent, StateError, fault
from .spans import WAIT
from .stages import FINAL, LOCAL, NETWORK
from .standby import switched_off
from .system.gates import Gates
from .system.systemd import APPLIED, ERROR, FAILED, INFO, NO_SOURCE, READY, WARNING, complain, journal, notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType
    from typing import Any

    from .chain import Probe

DEVICE_SECONDS = 10.0
# for a source or an include that only the network has; for commands that the user wants to run with a network
NETWORK_SECONDS, COMMAND_SECONDS = 120.0, 30.0
KNOWN_SECONDS = 5.0
FINAL_SECONDS = 900.0
WATCHDOG_SECONDS = 30.0


def main(root: str = "/", wanted: Sequence[tuple[str, str | None]] = (), config_file: str | None = None) -> int:
    """Run the boot's stages; returns 0, 1 if a duty failed, 4 if no datasource has anything for this machine."""

    def agent() -> Boot:
        return Boot(root, wanted, config_file, lenient=True)

    try:
        daemon = Daemon(agent())
        code = daemon.run()
        if daemon.managed and daemon.agent.config.watch.on and daemon.found is not None:
            from .watch import Watch

            gc.enable()  # which the boot does without, see etc/systemd/ovfinit-daemon
            daemon.agent.state.unlock()
            Watch(agent).run()
        return code
    except Exception as unforeseen:
        error = unforeseen if isinstance(unforeseen, (OvfinitError, OSError)) else fault(unforeseen)
        tell = journal if root == "/" else complain
        if tell(str(error), FAILED, ERROR, code=getattr(error, "code", "system")) and "NOTIFY_SOCKET" not in os.environ:
            sys.stderr.write(f"ovfinit: {error}\n")
        notify("READY=1")
        return getattr(error, "exit_code", 1)


class Daemon:
    """One boot."""

    def __init__(self, agent: Boot) -> None:
        self.agent = agent
        self.host = agent.host
        self.tell = journal if self.host.live else complain
        self.managed = "NOTIFY_SOCKET" in os.environ and self.host.live
        self.gates = Gates(self.host) if self.managed else None
        self.code = 0
        self.found: Probe | None = None
        self.wanting = False
        # there is no network yet, so nothing is fetched
        agent.online = False
        self.asked: Mapping[str, Any] = {}

    def run(self) -> int:
        """The stages, in order."""
        reason = switched_off(self.host)
        if reason is not None:
            notify(f"READY=1\nSTATUS=Standing aside: {reason}")
            return 0
        self._watchdog()
        notify("STATUS=Looking for local datasources")
        for error in self.agent.config.errors:
            self.tell(str(error), FAILED, WARNING, code=error.code)
        self._settle()
        found = self.agent.probe(network=False)
        # a source of the network recognises its platform, or a local one could not say without it
        open_questions = any(verdict.verdict in (NOT_ASKED, UNREACHABLE) for verdict in found.verdicts)
        network = found.metadata is None and open_questions
        left: Sequence[str] = ()
        if found.metadata is not None:
            left = self._apply(found, (LOCAL,), more=True)
            network = NETWORK in left
        elif network:
            self._open_a_way()
        else:
            self._nothing(found)
        if self.gates is not None:
            self.gates.close(network=network, final=bool(left))
        notify(f"READY=1\nSTATUS={'Waiting for the network' if network else 'Local duties are done'}")
        if network:
            left = self._network()
        if left:
            self._final()
        if self.gates is not None:
            self.gates.open_all()
        self._closing()
        self._attest()
        return self.code

    def _settle(self) -> None:
        if not self.host.live:
            return
        from .system.devices import settle

        with self.agent.spans.measure("devices", WAIT):
            pending = settle(self.host, Deadline(DEVICE_SECONDS))
        if pending is not None:
            self.tell(f"Went on without a device: {pending}", FAILED, WARNING)

    def _open_a_way(self) -> None:
        """Only the network can tell who we are: see that something brings it up."""
        if not self.managed:
            return
        from .network.fallback import bring_up

        try:
            note = bring_up(self.host, self.agent.config)
        except (OvfinitError, OSError) as error:
            self.tell(f"Could not prepare a network: {error}", FAILED, WARNING)
        else:
            if note:
                self.tell(note, APPLIED, INFO)

    def _network(self) -> Sequence[str]:
        """The network stage, for a source, an include or a duty that needs it; returns the stages that are left."""
        known = self.found
        self._let_in_later()
        self._await_route(NETWORK_SECONDS if known is None or self.wanting else COMMAND_SECONDS)
        self.agent.online = True
        if known is None:
            notify("STATUS=Asking network datasources")
        found = known or self.agent.probe()
        left: Sequence[str] = ()
        if found.metadata is None:
            self._nothing(found)
        else:
            left = self._apply(found, (LOCAL, NETWORK), more=True)
        if self.gates is not None:
            self.gates.open_network()
        return left

    def _await_route(self, seconds: float) -> None:
        if not self.host.live:
            return
        from .system.uplink import ADAPTER_SECONDS, wait

        # a source on the network is worth waiting for an adapter whose driver is late
        patience = ADAPTER_SECONDS if self.found is None else 0.0
        with self.agent.spans.measure("network", WAIT):
            routed = wait(self.host, Deadline(seconds), patience)
        if not routed:
            self.tell("No route came up in time", FAILED, WARNING)

    def _let_in_later(self) -> None:
        """A machine that was customized before lets its users in after a while: its source may be gone for good."""
        if self.gates is None or self.agent.known is None:
            return
        from threading import Timer

        timer = Timer(KNOWN_SECONDS, self.gates.open_network)
        timer.daemon = True
        timer.start()

    def _final(self) -> None:
        """The final stage, once the rest of the boot is there."""
        notify("STATUS=Waiting for the rest of the boot")
        if self.gates is not None:
            with self.agent.spans.measure("rest of the boot", WAIT):
                self.gates.wait_for_boot(Deadline(FINAL_SECONDS))
        notify("STATUS=Running the final stage")
        assert self.found is not None
        self._apply(self.found, (FINAL,), more=False)

    def _apply(self, found: Probe, stages: tuple[str, ...], *, more: bool) -> Sequence[str]:
        """Apply some stages; returns those for which work is left."""
        try:
            report = self.agent.apply(found, stages, more=more)
        except StateError as error:
            self._failed(error)
            return ()
        except OvfinitError as displaced:
            # told by the agent's own status: this machine's source is another one, which cannot be asked
            self.tell(str(displaced), NO_SOURCE, WARNING, code=displaced.code)
            self.code = 0 if self.managed else displaced.exit_code
            return ()
        self.found = found
        self.asked = report.asked
        failed = [error for entry in report.status["handlers"].values() for error in entry["errors"]]
        for entry in failed:
            self.code = 1
            self.tell(f"{entry.get('where') or ''}: {entry['message']}".lstrip(": "), FAILED, ERROR, code=entry["code"])
        metadata = report.metadata
        self.tell(
            f"Stages {', '.join(stages)} done for instance {metadata.instance_id} from {metadata.datasource}",
            APPLIED,
            WARNING if failed else INFO,
            instance_id=metadata.instance_id or "",
            datasource=metadata.datasource or "",
        )
        self.wanting = bool(report.wanting)
        return report.left

    def _attest(self) -> None:
        """Spare the next boot the plan, if there is nothing left to plan."""
        if self.found is None or self.found.metadata is None or self.code or self.agent.spared:
            return
        try:
            self.agent.attest(self.found.metadata)
        except StateError as error:
            self.tell(str(error), FAILED, WARNING, code=error.code)

    def _nothing(self, found: Probe) -> None:
        """No source answered. The machine stays as it was, and everybody can read why."""
        failure = found.failure()
        try:
            self.agent.apply(found)
        except OvfinitError:
            absent = isinstance(failure, SourceAbsent)
            self.tell(str(failure), NO_SOURCE, INFO if absent else WARNING, code=failure.code)
        # a machine that was customized before is as good as it was: its unit has not failed
        self.code = 0 if self.managed and self.agent.known is not None else failure.exit_code

    def _failed(self, error: OvfinitError) -> None:
        self.code = 1
        self.tell(str(error), FAILED, ERROR, code=error.code)

    def _closing(self) -> None:
        if not self.host.live:
            return
        from .system.console import host_keys, say

        known = status.read(self.host)
        name = (self.host.text("/etc/hostname") or "").strip() or "this machine"
        state = known["status"]
        line = f"{name}: {state}" + (f", instance {known['instance_id']}" if known.get("instance_id") else "")
        changed = {name for name, entry in known.get("handlers", {}).items() if entry["changed"]}
        say([*(host_keys(self.host, self.asked) if "ssh_keys" in changed else ()), line])
        self.tell(line, READY, INFO)
        notify(f"STATUS={line}")

    def _watchdog(self) -> None:
        """Tell systemd that we live, also while a user's script runs for an hour."""
        if not self.managed:
            return
        from _signal import ITIMER_REAL, SIGALRM, setitimer, signal  # type: ignore[import-not-found]

        def alive(_: int, __: FrameType | None) -> None:
            notify("WATCHDOG=1")

        signal(SIGALRM, alive)
        setitimer(ITIMER_REAL, WATCHDOG_SECONDS, WATCHDOG_SECONDS)
