"""Printing for people: colour on a terminal, errors and progress on standard error."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from ..errors import OvfinitError
    from ..finding import Finding

# words of a duty's `result` for people
RESULTS = {"done": "done", "failed": "failed", "deferred": "staged for the first boot", "nothing": "nothing to do"}
COLOURS = {"green": "32", "yellow": "33", "red": "31", "cyan": "36", "bold": "1", "dim": "2"}


_OURS = ("[0m", *(f"[{number}m" for number in COLOURS.values()))


def harmless(text: str, *, colours: bool = False) -> str:
    """The text with U+FFFD for control characters, which could reprogram a terminal; with `colours` our own pass."""
    if text.isprintable():
        return text
    first, *rest = text.split("\033")
    passed = _OURS if colours else ()
    kept = (f"\033{piece}" if piece.startswith(passed) else f"\ufffd{piece}" for piece in rest)
    return "".join(
        character if character.isprintable() or character in "\n\t\033" else "\ufffd"
        for character in "".join((first, *kept))
    )


def write_document(value: object) -> None:
    """The one JSON document on standard output: UTF-8, whatever the locale says."""
    from ..document import dumps

    sys.stdout.flush()
    sys.stdout.buffer.write(dumps(value))


class Output:
    """Where a command prints to, as its options ask."""

    def __init__(self, options: Namespace) -> None:
        self.json: bool = options.json
        self.quiet: bool = options.quiet
        self.verbose: bool = options.verbose
        self.strict: bool = options.strict
        wanted = not options.no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._colour = wanted and sys.stdout.isatty()
        self._colour_errors = wanted and sys.stderr.isatty()
        self._progress = sys.stderr.isatty() and not options.quiet and not options.json
        self.warned = False
        self.warnings: list[str] = []

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, if standard output shows colours."""
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self._colour else text

    def say(self, text: str = "") -> None:
        """One line or more for people; nothing with `--quiet` or `--json`."""
        if not self.quiet and not self.json:
            print(harmless(text, colours=self._colour))

    def note(self, text: str) -> None:
        """What was done, where standard output has something else to carry; nothing with `--quiet` or `--json`."""
        if not self.quiet and not self.json:
            print(f"ovfinit: {harmless(text)}", file=sys.stderr)

    def document(self, value: object) -> None:
        """The one JSON document."""
        write_document(value)

    def warn(self, lines: Iterable[str]) -> None:
        """Warnings go to standard error, and count for `--strict`."""
        for line in lines:
            self.warned = True
            self.warnings.append(line)
            if not self.quiet:
                label = "\033[33mwarning\033[0m" if self._colour_errors else "warning"
                print(f"ovfinit: {label}: {harmless(line)}", file=sys.stderr)

    def findings(self, found: Iterable[Finding]) -> None:
        """A line each, what a command was asked for; with `--quiet` only errors."""
        for finding in found:
            if finding.severity == "error" or not self.quiet:
                label = self.paint(finding.severity, "red" if finding.severity == "error" else "yellow")
                print(f"{harmless(finding.where)}: {label}: {harmless(finding.words)}")

    def fail(self, errors: Iterable[OvfinitError]) -> None:
        """Errors of a command that goes on nevertheless."""
        for error in errors:
            print(f"ovfinit: {harmless(str(error))}", file=sys.stderr)

    def progress(self, text: str) -> None:
        """What is being done, on one line of a terminal that the next replaces; with `--verbose` a line each."""
        if self.verbose:
            print(f"ovfinit: {text}", file=sys.stderr)
        elif self._progress:
            print(f"\r\033[K{text[:76]}", end="", file=sys.stderr, flush=True)

    def progress_end(self) -> None:
        """Clear the progress line."""
        if self._progress and not self.verbose:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def code(self, code: int = 0) -> int:
        """The exit code: 3 for warnings under `--strict`, if all else went well."""
        return 3 if code == 0 and self.warned and self.strict else code
