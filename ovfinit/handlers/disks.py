"""Disks: partition tables and file systems on disks that hold nothing yet, or that the user gave up by name."""

from __future__ import annotations

from ..changes import Call
from ..digest import digest
from ..model import Problem
from ..shell import joined, quoted
from ..storage.names import judge_name, judge_path, part, resolve
from ..storage.programs import CLEAR, FORMAT, PARTITION
from ..userdata.scalars import Command, Flag, Number, Text
from ..userdata.schema import Many, Named, OneOf, Row, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "disks"
SECONDS = 1800.0
# between what a call makes and its device, which later boots find in its mark
ON = " on "
LINUX = {"mbr": "83", "gpt": "0FC63DAF-8483-4772-8E79-3D69D8477DE4"}
# sgdisk(8) codes of types, of which people write the first two digits as well; UEFI and Discoverable Partitions
# Specification
_GUIDS = {
    "0700": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
    "8200": "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
    "8300": LINUX["gpt"],
    "8302": "933AC7E1-2EB4-4F13-B844-0E14E2AEF915",
    "8E00": "E6D6D379-F507-44C2-A23C-238F2A3DF928",
    "EF00": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "EF02": "21686148-6449-6E6F-744E-656564454649",
    "FD00": "A19D880F-05FC-4D3B-A006-743F0F84911E",
}
_HEX = frozenset("0123456789ABCDEF")
# what makes a file system without questions, and the option for its label
_MAKERS = {
    "ext2": ("mkfs.ext2 -q -F", "-L"),
    "ext3": ("mkfs.ext3 -q -F", "-L"),
    "ext4": ("mkfs.ext4 -q -F", "-L"),
    "xfs": ("mkfs.xfs -q -f", "-L"),
    "btrfs": ("mkfs.btrfs -q -f", "-L"),
    "vfat": ("mkfs.vfat -I", "-n"),
    "ntfs": ("mkfs.ntfs -q -Q -F", "-L"),
    "f2fs": ("mkfs.f2fs -q -f", "-l"),
    "swap": ("mkswap", "-L"),
}


def _judge_type(text: str) -> str | None:
    good = 0 < len(text) <= 36 and set(text.upper()) <= _HEX | {"-"}
    return None if good else "must be the type of a partition: 82, or a GUID"


def _judge_kind(text: str) -> str | None:
    good = text[:1].isalnum() and all(letter.isalnum() or letter in "._-" for letter in text)
    return None if good else "is not the name of a file system"


_SHARE = Number(low=1, high=100)
_WORDS = OneOf(specs=(Many(item=Text()), Text()))
KEYS = {
    "device_aliases": Named("Names of yours for disks.", value=Text(check=judge_path), check=judge_name),
    "disk_setup": Named(
        "Partition tables, by disk.",
        value=Table(
            keys={
                "table_type": Text("The kind of table.", choices=("mbr", "gpt")),
                "layout": OneOf(
                    "true: one partition; false: none; a list of percentages or [percentage, type]; or remove.",
                    specs=(
                        Many(item=OneOf(specs=(Row(columns=(_SHARE, Text(check=_judge_type)), least=2), _SHARE))),
                        Flag(),
                        Text(choices=("remove",)),
                    ),
                ),
                "overwrite": Flag("Whether what the disk holds may be lost."),
            }
        ),
        check=judge_name,
    ),
    "fs_setup": Many(
        "File systems.",
        item=Table(
            keys={
                "label": Text("Its label."),
                "filesystem": Text("Its kind, such as ext4 or swap.", check=_judge_kind),
                "device": Text("A disk, a partition or an alias, also ALIAS.NUMBER.", check=judge_name),
                "partition": OneOf(
                    "Which partition: its number, `none` for the disk, `auto` or `any` to look for one.",
                    specs=(Number(high=128), Text(choices=("auto", "any", "none"))),
                ),
                "overwrite": Flag("Whether a file system that is there may be lost."),
                "replace_fs": Text("With auto or any: a kind of file system that may be lost.", check=_judge_kind),
                "extra_opts": _WORDS.with_(doc="More words for the program that makes it; not with cmd."),
                "cmd": Command("What makes it, with `%(device)s %(filesystem)s %(label)s`."),
            },
            required=("device",),
        ),
        single=True,
    ),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """A call a disk and a file system, once per instance. Each looks at the device first, and refuses by itself."""
    del metadata, config
    aliases: Mapping[str, str] = handed.config.get("device_aliases", {})
    used = {mark.rpartition(ON)[2] for mark in past.done if mark.startswith(f"call/{NAME}/")}
    for name, wanted in handed.config.get("disk_setup", {}).items():
        device = resolve(name, aliases, host, used)
        if device is None:
            yield Problem(f"disk_setup.{name}", "is not known here: name its device in device_aliases")
            continue
        yield from _table(name, device, wanted)
    for index, wanted in enumerate(handed.config.get("fs_setup", ())):
        field = f"fs_setup[{index}]"
        device = resolve(wanted["device"], aliases, host, used)
        if device is None:
            yield Problem(field, f"{wanted['device']} is not known here: name its device in device_aliases")
            continue
        yield from _file_system(field, device, wanted)


def _table(name: str, device: str, wanted: Mapping[str, Any]) -> Iterator[Change | Problem]:
    kind = wanted.get("table_type", "mbr")
    layout = wanted.get("layout", False)
    if layout is False:
        return
    if layout == "remove":
        yield _call(f"no partitions{ON}{device}", (CLEAR, "clear", device))
        return
    parts: list[str] = []
    types: list[str] = []
    shares: Sequence[Any] = (100,) if layout is True else layout
    total = 0
    for number, share in enumerate(shares, 1):
        percent, code = share if isinstance(share, tuple) else (share, LINUX[kind])
        found = _type(code, kind)
        if found is None:
            yield Problem(f"disk_setup.{name}.layout", f"{code} is not a type of partition for {kind}")
            return
        total += percent
        types.append(found)
        parts.append(f"{'' if number == len(shares) else percent}:{found}")
    if total > 100 or not parts:
        yield Problem(f"disk_setup.{name}.layout", f"is {total} % of the disk")
        return
    overwrite = "true" if wanted.get("overwrite", False) else "false"
    same = "any" if layout is True else " ".join(types)
    table = "dos" if kind == "mbr" else "gpt"
    yield _call(f"partitions{ON}{device}", (PARTITION, "partition", device, table, overwrite, same, *parts))


def _type(code: str, kind: str) -> str | None:
    """A type as sfdisk(8) has it, in capitals; None for none."""
    code = code.upper()
    if kind == "mbr":
        return code if len(code) <= 2 and set(code) <= _HEX else None
    if len(code) == 36:
        return code
    return _GUIDS.get(code.ljust(4, "0"))


def _file_system(field: str, device: str, wanted: Mapping[str, Any]) -> Iterator[Change | Problem]:
    kind, label, command = wanted.get("filesystem", ""), wanted.get("label", ""), wanted.get("cmd")
    make = _make(kind, label, wanted.get("extra_opts", ())) if command is None else _filled(command, kind, label)
    if make is None:
        yield Problem(field, f"it is not known how to make {kind or 'no file system'}: say it in cmd")
        return
    number = wanted.get("partition")
    dotted = "." in wanted["device"] and wanted["device"].rpartition(".")[2].isdecimal()
    mode = number if number in ("auto", "any") else "any" if number is None else "this"
    if dotted:
        mode = "this"
    elif isinstance(number, int):
        device = part(device, number)
    replace = wanted.get("replace_fs", "") if mode != "this" or dotted else ""
    overwrite = "true" if wanted.get("overwrite", False) else "false"
    words = (FORMAT, "format", device, mode, kind, label, overwrite, replace, make)
    yield _call(f"{kind or 'file system'}{ON}{device}", words)


def _call(target: str, words: Sequence[str]) -> Call:
    mark = digest(*(word.encode() for word in words[1:]))
    return Call(NAME, target, command=("sh", "-c", *words), fingerprint=mark, timeout=SECONDS)


def _make(kind: str, label: str, options: str | Sequence[str]) -> str | None:
    program, option = _MAKERS.get(kind, (None, ""))
    if program is None:
        return None
    words = options.split() if isinstance(options, str) else options
    labelled = f"{option} {quoted(label)} " if label else ""
    return f'{program} {labelled}{joined(words)} "$device"'


def _filled(command: str | Sequence[str], kind: str, label: str) -> str:
    """The user's own command, in which the device is a variable of the shell."""
    known = {"%(filesystem)s": kind, "%(label)s": label}
    if isinstance(command, str):
        for word, value in known.items():
            command = command.replace(word, quoted(value) if value else "''")
        return command.replace("%(device)s", '"$device"')
    words = []
    for given in command:
        word = given
        for name, value in known.items():
            word = word.replace(name, value)
        words.append('"$device"'.join(quoted(piece) if piece else "" for piece in word.split("%(device)s")) or "''")
    return " ".join(words)
