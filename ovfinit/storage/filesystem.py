"""How large a file system says that it is, from its superblock: smaller than its device, and it can grow.

Formats: ext2/3/4 as in Documentation/filesystems/ext4/super.rst of Linux; XFS as in xfs_db(8), `sb`; btrfs as in
btrfs-dev-docs, on-disk-format, "Superblock".
"""

from __future__ import annotations

import os

from ..errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

EXT = ("ext2", "ext3", "ext4")
KINDS = (*EXT, "xfs", "btrfs")
_EXT_AT, _EXT_64BIT = 1024, 0x80
_BTRFS_AT, _BTRFS_SIZE_AT = 65536, 0xC9 + 8


def size(host: Host, node: str, kind: str, point: str | None = None) -> int | None:
    """Bytes that a file system of this kind covers on its device; None if that cannot be told.

    `point` is where it is mounted: XFS tells its new size there long before it does in the superblock.
    """
    try:
        if kind in EXT:
            return _ext(_read(host, node, _EXT_AT, 1024))
        if kind == "xfs":
            return _xfs(_read(host, node, 0, 512), os.statvfs(host.real(point)) if point else None)
        if kind == "btrfs":
            return _btrfs(_read(host, node, _BTRFS_AT, 4096))
    except (OSError, InputError):
        # without root the device cannot be read: a fact we do not have
        return None
    return None


def _read(host: Host, node: str, at: int, length: int) -> bytes:
    with open(host.real(node), "rb", buffering=0) as device:
        device.seek(at)
        return device.read(length)


def _little(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def _ext(block: bytes) -> int | None:
    if _little(block, 56, 2) != 0xEF53:
        return None
    blocks = _little(block, 4, 4)
    if _little(block, 96, 4) & _EXT_64BIT:
        blocks |= _little(block, 0x150, 4) << 32
    return blocks * (1024 << min(_little(block, 24, 4), 16))


def _xfs(block: bytes, mounted: os.statvfs_result | None) -> int | None:
    if block[:4] != b"XFSB":
        return None
    unit, blocks = int.from_bytes(block[4:8], "big"), int.from_bytes(block[8:16], "big")
    if mounted is None:
        return unit * blocks
    # statvfs leaves out the log, which lies inside unless it has no place there
    inside = any(block[48:56])
    log = int.from_bytes(block[96:100], "big") if inside else 0
    return mounted.f_blocks * mounted.f_frsize + log * unit


def _btrfs(block: bytes) -> int | None:
    return _little(block, _BTRFS_SIZE_AT, 8) if block[64:72] == b"_BHRfS_M" else None
