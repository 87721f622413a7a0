"""The file systems of a raw image, mounted for as long as it takes; for root only."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from ...tree import Tree
from .. import tool
from ..disk.blocks import RawFile, Window
from . import location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Place = tuple[int, int] | None

# nothing in the image may become a device or a program of ours
SAFE = "nosuid,nodev,noexec"
# the kernel refuses a second XFS of the same UUID, and the first may be the one that we run on
_ALWAYS = {location.XFS: "nouuid"}
# a journal that was not written back cannot be replayed where nothing may be written
_READ_ONLY = {location.EXT: "noload", location.XFS: "norecovery", location.BTRFS: "rescue=nologreplay"}


@contextlib.contextmanager
def root_of(path: str, *, read_only: bool = False) -> Iterator[str]:
    """The folder where the root file system of the raw image at `path` is mounted, until the block is left.

    Raises OvfinitError if we may not mount, or there is no root file system.
    """
    with RawFile(path) as blocks:
        root = location.root(blocks)
        place, size = root.blocks.place(), root.blocks.size
    if place is None:
        raise OvfinitError(
            f"has its root file system on the logical volume {root.volume}, which does not lie in one piece",
            where=path,
            remedy="activate it (losetup, vgchange -ay), mount it, and work on the tree",
        )
    with tree_of(path, {"/": (place[1], size)}, read_only=read_only) as folder:
        yield folder


@contextlib.contextmanager
def tree_of(path: str, places: Mapping[str, Place], *, read_only: bool = False) -> Iterator[str]:
    """The same with several file systems: mount point → place on the disk in bytes, None for all of it."""
    if os.geteuid() != 0:
        raise OvfinitError(
            "only root can mount a disk image", where=path, remedy="run it as root, or work on an unpacked tree"
        )
    with tempfile.TemporaryDirectory(prefix="ovfinit-root-") as parent, contextlib.ExitStack() as stack:
        folder = os.path.join(parent, "root")
        os.mkdir(folder)
        for point in sorted(places):
            # a link in the image must not lead the mount out of it
            stack.enter_context(_mounted(path, places[point], Tree(folder).real(point), read_only=read_only))
        yield folder


@contextlib.contextmanager
def _mounted(path: str, place: Place, folder: str, *, read_only: bool) -> Iterator[None]:
    with RawFile(path) as blocks:
        offset, size = place or (0, blocks.size)
        kind = location.kind_of(Window(blocks, offset, size)) or ""
    words = ["losetup", "--find", "--show", "--offset", str(offset), "--sizelimit", str(size)]
    device = tool.run([*words, *(["--read-only"] if read_only else []), path]).decode().strip()
    try:
        options = [SAFE, _ALWAYS.get(kind, ""), *(["ro", _READ_ONLY.get(kind, "")] if read_only else [])]
        tool.run(["mount", "-o", ",".join(filter(None, options)), device, folder])
        try:
            yield
        finally:
            tool.run(["umount", folder])
    finally:
        tool.run(["losetup", "--detach", device])
