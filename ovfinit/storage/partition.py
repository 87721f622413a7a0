"""Partitions and mounts, read from sysfs and procfs: which one holds a mount point, and how much room is behind it.

Formats: /proc/PID/mountinfo as in proc(5); /sys/class/block as in Documentation/ABI/stable/sysfs-block of Linux, where
`start` and `size` are in units of 512 bytes whatever the sector size of the disk.
"""

from __future__ import annotations

import os

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

SECTOR = 512
BLOCKS = "/sys/class/block"
MOUNTS = "/proc/self/mountinfo"


class Mount(Record):
    """One line of mountinfo: `source` is what was mounted, `numbers` its `major:minor`."""

    point: str
    source: str
    type: str
    numbers: str
    writable: bool


class Partition(Record):
    """A partition `name` (vda1), the `number`th of `disk` (vda). `size` and `room` in bytes.

    `room` is what lies free behind it on its disk, 0 if another partition does.
    """

    name: str
    disk: str
    number: int
    size: int
    room: int


def mount_at(host: Host, point: str) -> Mount | None:
    """What is mounted at a mount point, the last one if there are several; None if it is none."""
    found = None
    host.note(f"{MOUNTS}#{point}")
    for line in (host.text(MOUNTS) or "").splitlines():
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields[6:] or _plain(fields[4]) != point:
            continue
        kind, source, options = fields[fields.index("-", 6) + 1 :][:3]
        writable = "ro" not in fields[5].split(",") and "ro" not in options.split(",")
        found = Mount(point, _plain(source), kind, fields[2], writable)
    return found


def device_name(host: Host, mount: Mount) -> str | None:
    """The kernel's name (vda1) of the block device under a mount; None for what is not on one."""
    if mount.source.startswith("/dev/"):
        name = name_of(host, mount.source)
        if host.exists(f"{BLOCKS}/{name}"):
            return name
    # /dev/root and the like are names that only the kernel's command line knows
    if mount.numbers.startswith("0:"):
        return None
    return next((name for name in host.listing(BLOCKS) if _fact(host, name, "dev") == mount.numbers), None)


def name_of(host: Host, node: str) -> str:
    """The kernel's name for a device node or a link to one (/dev/disk/by-label/…)."""
    return os.path.basename(os.path.realpath(host.real(node)))


def partition(host: Host, name: str) -> Partition | None:
    """A partition by the kernel's name; None for anything else."""
    number = _number(host, name, "partition")
    if not number:
        return None
    disk = next((disk for disk in host.listing(BLOCKS) if host.exists(f"{BLOCKS}/{disk}/{name}/partition")), None)
    if disk is None:
        return None
    start, size = _number(host, name, "start"), _number(host, name, "size")
    others = [part for part in host.listing(f"{BLOCKS}/{disk}") if _number(host, part, "partition") and part != name]
    behind = any(_number(host, part, "start") > start for part in others)
    room = 0 if behind else max(_number(host, disk, "size") - start - size, 0)
    return Partition(name, disk, number, size * SECTOR, room * SECTOR)


def layer(host: Host, name: str) -> str | None:
    """What stands between a device and its disks: LUKS, LVM, a RAID …; None for a plain disk or partition."""
    if host.exists(f"{BLOCKS}/{name}/md"):
        return "RAID"
    identity = _fact(host, name, "dm/uuid")
    if identity is None:
        return None
    kind = identity.partition("-")[0]
    return {"CRYPT": "LUKS", "mpath": "multipath"}.get(kind, kind or "device mapper")


def _fact(host: Host, name: str, fact: str) -> str | None:
    text = host.text(f"{BLOCKS}/{name}/{fact}")
    return None if text is None else text.strip()


def _number(host: Host, name: str, fact: str) -> int:
    text = _fact(host, name, fact)
    return int(text) if text and text.isdecimal() else 0


def _plain(field: str) -> str:
    r"""A field of mountinfo without its octal escapes (`\040`)."""
    if "\\" not in field:
        return field
    parts = field.split("\\")
    plain = [parts[0]]
    for part in parts[1:]:
        octal = part[:3]
        plain.append(chr(int(octal, 8)) + part[3:] if len(octal) == 3 and octal.isdecimal() else f"\\{part}")
    return "".join(plain)
