"""`show` and `explain`: the normalized metadata, and why it is what it is."""

from __future__ import annotations

import os

from .. import document
from ..errors import OvfinitError, UsageError
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..model import Metadata

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
    metadata, verdicts, failure = _get(options)
    if name == "explain":
        return _explain(metadata, verdicts, failure, options.key, output)
    if metadata is None:
        assert failure is not None
        raise failure
    return _show(metadata, options.key, output, secrets=secrets)


def _get(options: Namespace) -> tuple[Metadata | None, Sequence[Mapping[str, Any]], OvfinitError | None]:
    """What was applied here; with --from, or where nothing was, what the sources say now."""
    from ..run import Run

    agent = Run(options.root, options.wanted, options.config)
    if not options.wanted and agent.known is not None:
        stored = agent.state.read(f"{agent.state.folder(agent.known.instance_id or '')}/metadata.json") or {}
        return agent.known, stored.get("sources", []), None
    found = agent.probe()
    return found.metadata, found.records(), None if found.metadata else found.failure()


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


def _show(metadata: Metadata, key: str | None, output: Output, *, secrets: bool) -> int:
    from ..boot import describe

    shown = document.public(metadata, secrets=secrets)
    value = _pick(shown, key) if key else shown
    if output.json:
        output.warned = bool(metadata.problems)
        output.document(value)
        return output.code()
    output.warn(describe(problem) for problem in metadata.problems)
    if key:
        print(_text(value))
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


def _explain(
    metadata: Metadata | None,
    verdicts: Sequence[Mapping[str, Any]],
    failure: OvfinitError | None,
    key: str | None,
    output: Output,
) -> int:
    from ..boot import describe

    shown = document.public(metadata) if metadata is not None else {}
    values: dict[str, Any] = {}
    if metadata is not None:
        wanted = [key] if key else sorted(metadata.origins)
        values = {name: {"value": _pick(shown, name), "origin": _origin(metadata, name)} for name in wanted}
    problems = [describe(problem) for problem in metadata.problems] if metadata else []
    code = failure.exit_code if failure else 0
    if output.json:
        output.warned = bool(problems)
        found = (
            {"datasource": metadata.datasource, "location": metadata.location}
            if metadata
            else {"datasource": None, "location": None}
        )
        told: dict[str, Any] = {
            "version": 1,
            **found,
            "sources": list(verdicts),
            "values": values,
            "problems": problems,
        }
        if failure is not None:
            told["error"] = failure.as_dict()
        output.document(told)
        return output.code(code)
    if key is None:
        output.say("Sources, in the order of asking:")
        for verdict in verdicts:
            word = output.paint(f"{verdict['verdict']:<11}", _WORDS.get(verdict["verdict"], "bold"))
            place = f"  [{verdict['where']}]" if verdict.get("where") else ""
            output.say(f"  {verdict['name']:<8} {word} {verdict['reason']}{place}  {verdict['seconds'] * 1000:.1f} ms")
        output.say()
    if metadata is None:
        output.say(output.paint("No metadata.", "red"))
    elif key is None:
        output.say(f"Values of instance {metadata.instance_id}:")
    for name, entry in values.items():
        output.say(f"  {output.paint(name, 'cyan')} = {_brief(entry['value'])}\n      from {entry['origin']}")
    output.warn(problems)
    return output.code(code)


def _brief(value: Any) -> str:
    """A value on one line of bounded width."""
    more = ""
    if isinstance(value, dict) and "sha256" in value:
        return f"{value['type'] or 'no known type'}, {value['size']} bytes"
    if isinstance(value, list) and len(value) > 1:
        value, more = value[0], f" (+{len(value) - 1} more)"
    text = " ".join(_text(value).split())
    return (text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…") + more


def _origin(metadata: Metadata, key: str) -> str:
    """Where a value came from: its own origin, or that of the part of the model it belongs to."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        origin = metadata.origins.get(".".join(parts[:length]))
        if origin:
            return origin
    if getattr(metadata, parts[0], None) in (None, (), {}):
        return "no source gives it"
    return f"{metadata.datasource}:{metadata.location}" if metadata.location else f"{metadata.datasource}"
