"""How far a long transfer is: a bar with rate and time left on a terminal, a line a minute elsewhere with --verbose."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from ..image.package.units import people

if TYPE_CHECKING:
    from .output import Output

SECONDS = 0.2
WIDTH = 20


class Meter:
    """`expect` begins a piece of work of so many bytes (0: nobody knows), `advance` tells of some of them."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._what = ""
        self._total = self._done = 0
        self._begun = self._shown = monotonic()
        self._lock = Lock()

    def expect(self, what: str, total: int) -> None:
        """Begin."""
        self._what, self._total, self._done = what, total, 0
        self._begun = self._shown = monotonic()
        self._output.progress(what)

    def advance(self, count: int) -> None:
        """Go on."""
        with self._lock:
            self._done += count
            now = monotonic()
            if now - self._shown >= (60 if self._output.verbose else SECONDS):
                self._shown = now
                self._output.progress(self.text(now - self._begun))

    def text(self, elapsed: float) -> str:
        """`writing disk.vmdk ########............ 41 %  118 MiB/s  0:07 left`."""
        rate = self._done / elapsed if elapsed > 0 else 0.0
        parts = [self._what]
        if self._total:
            part = min(1.0, self._done / self._total)
            marks = round(part * WIDTH)
            parts.append(f"{'#' * marks}{'.' * (WIDTH - marks)} {part:4.0%}")
        else:
            parts.append(people(self._done))
        parts.append(f"{people(int(rate))}/s")
        if self._total and rate:
            minutes, seconds = divmod(int(max(0, self._total - self._done) / rate), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        return "  ".join(parts)

    def end(self) -> None:
        """Clear the line."""
        self._output.progress_end()
