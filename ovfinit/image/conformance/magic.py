"""What a disk file is, told from its first bytes, beside what the descriptor calls it."""

from __future__ import annotations

from ...record import Record

# enough for every mark below, the ISO 9660 descriptor being the last one
HEAD = 33 * 1024
ISO_DESCRIPTOR = 32 * 1024
SECTOR = 512
# what people write in Disk@format → the format; compared in lower case, by what stands in it
_DECLARED = (
    ("vmdk", "vmdk"),
    ("streamoptimized", "vmdk"),
    ("qcow", "qcow2"),
    ("vhdx", "vhdx"),
    ("vhd", "vhd"),
    ("virtualpc", "vhd"),
    ("vdi", "vdi"),
    ("iso", "iso"),
    ("wiki/byte", "raw"),
    ("raw", "raw"),
)


class DiskFormat(Record):
    """The format (`vmdk`, `qcow2`, `vhd`, `vhdx`, `vdi`, `iso`, `gzip`, `raw`), capacity in bytes where it is told."""

    name: str
    variant: str = ""
    capacity: int | None = None


def declared(uri: str) -> str | None:
    """The format that a format URI means, None for one that nobody knows."""
    lower = uri.lower()
    return next((name for word, name in _DECLARED if word in lower), None)


def detect(head: bytes) -> DiskFormat:
    """The format of a file that begins with these bytes (at most `HEAD` of them are looked at); raw if none fits."""
    if head.startswith(b"KDMV"):
        # VMware Virtual Disk Format 1.1: version, flags, capacity in sectors, grain size …
        flags, capacity = _number(head, 8, 4), _number(head, 12, 8) * SECTOR
        if flags & 0x30000 != 0x30000:
            return DiskFormat("vmdk", "sparse", capacity)
        # a stream has its directory at the end, and says so
        return DiskFormat("vmdk", "streamOptimized" if _number(head, 56, 8) == 2**64 - 1 else "compressed", capacity)
    if head.startswith(b"COWD"):
        return DiskFormat("vmdk", "ESX sparse", _number(head, 12, 4) * SECTOR)
    if b"# Disk DescriptorFile" in head[:SECTOR]:
        return DiskFormat("vmdk", "descriptor")
    if head.startswith(b"QFI\xfb"):
        return DiskFormat("qcow2", f"version {int.from_bytes(head[4:8], 'big')}", int.from_bytes(head[24:32], "big"))
    if head.startswith(b"conectix"):
        return DiskFormat("vhd", "dynamic", int.from_bytes(head[48:56], "big"))
    if head.startswith(b"vhdxfile"):
        return DiskFormat("vhdx")
    if head[64:68] == b"\x7f\x10\xda\xbe":
        return DiskFormat("vdi", capacity=_number(head, 368, 8))
    if head.startswith(b"\x1f\x8b"):
        return DiskFormat("gzip")
    if head[ISO_DESCRIPTOR + 1 : ISO_DESCRIPTOR + 6] == b"CD001":
        return DiskFormat("iso")
    return DiskFormat("raw")


def _number(head: bytes, at: int, size: int) -> int:
    return int.from_bytes(head[at : at + size], "little")
