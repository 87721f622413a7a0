"""Where on a disk its root file system is, found without mounting anything."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ...errors import InputError
from ...record import Record
from ..disk import lvm, partition
from ..disk.blocks import Window
from .ext import Ext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..disk.blocks import Blocks
    from ..disk.imagefile import DiskImage

# Discoverable Partitions Specification: root of amd64 and of arm64
_ROOTS = {
    uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    uuid.UUID("b921b045-1df0-41c3-af44-4c6f280d3fae"),
}
_BTRFS = 0x10000
EXT, XFS, BTRFS = "ext", "xfs", "btrfs"


class Place(Record):
    """A file system on a disk: its content, its kind, and GROUP/VOLUME if it is on LVM; `marked` as the root."""

    blocks: Blocks
    kind: str
    volume: str = ""
    marked: bool = False

    @property
    def uuid(self) -> str:
        """The file system's UUID, as root=UUID= and fstab have it."""
        if self.kind == EXT:
            return Ext(self.blocks).uuid
        at = 32 if self.kind == XFS else _BTRFS + 0x20
        return str(uuid.UUID(bytes=self.blocks.read(at, 16)))


def kind_of(blocks: Blocks) -> str | None:
    """ext, xfs or btrfs by the superblock; None for anything else."""
    if Ext.is_one(blocks):
        return EXT
    if blocks.size >= _BTRFS + 4096:
        if blocks.read(0, 4) == b"XFSB":
            return XFS
        if blocks.read(_BTRFS + 0x40, 8) == b"_BHRfS_M":
            return BTRFS
    return None


def places(blocks: Blocks, missed: list[str]) -> Iterator[Place]:
    """The file systems on a disk, on partitions and on logical volumes; `missed` gets what could not be looked into."""
    entries = partition.table(blocks)
    if not entries:
        kind = kind_of(blocks)
        if kind is not None:
            yield Place(blocks, kind)
        elif lvm.is_one(blocks):
            yield from _logical(blocks, missed)
        return
    for entry in entries:
        if entry.offset + entry.size > blocks.size:
            continue
        window = Window(blocks, entry.offset, entry.size)
        kind = kind_of(window)
        if kind is not None:
            yield Place(window, kind, marked=entry.type in _ROOTS)
        elif lvm.is_one(window):
            yield from _logical(window, missed)


def _logical(physical: Blocks, missed: list[str]) -> Iterator[Place]:
    for volume in lvm.volumes(physical):
        name = f"{volume.group}/{volume.name}"
        if volume.content is None:
            missed.append(f"the logical volume {name} cannot be read here: {volume.reason}")
            continue
        kind = kind_of(volume.content)
        if kind is not None:
            yield Place(volume.content, kind, name)


def root(blocks: Blocks) -> Place:
    """The root file system. Raises InputError that says what stands in the way.

    The one that is marked so; else the one that has /etc and /sbin; else, since not all can be looked into, the one
    that is neither ext nor small; of several the largest.
    """
    missed: list[str] = []
    found = list(places(blocks, missed))
    marked = [place for place in found if place.marked]
    looked = [place for place in found if place.kind == EXT and _is_root(Ext(place.blocks))]
    closed = [place for place in found if place.kind != EXT]
    for choice in (marked, looked, closed):
        if choice:
            return max(choice, key=lambda place: place.blocks.size)
    if missed:
        reason = missed[0]
    elif partition.table(blocks):
        reason = "none of its partitions holds a root file system of ext2, ext3, ext4, XFS or Btrfs"
    else:
        reason = "it has no partition table"
    raise InputError(
        f"has no root partition that can be taken out: {reason}",
        where=blocks.name,
        remedy="--full-disk keeps the disk whole",
    )


def _is_root(files: Ext) -> bool:
    return files.exists("/etc") and (files.exists("/sbin") or files.exists("/usr"))


def is_bare(image: DiskImage) -> bool:
    """True for an image that is a file system from its first byte, without a partition table."""
    with image.open() as blocks:
        return kind_of(blocks) is not None and not partition.table(blocks)
