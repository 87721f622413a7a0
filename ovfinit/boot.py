"""The conductor: configuration, metadata → plan → apply, status. What the commands and the daemon share."""

from __future__ import annotations

from time import monotonic, sleep

from . import chain, config, plugins, status
from .deadline import Deadline
from .errors import SourceAbsent, StateError
from .host import Host
from .record import Record
from .spans import STAGE, WAIT, Spans
from .stages import FINAL, NETWORK, STAGES
from .state import State
from .witness import TICK_SECONDS, Witness, unchanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from typing import Any

    from .config import Config
    from .errors import OvfinitError
    from .execution import Outcome
    from .model import Metadata
    from .plan import Plan
    from .userdata import UserData

LOCK_SECONDS = 600.0
# how long each source may take: a boot is patient, a person at a terminal is not
BOOT_SECONDS, COMMAND_SECONDS = 60.0, 20.0
# all includes of one user data together
INCLUDE_SECONDS = 60.0


class Boot:
    """The agent on one tree. `wanted` are the (name, location) pairs of `--from`."""

    def __init__(
        self,
        root: str = "/",
        wanted: Sequence[tuple[str, str | None]] = (),
        config_file: str | None = None,
        *,
        lenient: bool = False,
    ) -> None:
        self.spans = Spans()
        self.lenient = lenient
        self.patience = BOOT_SECONDS if lenient else COMMAND_SECONDS
        self.host = Host(root)
        self.state = State(self.host)
        self.witness = Witness(self.host)
        # by itself it may be spared the plan, see `attest`
        self.spared = False
        self.config_file = config_file
        with self.spans.measure("configuration"), self.witness:
            self.config: Config = config.load(self.host, config_file, lenient=lenient)
        if self.config.sources:
            strange = plugins.strangers(self.host, self.config)
            if strange and not lenient:
                raise strange[0]
            self.config = self.config.with_(errors=(*self.config.errors, *strange))
        self.wanted = list(wanted)
        self.place = None if self.wanted else "ovfinit.from in /proc/cmdline"
        if not self.wanted and self.config.chosen:
            name, _, location = self.config.chosen.partition(":")
            self.wanted = [(name, self.host.real(location) if location.startswith("/") else location or None)]
        self.known = self._known()
        # a tree is filled from what lies in it, unless its source is named
        self.online = self.host.live or (bool(self.wanted) and self.place is None)
        # what came of user data, for the later stages of the same boot
        self._sorted: tuple[Metadata, bool, UserData] | None = None
        # the duties that the final stage of the same boot has to ask, None for all
        self._unsettled: set[str] | None = None

    def _known(self) -> Metadata | None:
        try:
            return self.state.current()
        except StateError:
            # a damaged record is no record: the sources are read anew, and apply writes a whole one
            return None

    def probe(self, *, network: bool = True) -> chain.Probe:
        """Ask the sources; without a network, those that need one are only asked whether this is their platform."""
        with self.spans.measure("plugins"):
            found = plugins.find(self.host, self.config, self.wanted, place=self.place)
        return chain.probe(
            self.host, found, named=bool(self.wanted), network=network, known=self.known, seconds=self.patience
        )

    def metadata(self) -> Metadata:
        """What a source gives now. Raises the right SourceError if none does."""
        found = self.probe()
        if found.metadata is None:
            raise found.failure()
        return found.metadata

    def plan(self, metadata: Metadata, only: Container[str] | None = None) -> Plan:
        """What applying this metadata would change; `only` as in `make_plan`."""
        from .plan import make_plan

        handed = self.handed(metadata)
        # what a person asks for is tried again, what a boot does by itself is not
        return make_plan(metadata, self.config, self.host, self.state, handed, insist=not self.lenient, only=only)

    def handed(self, metadata: Metadata) -> UserData:
        """What the user and the vendor handed over, sorted out; includes are fetched if there is a network."""
        if self._sorted is not None and self._sorted[:2] == (metadata, self.online):
            return self._sorted[2]
        from .userdata import collect, withheld

        assert metadata.instance_id is not None
        instance_id, deadline = metadata.instance_id, Deadline(INCLUDE_SECONDS)

        def fetch(url: str, limit: int) -> bytes:
            from . import http

            return http.fetch(url, deadline, limit)

        with self.spans.measure("user data"):
            kept = lambda: self.state.includes(instance_id)  # noqa: E731
            found = collect(metadata, kept, fetch if self.online else None, self.host)
        if found.incomplete and self.config.user_data.include_failure == config.STOP:
            found = withheld(found)
        self._sorted = (metadata, self.online, found)
        return found

    def apply(
        self,
        found: chain.Probe,
        stages: Sequence[str] = STAGES,
        progress: Callable[[str], None] = lambda _: None,
        *,
        more: bool = False,
        again: bool = False,
        confirm: Callable[[], bool] | None = None,
    ) -> Report:
        """Apply what the probe found, publish the status and the log; with `more`, other stages are to follow.

        With `again`, the boot was over before: its status is kept, and what was done now is brought into it. `confirm`
        is asked whether a changed network may stay.

        Raises SourceError when nothing was found, StateError when the state cannot be written; nothing is changed then.
        """
        metadata = found.metadata
        failure = found.failure() if metadata is None else self._displaced(found)
        if failure is not None:
            absent = isinstance(failure, SourceAbsent)
            known = status.summarize(
                self.known,
                found.records(),
                (),
                stages,
                # a machine that was customized before is as good as it was
                errors=() if absent or self.known else (failure,),
                warnings=(str(failure),) if absent or self.known else (),
            )
            if self.host.live:
                # a tree that nothing was found for stays as it is, to the byte
                self._publish(known, self.known, [f"source: {failure.message}"])
            raise failure
        assert metadata is not None
        with self.spans.measure("lock", WAIT):
            self.state.lock(Deadline(LOCK_SECONDS))
        started = monotonic()
        if self.lenient and not again and self.config_file is None and metadata == self.known:
            told = unchanged(self.host, self.state, metadata.instance_id or "")
            if told is not None:
                return self._spare(metadata, found, told, stages, started)
        with self.spans.measure("plan"):
            plan = self.plan(metadata, self._unsettled if tuple(stages) == (FINAL,) else None)
        from .execution import execute

        outcomes = execute(
            plan,
            self.host,
            self.state,
            sources=found.records(),
            stages=stages,
            progress=progress,
            running=self._running,
            confirm=confirm,
        )
        warnings = [*_warnings(plan, outcomes), *self._doubts(found)]
        left = {step.change.stage for step in plan.steps() if step.due and step.change.stage not in stages}
        if plan.handed.wanting and NETWORK not in stages:
            # nobody knows yet what else is to be done
            left |= {NETWORK, FINAL}
        left = left if more else set()
        self._unsettled = plan.unsettled() if left == {FINAL} else None
        known = status.summarize(
            metadata,
            found.records(),
            outcomes,
            stages,
            status=status.RUNNING if left else None,
            warnings=warnings,
            findings=_noted(plan),
            spans=self._take_spans(stages, started),
        )
        self._complete(known, again=again)
        lines = []
        for outcome in outcomes:
            lines += [f"{outcome.handler}: changed {target}" for target in outcome.changed]
            lines += [f"{outcome.handler}: failed: {error}" for error in outcome.errors]
        self._publish(known, metadata, _log(metadata, known, lines))
        return Report(
            metadata,
            known,
            bool(left),
            tuple(stage for stage in STAGES if stage in left),
            tuple(plan.handed.wanting),
            tuple(target for outcome in outcomes for target in outcome.changed),
            tuple(error for outcome in outcomes for error in outcome.errors),
            plan.handed.config,
        )

    def attest(self, metadata: Metadata) -> None:
        """When all is done: if a plan now finds nothing to do, remember what it looked at, see witness.py.

        Raises StateError.
        """
        handed = self.handed(metadata)
        # a configuration that lies elsewhere is none of what is looked at in the tree
        if handed.wanting or handed.fetched or self.config_file is not None:
            return
        # user data is sorted out anew, since templates look at the machine as well
        self._sorted = None
        # what this run has just written is then older than the look at it
        sleep(TICK_SECONDS)
        with self.witness:
            plan = self.plan(metadata)
        if any(duty.error for duty in plan.duties) or any(step.due or step.error for step in plan.steps()):
            return
        from .execution import execute

        outcomes = execute(plan, self.host, self.state)
        told = status.summarize(metadata, (), outcomes, (), warnings=_warnings(plan, outcomes), findings=_noted(plan))
        kept = {name: told[name] for name in ("handlers", "scripts", "warnings", "findings")}
        self.witness.keep(self.state, metadata.instance_id or "", kept)

    def _spare(
        self, metadata: Metadata, found: chain.Probe, told: Mapping[str, Any], stages: Sequence[str], started: float
    ) -> Report:
        """Nothing that the last plan looked at has changed, so all of it is as it was."""
        self.spared = True
        warnings = [*told["warnings"], *self._doubts(found)]
        spans = self._take_spans(stages, started)
        known = status.summarize(metadata, found.records(), (), stages, warnings=warnings, spans=spans)
        known |= {"unchanged": True, **{name: told[name] for name in ("handlers", "scripts", "findings")}}
        self._complete(known, again=False)
        self._publish(known, metadata, _log(metadata, known, ["nothing that the last plan looked at has changed"]))
        return Report(metadata, known, more=False)

    def _doubts(self, found: chain.Probe) -> list[str]:
        """What is not as it should be, whatever the plan says."""
        warned = [f"{verdict.name}: {verdict.warning}" for verdict in found.verdicts if verdict.warning]
        return [*warned, *(str(error) for error in self.config.errors)]

    def _running(self, script: str) -> None:
        """Tell whoever asks which script it is that takes so long."""
        from time import gmtime, strftime

        since = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
        known = {**status.read(self.host), "status": status.RUNNING, "running": {"name": script, "since": since}}
        try:
            status.publish(self.host, known, None)
        except OSError:
            pass  # the script matters more than who watches it

    def _take_spans(self, stages: Sequence[str], started: float) -> list[dict[str, Any]]:
        """The stretches since the last report, with these stages as one more."""
        self.spans.add(", ".join(stages), STAGE, started, monotonic() - started)
        taken, self.spans.records = self.spans.records, []
        return taken

    def _complete(self, known: dict[str, Any], *, again: bool) -> None:
        """Add what the earlier stages of the same boot reported, or `again` what the whole boot did."""
        before = status.read(self.host)
        started = again or before["status"] == status.RUNNING
        if not started or before.get("instance_id") != known["instance_id"]:
            return
        tried: set[str] = set()
        if again or set(before.get("stages", ())) <= set(known["stages"]):
            # what failed then and was done now is no error any more
            tried = set(known["handlers"])
            before["errors"] = [error for error in before.get("errors", []) if error.get("handler") not in tried]
        if again:
            # where the boot's time went is told by the boot
            known["spans"] = []
            known["scripts"] = known["scripts"] or before.get("scripts", [])
        for name, entry in before.get("handlers", {}).items():
            now = known["handlers"].get(name)
            if now is None or (now["result"] == "nothing" and not (entry["errors"] and name in tried)):
                known["handlers"][name] = entry
        known["sources"] = known["sources"] or before.get("sources", [])
        told = {(script["handler"], script["name"]) for script in known["scripts"]}
        ran = [one for one in before.get("scripts", []) if (one.get("handler"), one["name"]) not in told]
        known["scripts"] = [*ran, *known["scripts"]]
        known["spans"] = [*before.get("spans", []), *known["spans"]]
        known["stages"] = list(dict.fromkeys([*before.get("stages", []), *known["stages"]]))
        known["errors"] += [error for error in before.get("errors", []) if error not in known["errors"]]
        known["warnings"] += [text for text in before.get("warnings", []) if text not in known["warnings"]]
        if known["status"] == status.RUNNING:
            return
        if known["errors"]:
            known["status"] = status.FAILED
        elif known["warnings"]:
            known["status"] = status.WARNED

    def _displaced(self, found: chain.Probe) -> OvfinitError | None:
        """Why the source of this machine cannot be asked, if another one answers: that does not take its place."""
        if self.wanted or self.known is None or found.metadata is None:
            return None
        if found.metadata.datasource == self.known.datasource:
            return None
        for verdict in found.verdicts:
            if verdict.name == self.known.datasource and verdict.verdict in chain.UNKNOWN:
                return chain.Probe(None, [verdict]).failure()
        return None

    def _publish(self, known: dict[str, Any], metadata: Metadata | None, lines: Sequence[str]) -> None:
        try:
            status.publish(self.host, known, metadata)
            status.log(self.host, lines)
        except OSError as error:
            raise StateError(f"cannot be written: {error.strerror}", where=str(error.filename)) from error


class Report(Record):
    """What a run did: `more` is to come in the stages `left`, of which `wanting` are URLs to be read.

    `changed` are the targets, `failed` what was not done, `asked` is the cloud-config.
    """

    metadata: Metadata
    status: dict[str, Any]
    more: bool
    left: Sequence[str] = ()
    wanting: Sequence[str] = ()
    changed: Sequence[str] = ()
    failed: Sequence[OvfinitError] = ()
    asked: Mapping[str, Any] = {}


def _noted(plan: Plan) -> list[dict[str, Any]]:
    return [finding.as_dict() for finding in plan.handed.findings]


def _warnings(plan: Plan, outcomes: Sequence[Outcome]) -> list[str]:
    """What the plan had to leave out, apart from what is told as an error; the duties' own are the outcomes'."""
    failures = {str(error) for outcome in outcomes for error in outcome.errors}
    shown = {finding.where for finding in plan.handed.broken.values()}
    return [
        *(problem.text for problem in plan.metadata.problems if problem.text not in failures),
        *(finding.note for finding in plan.handed.findings if finding.where not in shown),
        *(f"{url}: the include waits for the network" for url in plan.handed.wanting),
    ]


def _log(metadata: Metadata, known: Mapping[str, Any], lines: Sequence[str]) -> list[str]:
    source = f"source: {metadata.datasource} {metadata.location or ''} instance {metadata.instance_id}"
    return [source, *lines, *(f"warning: {warning}" for warning in known["warnings"])]
