"""File systems held still for a moment, and thawed whatever becomes of us.

A machine whose root file system stays frozen is lost: not even the command that would thaw it can be started. So a
process of its own holds them. It thaws when it is told to, when nobody is there any more to tell it (killed, out of
memory, a terminal that went), and when the time is up. Should it be killed itself, we thaw.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING

from ...errors import OvfinitError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

# _IOWR('X', 119, int) and _IOWR('X', 120, int), linux/fs.h
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
_THAW, _FROZEN, _THAWED, _LATE = b"t", b"f", b"d", b"l"


class Frozen:
    """These mount points are frozen while the `with` block runs, for `limit` seconds at most.

    Nothing in the block may write to them, nor wait for somebody who does. `seconds` is how long it was, afterwards.
    Raises OvfinitError if one cannot be frozen (those that were are thawed), or, at the end of the block, if the time
    was up before. `guard` is the process that holds them.
    """

    def __init__(self, points: Sequence[str], limit: float) -> None:
        self._points = tuple(points)
        self._limit = limit
        self.seconds = 0.0

    def __enter__(self) -> Frozen:
        self._places = [os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for point in self._points]
        ours, theirs = os.pipe(), os.pipe()
        # a module that is imported now must not be kept as bytecode: that would wait for the thaw
        self._bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        self._begun = monotonic()
        self.guard = os.fork()
        if self.guard == 0:
            _guard(self._places, orders=theirs[0], answers=ours[1], close=(theirs[1], ours[0]), limit=self._limit)
        os.close(theirs[0])
        os.close(ours[1])
        self._orders, self._answers = theirs[1], ours[0]
        try:
            answer = os.read(self._answers, 4096)
            if answer != _FROZEN:
                said = answer.decode() or "the process that was to hold them has gone"
                remedy = "capture it unmounted, or from outside"
                raise OvfinitError(f"cannot be frozen: {said}", where=", ".join(self._points), remedy=remedy)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        late = self._end() == _LATE
        self.seconds = monotonic() - self._begun
        if late and kind is None:
            remedy = "nothing was kept; --freeze-limit SECONDS allows more, a quieter or faster disk needs less"
            raise OvfinitError(f"copying took longer than the {self._limit:g} s of the freeze", remedy=remedy)

    def _end(self) -> bytes:
        """Thaw, and wait until it is so; what the guard said."""
        try:
            os.write(self._orders, _THAW)
        except BrokenPipeError:
            pass
        os.close(self._orders)
        try:
            answer = os.read(self._answers, 4096)
        finally:
            os.close(self._answers)
            if not answered(self.guard):
                thaw(self._places)
            for place in self._places:
                os.close(place)
            sys.dont_write_bytecode = self._bytecode
        return answer


def answered(guard: int) -> bool:
    """True if the guard has come to its end by itself, having thawed everything."""
    _, status = os.waitpid(guard, 0)
    return os.waitstatus_to_exitcode(status) == 0


def thaw(places: Sequence[int]) -> None:
    """Thaw, the last that was frozen first; what is not frozen stays so."""
    for place in reversed(places):
        try:
            fcntl.ioctl(place, FITHAW, 0)
        except OSError:
            pass


def _guard(places: Sequence[int], *, orders: int, answers: int, close: Sequence[int], limit: float) -> None:
    """The process that holds the file systems; it never returns."""
    try:
        for each in close:
            os.close(each)
        _outlive()
        end = monotonic() + limit
        for number, place in enumerate(places):
            try:
                fcntl.ioctl(place, FIFREEZE, 0)
            except OSError as error:
                thaw(places[:number])
                os.write(answers, (error.strerror or "refused").encode())
                os._exit(0)
        os.write(answers, _FROZEN)
        waiting = select.poll()
        waiting.register(orders, select.POLLIN)
        told = waiting.poll(max(0.0, end - monotonic()) * 1000)
        thaw(places)
        os.write(answers, _THAWED if told else _LATE)
        os._exit(0)
    except BaseException:
        thaw(places)
    os._exit(1)


def _outlive() -> None:
    """Be there when whoever started us is ended: by signals, with its terminal, its session or its memory."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    for path, text in (("/proc/self/oom_score_adj", "-1000"), ("/sys/fs/cgroup/cgroup.procs", "0")):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError:
            pass
