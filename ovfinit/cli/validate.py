"""`check`: validate any input without using it."""

from __future__ import annotations

from ..inspection import Inspection, inspect
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "check": "Validate input before a machine meets it: an OVF environment (XML or ISO), a seed folder or cidata\n"
    "image, a network configuration, user data, meta-data, ovfinit.yaml. What it is, its content tells."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, an image or a folder")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    results = [inspect(path) for path in options.files]
    output.warned = any(result.warnings for result in results)
    failed = any(result.error for result in results)
    if output.json:
        output.document({"version": 1, "files": [_plain(result) for result in results]})
        return output.code(1 if failed else 0)
    for result in results:
        if result.error is not None:
            output.fail([result.error])
        else:
            output.say(f"{output.paint('ok', 'green')} {result.path}: {result.kind}")
        output.warn(result.warnings)
    return output.code(1 if failed else 0)


def _plain(result: Inspection) -> dict[str, object]:
    error = result.error.as_dict() if result.error else None
    return {
        "file": result.path,
        "kind": result.kind,
        "ok": error is None,
        "error": error,
        "warnings": list(result.warnings),
    }
