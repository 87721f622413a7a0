"""Stream-optimized VMDK, the disk format that every OVF importer takes, written as the stream that its name promises.

After VMware's Virtual Disk Format 5.0: compressed grains with markers, each grain table behind its grains, grain
directory and footer at the end. (qemu-img puts the directory in front and leaves out footer and end marker, which
makes some importers compute other digests.)
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from ..stages import ahead, ordered
from .blocks import ZEROS
from .imagefile import SECTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GRAIN = 128 * SECTOR
ENTRIES = 512
OVERHEAD = 128
LEVEL = 6
_AT_END = 0xFFFFFFFFFFFFFFFF
# newline test, compressed grains, markers
_FLAGS = 1 | 1 << 16 | 1 << 17
_DESCRIPTOR_SECTORS = 20
_END, _TABLE, _DIRECTORY, _FOOTER = 0, 1, 2, 3


def compose(pieces: Iterable[bytes], size: int, name: str) -> Iterator[bytes]:
    """The file, in pieces, of a disk of `size` bytes that comes in `pieces` of PIECE bytes; `name` is the file's."""
    sectors = -(-size // SECTOR)
    yield _header(sectors, _AT_END) + _descriptor(sectors, name).ljust((OVERHEAD - 1) * SECTOR, b"\0")
    position = OVERHEAD
    directory: list[int] = []
    table: list[int] = []
    first = 0
    for grains in ordered(_compressed, ahead(pieces)):
        for grain in grains:
            if grain:
                yield _padded(struct.pack("<QI", first, len(grain)) + grain)
                table.append(position)
                position += -(-(12 + len(grain)) // SECTOR)
            else:
                table.append(0)
            first += GRAIN // SECTOR
            if len(table) == ENTRIES:
                yield from _table(table, directory, position)
                position += _table_sectors(table)
                table = []
    if table:
        yield from _table(table + [0] * (ENTRIES - len(table)), directory, position)
        position += _table_sectors(table)
    packed = _padded(struct.pack(f"<{len(directory)}I", *directory))
    yield _marker(len(packed) // SECTOR, _DIRECTORY) + packed
    yield _marker(1, _FOOTER) + _header(sectors, position + 1) + _marker(0, _END)


def _compressed(piece: bytes) -> list[bytes]:
    """The grains of a piece, empty where all is zero."""
    if piece is ZEROS:
        return [b""] * (len(ZEROS) // GRAIN)
    grains = (piece[at : at + GRAIN].ljust(GRAIN, b"\0") for at in range(0, len(piece), GRAIN))
    return [b"" if grain == ZEROS[:GRAIN] else zlib.compress(grain, LEVEL) for grain in grains]


def _table(table: list[int], directory: list[int], position: int) -> Iterator[bytes]:
    """A grain table of a full 512 entries; nothing for an empty one."""
    if not any(table):
        directory.append(0)
        return
    directory.append(position + 1)
    yield _marker(ENTRIES * 4 // SECTOR, _TABLE) + struct.pack(f"<{ENTRIES}I", *table)


def _table_sectors(table: list[int]) -> int:
    return 1 + ENTRIES * 4 // SECTOR if any(table) else 0


def _marker(sectors: int, kind: int) -> bytes:
    return struct.pack("<QII", sectors, 0, kind).ljust(SECTOR, b"\0")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


def _header(sectors: int, directory: int) -> bytes:
    fields = (3, _FLAGS, sectors, GRAIN // SECTOR, 1, _DESCRIPTOR_SECTORS, ENTRIES, 0, directory, OVERHEAD)
    return (b"KDMV" + struct.pack("<IIQQQQIQQQ", *fields) + b"\0\n \r\n" + b"\x01\0").ljust(SECTOR, b"\0")


def _descriptor(sectors: int, name: str) -> bytes:
    # the same disk gives the same file: the content id is no random number
    content = zlib.crc32(f"{name} {sectors}".encode()) & 0xFFFFFFFE
    cylinders = min(max(1, sectors // (255 * 63)), 65535)
    plain = name.encode("ascii", "replace").decode().replace('"', "_")
    return (
        "# Disk DescriptorFile\n"
        "version=1\n"
        f"CID={content:08x}\n"
        "parentCID=ffffffff\n"
        'createType="streamOptimized"\n\n'
        "# Extent description\n"
        f'RW {sectors} SPARSE "{plain}"\n\n'
        "# The Disk Data Base\n#DDB\n\n"
        'ddb.virtualHWVersion = "7"\n'
        'ddb.adapterType = "lsilogic"\n'
        f'ddb.geometry.cylinders = "{cylinders}"\n'
        'ddb.geometry.heads = "255"\n'
        'ddb.geometry.sectors = "63"\n'
    ).encode()
