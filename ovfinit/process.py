"""Starting other programs: bounded in time and in what they may say, never through a shell.

By posix_spawn(3) and pidfd_open(2): the package `subprocess`, with the threads, selectors and enumerations that it
imports, would be an eighth of a first boot.
"""

from __future__ import annotations

import os
import select
from _signal import SIGKILL, SIGPIPE, SIGXFSZ  # type: ignore[import-not-found]

from .deadline import Deadline
from .errors import InputError
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHUNK = 65536
# how often to look for a child's end where the kernel has no pidfd_open
LOOK_SECONDS = 0.02
# how long the kernel may take to be done with a killed program
REAP_SECONDS = 10.0


class Output(Record):
    """What a program said: exit status (negative: killed by that signal), standard output and error."""

    status: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str],
    deadline: Deadline,
    *,
    limit: int,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Output:
    """Run a program to its end in a session of its own, so that it and its children can be killed together.

    Raises InputError when it cannot be started, writes more than `limit` bytes to either stream, or is not done at
    the deadline; it and everything it started are gone then.
    """
    name = os.path.basename(command[0])
    with _Talk(stdin) as talk:
        try:
            child = _Child(command, talk.theirs, os.environ if env is None else env)
        except OSError as error:
            raise InputError(f"cannot be started: {error.strerror}", where=command[0]) from error
        finally:
            talk.hand_over()
        try:
            if not talk.listen(deadline, limit):
                raise InputError(f"{name} says more than {limit} bytes", where=command[0])
            if talk.open or not child.wait(deadline):
                raise InputError(f"{name} was not done in time and was killed", where=command[0])
        finally:
            child.kill()
    assert child.status is not None
    return Output(child.status, bytes(talk.said[1]), bytes(talk.said[2]))


class _Talk:
    """The pipes to and from a program: `theirs` are its ends, by number; `said` is what came on 1 and 2."""

    def __init__(self, stdin: bytes) -> None:
        self.said = {1: bytearray(), 2: bytearray()}
        self.open: dict[int, int] = {}
        self.theirs: list[int | None] = [None, None, None]
        self._stdin = memoryview(stdin)
        for number in (0, 1, 2) if stdin else (1, 2):
            reading, writing = os.pipe()
            ours, self.theirs[number] = (writing, reading) if number == 0 else (reading, writing)
            self.open[ours] = number
            os.set_blocking(ours, False)

    def __enter__(self) -> _Talk:
        return self

    def __exit__(self, *_: object) -> None:
        for ours in list(self.open):
            self._close(ours)

    def hand_over(self) -> None:
        """The program has its ends now."""
        for descriptor in self.theirs:
            if descriptor is not None:
                os.close(descriptor)

    def listen(self, deadline: Deadline, limit: int) -> bool:
        """Talk until the program has closed its ends or time is up; False once it says more than it may."""
        waiting = select.poll()
        for ours, number in self.open.items():
            waiting.register(ours, select.POLLIN if number else select.POLLOUT)
        while self.open:
            events = waiting.poll(1000 * deadline.remaining())
            if deadline.expired():
                break
            for ours, _ in events:
                number = self.open[ours]
                if not (self._hear(ours, self.said[number]) if number else self._tell(ours)):
                    waiting.unregister(ours)
                    self._close(ours)
                elif number and len(self.said[number]) > limit:
                    return False
        return True

    def _hear(self, ours: int, said: bytearray) -> bool:
        chunk = os.read(ours, CHUNK)
        said += chunk
        return bool(chunk)

    def _tell(self, ours: int) -> bool:
        try:
            self._stdin = self._stdin[os.write(ours, self._stdin) :]
        except BrokenPipeError:
            return False  # it did not want to hear it; its exit status tells
        return bool(self._stdin)

    def _close(self, ours: int) -> None:
        del self.open[ours]
        os.close(ours)


class _Child:
    """A program that was started in a session of its own. Raises OSError if it cannot be started."""

    def __init__(self, command: Sequence[str], ends: Sequence[int | None], env: Mapping[str, str]) -> None:
        self.status: int | None = None
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = []
        for number, descriptor in enumerate(ends):
            if descriptor is None:
                actions.append((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDONLY, 0))
            else:
                actions.append((os.POSIX_SPAWN_DUP2, descriptor, number))
        self._pid = os.posix_spawnp(
            command[0],
            list(command),
            env,
            file_actions=actions,
            setsid=True,
            # the interpreter ignores them, which a program would inherit
            setsigdef=[SIGPIPE, SIGXFSZ],
        )

    def wait(self, deadline: Deadline) -> bool:
        """Whether it ends before the deadline; `status` is then its exit status, or minus the signal."""
        if self.status is None and self._ended(deadline):
            _, code = os.waitpid(self._pid, 0)
            self.status = os.waitstatus_to_exitcode(code)
        return self.status is not None

    def kill(self) -> None:
        """End it with all that it started in its session, unless it has ended."""
        if self.status is None:
            try:
                os.killpg(self._pid, SIGKILL)
            except ProcessLookupError:
                pass
            self.wait(Deadline(REAP_SECONDS))

    def _ended(self, deadline: Deadline) -> bool:
        waiting = select.poll()
        try:
            handle = os.pidfd_open(self._pid)
        except (AttributeError, OSError):
            while os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                if deadline.expired():
                    return False
                waiting.poll(1000 * min(LOOK_SECONDS, deadline.remaining()))
            return True
        try:
            waiting.register(handle, select.POLLIN)
            return bool(waiting.poll(1000 * deadline.remaining()))
        finally:
            os.close(handle)
