"""Mounts and swap: our lines in /etc/fstab, the folders to mount on, and the same on the running machine."""

from __future__ import annotations

import os

from ..block import find
from ..changes import LOCAL, NETWORK, Call, MakeFolder, WriteBlock
from ..digest import digest
from ..model import Problem
from ..storage.fstab import FSTAB, NODEV, Entry, entries
from ..storage.names import SHORT, TAGS, resolve
from ..storage.programs import SWAP
from ..userdata.scalars import Flag, Size, Text
from ..userdata.schema import Many, OneOf, Row, Table
from ..userdata.spec import Nothing
from .service import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "mounts"
SECONDS = 120.0
SWAP_SECONDS = 1800.0
DEFAULTS = (None, None, "auto", "defaults,nofail", "0", "2")
GIB = 1 << 30
MIB = 1 << 20
SWAP_FILE = "/swap.img"
_NOTHING = ("none", "None", "")
# what is on already is left as it is
_ON = """
device=$(realpath "$(findfs "$1" 2>/dev/null || printf %s "$1")")
swapon --noheadings --raw --show=NAME | grep --fixed-strings --line-regexp --quiet -e "$device"
"""
# names that only a platform could tell the meaning of
PLATFORMS = ("ephemeral", "swap")
ON_DISKS = ("auto", "swap", "ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "ntfs", "none")


def _judge_path(path: str) -> str | None:
    good = path.startswith("/") and ".." not in path.split("/") and path.strip("/")
    return None if good else "must be an absolute path"


def _judge_point(path: str) -> str | None:
    return None if path in (*_NOTHING, "swap") else _judge_path(path)


def _judge_word(text: str) -> str | None:
    return None if text and not text.startswith("#") and " " not in text else "must be one word"


def _judge_digit(text: str) -> str | None:
    return None if text.isascii() and text.isdecimal() and len(text) < 4 else "must be a number"


def _or_null(spec: Text) -> OneOf:
    return OneOf(specs=(Nothing(), spec))


_FIELDS = (
    _or_null(Text()),
    _or_null(Text(check=_judge_point)),
    _or_null(Text(check=_judge_word)),
    _or_null(Text(check=_judge_word)),
    _or_null(Text(check=_judge_digit)),
    _or_null(Text(check=_judge_digit)),
)
_SIZE = OneOf(specs=(Size(), Flag(), Text(choices=("auto",))))
KEYS = {
    "mounts": Many(
        "Lines of fstab(5): [device, mount point, type, options, frequency, order]; what is left out has a default.",
        item=Row(columns=_FIELDS),
    ),
    "mount_default_fields": Row(
        "What fields are that a mount leaves out; `auto`, `defaults,nofail`, 0 and 2.", columns=_FIELDS, least=6
    ),
    "swap": Table(
        "A swap file.",
        keys={
            "filename": Text(f"Where it is, {SWAP_FILE} by default.", check=_judge_path),
            "size": _SIZE.with_(doc="Its size in bytes or such as 2G, or `auto` after the memory; 0 for none."),
            "maxsize": _SIZE.with_(doc="The most that auto may give."),
        },
    ),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Our block, then the folders and calls, in the order given: a mount inside another comes after it."""
    del metadata, config, past
    wanted: list[Entry] = []
    standing = entries(host)
    # what our lines led to before
    used = {line.split()[0] for line in find(host.text(FSTAB) or "") or () if line.split()}
    defaults = handed.config.get("mount_default_fields", DEFAULTS)
    aliases: Mapping[str, str] = handed.config.get("device_aliases", {})
    for index, fields in enumerate(handed.config.get("mounts", ())):
        found = _entry(fields, defaults, aliases, host, used)
        problem = found if isinstance(found, str) else _clash(found, standing, f"is in {FSTAB} already")
        problem = problem or _clash(found, [(entry.spec, entry.point) for entry in wanted], "is given twice")
        if problem:
            yield Problem(f"mounts[{index}]", problem)
        elif isinstance(found, Entry):
            wanted.append(found)
    swap: Mapping[str, Any] = handed.config.get("swap", {})
    if swap:
        path = swap.get("filename", SWAP_FILE)
        size = _swap_size(swap, path, host)
        if isinstance(size, str):
            yield Problem("swap", size)
        elif size:
            yield _swap_file(path, size, swap)
            if path not in (spec for spec, _ in standing):
                wanted.append(Entry(path, "none", "swap", "sw"))
    if not wanted:
        return
    lines = tuple(entry.line for entry in wanted)
    yield WriteBlock(NAME, FSTAB, lines=lines)
    # systemd has made its units of the lines that stood there before
    mark = digest(*(line.encode() for line in lines))
    yield from tell(NAME, host, ("daemon-reload",), LOCAL, mark)
    for entry in wanted:
        yield from _live(entry)


def _entry(
    fields: Sequence[str | None],
    defaults: Sequence[str | None],
    aliases: Mapping[str, str],
    host: Host,
    used: Collection[str],
) -> Entry | str | None:
    """The entry; why it cannot be one, in words; None for one that only takes a default of the peer's away."""
    given = [*fields, *[None] * (6 - len(fields))]
    name, point, kind, options, frequency, order = (
        value if value is not None else default for value, default in zip(given, defaults)
    )
    if name is None:
        return "needs a device"
    if given[1] is None:
        return None
    kind = kind or "auto"
    if point in (*_NOTHING, "swap") and kind != "swap":
        return "needs a mount point"
    spec = _spec(name, kind, aliases, host, used)
    if spec is None:
        return f"{name} is no device that is known here: give its path, or name it in device_aliases"
    entry = Entry(spec, "none" if kind == "swap" else point or "none", kind, options or "defaults", frequency or "0")
    checked = not (entry.is_swap or entry.networked or kind in NODEV or "bind" in entry.options.split(","))
    # without a device of its own there is nothing to check
    return entry.with_(order=order if given[5] is not None or checked else "0")


def _spec(name: str, kind: str, aliases: Mapping[str, str], host: Host, used: Collection[str]) -> str | None:
    if name.startswith((*TAGS, "//")) or ":/" in name or kind in NODEV:
        return name
    alias = name.removeprefix("/dev/")
    if alias in aliases or alias.rpartition(".")[0] in aliases or alias.startswith(SHORT):
        return resolve(alias, aliases, host, used)
    if name.startswith("/"):
        return None if alias.startswith(PLATFORMS) else name
    # a source that is only a name, of a file system that knows what to do with it (virtiofs, 9p …)
    return None if kind in ON_DISKS else name


def _clash(entry: Entry | str | None, others: Sequence[tuple[str, str]], reason: str) -> str | None:
    """Why an entry must not stand beside others; None for what is no entry."""
    if not isinstance(entry, Entry):
        return None
    for spec, point in others:
        if not entry.is_swap and point.rstrip("/") == entry.point.rstrip("/"):
            return f"{entry.point} {reason}"
        if entry.is_swap and spec == entry.spec:
            return f"{entry.spec} {reason}"
    return None


def _live(entry: Entry) -> Iterator[Change]:
    """The folder, and what systemd does at later boots."""
    stage = NETWORK if entry.networked else LOCAL
    mark = digest(entry.line.encode())
    if entry.is_swap:
        device = f"swap {entry.spec}"
        command = ("swapon", "--", entry.spec)
        unless = ("sh", "-c", _ON, "on", entry.spec)
        yield Call(NAME, device, stage, command=command, fingerprint=mark, unless=unless, timeout=SECONDS)
        return
    yield MakeFolder(NAME, entry.point, stage)
    if "noauto" in entry.options.split(","):
        return
    yield Call(
        NAME,
        f"mount {entry.point}",
        stage,
        command=("mount", "--", entry.point),
        fingerprint=mark,
        unless=("mountpoint", "--quiet", "--", entry.point),
        timeout=SECONDS,
    )


def _swap_file(path: str, size: int, wanted: Mapping[str, Any]) -> Call:
    """Made once: a file that is there is never touched."""
    return Call(
        NAME,
        f"swap file {path}",
        command=("sh", "-c", SWAP, "swap", path, str(size)),
        fingerprint=digest(str(wanted.get("size")).encode()),
        unless=("test", "-e", path),
        timeout=SWAP_SECONDS,
    )


def _swap_size(wanted: Mapping[str, Any], path: str, host: Host) -> int | str:
    """Whole MiB; 0 for none, a text for why it cannot be told."""
    given, most = wanted.get("size", 0), wanted.get("maxsize")
    size = given
    if given == "auto":
        memory = _memory(host)
        if memory is None:
            # the machine that this tree becomes will tell; until then it is only planned
            return 0 if host.live else MIB
        size = memory if memory <= 4 * GIB else 4 * GIB if memory <= 16 * GIB else int((memory / GIB) ** 0.5) * GIB
        if isinstance(most, int) and not isinstance(most, bool):
            size = min(size, most)
        if not host.exists(path):
            # half of what is free at most: a machine needs its disk more than its swap
            size = min(size, _free(host, path) // 2)
    if isinstance(size, bool) or size == 0:
        return 0
    if size < MIB:
        return f"{size} bytes are too few for a swap file: at least 1M"
    return int(size) // MIB * MIB


def _memory(host: Host) -> int | None:
    for row in (host.text("/proc/meminfo") or "").splitlines():
        words = row.split()
        if len(words) >= 2 and words[0] == "MemTotal:" and words[1].isdecimal():
            return int(words[1]) * 1024
    return None


def _free(host: Host, path: str) -> int:
    folder = os.path.dirname(path)
    while not host.exists(folder):
        folder = os.path.dirname(folder)
    status = os.statvfs(host.real(folder))
    return status.f_bavail * status.f_frsize
