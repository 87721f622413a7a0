"""The conductor: metadata → plan → apply, stage by stage. Used by the daemon, `plan` and `apply` alike."""

from __future__ import annotations

from time import monotonic

from . import handlers
from .changes import STAGES, Change, RemoveFile, WriteBlock, WriteFile
from .compare import Step, compare
from .digest import sha256
from .errors import ChangeError, OvfinitError
from .model import Problem
from .record import Record
from .state import Past, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from .config import Config
    from .host import Host
    from .model import Metadata


class Duty(Record):
    """One handler's part of a plan: its steps, what it had to leave out, or why it cannot be planned at all."""

    handler: str
    steps: Sequence[Step] = ()
    problems: Sequence[Problem] = ()
    error: OvfinitError | None = None


class Plan(Record):
    """Everything that is wanted of a machine, beside the machine as it is."""

    metadata: Metadata
    past: Past
    duties: Sequence[Duty]

    def steps(self, stages: Sequence[str] = STAGES) -> Iterator[Step]:
        """The steps of these stages, stage by stage, in the order in which they are applied."""
        for stage in stages:
            for duty in self.duties:
                yield from (step for step in duty.steps if step.change.stage == stage)


class Outcome(Record):
    """What came of one duty: `result` is done, deferred, nothing or failed."""

    handler: str
    result: str
    seconds: float = 0.0
    changed: Sequence[str] = ()
    errors: Sequence[OvfinitError] = ()
    warnings: Sequence[str] = ()
    scripts: Sequence[Mapping[str, Any]] = ()


def make_plan(metadata: Metadata, config: Config, host: Host, state: State) -> Plan:
    """Ask every duty that is not disabled, then compare. Changes nothing; raises StateError for damaged state."""
    assert metadata.instance_id is not None
    past = state.past(metadata.instance_id)
    duties = []
    for name in handlers.ORDER:
        if name not in config.disable:
            duties.append(_plan_duty(name, metadata, config, host, past))
    return Plan(metadata, past, (*duties, *_leftovers(duties, config, host, past)))


def _plan_duty(name: str, metadata: Metadata, config: Config, host: Host, past: Past) -> Duty:
    module = __import__(f"ovfinit.handlers.{name}", fromlist=[name])
    wanted: list[Change] = []
    problems: list[Problem] = []
    error: OvfinitError | None = None
    try:
        for item in module.changes(metadata, config, host, past):
            (problems if isinstance(item, Problem) else wanted).append(item)
        error = _dropped(metadata, name)
    except OvfinitError as failure:
        error = failure
    return Duty(name, tuple(compare(change, host, past) for change in wanted), tuple(problems), error)


def _leftovers(duties: Sequence[Duty], config: Config, host: Host, past: Past) -> Iterator[Duty]:
    """Files and blocks of ours that nobody wants any more go; a duty that failed or is disabled keeps its own."""
    settled = {duty.handler for duty in duties if duty.error is None}
    wanted = {step.change.target for duty in duties for step in duty.steps}
    for path, handler in past.wanted_by.items():
        if path in wanted or handler not in settled or handler in config.disable or not past.written.get(path):
            continue
        change: Change
        change = RemoveFile(handler, path) if past.written[path] != BLOCK else WriteBlock(handler, path)
        step = compare(change, host, past)
        if step.action != "none" or step.kept:
            yield Duty(handler, (step,))


# a block is not recognised by a digest: the rest of its file is not ours
BLOCK = ("block",)


def apply_plan(
    plan: Plan,
    host: Host,
    state: State,
    *,
    sources: Sequence[Mapping[str, Any]] = (),
    stages: Sequence[str] = STAGES,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Make the machine so, duty by duty within each stage; a duty that fails never stops the others.

    Journal and state are written before the first change, so this may be killed anywhere. Raises StateError when not
    even the state can be written; nothing was changed then.
    """
    from .apply import ScriptFailed, perform
    from .journal import Journal, link_target, own_missing

    metadata = plan.metadata
    assert metadata.instance_id is not None
    steps = list(plan.steps(stages))
    due = [step for step in steps if step.due]
    past = _expect(plan.past, steps)
    journal = Journal(state, metadata.instance_id)
    number = 0
    if due or plan.past.new or state.current() != metadata:
        own, previous = own_missing(host), link_target(host)
        _prepare(state, metadata, journal)
        if due or plan.past.new:
            number = journal.open(due, previous, own)
        state.remember(metadata, sources, past)
    done = dict(past.done)
    results: dict[str, dict[str, Any]] = {
        duty.handler: {"errors": [], "changed": [], "scripts": [], "seconds": 0.0, "deferred": False}
        for duty in plan.duties
    }
    for duty in plan.duties:
        results[duty.handler]["errors"] += [duty.error] if duty.error else []
        results[duty.handler]["errors"] += [
            step.error for step in duty.steps if step.error and step.change.stage in stages
        ]
    for index, step in enumerate(due):
        change, result = step.change, results[step.change.handler]
        progress(f"{change.handler}: {step.action} {change.target}")
        start = monotonic()
        try:
            outcome = perform(step, host)
        except OvfinitError as error:
            result["errors"].append(error)
            if isinstance(error, ScriptFailed):
                result["scripts"].append({"name": change.target.rsplit("/", 1)[1], "exit_code": error.script_exit_code})
            continue
        finally:
            result["seconds"] += monotonic() - start
        if not outcome.deferred and change.kind in ("user", "host-key"):
            journal.note(number, index, change)
        if change.kind in ("run", "host-key") or outcome.deferred:
            done[change.target] = {"deferred": True} if outcome.deferred else {"exit_code": outcome.exit_code}
        if change.kind == "run":
            result["scripts"].append({"name": change.target.rsplit("/", 1)[1], "exit_code": outcome.exit_code})
            # a script that has run must never run again, whatever happens to us next
            state.save_past(metadata.instance_id, past.with_(done=done))
        result["deferred"] |= outcome.deferred
        result["changed"].append(change.target)
    for name, result in results.items():
        later = any(
            step.change.handler == name and (step.deferred or step.due and step.change.stage not in stages)
            for step in plan.steps()
        )
        if not result["errors"] and not later:
            done.setdefault(name, {})
    settled = _settle(plan.past, steps, results).with_(done=done)
    if settled != plan.past.with_(new=False) or plan.past.new:
        state.save_past(metadata.instance_id, settled)
    return [_outcome(plan, name, result) for name, result in results.items()]


def _prepare(state: State, metadata: Metadata, journal: Any) -> None:
    from .errors import StateError

    assert metadata.instance_id is not None
    try:
        state.make_folder(state.folder(metadata.instance_id))
        state.make_folder(journal.folder)
    except OSError as error:
        raise StateError(f"cannot be written: {error.strerror}", where=state.folder(metadata.instance_id)) from error


def _digests(step: Step) -> tuple[str, ...]:
    change = step.change
    if isinstance(change, WriteFile) and not step.kept and step.error is None:
        return (sha256(change.content).hexdigest(),)
    return BLOCK if isinstance(change, WriteBlock) and change.lines else ()


def _goes_with_us(change: Change) -> bool:
    """True for what is removed once nobody wants it any more."""
    return change.ours if isinstance(change, WriteFile) else True


def _expect(past: Past, steps: Sequence[Step]) -> Past:
    """What may stand on the machine if we are killed now: old contents of ours and new ones."""
    written, wanted_by = dict(past.written), dict(past.wanted_by)
    for step in steps:
        digests = _digests(step)
        if digests:
            path = step.change.target
            written[path] = tuple(dict.fromkeys((*written.get(path, ()), *digests)))
            if _goes_with_us(step.change):
                wanted_by[path] = step.change.handler
    return past.with_(written=written, wanted_by=wanted_by)


def _settle(past: Past, steps: Sequence[Step], results: Mapping[str, Mapping[str, Any]]) -> Past:
    """What stands on the machine now that the steps were made."""
    written, wanted_by = dict(past.written), dict(past.wanted_by)
    for step in steps:
        change = step.change
        digests = _digests(step)
        if change.kind == "remove" or change.kind == "block" and not digests:
            if not step.kept:
                written.pop(change.target, None)
                wanted_by.pop(change.target, None)
        elif digests and (not step.due or change.target in results[change.handler]["changed"]):
            written[change.target] = digests
            if _goes_with_us(change):
                wanted_by[change.target] = change.handler
    return past.with_(new=False, written=written, wanted_by=wanted_by)


def _outcome(plan: Plan, name: str, result: Mapping[str, Any]) -> Outcome:
    duties = [duty for duty in plan.duties if duty.handler == name]
    warnings = [describe(problem) for duty in duties for problem in duty.problems]
    warnings += [f"{step.change.target}: {step.reason}; kept" for duty in duties for step in duty.steps if step.kept]
    state = (
        "failed"
        if result["errors"]
        else "deferred"
        if result["deferred"]
        else "done"
        if result["changed"]
        else "nothing"
    )
    return Outcome(
        name,
        state,
        round(result["seconds"], 6),
        tuple(result["changed"]),
        tuple(result["errors"]),
        tuple(warnings),
        tuple(result["scripts"]),
    )


def describe(problem: Problem) -> str:
    """A problem as one line for people."""
    return (
        f"{problem.where}: {problem.field}: {problem.message}"
        if problem.where
        else f"{problem.field}: {problem.message}"
    )


def _dropped(metadata: Metadata, handler: str) -> ChangeError | None:
    """Why a duty counts as failed although its plan worked: the value it exists for could not be used."""
    field = {"hostname": "hostname", "network": "network", "users": "public_keys"}.get(handler)
    for problem in metadata.problems:
        if problem.field == field and not getattr(metadata, field):
            return ChangeError(f"{problem.field}: {problem.message}", where=problem.where)
    return None
