"""`ovf check`: whether an OVF package is sound, and what importers will trip on."""

from __future__ import annotations

import sys
from time import monotonic

from ..errors import InputError
from ..image.conformance.checks import check
from ..image.package import presentation
from ..image.package.finding import ERROR, NOTE, WARNING, Finding, Findings
from ..image.package.reading import open_package
from ..image.package.units import people
from .output import Output
from .ovf import painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "ovf check": "Check an OVF package: its structure and references, digests and signature, the sizes, formats\n"
    "and capacities of disks, defaults against qualifiers, paths that lead out of it, and what importers\n"
    "are known to trip on. Every finding is FILE:LINE: severity: what and why it matters, what to do.\n\n"
    "exit code: 0 it is sound, 1 there are errors, 3 there are warnings and --strict was given\n\n"
    "examples:\n"
    "  ovfinit ovf check app.ova\n"
    "  ovfinit ovf check --strict --json build/app/ | jq '.files[].findings[].code'"
}
TICK = 0.1


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a folder with one descriptor, an .ovf, an .ova, or an http(s) URL"
    )
    parser.add_argument("--skip-digests", action="store_true", help="do not read the files to compare digests")
    parser.add_argument("--no-notes", action="store_true", help="leave out what is merely good to know")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    results = [(path, _check(path, options, output)) for path in options.files]
    errors = sum(findings.errors for _, findings in results)
    output.warned = any(findings.of(WARNING) for _, findings in results)
    if output.json:
        output.document({"version": 1, "files": [_plain(path, findings) for path, findings in results]})
        return output.code(1 if errors else 0)
    for path, findings in results:
        _print(path, findings, options, output)
    return output.code(1 if errors else 0)


def _check(path: str, options: Namespace, output: Output) -> Findings:
    try:
        with open_package(path) as opened:
            progress = _Progress(output)
            check(opened, progress.tell, skip_digests=options.skip_digests)
            output.progress_end()
            return opened.findings
    except InputError as error:
        findings = Findings()
        findings.error("unreadable", error.message, error.where or path, error.remedy)
        return findings


def _plain(path: str, findings: Findings) -> dict[str, object]:
    counts = {severity: len(findings.of(severity)) for severity in (ERROR, WARNING, NOTE)}
    return {
        "file": path,
        "ok": findings.errors == 0,
        "errors": findings.errors,
        "warnings": counts[WARNING],
        "notes": counts[NOTE],
        "omitted": findings.omitted,
        "findings": presentation.findings(findings),
    }


def _print(path: str, findings: Findings, options: Namespace, output: Output) -> None:
    def key(finding: Finding) -> int:
        return (ERROR, WARNING, NOTE).index(finding.severity)

    shown = [finding for finding in findings if not (options.no_notes and finding.severity == NOTE)]
    for finding in sorted(shown, key=key):
        output.say(painted(output, finding))
    if findings.omitted:
        output.say(f"and {findings.omitted} more findings")
    errors, warnings = findings.errors, len(findings.of(WARNING))
    verdict = output.paint("not sound", "red") if errors else output.paint("ok", "green")
    words = f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"
    output.say(f"{path}: {verdict}, {words}")


class _Progress:
    """How far the reading of files has come, ten times a second on a terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began = self._told = monotonic()

    def tell(self, done: int, total: int) -> None:
        """So many bytes of all."""
        now = monotonic()
        if now - self._told < TICK or not sys.stderr.isatty():
            return
        self._told = now
        rate = done / max(now - self._began, 0.001)
        left = f", {(total - done) / rate:.0f} s left" if total > done else ""
        of = f" of {people(total)}" if total else ""
        self._output.progress(f"reading {people(done)}{of}, {people(int(rate))}/s{left}")
