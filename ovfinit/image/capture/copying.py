"""A disk that is in use, copied as it was at one moment, with a short freeze.

Most is copied while the machine goes on. What is written meanwhile is watched and copied again, as a machine that
migrates has its memory copied; only the last of it is copied while its file systems are frozen. Where writes cannot be
watched, all is copied during the freeze.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from ...record import Record
from ..disk.blocks import PIECE, ZEROS
from . import content
from .device import Device, opened
from .freeze import Frozen
from .ranges import common, joined, total, without
from .writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..disk.blocks import Blocks
    from .ranges import Range

ROUNDS = 4
# what is copied in an instant: no further round is worth it
SMALL = 16 * 1024 * 1024


class Copied(Record):
    """What was done: bytes copied in all, those of them during the freeze, its length in seconds.

    `watched` is false if all had to be copied during the freeze.
    """

    total: int
    still: int
    seconds: float
    watched: bool


def copy(
    path: str,
    descriptor: int,
    points: Sequence[str],
    *,
    limit: float,
    swap: Mapping[int, Sequence[str]],
    expect: Callable[[str, int], None],
    advance: Callable[[int], None],
) -> Copied:
    """Copy a disk into an empty open file, which gets its size; what is free becomes a hole.

    `points` are where its file systems are mounted to be written to, `limit` the most seconds that they may be
    frozen, `swap` files to be left out. Nothing is told of during the freeze, for nobody may be able to listen.
    Raises OvfinitError.
    """
    with opened(path) as blocks:
        os.ftruncate(descriptor, blocks.size)
        work = _Work(blocks, descriptor, swap)
        if not points:
            due = work.used()
            expect("copying", total(due))
            work.copy(due, advance)
            return Copied(work.copied, 0, 0.0, watched=False)
        assert isinstance(blocks, Device)
        with Writes((os.major(blocks.number), os.minor(blocks.number))) as writes:
            pending = work.ahead(writes, expect, advance)
            expect("freezing", 0)
            os.sync()
            with Frozen(points, limit) as frozen:
                now = work.used()
                last = None if pending is None else writes.done()
                watched = pending is not None and last is not None
                again = common(now, joined([*(pending or ()), *(last or ())]))
                due = joined([*again, *without(now, work.have)]) if watched else now
                before = work.copied
                work.copy(due, lambda _: None, over=True)
            work.blank(without(work.have, now))
            return Copied(work.copied, work.copied - before, frozen.seconds, watched=watched)


class _Work:
    """The copy of one disk: `have` is what was copied at least once."""

    def __init__(self, blocks: Blocks, descriptor: int, swap: Mapping[int, Sequence[str]]) -> None:
        self._blocks = blocks
        self._file = descriptor
        self._swap = swap
        self.have: list[Range] = []
        self.copied = 0

    def used(self) -> list[Range]:
        return content.used(self._blocks, self._swap)

    def ahead(
        self, writes: Writes, expect: Callable[[str, int], None], advance: Callable[[int], None]
    ) -> list[Range] | None:
        """Copy while the machine goes on; what was written since it was copied, None if nobody can say."""
        if not writes.works:
            return None
        due = self.used()

        def step(count: int) -> None:
            writes.take()
            advance(count)

        for number in range(ROUNDS):
            expect("copying" if number == 0 else "copying what has changed", total(due))
            self.copy(due, step, over=number > 0)
            os.sync()
            written = writes.done()
            if written is None:
                return None
            now = self.used()
            due = joined([*common(now, written), *without(now, self.have)])
            if total(due) <= SMALL:
                break
        return due

    def copy(self, ranges: Iterable[Range], advance: Callable[[int], None], *, over: bool = False) -> None:
        """Copy these; `over` what may be there already, so that zeros count."""
        done = list(ranges)
        for start, length in done:
            for at in range(start, start + length, PIECE):
                count = min(PIECE, start + length - at)
                data = self._blocks.piece(at, count)
                if data is None:
                    data = ZEROS[:count]
                if over or data != ZEROS[:count]:
                    self._write(data, at)
                self.copied += count
                advance(count)
        self.have = joined([*self.have, *done])

    def blank(self, ranges: Iterable[Range]) -> None:
        blank(self._file, ranges)

    def _write(self, data: bytes, offset: int) -> None:
        write(self._file, data, offset)


def write(descriptor: int, data: bytes, offset: int) -> None:
    """All of this at its place."""
    view = memoryview(data)
    while view:
        done = os.pwrite(descriptor, view, offset)
        view, offset = view[done:], offset + done


def blank(descriptor: int, ranges: Iterable[Range]) -> None:
    """Make these bytes of a file zeros; what is a hole stays one."""
    for start, length in ranges:
        at, end = start, start + length
        while at < end:
            try:
                at = max(at, os.lseek(descriptor, at, os.SEEK_DATA))
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break
                raise
            count = min(PIECE, end - at)
            if count > 0:
                write(descriptor, ZEROS[:count], at)
                at += count


def room(path: str, needed: int) -> None:
    """Raise OvfinitError if a folder has not so many bytes left."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise OvfinitError(
            f"has {free >> 20} MiB left, and the copy takes {-(-needed >> 20)} MiB",
            where=path,
            remedy="--scratch DIR names another place to work in, which must not be on the captured disk",
        )
