"""A plan's witness: every path that was looked at to make it, and what was seen there.

A plan is a function of the metadata, the configuration and the machine. When nothing that the last one looked at has
changed since, the next one is the same: nothing to do. So a boot that finds its witness unchanged makes no plan, which
is what most of all boots are spared. What build tools do with the files that a rule has read is done here with the
machine; there, too, anything in doubt is made anew.
"""

from __future__ import annotations

import os
import stat
from time import time

from . import __file__ as _here
from . import __version__
from .digest import sha256
from .errors import InputError, StateError
from .paths import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from .state import State
    from .tree import Tree

# made anew at every boot, so only what is in them says whether something changed
_VOLATILE = ("/sys/", "/proc/", "/run/", "/dev/")
_OF_ONE_BOOT = ("/proc/sys/kernel/random/", "/proc/1/")
_MOUNTS = "/proc/self/mountinfo"
_FACT_LIMIT = 256 * 1024
# a time stamp of a file may lag behind the clock by a tick of the kernel's
TICK_SECONDS = 0.02


class Witness:
    """What is looked at in a tree inside `with` blocks, and what is seen there when a block ends."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.seen: dict[str, str | None] = {}
        # something changed while it was looked at, or is another one at each boot
        self.fleeting = False

    def __enter__(self) -> None:
        self._began = time()
        self.tree.looked = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        looked, self.tree.looked = self.tree.looked or (), None
        for path in looked:
            # of a folder that was listed, and of mounts, it is known more exactly what was wanted
            if f"{path}/" in looked or path == _MOUNTS:
                continue
            self.seen[path] = _sight(self.tree, path)
            self.fleeting |= _fleeting(self.tree, path, self._began)

    def keep(self, state: State, instance_id: str, told: Mapping[str, Any]) -> None:
        """Remember what was seen, and with it what a run that has nothing to do tells of itself. Raises StateError."""
        if not self.fleeting:
            document = {"circumstances": _circumstances(self.tree), "seen": self.seen, "told": told}
            state.write({_file(state, instance_id): document})


def unchanged(tree: Tree, state: State, instance_id: str) -> Mapping[str, Any] | None:
    """What was remembered with the witness of this instance, if all of it still looks the same; None otherwise."""
    try:
        stored = state.read(_file(state, instance_id))
        if stored is None or stored["circumstances"] != _circumstances(tree):
            return None
        if any(_sight(tree, path) != sight for path, sight in stored["seen"].items()):
            return None
        return dict(stored["told"])
    except (StateError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _file(state: State, instance_id: str) -> str:
    return f"{state.folder(instance_id)}/witness.json"


def _circumstances(tree: Tree) -> list[Any]:
    """What a plan depends on besides files: this program and the kernel."""
    program = os.stat(os.path.dirname(_here)).st_mtime_ns
    # a kernel's release may stand in a template; the name that it knows is one of the things to be done
    return [__version__, program, *(os.uname() if tree.live else ())]


def _sight(tree: Tree, entry: str) -> str | None:
    """What is seen at a path; with a slash at its end, the names in a folder as well. None: nothing is there."""
    path = entry.rstrip("/") or "/"
    try:
        if path.startswith(f"{_MOUNTS}#"):
            return _mounted(tree, path.partition("#")[2] or "/")
        place = tree.real(path, follow=False) if not tree.live else path
        status = os.lstat(place)
        leads = ""
        if stat.S_ISLNK(status.st_mode):
            leads = os.readlink(place)
            place = tree.real(path)
            status = os.stat(place)
        return f"{_features(place, status, volatile=_volatile(path), listed=entry != path)} {leads}"
    except (OSError, InputError):
        return None


def _features(place: str, status: os.stat_result, *, volatile: bool, listed: bool) -> str:
    kind = stat.S_IFMT(status.st_mode)
    owned = f"{status.st_mode:o} {status.st_uid} {status.st_gid}"
    if kind in (stat.S_IFBLK, stat.S_IFCHR):
        # a look early in a boot comes before udev has given the node its group
        return f"{kind:o} {status.st_rdev}"
    if volatile:
        if kind == stat.S_IFREG:
            with open(place, "rb", buffering=0) as file:
                return f"{owned} {sha256(file.read(_FACT_LIMIT)).hexdigest()}"
        return f"{owned} {'/'.join(sorted(os.listdir(place)))}" if listed else owned
    if kind == stat.S_IFDIR and not listed:
        return owned
    # the change time tells of every change, a rename included; inode numbers of an overlay are new ones at each mount
    return f"{owned} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _mounted(tree: Tree, point: str) -> str:
    """What is mounted at a point and whether it may be written to, see proc_pid_mountinfo(5); without other options,
    to which the kernel adds its own as it goes.
    """
    found = []
    for line in (tree.text(_MOUNTS) or "").splitlines():
        words = line.split(" ")
        if len(words) > 9 and words[4] == point and "-" in words:
            # file systems without a device of their own, btrfs among them, get the next free number of device 0
            device = "0:" if words[2].startswith("0:") else words[2]
            kind, source, options = words[words.index("-") + 1 :][:3]
            closed = "ro" in words[5].split(",") or "ro" in options.split(",")
            found.append(f"{device} {kind} {source} {closed}")
    return "\n".join(found)


def _volatile(path: str) -> bool:
    return path.startswith(_VOLATILE)


def _fleeting(tree: Tree, entry: str, began: float) -> bool:
    """True if it was changed while it was looked at, or tells one boot from another."""
    if entry.startswith(_OF_ONE_BOOT):
        return True
    if _volatile(entry) or entry.startswith(f"{FOLDER}/"):
        # what is under the lock of this run changes by its own hand only
        return False
    try:
        status = os.stat(tree.real(entry))
    except (OSError, InputError):
        return False
    return (stat.S_ISREG(status.st_mode) or entry.endswith("/")) and status.st_ctime >= began - TICK_SECONDS
