"""`check`: validate any input without using it."""

from __future__ import annotations

import os

from ..errors import InputError
from ..finding import ERROR, WARNING, Finding
from ..inspection import Inspection, inspect
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

DESCRIPTION = {
    "check": "Validate input before a machine meets it: an OVF environment (XML or ISO), a seed folder or cidata\n"
    "image, a network configuration, user data, meta-data, ovfinit.yaml, an OVF package or OVA (of which\n"
    "ovfinit ovf check says more). What it is, its content tells."
}

# as much of a file as tells an archive or a descriptor
HEAD = 64 * 1024


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, an image or a folder")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    results = [_package(path) if _is_package(path) else inspect(path) for path in options.files]
    output.warned = any(result.warnings or result.findings for result in results)
    failed = any(result.error for result in results)
    if output.json:
        output.document({"version": 1, "files": [_plain(result) for result in results]})
        return output.code(1 if failed else 0)
    for result in results:
        output.findings(_findings(result))
        if result.error is None:
            output.say(f"{output.paint('ok', 'green')} {result.path}: {result.kind}")
        output.warn(result.warnings)
    return output.code(1 if failed else 0)


def _is_package(path: str) -> bool:
    """True for what `ovf check` is for: told by the name, a descriptor in a folder, or what is inside."""
    if path.lower().startswith(("http://", "https://")) or path.lower().endswith((".ovf", ".ova")):
        return True
    try:
        if os.path.isdir(path):
            names = {name.lower() for name in os.listdir(path)}
            return not names & {"meta-data", "ovf-env.xml"} and any(name.endswith(".ovf") for name in names)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            head = file.read(HEAD)
    except OSError:
        # inspecting says what is wrong
        return False
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return head[257:262] == b"ustar" or (text.startswith(b"<") and b"Envelope" in text and b"<Environment" not in text)


def _package(path: str) -> Inspection:
    """What `ovf check` says about a package; notes are left to it."""
    from ..image.conformance.checks import check
    from ..image.package.reading import open_package

    try:
        with open_package(path) as opened:
            check(opened)
            found = [one for one in opened.findings if one.severity in (ERROR, WARNING)]
    except InputError as error:
        return Inspection(path, "OVF package", error)
    findings = [Finding(one.severity, one.where, "", one.message, one.remedy) for one in found]
    first = next((one for one in found if one.severity == ERROR), None)
    worst = InputError(first.message, where=first.where, remedy=first.remedy) if first else None
    return Inspection(path, "OVF package", worst, findings=findings)


def _findings(result: Inspection) -> Sequence[Finding]:
    """All of them; where there is only an error, it as one."""
    error = result.error
    if result.findings or error is None:
        return result.findings
    return (Finding(ERROR, error.where or result.path, "", error.message, error.remedy),)


def _plain(result: Inspection) -> dict[str, object]:
    error = result.error.as_dict() if result.error else None
    return {
        "file": result.path,
        "kind": result.kind,
        "ok": error is None,
        "error": error,
        "warnings": [*result.warnings, *(one.note for one in result.findings if one.severity == WARNING)],
        "findings": [finding.as_dict() for finding in _findings(result)],
    }
