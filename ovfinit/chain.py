"""The probe: ask the datasources in turn, and keep a verdict with a reason for each.

Local sources are asked before those that need the network. The first that gives metadata is chosen; one that is
broken, absent or unreachable never stops the others, but *unreachable* is remembered: it is not *absent*.
"""

from __future__ import annotations

from time import monotonic

from . import __version__
from .datasource import Deadline, not_for_a_tree
from .errors import InputError, OvfinitError, PluginError, SourceAbsent, SourceInvalid, SourceUnreachable
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .datasource import Datasource
    from .host import Host
    from .model import Metadata
    from .plugins import Found

READ_SECONDS = 60.0
CHOSEN, ABSENT, NOT_HERE, UNREACHABLE, INVALID, BROKEN, NOT_ASKED = (
    "chosen",
    "absent",
    "not-here",
    "unreachable",
    "invalid",
    "broken",
    "not-asked",
)
UNKNOWN = (UNREACHABLE, INVALID, BROKEN)


class Verdict(Record):
    """What became of one source: `verdict` is one of the words above.

    `started` is on the monotonic clock, `seconds` how long asking took.
    """

    name: str
    verdict: str
    reason: str
    origin: str = ""
    where: str | None = None
    started: float = 0.0
    seconds: float = 0.0
    warning: str | None = None


class Probe(Record):
    """The outcome: the metadata or None, and a verdict for every source in the order of asking."""

    metadata: Metadata | None
    verdicts: Sequence[Verdict]
    reused: bool = False

    @property
    def unknown(self) -> bool:
        """True if a source might have had something and could not tell."""
        return any(verdict.verdict in UNKNOWN for verdict in self.verdicts)

    def failure(self) -> OvfinitError:
        """Why there is no metadata, as an error with the right exit code."""
        for verdict in self.verdicts:
            kind = {UNREACHABLE: SourceUnreachable, INVALID: SourceInvalid, BROKEN: PluginError}.get(verdict.verdict)
            if kind is not None:
                return kind(verdict.reason, where=verdict.where or verdict.name)
        asked = "; ".join(
            f"{verdict.name}: {verdict.where}: {verdict.reason}"
            if verdict.where
            else f"{verdict.name}: {verdict.reason}"
            for verdict in self.verdicts
        )
        return SourceAbsent(f"no datasource has anything for this machine ({asked or 'none is configured'})")

    def records(self) -> list[Mapping[str, Any]]:
        """The verdicts as plain data, for the state and for `explain --json`."""
        return [verdict.as_dict() for verdict in self.verdicts]


def probe(
    host: Host,
    found: Sequence[Found],
    *,
    named: bool = False,
    network: bool = True,
    known: Metadata | None = None,
    seconds: float = READ_SECONDS,
) -> Probe:
    """Ask the sources until one answers.

    Args:
        host: the machine, or the tree that poses as one.
        found: the plugins in order; local ones are asked first whatever their place.
        named: the caller named them, so a source is read even if it does not recognise its platform.
        network: whether sources that need the network may be asked by now.
        known: what was applied last; an unchanged source is recognised without reading it again.
        seconds: how long each source may take.
    """
    order = [plugin for plugin in found if not plugin.needs_network] + [
        plugin for plugin in found if plugin.needs_network
    ]
    verdicts: list[Verdict] = []
    for plugin in order:
        start = monotonic()
        reused = False
        metadata: Metadata | None = None
        try:
            if plugin.source is None:
                raise plugin.error or PluginError("cannot be used", where=plugin.origin)
            not_here = _detect(plugin.source, host, named=named)
            where: str | None = None
            if not_here is not None:
                verdict, reason = NOT_HERE, not_here
            elif plugin.source.needs_network and not (host.live or named):
                raise not_for_a_tree(plugin.name)
            elif plugin.source.needs_network and not network:
                verdict, reason = NOT_ASKED, "is asked once there is a network"
            else:
                metadata, reused = _read(plugin.source, host, known, seconds)
                reason = "unchanged since it was read" if reused else "has metadata for this machine"
                verdict, where = CHOSEN, metadata.location
        except OvfinitError as error:
            verdict, reason = _sort(error), error.message
            where = error.where or (plugin.source.location if plugin.source else None)
            if error.remedy:
                reason = f"{reason}; {error.remedy}"
        except Exception as error:
            verdict, reason, where = BROKEN, f"raised {type(error).__name__}: {error}", _line(error, plugin.origin)
        verdicts.append(
            Verdict(
                plugin.name,
                verdict,
                reason,
                plugin.origin,
                where,
                round(start, 6),
                round(monotonic() - start, 6),
                plugin.warning,
            )
        )
        if metadata is not None:
            return Probe(metadata, tuple(verdicts), reused)
    return Probe(None, tuple(verdicts))


def _detect(source: Datasource, host: Host, *, named: bool) -> str | None:
    """Why a source is not to be read; None if it is."""
    if source.location is not None:
        return None
    detection = source.detect(host)
    if detection.answer == "yes" or named:
        return None
    if detection.answer == "maybe" and not source.needs_network:
        return None
    return detection.reason


def _read(source: Datasource, host: Host, known: Metadata | None, seconds: float) -> tuple[Metadata, bool]:
    asked = _circumstances(source, host)
    if known is not None and known.datasource == source.name and known.fingerprint is not None:
        marked = known.fingerprint
        if {**marked, "source": None} == {**asked, "source": None} and source.unchanged(host, marked["source"]):
            return known, True
    from .normalize import normalize

    read = source.read(host, Deadline(seconds))
    location = read.location or source.location
    origins = {}
    for field, origin in read.origins.items():
        place = f"{location or ''}{origin}" if origin.startswith("#") else origin
        origins[field] = f"{source.name}:{place}"
    base = f"{source.name}:{location}" if location else source.name
    problems = tuple(
        problem.with_(where=f"{base}{problem.where}") if (problem.where or "").startswith("#") else problem
        for problem in read.problems
    )
    table = source.settings.get("properties") or {}
    metadata = normalize(
        read.with_(datasource=source.name, location=location, origins=origins, problems=problems), host, table
    )
    given = {
        name: base
        for name, value in metadata.as_dict().items()
        if _has_origin(name, value) and name not in metadata.origins
    }
    mark = None if read.fingerprint is None else {**asked, "source": read.fingerprint}
    return metadata.with_(origins={**metadata.origins, **given}, fingerprint=mark), False


def _circumstances(source: Datasource, host: Host) -> dict[str, Any]:
    """What an answer depends on besides the source: a clone, an upgrade or another setting makes it a new question."""
    return {
        "program": __version__,
        "machine": host.dmi("product_uuid"),
        "location": source.location,
        "settings": dict(source.settings),
    }


def _has_origin(name: str, value: object) -> bool:
    internal = name in {"origins", "problems", "fingerprint", "datasource", "location", "properties", "nics"}
    return not internal and value not in (None, (), [])


def _sort(error: OvfinitError) -> str:
    if isinstance(error, SourceAbsent):
        return ABSENT
    if isinstance(error, SourceUnreachable):
        return UNREACHABLE
    return INVALID if isinstance(error, (SourceInvalid, InputError)) else BROKEN


def _line(error: Exception, origin: str) -> str:
    """The place in a shipped or installed plugin where it failed."""
    trace, place = error.__traceback__, origin
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
