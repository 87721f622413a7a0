"""Where the time of a run went: named stretches on the monotonic clock, which on Linux counts from the boot."""

from __future__ import annotations

import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

STAGE, WAIT, WORK = "stage", "wait", "work"


class Spans:
    """The stretches of one run, in the order in which they ended."""

    def __init__(self) -> None:
        started = _process_started()
        self.records: list[dict[str, Any]] = []
        if started is not None:
            self.add("interpreter", WORK, started, monotonic() - started)

    def add(self, name: str, kind: str, started: float, seconds: float) -> None:
        """Note one stretch."""
        self.records.append({"name": name, "kind": kind, "started": round(started, 6), "seconds": round(seconds, 6)})

    def measure(self, name: str, kind: str = WORK) -> _Measured:
        """For `with`: note how long the block takes."""
        return _Measured(self, name, kind)


class _Measured:
    def __init__(self, spans: Spans, name: str, kind: str) -> None:
        self._spans, self._name, self._kind = spans, name, kind

    def __enter__(self) -> None:
        self._started = monotonic()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._spans.add(self._name, self._kind, self._started, monotonic() - self._started)


def _process_started() -> float | None:
    """When this process was started, in seconds since the boot (field 22 of proc(5)'s stat, to a hundredth)."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")
