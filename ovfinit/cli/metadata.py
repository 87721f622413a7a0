"""`show` and `explain`: the normalized metadata, and why it is what it is."""

from __future__ import annotations

import os
import sys

from .. import document, status
from ..boot import Boot
from ..errors import OvfinitError, UsageError
from ..record import Record
from .output import Output, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any

DESCRIPTION = {
    "show": "Show the normalized metadata: what was applied here, or with --from what a source says now.",
    "explain": "Show which source answered, why each other one did not, and where each value came from.",
}
TEXT_WIDTH = 60
_WORDS = {
    "chosen": "green",
    "unreachable": "red",
    "invalid": "red",
    "broken": "red",
    "absent": "dim",
    "not-here": "dim",
    "not-asked": "dim",
}


class NoSuchKey(OvfinitError):
    """Raised for a dotted path that the metadata does not have."""

    code = "no-such-key"


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of these commands."""
    parser.add_argument(
        "key", nargs="?", metavar="KEY", help="a dotted path, for example network.ethernets or properties.foo"
    )
    if name == "show":
        parser.add_argument("--secrets", action="store_true", help="show secrets and payloads too (root only)")


def run(name: str, options: Namespace) -> int:
    """Run one of these commands."""
    output = Output(options)
    secrets = getattr(options, "secrets", False)
    if secrets and os.geteuid() != 0:
        raise UsageError("--secrets is for root")
    agent = Boot(options.root, options.wanted, options.config)
    known = _get(agent, secrets=secrets)
    if name == "explain":
        return _explain(known, agent, options.key, output)
    if known.shown is None:
        assert known.failure is not None
        raise known.failure
    return _show(known, options.key, output)


class Known(Record):
    """What there is to show: the public form of the metadata, what became of each source, what had to be left out."""

    shown: dict[str, Any] | None
    sources: Sequence[Mapping[str, Any]]
    problems: Sequence[str] = ()
    failure: OvfinitError | None = None


def _get(agent: Boot, *, secrets: bool) -> Known:
    """What was applied here; with --from, or where nothing was, what the sources say now."""
    if not agent.wanted and agent.known is not None:
        stored = agent.state.read(f"{agent.state.folder(agent.known.instance_id or '')}/metadata.json") or {}
        problems = [problem.text for problem in agent.known.problems]
        return Known(document.public(agent.known, secrets=secrets), stored.get("sources", []), problems)
    if not agent.wanted and os.geteuid() != 0 and (published := status.published(agent.host)) is not None:
        # the state is root's; what everybody may know lies under /run
        told = status.read(agent.host)
        return Known(published, told.get("sources", []), told.get("warnings", []))
    found = agent.probe()
    if found.metadata is None:
        return Known(None, found.records(), failure=found.failure())
    problems = [problem.text for problem in found.metadata.problems]
    return Known(document.public(found.metadata, secrets=secrets), found.records(), problems)


def _pick(value: Any, key: str) -> Any:
    """The value at a dotted path; names that contain dots themselves are found too."""
    if not key:
        return value
    if isinstance(value, list):
        index, _, rest = key.partition(".")
        if index.isdecimal() and int(index) < len(value):
            return _pick(value[int(index)], rest)
    if isinstance(value, dict):
        parts = key.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in value:
                return _pick(value[name], ".".join(parts[length:]))
    raise NoSuchKey(f"the metadata has no {key!r}", remedy="ovfinit show --json lists the keys")


def _show(known: Known, key: str | None, output: Output) -> int:
    shown = known.shown or {}
    value = _pick(shown, key) if key else shown
    output.warn(known.problems)
    if output.json:
        output.document(value)
        return output.code()
    if key:
        # what another program reads is the value itself
        print(harmless(_text(value)) if sys.stdout.isatty() else _text(value))
        return output.code()
    for name, item in shown.items():
        if item in (None, [], {}) or name in ("origins", "version"):
            continue
        _print(name, item, output, 0)
    return output.code()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    if isinstance(value, (list, dict)):
        return document.dumps(value).decode().rstrip("\n")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _print(name: str, value: Any, output: Output, depth: int) -> None:
    label = "  " * depth + output.paint(name, "cyan")
    if isinstance(value, dict):
        output.say(f"{label}:")
        for key, item in value.items():
            _print(str(key), item, output, depth + 1)
    elif isinstance(value, list):
        output.say(f"{label}:")
        for item in value:
            if isinstance(item, dict):
                output.say(f"{'  ' * depth}  - {', '.join(f'{key}: {_text(part)}' for key, part in _given(item))}")
            else:
                output.say(f"{'  ' * depth}  - {_text(item)}")
    else:
        output.say(f"{label}: {_text(value)}")


def _given(item: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, part) for key, part in item.items() if part not in (None, [], {})]


def _explain(known: Known, agent: Boot, key: str | None, output: Output) -> int:
    shown = known.shown or {}
    values: dict[str, Any] = {}
    if known.shown is not None:
        shown, replaced = _with_network(shown, agent)
        wanted = [key] if key else sorted(shown["origins"])
        values = {name: {"value": _pick(shown, name), "origin": _origin(shown, name)} for name in wanted}
        for name in values:
            if replaced and name.partition(".")[0] == "network":
                values[name]["instead_of"] = replaced
    code = known.failure.exit_code if known.failure else 0
    if output.json:
        output.warned = bool(known.problems)
        told: dict[str, Any] = {
            "version": 1,
            "datasource": shown.get("datasource"),
            "location": shown.get("location"),
            "sources": list(known.sources),
            "values": values,
            "problems": list(known.problems),
        }
        if known.failure is not None:
            told["error"] = known.failure.as_dict()
        output.document(told)
        return output.code(code)
    if key is None:
        output.say("Sources, in the order of asking:")
        for verdict in known.sources:
            word = output.paint(f"{verdict['verdict']:<11}", _WORDS.get(verdict["verdict"], "bold"))
            place = f"  [{verdict['where']}]" if verdict.get("where") else ""
            output.say(f"  {verdict['name']:<8} {word} {verdict['reason']}{place}  {verdict['seconds'] * 1000:.1f} ms")
        output.say()
    if known.shown is None:
        output.say(output.paint("No metadata.", "red"))
    elif key is None:
        output.say(f"Values of instance {shown['instance_id']}:")
    for name, entry in values.items():
        painted = output.paint(name, "cyan")
        if entry["origin"] is None:
            output.say(f"  {painted}: no source gives it")
            continue
        instead = f", which goes before {entry['instead_of']}" if "instead_of" in entry else ""
        output.say(f"  {painted} = {_brief(entry['value'])}\n      from {entry['origin']}{instead}")
    output.warn(known.problems)
    return output.code(code)


def _brief(value: Any) -> str:
    """A value on one line of bounded width."""
    more = ""
    if isinstance(value, dict) and "sha256" in value:
        return f"{value['type'] or 'no known type'}, {value['size']} bytes"
    if isinstance(value, list) and len(value) > 1:
        value, more = value[0], f" (+{len(value) - 1} more)"
    text = " ".join(_text(value).split())
    text = text.replace('"', "") if isinstance(value, dict) else text
    return (text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…") + more


def _with_network(shown: dict[str, Any], agent: Boot) -> tuple[dict[str, Any], str | None]:
    """The metadata with the network that counts here, and the origin of the source's where another goes before it."""
    from ..model import Metadata
    from ..network.precedence import wanted

    told = Metadata(network=shown["network"], origins=shown["origins"])
    counts = wanted(told, agent.config, agent.host)
    if counts.network is None or counts.network is told.network or "network" in agent.config.disable:
        return shown, None
    replaced = _origin(shown, "network")
    origins = {**shown["origins"], "network": counts.origin}
    return {**shown, "network": dict(counts.network), "origins": origins}, replaced


def _origin(shown: dict[str, Any], key: str) -> str | None:
    """Where a value came from: its own origin, or that of the part of the model it belongs to; None for no value."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        origin = shown["origins"].get(".".join(parts[:length]))
        if origin:
            return str(origin)
    if shown.get(parts[0]) in (None, [], {}):
        return None
    return f"{shown['datasource']}:{shown['location']}" if shown["location"] else str(shown["datasource"])
