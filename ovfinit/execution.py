"""Carrying out a plan: duty by duty, stage by stage, journalled, with a tally of what came of each duty."""

from __future__ import annotations

from time import monotonic

from .apply import ScriptFailed, perform
from .changes import STAGES
from .errors import OvfinitError, StateError
from .journal import Journal, own_missing
from .ledger import expected, settled
from .record import Record
from .state import DamagedStateError
from .undo import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .apply import Done
    from .compare import Step
    from .host import Host
    from .plan import Plan
    from .state import State


class Outcome(Record):
    """What came of one duty: `result` is done, deferred, nothing or failed.

    `started` is on the monotonic clock, 0.0 if nothing was due; `seconds` is the sum over its changes.
    """

    handler: str
    result: str
    started: float = 0.0
    seconds: float = 0.0
    changed: Sequence[str] = ()
    errors: Sequence[OvfinitError] = ()
    warnings: Sequence[str] = ()
    scripts: Sequence[Mapping[str, Any]] = ()


class _Tally:
    """One duty while its changes are made."""

    def __init__(self) -> None:
        self.started = 0.0
        self.seconds = 0.0
        self.changed: list[str] = []
        self.errors: list[OvfinitError] = []
        self.warnings: list[str] = []
        self.scripts: list[dict[str, Any]] = []
        self.deferred = False

    def outcome(self, handler: str) -> Outcome:
        """The final word."""
        result = "nothing"
        if self.errors:
            result = "failed"
        elif self.deferred:
            result = "deferred"
        elif self.changed:
            result = "done"
        return Outcome(
            handler,
            result,
            self.started,
            round(self.seconds, 6),
            tuple(self.changed),
            tuple(self.errors),
            tuple(self.warnings),
            tuple(self.scripts),
        )


def execute(
    plan: Plan,
    host: Host,
    state: State,
    *,
    sources: Sequence[Mapping[str, Any]] = (),
    stages: Sequence[str] = STAGES,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Make the machine so; a duty that fails never stops the others.

    Journal and state are written before the first change, so this may be killed anywhere. Raises StateError when not
    even the state can be written; nothing was changed then.
    """
    work = _Execution(plan, host, state, stages)
    work.write_ahead(sources)
    for index, step in enumerate(work.due):
        progress(f"{step.change.handler}: {step.action} {step.change.target}")
        work.make(index, step)
    work.close()
    return [tally.outcome(name) for name, tally in work.tallies.items()]


class _Execution:
    """One run over the steps of a plan that are due in these stages."""

    def __init__(self, plan: Plan, host: Host, state: State, stages: Sequence[str]) -> None:
        assert plan.metadata.instance_id is not None
        self.plan, self.host, self.state, self.stages = plan, host, state, stages
        self.instance_id = plan.metadata.instance_id
        self.steps = list(plan.steps(stages))
        self.due = [step for step in self.steps if step.due]
        self.journal = Journal(state, state.folder(self.instance_id))
        self.number = 0
        self.past = expected(plan.past, self.steps)
        self.done = dict(plan.past.done)
        self.tallies = {duty.handler: _Tally() for duty in plan.duties}
        for duty in plan.duties:
            tally = self.tallies[duty.handler]
            tally.errors += [duty.error] if duty.error else []
            tally.errors += [step.error for step in duty.steps if step.error and step.change.stage in stages]
            tally.warnings += [problem.text for problem in duty.problems]
            tally.warnings += [f"{step.change.target}: {step.reason}; kept" for step in duty.steps if step.kept]

        for step in self.steps:
            if step.change.kind == "run" and not step.due:
                ran = self.done.get(step.change.target, {})
                self.tallies[step.change.handler].scripts.append(
                    {"name": _script(step), "exit_code": ran.get("exit_code")}
                )

    def write_ahead(self, sources: Sequence[Mapping[str, Any]]) -> None:
        """Journal and state, before anything is touched; neither if there is nothing to say."""
        metadata, new = self.plan.metadata, self.plan.past.new
        try:
            if not self.due and not new and self.state.current() == metadata:
                return
        except DamagedStateError:
            pass  # what was read now takes its place
        finish(self.host, self.state)
        own, previous = own_missing(self.host), self.state.linked()
        try:
            self.state.make_folder(self.state.folder(self.instance_id))
            self.state.make_folder(self.journal.folder)
        except OSError as error:
            where = self.state.folder(self.instance_id)
            raise StateError(f"cannot be written: {error.strerror}", where=where) from error
        if self.due or new:
            self.number = self.journal.open(self.due, previous, own)
        self.state.remember(metadata, sources, self.past)
        self.state.flush()

    def make(self, index: int, step: Step) -> None:
        """One change; a failure is the duty's, not ours."""
        tally = self.tallies[step.change.handler]
        start = monotonic()
        tally.started = tally.started or start
        try:
            done = perform(step, self.host)
        except OvfinitError as error:
            tally.errors.append(error)
            if step.change.kind == "host-key":
                # a key that somebody makes there later is not of our making
                self.journal.note(self.number, index, step.change)
            if isinstance(error, ScriptFailed):
                tally.scripts.append({"name": _script(step), "exit_code": error.script_exit_code})
        else:
            self._note(index, step, done, tally)
        tally.seconds += monotonic() - start

    def _note(self, index: int, step: Step, done: Done, tally: _Tally) -> None:
        change = step.change
        if not done.deferred and change.kind in ("user", "host-key"):
            self.journal.note(self.number, index, change)
        if change.kind in ("run", "host-key") or done.deferred:
            self.done[change.target] = {"deferred": True} if done.deferred else {"exit_code": done.exit_code}
        if change.kind == "run":
            tally.scripts.append({"name": _script(step), "exit_code": done.exit_code})
            # a script that has run must never run again, whatever happens to us next
            self.state.save_past(self.instance_id, self.past.with_(done=self.done))
        tally.deferred |= done.deferred
        tally.changed.append(change.target)

    def close(self) -> None:
        """Mark the duties that are done, and what is ours now."""
        for name, tally in self.tallies.items():
            later = any(
                step.change.handler == name and (step.deferred or (step.due and step.change.stage not in self.stages))
                for step in self.plan.steps()
            )
            if not tally.errors and not later:
                self.done.setdefault(name, {})
        made = {target for tally in self.tallies.values() for target in tally.changed}
        now = settled(self.plan.past, self.steps, made).with_(done=self.done)
        if self.plan.past.new or now != self.plan.past.with_(new=False):
            self.state.save_past(self.instance_id, now)
            self.state.flush()


def _script(step: Step) -> str:
    return step.change.target.rsplit("/", 1)[1]
