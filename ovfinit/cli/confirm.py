"""Asking a person at a terminal whether a changed network may stay, as `netplan try` does."""

from __future__ import annotations

import signal
import sys

from ..deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# a terminal that is gone, or somebody who ends us, is nobody who confirms
_ENDS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


class _EndedError(Exception):
    """Raised in the middle of the waiting."""


def confirmed(seconds: float) -> bool:
    """True if Enter is pressed on the terminal in time; until then nothing ends this program before it has answered."""
    from select import select

    def ended(_: int, __: FrameType | None) -> None:
        raise _EndedError

    former = {number: signal.signal(number, ended) for number in _ENDS}
    deadline = Deadline(seconds)
    try:
        while not deadline.expired():
            left = round(deadline.remaining())
            sys.stderr.write(f"\rKeep this network? Press Enter within {left} s, or it is taken back. ")
            sys.stderr.flush()
            if select([sys.stdin], [], [], min(1.0, deadline.remaining()))[0]:
                # an end of file is a terminal that was closed
                return bool(sys.stdin.readline())
        return False
    except (_EndedError, OSError):
        return False
    finally:
        # what ends us now must not do so before everything is back
        for number, handler in former.items():
            signal.signal(number, handler if number == signal.SIGINT else signal.SIG_IGN)
        try:
            sys.stderr.write("\n")
            sys.stderr.flush()
        except OSError:
            pass  # nobody is left to read it
