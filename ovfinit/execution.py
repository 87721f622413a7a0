"""Carrying out a plan: duty by duty, stage by stage, journalled, with a tally of what came of each duty."""

from __future__ import annotations

from time import monotonic

from . import marks
from .apply import finish as finish_programs
from .apply import perform
from .changes import Run
from .digest import sha256
from .errors import ChangeError, NetworkLost, OvfinitError, ScriptFailed, StateError, fault
from .journal import Journal, own_missing
from .ledger import expected, settled
from .paths import UNDONE
from .record import Record
from .stages import STAGES
from .state import DamagedStateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .apply import Done
    from .changes import Change
    from .host import Host
    from .plan import Plan
    from .state import State
    from .step import Step


# kinds whose making is noted, so that they are not made again
_MARKED = ("run", "call", "post", "message", "password", "host-key", "user", "fetch", "network-reload")
# kinds of which only their effect tells undo what was theirs
_NOTED = ("user", "group", "password", "host-key", "fetch")


class Outcome(Record):
    """What came of one duty: `result` is done, deferred, nothing or failed.

    `started` is on the monotonic clock, 0.0 if nothing was due; `seconds` is the sum over its changes. `scripts` are
    the users' programs: name, exit code (None: there is none), seconds, how often they run.
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

    @property
    def failed(self) -> bool:
        """True if one of the users' programs did not end well."""
        return any(script["exit_code"] != 0 and not script["deferred"] for script in self.scripts)

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
    running: Callable[[str], None] = lambda _: None,
    confirm: Callable[[], bool] | None = None,
) -> list[Outcome]:
    """Make the machine so; a duty that fails never stops the others. `running` is told of each program of a user's.

    `confirm` is asked after the running network was changed; a no takes the change back.

    Journal and state are written before the first change, so this may be killed anywhere. Raises StateError when not
    even the state can be written; nothing was changed then.
    """
    work = _Execution(plan, host, state, stages, confirm)
    work.write_ahead(sources)
    for index, step in enumerate(work.due):
        progress(f"{step.change.handler}: {step.action} {step.change.target}")
        if step.change.kind == "run" and not step.deferred:
            running(script_name(step.change))
        work.make(index, step)
    finish_programs()
    work.close()
    return [tally.outcome(name) for name, tally in work.tallies.items()]


class _Execution:
    """One run over the steps of a plan that are due in these stages."""

    def __init__(
        self,
        plan: Plan,
        host: Host,
        state: State,
        stages: Sequence[str],
        confirm: Callable[[], bool] | None,
    ) -> None:
        assert plan.metadata.instance_id is not None
        self.confirm = confirm
        self.plan, self.host, self.state, self.stages = plan, host, state, stages
        self.instance_id = plan.metadata.instance_id
        self.steps = list(plan.steps(stages))
        self.due = [step for step in self.steps if step.due]
        self.journal = Journal(state, state.folder(self.instance_id))
        self.number = 0
        self.past = expected(plan.past, self.steps)
        self.done: dict[str, Mapping[str, Any]] = dict(plan.past.done)
        self.tallies = {duty.handler: _Tally() for duty in plan.duties}
        for duty in plan.duties:
            tally = self.tallies[duty.handler]
            tally.errors += [duty.error] if duty.error else []
            tally.errors += [step.error for step in duty.steps if step.error and step.change.stage in stages]
            tally.warnings += [problem.text for problem in duty.problems]
            tally.warnings += [f"{step.change.target}: {step.reason}; kept" for step in duty.steps if step.kept]

        for step in self.steps:
            if step.change.kind == "run" and not step.due:
                ran = self.done.get(marks.name(step.change), {})
                self.tallies[step.change.handler].scripts.append(
                    _script(step.change, ran.get("exit_code"), ran.get("seconds"), deferred=step.deferred)
                )

    def write_ahead(self, sources: Sequence[Mapping[str, Any]]) -> None:
        """Journal and state, before anything is touched; neither if there is nothing to say."""
        metadata, new = self.plan.metadata, self.plan.past.new
        try:
            if not self.due and not new and self.state.current() == metadata:
                return
        except DamagedStateError:
            pass  # what was read now takes its place
        if self.host.exists(UNDONE):
            from .undo import finish

            finish(self.host, self.state)
        own, previous = own_missing(self.host), self.state.linked()
        try:
            self.state.make_folder(self.state.folder(self.instance_id))
            self.state.make_folder(self.journal.folder)
        except OSError as error:
            where = self.state.folder(self.instance_id)
            raise StateError(f"cannot be written: {error.strerror}", where=where) from error
        ahead: dict[str, Mapping[str, Any]] = {}
        if self.due or new:
            self.number, ahead = self.journal.begin(self.due, previous, own)
        begun = {marks.name(step.change): _begun(step) for step in self.due if getattr(step.change, "append", False)}
        if begun:
            self.past = self.past.with_(done={**self.past.done, **begun})
        if self.plan.handed.fetched:
            ahead |= self.state.includes_file(self.instance_id, self.plan.handed.fetched)
        self.state.remember(metadata, sources, self.past, ahead)

    def make(self, index: int, step: Step) -> None:
        """One change; a failure is the duty's, not ours."""
        change = step.change
        tally = self.tallies[change.handler]
        start = monotonic()
        tally.started = tally.started or start
        try:
            if getattr(change, "if_well", False) and not step.deferred and tally.failed:
                raise ChangeError("was not run: a command before it failed", where=change.target)
            done = self._perform(step)
            if change.kind == "network-reload" and self.confirm is not None and not self.confirm():
                raise NetworkLost("was not confirmed and was taken back", where=change.target)
        except OvfinitError as error:
            tally.errors.append(error)
            if isinstance(error, NetworkLost):
                self._take_back(step, tally)
            if change.kind in _NOTED:
                # what somebody makes there later is not of our making
                self.journal.note(self.number, index, change)
            begun = self.done.pop(marks.name(change), {}) if change.kind in _MARKED else {}
            if isinstance(change, Run):
                code, seconds = (
                    (error.script_exit_code, error.took) if isinstance(error, ScriptFailed) else (None, None)
                )
                tally.scripts.append(_script(change, code, seconds))
                if "begun" in begun and change.shell:
                    # by itself, without what the commands before it prepared, it might do something else
                    mark = marks.made(change, self.host, exit_code=code, seconds=seconds)
                    self._save({**self.done, marks.name(change): mark})
        else:
            self._note(index, step, done, tally)
        tally.seconds += monotonic() - start

    def _perform(self, step: Step) -> Done:
        prepared = self._prepared(step)
        try:
            return perform(prepared, self.host)
        except OvfinitError:
            raise
        except Exception as unforeseen:
            raise fault(unforeseen) from unforeseen

    def _prepared(self, step: Step) -> Step:
        """A step whose program knows for whom it works; that it was begun is written down before it can end us."""
        change = step.change
        if change.kind == "network-reload":
            former = {one.change.target: one.before for one in self.due if one.writes(change.handler)}
            return step.with_(change=change.with_(former=former))
        if step.deferred or change.kind not in ("run", "call"):
            return step
        if change.kind == "run" or getattr(change, "marked_first", False):
            mark = marks.begun(change, self.done) if change.kind == "run" else marks.made(change, self.host)
            self._save({**self.done, marks.name(change): mark})
        variables = {
            "INSTANCE_ID": self.instance_id,
            "OVFINIT_DATASOURCE": self.plan.metadata.datasource or "",
            **getattr(change, "environment", {}),
        }
        return step.with_(change=change.with_(environment=variables))

    def _take_back(self, step: Step, tally: _Tally) -> None:
        """The network's files are as before, and the same ones are not tried again by themselves."""
        from .takeback import take_back

        try:
            restored = take_back(self.host, self.journal, self.number, self.due, step)
        except (OvfinitError, OSError) as error:
            tally.errors.append(ChangeError(f"could not be taken back: {error}", where=step.change.target))
            return
        tally.changed = [target for target in tally.changed if target not in restored]
        refused = {"fingerprint": getattr(step.change, "fingerprint", "")}
        self._save({**self.done, marks.NETWORK_REFUSED: refused})

    def _save(self, done: Mapping[str, Mapping[str, Any]]) -> None:
        self.done = dict(done)
        self.state.save_past(self.instance_id, self.past.with_(done=done))

    def _note(self, index: int, step: Step, done: Done, tally: _Tally) -> None:
        change = step.change
        if not done.deferred and (change.kind in _NOTED or getattr(change, "append", False)):
            self.journal.note(self.number, index, change)
        if done.deferred:
            self.done[marks.name(change)] = {"deferred": True}
        elif change.kind in _MARKED or getattr(change, "append", False):
            self.done[marks.name(change)] = marks.made(
                change, self.host, exit_code=done.exit_code, seconds=done.seconds
            )
        else:
            # what was deferred once is made now
            self.done.pop(marks.name(change), None)
        if change.kind == "run":
            tally.scripts.append(_script(change, done.exit_code, done.seconds, deferred=done.deferred))
            # a script that has run must never run again, whatever happens to us next
            self._save(self.done)
        tally.deferred |= done.deferred
        tally.changed.append(change.target)

    def close(self) -> None:
        """Mark the duties that are done, and what is ours now."""
        unfinished = {name for name, tally in self.tallies.items() if tally.errors}
        unfinished |= {
            step.change.handler
            for step in self.plan.steps()
            if step.deferred or (step.due and step.change.stage not in self.stages)
        }
        for name in self.tallies:
            if name not in unfinished:
                self.done.setdefault(name, {})
        for step in self.plan.steps():
            if step.change.kind == "user" and step.change.handler not in unfinished:
                # told which users were made as long as something else had failed
                self.done.pop(marks.name(step.change), None)
        made = {target for tally in self.tallies.values() for target in tally.changed}
        now = settled(self.plan.past, self.steps, made).with_(done=self.done)
        if self.plan.past.new or now != self.plan.past.with_(new=False):
            self.state.save_past(self.instance_id, now)
            self.state.flush()


def script_name(change: Change) -> str:
    """What the status calls a user's program."""
    return change.target.rpartition("/")[2]


def _script(change: Change, exit_code: int | None, seconds: float | None, *, deferred: bool = False) -> dict[str, Any]:
    return {
        "name": script_name(change),
        "handler": change.handler,
        "when": getattr(change, "when", None),
        "exit_code": exit_code,
        "seconds": seconds,
        "deferred": deferred,
    }


def _begun(step: Step) -> dict[str, str]:
    """What stands there before something is added: when it no longer does, it was added."""
    return {"begun": sha256(step.before or b"").hexdigest()}
