"""How far the boot has come: /run/ovfinit/status.json for programs, /var/log/ovfinit.log for people."""

from __future__ import annotations

import os

from .paths import LOG, RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .errors import OvfinitError
    from .execution import Outcome
    from .host import Host
    from .model import Metadata

VERSION = 1
FILE = f"{RUN}/status.json"
METADATA = f"{RUN}/metadata.json"
# words of `status`; the machine is usable in the first three
DONE, WARNED, DISABLED, RUNNING, FAILED, NEVER = (
    "done",
    "done with warnings",
    "disabled",
    "running",
    "failed",
    "not run",
)
USABLE = (DONE, WARNED, DISABLED)
# the parts of a document that are more than a text, and what each of their items has at least
_SHAPE: tuple[tuple[str, type[dict[str, Any]] | type[list[Any]], set[str] | None], ...] = (
    ("handlers", dict, {"result", "changed", "errors", "started", "seconds"}),
    ("errors", list, {"message"}),
    ("scripts", list, {"name", "exit_code"}),
    ("sources", list, {"name", "verdict", "started", "seconds"}),
    ("spans", list, {"name", "kind", "started", "seconds"}),
    ("stages", list, None),
    ("warnings", list, None),
    ("running", dict, None),
)


def read(host: Host) -> dict[str, Any]:
    """The status document; a machine that has not met us has the status `not run`."""
    from .jsontext import loads

    text = host.text(FILE)
    if text is None:
        return {"version": VERSION, "status": NEVER}
    try:
        known = loads(text)
    except (ValueError, RecursionError):
        known = None
    if isinstance(known, dict) and _is_ours(known):
        return known
    errors = [{"code": "state", "message": "is damaged", "where": FILE}]
    return {"version": VERSION, "status": FAILED, "errors": errors}


def _is_ours(known: Mapping[str, Any]) -> bool:
    """True for what a program of ours may have written, so that nobody stumbles over it."""
    if not isinstance(known.get("status"), str):
        return False
    for name, kind, keys in _SHAPE:
        value: Any = known.get(name, kind())
        if not isinstance(value, kind):
            return False
        items = value.values() if isinstance(value, dict) else value
        if keys is not None and not all(isinstance(item, dict) and keys <= item.keys() for item in items):
            return False
    return "running" not in known or {"name", "since"} <= set(known["running"])


def published(host: Host) -> dict[str, Any] | None:
    """The public form of the metadata as the last run left it; None if it left none."""
    from .jsontext import loads

    text = host.text(METADATA)
    try:
        return dict(loads(text)) if text is not None else None
    except (ValueError, TypeError, RecursionError):
        return None


def summarize(
    metadata: Metadata | None,
    verdicts: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Outcome],
    stages: Sequence[str],
    *,
    status: str | None = None,
    errors: Sequence[OvfinitError] = (),
    warnings: Sequence[str] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    spans: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The status document of a run: what was found, what each duty did, what went wrong, where the time went."""
    problems = [error.as_dict() for error in errors]
    notes = [*warnings]
    handlers: dict[str, Any] = {}
    scripts: list[Mapping[str, Any]] = []
    for outcome in outcomes:
        handlers[outcome.handler] = {
            "result": outcome.result,
            "started": outcome.started,
            "seconds": outcome.seconds,
            "changed": list(outcome.changed),
            "errors": [error.as_dict() for error in outcome.errors],
        }
        problems += [{**error.as_dict(), "handler": outcome.handler} for error in outcome.errors]
        notes += outcome.warnings
        scripts += outcome.scripts
    return {
        "version": VERSION,
        "status": status or (FAILED if problems else WARNED if notes else DONE),
        "unchanged": False,
        "stages": list(stages),
        "datasource": metadata.datasource if metadata else None,
        "location": metadata.location if metadata else None,
        "instance_id": metadata.instance_id if metadata else None,
        "sources": list(verdicts),
        "handlers": handlers,
        "scripts": scripts,
        "errors": problems,
        "warnings": notes,
        "findings": list(findings),
        "spans": list(spans),
    }


def publish(host: Host, known: Mapping[str, Any], metadata: Metadata | None) -> None:
    """Write the status and the public form of the metadata, both 0644 and without secrets. Raises OSError."""
    from . import atomic, document

    folder = host.real(RUN)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    atomic.write(host.real(FILE), document.dumps(known, compact=True), 0o644)
    if metadata is not None:
        atomic.write(host.real(METADATA), document.dumps(document.public(metadata), compact=True), 0o644)


def log(host: Host, lines: Iterable[str]) -> None:
    """Append events to the log, a line each with the time in UTC, 0640. Raises OSError."""
    from time import gmtime, strftime

    stamp = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
    text = "".join(f"{stamp} {' '.join(line.split())}\n" for line in lines)
    if not text:
        return
    path = host.real(LOG)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        os.write(descriptor, text.encode("utf-8", "replace"))
    finally:
        os.close(descriptor)
