"""The plan: what every duty wants of a machine, beside the machine as it is. Making one changes nothing."""

from __future__ import annotations

from . import marks
from .changes import Change, LeaveAlone
from .compare import compare
from .duties import ALWAYS, EARLY, ENDING, FIELDS, KEYS, ORDER, PROPERTIES, SHARED
from .errors import ChangeError, OvfinitError, fault
from .ledger import leftover
from .model import Problem
from .record import Record
from .stages import FINAL, STAGES
from .state import Past, State
from .userdata import NOTHING, UserData
from .userdata.handed import ANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from .config import Config
    from .host import Host
    from .model import Metadata
    from .step import Step


# the duties that cloud-config has a say in; a script is a part of its own
TOLD = frozenset((*KEYS.values(), *(name for names in SHARED.values() for name in names))) - {"scripts"}


class Duty(Record):
    """One handler's part of a plan: its steps, what it had to leave out, or why it cannot be planned at all.

    `alone`: what it wrote before stays.
    """

    handler: str
    steps: Sequence[Step] = ()
    problems: Sequence[Problem] = ()
    error: OvfinitError | None = None
    alone: bool = False


class Plan(Record):
    """Everything that is wanted of a machine, beside the machine as it is."""

    metadata: Metadata
    past: Past
    duties: Sequence[Duty]
    handed: UserData = NOTHING

    def steps(self, stages: Sequence[str] = STAGES) -> Iterator[Step]:
        """The steps of these stages, stage by stage, in the order in which they are applied."""
        for stage in stages:
            for duty in self.duties:
                yield from (step for step in duty.steps if step.change.stage == stage)

    def unsettled(self) -> set[str]:
        """The duties that a plan for the final stage must ask once more: all but those whose every step came before."""
        return {
            duty.handler
            for duty in self.duties
            if duty.error or not duty.steps or any(step.change.stage == FINAL for step in duty.steps)
        }


def make_plan(
    metadata: Metadata,
    config: Config,
    host: Host,
    state: State,
    handed: UserData = NOTHING,
    *,
    insist: bool = False,
    only: Container[str] | None = None,
) -> Plan:
    """Ask every duty that has something to do here and is not disabled, then compare.

    With `insist`, a network configuration that was taken back is tried again. `only` are the duties to ask if an
    earlier plan of the same boot has told which have something left to do; what nobody wants any more has gone with
    that one. Changes nothing; raises StateError for damaged state.
    """
    assert metadata.instance_id is not None
    past = state.past(metadata.instance_id)
    if insist:
        past = past.with_(done={name: mark for name, mark in past.done.items() if name != marks.NETWORK_REFUSED})
    asked = {*ALWAYS, *(KEYS[key] for key in handed.config)}
    asked |= {name for key in handed.config for name in SHARED.get(key, ())}
    asked |= {"boothooks"} if handed.boothooks else set()
    asked |= {name for mark, name in ENDING.items() if any(done.startswith(mark) for done in past.done)}
    asked |= {name for field, name in FIELDS.items() if _says(metadata, field)}
    asked |= {name for key, name in PROPERTIES.items() if key in metadata.properties}
    duties = []
    # what user data wants as a whole is only known once its includes are read
    held = [name for name in ORDER if handed.wanting and name not in EARLY]
    # nor is it where some of it cannot be read: what was done by it on an earlier boot stays
    unread = None if past.new or only is not None else _unread(metadata, handed)
    unknown = TOLD if unread is not None else ()
    left_alone = (*config.disable, *held, *(name for name in unknown if name in past.done))
    for name in (one for one in ORDER if only is None or one in only):
        if name in asked and name not in left_alone:
            duties.append(_plan_duty(name, metadata, config, host, past, handed))
        elif name in handed.broken and name not in left_alone:
            # none of its keys can be used, so it has nothing to do, and has failed
            duties.append(Duty(name, error=_broken(handed, name)))
    # what goes makes room before what comes, and a network is only complete then
    if unread is not None:
        duties.append(Duty(ANY, problems=(unread,)))
    lost = {problem.field for problem in metadata.problems if not getattr(metadata, problem.field, True)}
    kept = (*left_alone, *unknown, *(name for field, name in FIELDS.items() if field in lost))
    # who was told to leave everything alone tells of no mistake
    heard = {name: finding for name, finding in handed.broken.items() if name not in config.disable}
    going = leftovers(duties, kept, host, past) if only is None else ()
    return Plan(metadata, past, (*going, *duties), handed.with_(broken=heard))


def _says(metadata: Metadata, field: str) -> bool:
    """Whether a field asks for something. A bare `en`, as in every VMware environment, is the language of the
    platform's user interface and no locale of a machine's.
    """
    value = getattr(metadata, field)
    return value is not None and (field != "locale" or "_" in value or value.partition(".")[0] in ("C", "POSIX"))


def _plan_duty(name: str, metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Duty:
    module = __import__(f"ovfinit.handlers.{name}", fromlist=[name])
    wanted: list[Change] = []
    problems: list[Problem] = []
    error: OvfinitError | None = None
    alone = False
    try:
        for item in module.changes(metadata, config, host, past, handed):
            (problems if isinstance(item, Problem) else wanted).append(item)
        error = _dropped(metadata, name) or _broken(handed, name)
    except OvfinitError as failure:
        error = failure
    except LeaveAlone:
        alone = True
    except Exception as unforeseen:
        error = fault(unforeseen)
    return Duty(name, tuple(compare(change, host, past) for change in wanted), tuple(problems), error, alone)


def leftovers(duties: Sequence[Duty], disabled: Sequence[str], host: Host, past: Past) -> Iterator[Duty]:
    """Files and blocks of ours that nobody wants any more go; a duty that failed, is disabled or is to leave the
    machine alone keeps its own.
    """
    failed = {duty.handler for duty in duties if duty.error is not None or duty.alone}
    wanted = {step.change.target for duty in duties for step in duty.steps}
    going: set[str] = set()
    # a folder after what is in it
    for path in sorted(past.wanted_by, reverse=True):
        handler = past.wanted_by[path]
        if path in wanted or handler in failed or handler in disabled or not past.written.get(path):
            continue
        step = compare(leftover(past, path, inside=going), host, past)
        if step.action == "remove":
            going.add(path)
        if step.action != "none" or step.kept:
            yield Duty(handler, (step,))


def _unread(metadata: Metadata, handed: UserData) -> Problem | None:
    """What is said where user data is there and it is not known, or not in full, what it asks for."""
    lost = (problem for problem in metadata.problems if problem.field in ("user_data", "vendor_data"))
    places = [problem.where for problem in lost if not getattr(metadata, problem.field)]
    places += [handed.unread.where] if handed.unread is not None else []
    message = "cannot be read in full: what an earlier boot did by it stays as it is"
    return Problem("user_data", message, places[0]) if places else None


def _broken(handed: UserData, handler: str) -> ChangeError | None:
    """Why a duty counts as failed although all else of it is done: a value in one of its keys had to be left out."""
    finding = handed.broken.get(handler)
    if finding is None:
        return None
    return ChangeError(
        f"left out: {finding.path}: {finding.message}" if finding.path else f"left out: {finding.message}",
        where=finding.where,
        remedy=finding.hint or "`ovfinit check FILE` names every mistake",
    )


def _dropped(metadata: Metadata, handler: str) -> ChangeError | None:
    """Why a duty counts as failed although its plan worked: the value it exists for could not be used."""
    field = {"hostname": "hostname", "network": "network", "users": "public_keys"}.get(handler)
    for problem in metadata.problems:
        if problem.field == field and not getattr(metadata, field):
            return ChangeError(f"{problem.field}: {problem.message}", where=problem.where)
    return None
