"""A point on the monotonic clock after which nobody waits any longer."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """Every wait in the agent takes one of these; the wall clock may step at boot, the monotonic one does not."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - monotonic())

    def expired(self) -> bool:
        """True once nothing is left."""
        return monotonic() >= self._end

    def within(self, seconds: float) -> Deadline:
        """The earlier of this deadline and one `seconds` from now."""
        return Deadline(min(seconds, self.remaining()))
