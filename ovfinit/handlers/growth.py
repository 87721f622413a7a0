"""Growth: the root partition and its file system take the room that a larger disk gives them.

Every boot looks, in sysfs and in the superblock; a program is started only when there is room to take.
"""

from __future__ import annotations

from ..changes import BOOT, FINAL, LOCAL, Call
from ..model import Problem, Secret
from ..storage import filesystem
from ..storage.partition import device_name, layer, mount_at, name_of, partition
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..storage.partition import Mount, Partition
    from ..userdata import UserData

NAME = "growth"
DISABLED = "/etc/growroot-disabled"
# a table's own backup and its alignment take that much at the end of a disk
ENOUGH = 2 * 1024 * 1024
# file systems end on a block of theirs, btrfs on one of 4 MiB and more
SLACK = 32 * 1024 * 1024
SECONDS = 600.0
AUTO, GROWPART, GPART, OFF = "auto", "growpart", "gpart", "off"


def __getattr__(name: str) -> Any:
    """`KEYS`, for whoever reads cloud-config; most boots read none."""
    if name != "KEYS":
        raise AttributeError(name)
    from .vocabulary.growth import KEYS

    return KEYS


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """A call for each partition and file system that has room to grow; what stands in the way if it was asked for."""
    del metadata, config, past
    settings: Mapping[str, Any] = handed.config.get("growpart", {})
    resize = handed.config.get("resize_rootfs", True)
    mode = settings.get("mode", AUTO)
    stopped = mode in (OFF, False) or (host.exists(DISABLED) and not settings.get("ignore_growroot_disabled", False))
    if not host.live and not host.exists("/proc/self/mountinfo"):
        if (settings or "resize_rootfs" in handed.config) and not (stopped and not resize):
            # which disk it will be is known on the machine itself
            yield Call(NAME, "/", command=("growpart", "/"), when=BOOT)
        return
    if mode == GPART and not stopped:
        yield Problem("growpart.mode", "gpart is of the BSDs", None)
        stopped = True
    for place in settings.get("devices", ("/",)):
        mount = mount_at(host, place)
        name = name_of(host, place) if mount is None else device_name(host, mount)
        obstacle = _obstacle(host, place, mount, name)
        if obstacle or not name:
            if settings and not stopped:
                yield Problem("growpart.devices", f"{place} {obstacle or 'is not on a disk'}")
            continue
        part = None if stopped else partition(host, name)
        grows = part is not None and part.room >= ENOUGH
        if part is not None and grows:
            yield from _grow(host, part, mode)
        if mount is not None and (place != "/" or resize):
            late = resize == "noblock" and place == "/"
            yield from _fill(host, mount, name, grows=grows, stage=FINAL if late else LOCAL)


def _obstacle(host: Host, place: str, mount: Mount | None, name: str | None) -> str | None:
    if mount is None and not place.startswith("/dev/"):
        return "is not mounted"
    if mount is not None and not mount.writable:
        return "is read-only"
    if name is None:
        return None
    if not host.exists(f"/sys/class/block/{name}"):
        return "does not exist"
    between = layer(host, name)
    return f"is on {between}, which is not grown" if between else None


def _grow(host: Host, part: Partition, mode: str) -> Iterator[Change | Problem]:
    """Growpart, or sfdisk with the same effect: a GPT's backup goes to the end of the disk before the partition."""
    target, disk = f"/dev/{part.name}", f"/dev/{part.disk}"
    # the size that it has now: a disk that grows once more is grown once more
    mark = f"{part.size}+{part.room}"
    if host.tool("growpart"):
        grow = ("growpart", disk, str(part.number))
        # 1: it found no room that is worth it
        yield Call(NAME, target, command=grow, when=BOOT, fingerprint=mark, accept=(0, 1), timeout=SECONDS)
        return
    if mode == GROWPART or not host.tool("sfdisk"):
        tool = "growpart" if mode == GROWPART else "neither growpart nor sfdisk"
        yield Problem("growpart", f"{tool} is {'not ' if mode == GROWPART else ''}installed, so {target} cannot grow")
        return
    number = str(part.number)
    steps = (
        # 1: another kind of table, which has no backup
        ("sfdisk", "--no-reread", "--relocate", "gpt-bak-std", disk),
        ("sfdisk", "--no-reread", "--force", "--partno", number, disk),
        ("partx", "--update", "--nr", number, disk),
    )
    for step, command in zip(("table", "partition", "kernel"), steps):
        yield Call(
            NAME,
            f"{target} {step}",
            command=command,
            when=BOOT,
            fingerprint=mark,
            accept=(0, 1) if step == "table" else (0,),
            timeout=SECONDS,
            hidden=Secret(", +\n") if step == "partition" else None,
        )


def _fill(host: Host, mount: Mount, name: str, *, grows: bool, stage: str) -> Iterator[Change | Problem]:
    """The file system, if its partition is about to grow or is already larger than it."""
    node = f"/dev/{name}"
    tools: dict[str, tuple[str, ...]]
    tools = {"xfs": ("xfs_growfs", mount.point), "btrfs": ("btrfs", "filesystem", "resize", "max", mount.point)}
    tools |= dict.fromkeys(filesystem.EXT, ("resize2fs", node))
    command = tools.get(mount.type)
    if command is None:
        if grows:
            yield Problem("resize_rootfs", f"{mount.point} is {mount.type}, which cannot grow")
        return
    sectors = (host.text(f"/sys/class/block/{name}/size") or "").strip()
    covered = filesystem.size(host, node, mount.type, mount.point)
    behind = covered is not None and sectors.isdecimal() and int(sectors) * 512 - covered >= SLACK
    if not grows and not behind:
        return
    if host.tool(command[0]) is None:
        yield Problem("resize_rootfs", f"{command[0]} is not installed, so {mount.point} cannot grow")
        return
    yield Call(
        NAME, f"file system {mount.point}", stage, command=command, when=BOOT, fingerprint=sectors, timeout=SECONDS
    )
