"""The words in which people name block devices: paths, short names, aliases with a partition after a dot, tags."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..host import Host

TAGS = ("LABEL=", "UUID=", "PARTUUID=", "PARTLABEL=", "ID=")
SHORT = ("xvd", "sd", "hd", "vd", "nvme", "mmcblk")
# what one platform calls sdb is xvdb or vdb for the kernel of another
_KIN = ("sd", "xvd", "vd", "hd")


def judge_path(text: str) -> str | None:
    """What is wrong with the path of a device, if anything."""
    good = text.startswith("/dev/") and ".." not in text.split("/") and not text.endswith("/") and " " not in text
    return None if good else "must be the path of a device, such as /dev/vdb"


def judge_name(text: str) -> str | None:
    """What is wrong with an alias or a path of a device, if anything."""
    if text.startswith("/"):
        return judge_path(text)
    good = text[:1].isalnum() and all(letter.isalnum() or letter in "_.-" for letter in text) and ".." not in text
    return None if good else "must be an alias, or the path of a device"


def resolve(name: str, aliases: Mapping[str, str], host: Host, used: Collection[str] = ()) -> str | None:
    """The path of a device by its alias, short name or path, a partition after a dot included; None if unknown.

    `used` are devices that a name has led to before.
    """
    stem, dot, number = name.rpartition(".")
    if name in aliases:
        return _present(aliases[name], host, used)
    if dot and number.isdecimal():
        disks = {*used, *(one.rstrip("0123456789") for one in used)}
        device = resolve(stem, aliases, host, disks)
        return None if device is None else part(device, int(number))
    if name.startswith("/dev/"):
        # /dev/ephemeral0 is how some people write an alias
        return _present(aliases.get(name.removeprefix("/dev/"), name), host, used)
    return _present(f"/dev/{name}", host, used) if name.startswith(SHORT) else None


def part(device: str, number: int) -> str:
    """The path of a partition; 0 is the device itself."""
    if number == 0:
        return device
    if device.startswith("/dev/disk/"):
        return f"{device}-part{number}"
    return f"{device}p{number}" if device[-1:].isdecimal() else f"{device}{number}"


def _present(path: str, host: Host, used: Collection[str]) -> str:
    """The path under which this kernel has the device, if it has it under another prefix.

    Once found it stays that one: a disk that is plugged in later may get the very name that was asked for.
    """
    name = path.removeprefix("/dev/")
    own = next((kin for kin in _KIN if name.startswith(kin)), None)
    if not host.live or not path.startswith("/dev/") or own is None or (path in used and host.exists(path)):
        return path
    others = [f"/dev/{kin}{name.removeprefix(own)}" for kin in _KIN if kin != own]
    before = next((other for other in others if other in used), None)
    if before is not None or host.exists(path):
        return before or path
    return next((other for other in others if host.exists(other)), path)
