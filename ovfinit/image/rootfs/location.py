"""Where on a disk its root file system is, found without mounting anything."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ...errors import InputError
from ..disk import partition
from ..disk.blocks import Window
from .ext import Ext

if TYPE_CHECKING:
    from ..disk.blocks import Blocks
    from ..disk.imagefile import DiskImage
    from ..disk.partition import Partition

# Discoverable Partitions Specification: root of amd64 and of arm64
_ROOTS = {
    uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    uuid.UUID("b921b045-1df0-41c3-af44-4c6f280d3fae"),
}
_LVM = (0x8E, uuid.UUID("e6d6d379-f507-44c2-a23c-238f2a3df928"))


def root_partition(blocks: Blocks) -> Partition:
    """The partition with the root file system. Raises InputError that says what stands in the way.

    The one that is marked so; else the one whose file system has /etc and /sbin; of several the largest.
    """
    found = [entry for entry in partition.table(blocks) if entry.offset + entry.size <= blocks.size]
    marked = [entry for entry in found if entry.type in _ROOTS]
    if marked:
        return marked[0]
    candidates = []
    for entry in found:
        window = Window(blocks, entry.offset, entry.size)
        if Ext.is_one(window):
            files = Ext(window)
            if files.exists("/etc") and (files.exists("/sbin") or files.exists("/usr")):
                candidates.append(entry)
    if candidates:
        return max(candidates, key=lambda entry: entry.size)
    if any(entry.type in _LVM for entry in found):
        reason = "its root file system is on LVM"
    elif found:
        reason = "none of its partitions holds an ext2, ext3 or ext4 root file system"
    else:
        reason = "it has no partition table"
    raise InputError(
        f"has no root partition that can be taken out: {reason}",
        where=blocks.name,
        remedy="--full-disk keeps the disk whole",
    )


def is_bare(image: DiskImage) -> bool:
    """True for an image that is a file system from its first byte, without a partition table."""
    with image.open() as blocks:
        return Ext.is_one(blocks) and not partition.table(blocks)
