"""A disk that is in use, copied at one moment: its file systems are frozen, and only blocks in use are read."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from typing import TYPE_CHECKING

from ..errors import InputError, OvfinitError
from . import tool
from .disk import partition
from .disk.blocks import PIECE, RawFile, Window, write_sparse
from .rootfs.ext import Ext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .disk.blocks import Blocks

_SWAP = (0x82, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")
_SWAP_HEADER = 4096
# file systems that the kernel can freeze and that are worth it
_FREEZABLE = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs")


def device_of_root() -> str:
    """The disk that / of this machine is on. Raises OvfinitError if it is on none."""
    number = os.stat("/").st_dev
    path = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not path.startswith("/sys/devices/"):
        raise OvfinitError(
            "the root file system of this machine is on no block device of its own",
            where="/",
            remedy="name the device or the image file to capture",
        )
    if os.path.exists(f"{path}/partition"):
        path = os.path.dirname(path)
    if "/virtual/block/dm-" in path:
        remedy = "LVM, encryption and RAID are not taken apart: capture the disk from outside, or bake an image"
        raise OvfinitError("the root file system is on a device that is mapped onto others", where="/", remedy=remedy)
    return f"/dev/{os.path.basename(path)}"


def mount_points(device: str) -> list[str]:
    """Where file systems of a disk and of its partitions are mounted to be written to, outermost last."""
    status = os.stat(device)
    if not stat.S_ISBLK(status.st_mode):
        return []
    numbers = {f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"}
    base = f"/sys/block/{os.path.basename(os.path.realpath(device))}"
    with contextlib.suppress(OSError):
        for name in os.listdir(base):
            with contextlib.suppress(OSError), open(f"{base}/{name}/dev") as file:
                numbers.add(file.read().strip())
    found: dict[str, str] = {}
    with open("/proc/self/mountinfo") as rows:
        for row in rows:
            words = row.split()
            kind = words[words.index("-") + 1]
            if words[2] in numbers and kind in _FREEZABLE and "rw" in words[5].split(","):
                # one mount of each file system is enough: freezing is the file system's, not the mount's
                found.setdefault(words[2], words[4].encode().decode("unicode_escape"))
    return sorted(found.values(), reverse=True)


@contextlib.contextmanager
def frozen(points: Sequence[str]) -> Iterator[None]:
    """Hold these file systems still until the block is left, whatever happens in it. Raises OvfinitError."""
    held: list[str] = []
    try:
        for point in points:
            tool.run(["fsfreeze", "--freeze", point])
            held.append(point)
        yield
    finally:
        for point in reversed(held):
            tool.run(["fsfreeze", "--unfreeze", point])


def lies_on(path: str, points: Sequence[str]) -> bool:
    """True if a file would be written to one of these file systems, which cannot be while they are frozen."""
    parent = os.path.dirname(os.path.abspath(path))
    return any(os.stat(parent).st_dev == os.stat(point).st_dev for point in points)


def copy(blocks: Blocks, descriptor: int, advance: Callable[[int], None]) -> None:
    """Copy what is in use into an empty open file of the same size; what is free becomes a hole."""
    os.ftruncate(descriptor, blocks.size)
    for offset, length in used(blocks):
        for at in range(offset, offset + length, PIECE):
            count = min(PIECE, offset + length - at)
            data = blocks.piece(at, count)
            if data is not None:
                write_sparse(descriptor, data, at)
            advance(count)


def used(blocks: Blocks) -> Iterator[tuple[int, int]]:
    """(offset, length) of what has to be copied: tables, gaps, blocks in use of ext file systems, all of others."""
    entries = sorted(partition.table(blocks), key=lambda entry: entry.offset)
    if not entries:
        yield from _used(blocks, 0, blocks.size)
        return
    position = 0
    for entry in entries:
        if entry.offset < position or entry.offset + entry.size > blocks.size:
            continue
        yield position, entry.offset - position
        if str(entry.type) == _SWAP[1] or entry.type == _SWAP[0]:
            yield entry.offset, min(_SWAP_HEADER, entry.size)
        else:
            yield from _used(blocks, entry.offset, entry.size)
        position = entry.offset + entry.size
    yield position, blocks.size - position


def _used(blocks: Blocks, offset: int, size: int) -> Iterator[tuple[int, int]]:
    window = Window(blocks, offset, size)
    if not Ext.is_one(window):
        yield offset, size
        return
    try:
        ranges = list(_in_use(window))
    except (InputError, struct.error):
        yield offset, size
        return
    for start, length in ranges:
        yield offset + start, length


def _in_use(window: Window) -> Iterator[tuple[int, int]]:
    """What the block bitmaps of an ext file system say, and whatever lies behind its end; in order, joined."""
    files = Ext(window)
    run: list[int] | None = None
    for start, length in sorted(files.in_use()):
        if run is not None and start <= run[0] + run[1]:
            run[1] = max(run[1], start + length - run[0])
            continue
        if run is not None:
            yield run[0], run[1]
        run = [start, length]
    if run is not None:
        yield run[0], run[1]
    if files.end < window.size:
        yield files.end, window.size - files.end


def opened(path: str) -> Blocks:
    """A device or raw image to copy. Raises OvfinitError if we may not read it."""
    try:
        return RawFile(path)
    except InputError as error:
        if os.path.exists(path) and not os.access(path, os.R_OK):
            raise OvfinitError("may not be read", where=path, remedy="run it as root") from error
        raise
