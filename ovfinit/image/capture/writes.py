"""What is written to a disk while it is being copied, told by the kernel's own tracing.

A write counts when it is done (block:block_rq_complete, in a trace instance of our own), so one that a read of ours
has overtaken is never missed. Tracing is not everywhere (no tracefs, kernel lockdown, devices without requests), and
what it says is believed only if it adds up to what the disk itself has counted.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .ranges import joined

if TYPE_CHECKING:
    from types import TracebackType

    from .ranges import Range

TRACING = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
SECTOR = 512
# for each processor; it is emptied between pieces of the copy
BUFFER_KIB = 512
# writes, flushes with data, discards, and what older kernels call a write of zeros (blk_fill_rwbs)
_WANTED = " || ".join(f'rwbs ~ "{letter}*"' for letter in "WFDN")
_EVENT = re.compile(rb"block_rq_complete: \d+,\d+ ([A-Z]+) \(.*?\) (\d+) \+ (\d+)")
_LOST = re.compile(rb"LOST \d+ EVENTS")
_MOST = 1 << 20


class Writes:
    """A watch on the disk `number` (major, minor) while the `with` block runs; `take` often enough.

    `works` is false where nothing can be watched.
    """

    def __init__(self, number: tuple[int, int]) -> None:
        self._number = number
        self._ranges: list[Range] = []
        self._sectors = 0
        self._rest = b""
        self._lost = False
        self._folder: str | None = None
        self._pipe: int | None = None
        self._before = 0

    @property
    def works(self) -> bool:
        """True if the disk is watched."""
        return self._pipe is not None

    def __enter__(self) -> Writes:
        base = next((path for path in TRACING if os.path.isdir(f"{path}/events/block/block_rq_complete")), None)
        if base is None:
            return self
        self._folder = f"{base}/instances/ovfinit-{os.getpid()}"
        try:
            os.mkdir(self._folder)
            event = f"{self._folder}/events/block/block_rq_complete"
            self._tell(f"{self._folder}/buffer_size_kb", str(BUFFER_KIB))
            self._tell(f"{event}/filter", f"dev == {self._number[0] << 20 | self._number[1]} && ({_WANTED})")
            self._tell(f"{event}/enable", "1")
            self._before = self._counted()
            self._pipe = os.open(f"{self._folder}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        if self._folder is not None:
            try:
                os.rmdir(self._folder)
            except OSError:
                pass  # it was never made
            self._folder = None

    @staticmethod
    def _tell(path: str, text: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def _counted(self) -> int:
        """Sectors written since boot (Documentation/block/stat.rst)."""
        with open(f"/sys/dev/block/{self._number[0]}:{self._number[1]}/stat") as file:
            return int(file.read().split()[6])

    def take(self) -> None:
        """Take over what the kernel has to tell."""
        while self._pipe is not None:
            try:
                data = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                return
            rows = (self._rest + data).split(b"\n")
            self._rest = rows.pop()
            text = b"\n".join(rows)
            self._lost = self._lost or _LOST.search(text) is not None
            for kind, start, count in _EVENT.findall(text):
                self._ranges.append((int(start) * SECTOR, int(count) * SECTOR))
                self._sectors += int(count) if kind[:1] != b"D" else 0
            if len(self._ranges) > _MOST:
                self._ranges = joined(self._ranges)

    def done(self) -> list[Range] | None:
        """What was written so far, and forget it; None if that is not known for certain."""
        now = self._counted()
        self.take()
        if not self.works or self._lost or self._sectors < now - self._before:
            return None
        found, self._ranges = joined(self._ranges), []
        return found
