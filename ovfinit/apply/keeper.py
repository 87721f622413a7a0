"""Running a program of a user's or the distribution's to its end, whatever it does.

Between us and it stands a keeper, a process that leads a session of its own, ignores polite signals and tells the exit
code over a pipe. A program that kills its parent kills the keeper, and we learn of it; at the time limit the whole
session can be ended. Its output goes to the output log.
"""

from __future__ import annotations

import os

from ..errors import ChangeError
from ..paths import OUTPUT
from .folders import make_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from ..host import Host

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 10.0
# where a shell tells how each of its commands ended
REPORT = 9
_FORMAT_ERROR = 8


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What programs find in their environment, whoever started us."""
    language = os.environ.get("LANG", "C.UTF-8")
    return {"PATH": PATH, "HOME": "/root", "LANG": language, "SHELL": "/bin/sh", "USER": "root", **more}


def keep(
    command: Sequence[str],
    host: Host,
    *,
    timeout: float | None,
    variables: Mapping[str, str],
    stdin: bytes = b"",
    where: str,
) -> int:
    """Run it to its end; returns the exit code, negative for the signal that killed it.

    `timeout` in seconds, None for none. Raises ChangeError if it cannot be started, was ended at its time limit (first
    SIGTERM, then SIGKILL for its session), or killed the keeper.
    """
    given = _input(stdin)
    try:
        keeper, reading = launch(command, host, variables, given)
    finally:
        os.close(given)
    try:
        told = _told(reading, timeout)
        if told is None:
            end(keeper, reading)
            raise overdue(timeout, where)
    finally:
        os.close(reading)
        os.waitpid(keeper, 0)
    return exit_code(told, command[0], where)


def launch(
    command: Sequence[str],
    host: Host,
    variables: Mapping[str, str],
    stdin: int,
    *,
    report: int | None = None,
    ours: Sequence[int] = (),
) -> tuple[int, int]:
    """Start it under a keeper; returns the keeper and a descriptor on which that tells, in the end, how it ended.

    `report` is what the program finds as its descriptor 9; `ours` are those that nobody but us may hold.
    """
    reading, writing = os.pipe()
    output = _log(host)
    try:
        keeper = os.fork()
        if keeper == 0:
            for descriptor in (reading, *ours):
                os.close(descriptor)
            _keeper(command, environment(variables), (stdin, output, report), writing)
    finally:
        os.close(writing)
        os.close(output)
    return keeper, reading


def overdue(timeout: float | None, where: str) -> ChangeError:
    """The error for what took too long."""
    return ChangeError(f"was not done after {timeout or 0:g} seconds", where=where, remedy="raise scripts.timeout")


def exit_code(told: bytes, program: str, where: str) -> int:
    """What a keeper told. Raises ChangeError if the program could not be started or killed the keeper."""
    if told.startswith(b"e"):
        raise ChangeError(
            f"cannot be started: {_reason(int(told[1:]), program)}",
            where=where,
            remedy="is the interpreter installed?",
        )
    if not told:
        raise ChangeError("killed the process that waited for it, so nobody knows how it ended", where=where)
    return int(told)


def _keeper(
    command: Sequence[str], variables: Mapping[str, str], streams: tuple[int, int, int | None], writing: int
) -> NoReturn:
    """The process in between; it never returns to the caller's code."""
    # the C module: `signal` imports enum and more, which would be paid in this process
    import _signal as signal  # type: ignore[import-not-found]

    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.chdir("/")
        os.dup2(streams[0], 0)
        os.dup2(streams[1], 1)
        os.dup2(streams[1], 2)
        actions = [] if streams[2] is None else [(os.POSIX_SPAWN_DUP2, streams[2], REPORT)]
        # Python ignores some of these, and what is ignored stays so in the program
        names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE", "SIGXFSZ", "SIGALRM")
        try:
            child = os.posix_spawn(
                command[0],
                list(command),
                variables,
                file_actions=actions,
                setsigdef=[getattr(signal, name) for name in names],
            )
        except OSError as error:
            os.write(writing, b"e%d" % (error.errno or 0))
            os._exit(0)
        if streams[2] is not None:
            # so that its end is seen on the other side
            os.close(streams[2])
        os.write(writing, b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    finally:
        os._exit(0)


def _told(reading: int, timeout: float | None) -> bytes | None:
    """What the keeper tells until it ends; None when that takes longer than `timeout`."""
    from select import select

    told = b""
    while select([reading], [], [], timeout)[0]:
        more = os.read(reading, 64)
        if not more:
            return told
        told += more
    return None


def end(keeper: int, reading: int) -> None:
    """End the keeper and all that it started, politely first."""
    from _signal import SIGKILL, SIGTERM

    try:
        os.killpg(keeper, SIGTERM)
        # None as long as the keeper waits for it
        if _told(reading, PATIENCE) is None:
            os.killpg(keeper, SIGKILL)
        # what it left behind
        os.killpg(keeper, SIGKILL)
    except ProcessLookupError:
        pass


def _reason(number: int, program: str) -> str:
    if number == _FORMAT_ERROR:
        return "is not a program for this machine"
    try:
        with open(program, "rb") as file:
            first = file.readline(256)
    except OSError:
        return os.strerror(number)
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    if words and not os.path.exists(words[0]):
        return f"the interpreter {words[0]!r} is not there"
    return os.strerror(number)


def _log(host: Host) -> int:
    make_folders(host, OUTPUT)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(host.real(OUTPUT), flags, 0o640)


def _input(content: bytes) -> int:
    """A file in memory, so that no program waits for us while it reads, nor we for it."""
    if not content:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("input")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
