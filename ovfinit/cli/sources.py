"""`datasource list` and `datasource check`: the plugins, and the contract run against one."""

from __future__ import annotations

import os

from .. import document
from ..errors import OvfinitError, SourceAbsent, SourceUnreachable, UsageError
from ..host import Host
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ..plugins import Found

DESCRIPTION = {
    "datasource": "datasource list: the plugins in the order in which they are asked.\n"
    "datasource check FILE: run the contract against one plugin, before it ever meets a boot."
}
CHECK_SECONDS = 30.0


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("verb", choices=("list", "check"), metavar="list|check")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the plugin to check")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    host = Host(options.root)
    if options.verb == "list":
        if options.file:
            raise UsageError("list takes no file")
        return _list(host, options, output)
    if not options.file:
        raise UsageError("check which file?", remedy="ovfinit datasource check FILE")
    return _check(host, options, output)


def _list(host: Host, options: Namespace, output: Output) -> int:
    from .. import config, plugins

    rows = []
    for found in plugins.find(host, config.load(host, options.config)):
        row: dict[str, Any] = {"name": found.name, "kind": found.kind, "origin": found.origin}
        row["needs_network"] = found.source.needs_network if found.source else None
        row["error"] = found.error.as_dict() if found.error else None
        row["warning"] = found.warning
        rows.append(row)
        needs = "network" if row["needs_network"] else "local"
        output.say(f"{output.paint(f'{found.name:<12}', 'bold')} {found.kind:<10} {needs:<8} {found.origin}")
        if found.error:
            output.fail([found.error])
        if found.warning:
            output.warn([f"{found.name}: {found.warning}"])
    if output.json:
        output.document({"version": 1, "datasources": rows})
    return output.code(1 if any(row["error"] for row in rows) else 0)


def _check(host: Host, options: Namespace, output: Output) -> int:
    from .. import config, plugins

    path = os.path.abspath(options.file)
    if not os.path.isfile(path):
        raise UsageError("there is no such file", remedy="name the plugin's file")
    settings = config.load(host, options.config).sources
    found = plugins.load(host, path, {})
    findings: list[dict[str, Any]] = []
    if found.source is not None:
        found.source.settings = settings.get(found.name, {})
    ok = _contract(host, found, findings)
    if output.json:
        output.document({"version": 1, "file": path, "name": found.name, "ok": ok, "checks": findings})
        return 0 if ok else 1
    for finding in findings:
        mark = output.paint("ok  ", "green") if finding["ok"] else output.paint("FAIL", "red")
        output.say(f"{mark} {finding['check']}: {finding['message']}")
        if not finding["ok"] and finding.get("remedy"):
            output.say(f"     {finding['remedy']}")
    return 0 if ok else 1


def _contract(host: Host, found: Found, findings: list[dict[str, Any]]) -> bool:
    """Load, detect, read; what each one said goes to `findings`."""
    from ..datasource import Deadline

    def note(check: str, message: str, error: OvfinitError | None = None) -> bool:
        where = f" ({error.where})" if error is not None and error.where else ""
        finding: dict[str, Any] = {"check": check, "ok": error is None, "message": f"{message}{where}"}
        if error is not None:
            finding |= {"code": error.code, "where": error.where, "remedy": error.remedy}
        findings.append(finding)
        return error is None

    if found.source is None:
        assert found.error is not None
        return note("load", found.error.message, found.error)
    network = "needs the network" if found.source.needs_network else "local"
    note("load", f"datasource {found.name!r}, {network}")
    try:
        detection = found.source.detect(host)
    except OvfinitError as error:
        return note("detect", error.message, error)
    note("detect", f"{detection.answer}: {detection.reason}")
    try:
        metadata = found.source.read(host, Deadline(CHECK_SECONDS))
    except (SourceAbsent, SourceUnreachable) as error:
        return note("read", f"{error.code}: {error.message}")
    except OvfinitError as error:
        return note("read", error.message, error)
    from ..normalize import normalize

    try:
        shown = document.public(normalize(metadata.with_(datasource=found.name), host, {}))
    except OvfinitError as error:
        return note("read", error.message, error)
    given = [
        key
        for key, value in shown.items()
        if value not in (None, [], {}) and key not in ("version", "datasource", "origins")
    ]
    return note("read", f"gives {', '.join(given) or 'nothing'}")
