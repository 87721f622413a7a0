"""One shell for a list of commands, as if they were one script, of which it is known how each line ended.

People write `cd` in one item of runcmd and rely on it in the next: each file is read by the shell that read those
before it, so folder, variables, functions and options last. A command that ends the shell (`exit 3`) has ended only
itself: a new one takes the rest, from the start.
"""

from __future__ import annotations

import os

from .keeper import PATIENCE, REPORT, end, exit_code, launch, overdue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..host import Host

SHELL = "/bin/sh"
_open: dict[str, _Shell] = {}


def source(name: str, path: str, host: Host, variables: Mapping[str, str], timeout: float | None, where: str) -> int:
    """Have the shell of this name read a file; returns the exit code, negative for the signal that killed it.

    Raises ChangeError as `keep` does; the next command gets a new shell then.
    """
    shell = _open.pop(name, None) or _Shell(host, variables)
    code = shell.source(path, timeout, where)
    if code is None:
        return shell.ended(where)
    _open[name] = shell
    return code


def close() -> None:
    """End all shells; what they started in the background goes on."""
    while _open:
        _open.popitem()[1].close()


class _Shell:
    """A shell that waits for commands on its standard input."""

    def __init__(self, host: Host, variables: Mapping[str, str]) -> None:
        given, self._given = os.pipe()
        self._report, report = os.pipe()
        try:
            self._keeper, self._told = launch(
                (SHELL,), host, variables, given, report=report, ours=(self._given, self._report)
            )
        finally:
            os.close(given)
            os.close(report)

    def source(self, path: str, timeout: float | None, where: str) -> int | None:
        """The exit code of a file's last command; None if the shell ended."""
        from select import select

        quoted = path.replace("'", "'\\''")
        # `command` keeps a syntax error from ending the shell, as POSIX has it for `.` alone
        line = f"command . '{quoted}' </dev/null {REPORT}>&-; echo $? >&{REPORT}\n"
        told = b""
        watched = [self._report, self._told]
        try:
            os.write(self._given, line.encode("utf-8", "surrogateescape"))
        except BrokenPipeError:
            watched.remove(self._report)
        while not told.endswith(b"\n"):
            ready = select(watched, [], [], timeout)[0]
            if not ready:
                end(self._keeper, self._told)
                self._forget()
                raise overdue(timeout, where)
            if self._report not in ready:
                return None
            more = os.read(self._report, 64)
            told += more
            if not more:
                # another program took its place (`exec`), it is about to end, or it can no longer tell
                watched.remove(self._report)
                self._end_input()
        return int(told)

    def ended(self, where: str) -> int:
        """How the shell itself ended."""
        told = b""
        while more := os.read(self._told, 64):
            told += more
        self._forget()
        return exit_code(told, SHELL, where)

    def close(self) -> None:
        """No more commands; one that does not take this for an end is made to."""
        from select import select

        self._end_input()
        if not select([self._told], [], [], PATIENCE)[0]:
            end(self._keeper, self._told)
        self._forget()

    def _end_input(self) -> None:
        if self._given >= 0:
            os.close(self._given)
            self._given = -1

    def _forget(self) -> None:
        for descriptor in (self._given, self._report, self._told):
            if descriptor >= 0:
                os.close(descriptor)
        os.waitpid(self._keeper, 0)
