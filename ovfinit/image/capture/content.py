"""What of a disk has to be copied: tables, gaps, blocks in use of ext file systems, all of others, no swap."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ...errors import InputError
from ..disk import partition
from ..disk.blocks import Window
from ..rootfs.ext import Ext
from .ranges import joined, total, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..disk.blocks import Blocks
    from .ranges import Range

_SWAP = (0x82, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")
_SWAP_HEADER = 4096

# offset of a file system on the disk → its files that hold what was in memory
SwapFiles = "Mapping[int, Sequence[str]]"


def used(blocks: Blocks, swap: Mapping[int, Sequence[str]] | None = None) -> list[Range]:
    """What has to be copied; of a swap file, as of a swap partition, only the header."""
    found: list[Range] = []
    position = 0
    for offset, size, kind in _parts(blocks):
        found.append((position, offset - position))
        if str(kind) == _SWAP[1] or kind == _SWAP[0]:
            found.append((offset, min(_SWAP_HEADER, size)))
        else:
            hidden = joined(_swap(blocks, offset, size, (swap or {}).get(offset, ())))
            found += without(joined(_used(blocks, offset, size)), hidden)
        position = offset + size
    return joined([*found, (position, blocks.size - position)])


def spare(blocks: Blocks, swap: Mapping[int, Sequence[str]] | None = None) -> list[Range]:
    """What nobody will ever read: free blocks, what was in memory, and what has been through a journal."""
    free = without([(0, blocks.size)], used(blocks, swap))
    for offset, size, _ in _parts(blocks):
        window = Window(blocks, offset, size)
        if Ext.is_one(window):
            free += [(offset + start, length) for start, length in Ext(window).journal()]
    return joined(free)


def size(blocks: Blocks) -> int:
    """How many bytes a copy takes."""
    return total(used(blocks))


def _parts(blocks: Blocks) -> Iterator[tuple[int, int, object]]:
    """Offset, size and type of the partitions, in order; of a disk without a table the whole."""
    entries = sorted(partition.table(blocks), key=lambda entry: entry.offset)
    if not entries:
        yield 0, blocks.size, None
    position = 0
    for entry in entries:
        if entry.offset >= position and entry.offset + entry.size <= blocks.size:
            yield entry.offset, entry.size, entry.type
            position = entry.offset + entry.size


def _used(blocks: Blocks, offset: int, size: int) -> Iterator[Range]:
    window = Window(blocks, offset, size)
    if not Ext.is_one(window):
        yield offset, size
        return
    try:
        files = Ext(window)
        ranges = [*files.in_use(), (files.end, window.size - files.end)]
    except (InputError, struct.error):
        yield offset, size
        return
    for start, length in ranges:
        yield offset + start, length


def _swap(blocks: Blocks, offset: int, size: int, paths: Sequence[str]) -> Iterator[Range]:
    window = Window(blocks, offset, size)
    if not paths or not Ext.is_one(window):
        return
    files = Ext(window)
    for path in paths:
        for start, length in without(joined(files.places(path)), joined(files.places(path, _SWAP_HEADER))):
            yield offset + start, length
