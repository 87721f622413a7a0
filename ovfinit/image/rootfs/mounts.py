"""The root file system of a raw image, mounted for as long as it takes; for root only."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from .. import tool
from ..disk import partition
from ..disk.blocks import RawFile
from .ext import Ext
from .location import root_partition

if TYPE_CHECKING:
    from collections.abc import Iterator

# nothing in the image may become a device or a program of ours
SAFE = "nosuid,nodev,noexec"


@contextlib.contextmanager
def root_of(path: str, *, read_only: bool = False) -> Iterator[str]:
    """The folder where the root file system of the raw image at `path` is mounted, until the block is left.

    Raises OvfinitError if we may not mount, or there is no root file system.
    """
    if os.geteuid() != 0:
        raise OvfinitError(
            "only root can mount a disk image", where=path, remedy="run it as root, or work on an unpacked tree"
        )
    with RawFile(path) as blocks:
        if Ext.is_one(blocks) and not partition.table(blocks):
            offset, size = 0, blocks.size
        else:
            entry = root_partition(blocks)
            offset, size = entry.offset, entry.size
    words = ["losetup", "--find", "--show", "--offset", str(offset), "--sizelimit", str(size)]
    device = tool.run([*words, *(["--read-only"] if read_only else []), path]).decode().strip()
    folder = tempfile.mkdtemp(prefix="ovfinit-root-")
    try:
        tool.run(["mount", "-o", f"{SAFE},ro" if read_only else SAFE, device, folder])
        try:
            yield folder
        finally:
            tool.run(["umount", folder])
    finally:
        os.rmdir(folder)
        tool.run(["losetup", "--detach", device])
