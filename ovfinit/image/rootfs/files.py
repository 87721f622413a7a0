"""What lies in a file system of an image: ext is read here, of others the kernel mounts a read-only view."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Protocol

from ...errors import InputError, OvfinitError
from ...tree import Tree
from . import mounts
from .ext import Ext
from .location import BTRFS, EXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .location import Place

# where distributions keep the root in a Btrfs
_SUBVOLUMES = ("", "@", "root", "@rootfs", "@/.snapshots/1/snapshot")


class Files(Protocol):
    """What both can say; paths are the image's own, links are followed inside it."""

    def exists(self, path: str) -> bool:
        """True if there is something at a path."""

    def listing(self, path: str) -> list[str]:
        """Sorted names in a folder; none if it is no folder."""

    def size(self, path: str) -> int | None:
        """The size of a regular file, None if there is none."""

    def read(self, path: str, limit: int = ...) -> bytes | None:
        """A regular file, None if there is none. Raises InputError over `limit` bytes."""


class Mounted(Tree):
    """The files below a mount point."""

    def size(self, path: str) -> int | None:
        """The size of a regular file, None if there is none."""
        real = self.real(path)
        return os.path.getsize(real) if os.path.isfile(real) else None


@contextlib.contextmanager
def files_of(place: Place) -> Iterator[Files]:
    """The files of a file system, for as long as the block lasts. Raises InputError if they cannot be read here."""
    if place.kind == EXT:
        yield Ext(place.blocks)
        return
    where = place.blocks.place()
    name = {"xfs": "XFS", "btrfs": "Btrfs"}[place.kind]
    if where is None:
        raise InputError(
            f"holds {name}, which only a raw image lets the kernel read",
            where=place.blocks.name,
            remedy="ovfinit image convert makes it x.raw first",
        )
    if os.geteuid() != 0:
        raise InputError(
            f"holds {name}, which has to be mounted to be read, and only root can",
            where=place.blocks.name,
            remedy="run it as root; --full-disk, or --kernel ID of the cloud's, needs no look inside",
        )
    with contextlib.ExitStack() as stack:
        try:
            view = mounts.tree_of(where[0], {"/": (where[1], place.blocks.size)}, read_only=True)
            folder = stack.enter_context(view)
        except OvfinitError as error:
            raise InputError(
                f"holds {name}, which could not be mounted to be read: {error.message}", where=place.blocks.name
            ) from error
        if place.kind == BTRFS:
            inside = Tree(folder)
            found = next((name for name in _SUBVOLUMES if inside.exists(f"{name}/etc")), "")
            folder = inside.real(found)
        yield Mounted(folder)
