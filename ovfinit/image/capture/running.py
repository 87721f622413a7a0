"""This machine's disks: which one / is on, and where the file systems of a disk are mounted."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from ...record import Record
from ..disk.imagefile import SECTOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOUNTS = "/proc/self/mountinfo"
# file systems that the kernel can freeze; of the others a sync is all there is
FREEZABLE = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "nilfs2", "reiserfs")


class Mount(Record):
    """A file system of a disk: where it is mounted, its kind, its place on the disk in bytes, None for the whole."""

    point: str
    kind: str
    writable: bool
    place: tuple[int, int] | None = None

    @property
    def freezable(self) -> bool:
        """True if somebody could write to it and the kernel can keep them from it."""
        return self.writable and self.kind in FREEZABLE


def device_of_root() -> str:
    """The disk that / of this machine is on. Raises OvfinitError if it is on none, or on several."""
    number = next((number for number, _, point, _, _ in _mounts() if point == "/"), None)
    path = os.path.realpath(f"/sys/dev/block/{number}")
    if number is None or not path.startswith("/sys/devices/"):
        raise OvfinitError(
            "the root file system of this machine is on no block device of its own",
            where="/",
            remedy="name the device or the image file to capture",
        )
    if os.path.exists(f"{path}/partition"):
        path = os.path.dirname(path)
    if "/virtual/block/dm-" in path or "/virtual/block/md" in path:
        remedy = "LVM, encryption and RAID are not taken apart: capture the disk from outside, or bake an image"
        raise OvfinitError("the root file system is on a device that is mapped onto others", where="/", remedy=remedy)
    return f"/dev/{os.path.basename(path)}"


def mounts(device: str) -> list[Mount]:
    """The mounted file systems of a disk and its partitions, each once, those inside others first."""
    status = os.stat(device)
    if not stat.S_ISBLK(status.st_mode):
        return []
    places = _places(f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}")
    found: dict[str, Mount] = {}
    whole: set[str] = set()
    for number, root, point, kind, options in _mounts():
        # one mount of each file system is enough, since all of it freezes; best one that shows it from its root
        if number in places and os.path.isdir(point) and (number not in found or root == "/" and number not in whole):
            found[number] = Mount(point, kind, "rw" in options.split(","), places[number])
            if root == "/":
                whole.add(number)
    return sorted(found.values(), key=lambda mount: mount.point, reverse=True)


def lies_on(path: str, points: Sequence[str]) -> bool:
    """True if a file would be written to one of these file systems, which cannot be while they are frozen."""
    parent = os.path.dirname(os.path.abspath(path))
    return any(os.stat(parent).st_dev == os.stat(point).st_dev for point in points)


def _mounts() -> Iterator[tuple[str, str, str, str, str]]:
    """Number of the device, root of the mount, its point, kind, options of the superblock: proc_pid_mountinfo(5)."""
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as rows:
        for row in rows:
            words = row.split()
            kind, source, options = words[words.index("-") + 1 :][:3]
            number = words[2]
            if number.startswith("0:") and source.startswith("/dev/"):
                # btrfs has a number of its own, of no device
                with contextlib.suppress(OSError):
                    status = os.stat(source)
                    if stat.S_ISBLK(status.st_mode):
                        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            yield number, words[3], _plain(words[4]), kind, options


def _plain(text: str) -> str:
    """Blanks and backslashes of a mount point are written in octal digits."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text


def _places(number: str) -> dict[str, tuple[int, int] | None]:
    """The disk and its partitions, by number; the place of each in bytes."""
    places: dict[str, tuple[int, int] | None] = {number: None}
    base = f"/sys/dev/block/{number}"
    for name in os.listdir(base):
        with contextlib.suppress(OSError):
            facts = []
            for fact in ("dev", "start", "size"):
                with open(f"{base}/{name}/{fact}") as file:
                    facts.append(file.read().strip())
            places[facts[0]] = int(facts[1]) * SECTOR, int(facts[2]) * SECTOR
    return places


def swap_files(found: Sequence[Mount]) -> dict[int, list[str]]:
    """Offset of a file system on its disk → paths in it of swap files in use (proc(5), swaps)."""
    files: dict[int, list[str]] = {}
    with contextlib.suppress(OSError), open("/proc/swaps") as rows:
        for row in list(rows)[1:]:
            path, kind = row.split()[:2]
            path = _plain(path)
            # those inside others come first
            mount = next((each for each in found if kind == "file" and _below(path, each.point) is not None), None)
            if mount is not None and os.stat(path).st_dev == os.stat(mount.point).st_dev:
                inner = _below(path, mount.point) or "/"
                files.setdefault(mount.place[0] if mount.place else 0, []).append(inner)
    return files


def _below(path: str, point: str) -> str | None:
    """The path as the file system mounted at `point` has it, None if it is elsewhere."""
    base = point.rstrip("/")
    return path[len(base) :] if path.startswith(f"{base}/") else None
