"""Partition tables: MBR and GPT, read and written without mounting anything.

After the UEFI specification 2.10, section 5 (GPT and the protective MBR).
"""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import TYPE_CHECKING

from ...errors import InputError
from ...record import Record
from .imagefile import SECTOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .blocks import Blocks

MIB = 1 << 20
_ENTRY = 446
_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
MOST = 1024
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")


class Partition(Record):
    """A partition: number from 1, place and length in bytes, type (MBR's number or GPT's UUID), GPT's name."""

    number: int
    offset: int
    size: int
    type: int | uuid.UUID
    name: str = ""


def table(blocks: Blocks) -> tuple[Partition, ...]:
    """The partitions of a disk; none if it has no partition table. Raises InputError for a damaged or hostile one."""
    if blocks.size < 2 * SECTOR:
        return ()
    first = blocks.read(0, SECTOR)
    if first[510:512] != b"\x55\xaa":
        return ()
    entries = [first[_ENTRY + 16 * number : _ENTRY + 16 * (number + 1)] for number in range(4)]
    if any(entry[0] not in (0, 0x80) for entry in entries):
        return ()  # the boot sector of a file system ends in the same two bytes
    if any(entry[4] == _PROTECTIVE for entry in entries):
        return tuple(_gpt(blocks))
    return tuple(_mbr(blocks, entries))


def _mbr(blocks: Blocks, entries: list[bytes]) -> Iterator[Partition]:
    for number, entry in enumerate(entries, 1):
        kind = entry[4]
        start, length = struct.unpack_from("<II", entry, 8)
        if kind in _EXTENDED:
            yield from _logical(blocks, start)
        elif kind and length:
            yield Partition(number, start * SECTOR, length * SECTOR, kind)


def _logical(blocks: Blocks, base: int) -> Iterator[Partition]:
    """The chain of an extended partition; each place is taken once, so that a circle ends."""
    place, seen, number = base, set[int](), 5
    while place not in seen and len(seen) < MOST:
        seen.add(place)
        if (place + 1) * SECTOR > blocks.size:
            return
        sector = blocks.read(place * SECTOR, SECTOR)
        if sector[510:512] != b"\x55\xaa":
            return
        start, length = struct.unpack_from("<II", sector, _ENTRY + 8)
        if sector[_ENTRY + 4] and length:
            yield Partition(number, (place + start) * SECTOR, length * SECTOR, sector[_ENTRY + 4])
            number += 1
        following = struct.unpack_from("<I", sector, _ENTRY + 16 + 8)[0]
        if not sector[_ENTRY + 16 + 4]:
            return
        place = base + following


def _gpt(blocks: Blocks) -> Iterator[Partition]:
    header = blocks.read(SECTOR, 92)
    if header[:8] != b"EFI PART":
        raise InputError("announces a GPT and has none", where=blocks.name)
    place, count, size, checksum = struct.unpack_from("<QIII", header, 72)
    blank = header[:16] + bytes(4) + header[20:92]
    if zlib.crc32(blank) != struct.unpack_from("<I", header, 16)[0]:
        raise InputError("has a damaged GPT header", where=blocks.name, remedy="sgdisk --verify tells more")
    if count > MOST or not 128 <= size <= 4096 or place * SECTOR + count * size > blocks.size:
        raise InputError("has a GPT of impossible size", where=blocks.name)
    data = blocks.read(place * SECTOR, count * size)
    if zlib.crc32(data) != checksum:
        raise InputError("has a damaged GPT", where=blocks.name, remedy="sgdisk --verify tells more")
    for number in range(count):
        entry = data[number * size : number * size + 128]
        kind, _, first, last, _ = struct.unpack_from("<16s16sQQQ", entry)
        if any(kind) and last >= first:
            name = entry[56:128].decode("utf-16-le", "replace").rstrip("\0")
            yield Partition(number + 1, first * SECTOR, (last - first + 1) * SECTOR, uuid.UUID(bytes_le=kind), name)


def mbr(start: int, size: int, following: tuple[int, int] | None = None, code: bytes = b"") -> bytes:
    """A first sector with boot code for a bootable Linux partition of `size` bytes at `start`, and perhaps one more."""
    entries = [(0x80, start, size)]
    if following is not None:
        entries.append((0, *following))
    rows = b"".join(
        # cylinders, heads and sectors that say nothing: everybody has read the two numbers behind them for decades
        struct.pack("<B3sB3sII", flag, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", place // SECTOR, length // SECTOR)
        for flag, place, length in entries
    )
    # the disk's signature, from its layout, so that the same input gives the same bytes
    signature = struct.pack("<I", zlib.crc32(rows)) + bytes(2)
    return code[:440].ljust(440, b"\0") + signature + rows.ljust(64, b"\0") + b"\x55\xaa"
