"""Logical volumes on one physical volume of LVM2, read without device mapper or root.

After LVM2's lib/format_text: a label in one of the first four sectors leads to the metadata area, whose text says
where each volume's extents lie. Volumes that are linear are disks here; what is striped, mirrored, thin or on other
disks too is named, and left alone.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...record import Record
from .blocks import Joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .blocks import Blocks

SECTOR = 512
LIMIT = 16 * 1024 * 1024
DEPTH = 8
SEGMENTS = 10_000
_MAGIC = b" LVM2 x[5A%r0N*>"
_TOKEN = re.compile(r'\s+|#[^\n]*|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|([A-Za-z_+.][\w+.\-]*)|([{}\[\]=,])')


class Volume(Record):
    """A logical volume: names of its group and its own; its content, None with a reason if it cannot be read here."""

    group: str
    name: str
    content: Blocks | None
    reason: str = ""


def is_one(blocks: Blocks) -> bool:
    """True for a physical volume."""
    return _label(blocks) is not None


def _label(blocks: Blocks) -> bytes | None:
    """The label's sector, from where the header begins."""
    if blocks.size < 4 * SECTOR:
        return None
    head = blocks.read(0, 4 * SECTOR)
    for start in range(0, 4 * SECTOR, SECTOR):
        sector = head[start : start + SECTOR]
        if sector[:8] == b"LABELONE" and sector[24:32] == b"LVM2 001":
            return sector[struct.unpack_from("<I", sector, 20)[0] :]
    return None


def volumes(blocks: Blocks) -> tuple[Volume, ...]:
    """The logical volumes that have extents on this physical volume. Raises InputError for a damaged or hostile one."""
    header = _label(blocks)
    if header is None:
        raise InputError("is no physical volume of LVM", where=blocks.name)
    found = _Text(_metadata(blocks, header), blocks.name).section()
    group = next((name for name, value in found.items() if isinstance(value, dict)), None)
    if group is None:
        raise InputError("has LVM metadata without a volume group", where=blocks.name)
    try:
        return tuple(_volumes(blocks, group, found[group], header[:32].decode("ascii", "replace")))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise InputError("has LVM metadata that does not say where its volumes lie", where=blocks.name) from None


def _metadata(blocks: Blocks, header: bytes) -> str:
    """The newest text, from the metadata area's ring."""
    places = [struct.unpack_from("<QQ", header, at) for at in range(40, len(header) - 15, 16)]
    end = places.index((0, 0)) if (0, 0) in places else len(places)
    area = next((place for place in places[end + 1 :]), (0, 0))
    if not area[0] or area[0] + SECTOR > blocks.size:
        raise InputError("has no LVM metadata on this disk", where=blocks.name)
    start = area[0]
    head = blocks.read(start, SECTOR)
    if head[4:20] != _MAGIC:
        raise InputError("has damaged LVM metadata", where=blocks.name)
    ring = struct.unpack_from("<Q", head, 32)[0]
    offset, size = struct.unpack_from("<QQ", head, 40)
    if not SECTOR <= offset < ring or not 0 < size <= min(LIMIT, ring - SECTOR):
        raise InputError("has damaged LVM metadata", where=blocks.name)
    first = min(size, ring - offset)
    text = blocks.read(start + offset, first) + blocks.read(start + SECTOR, size - first)
    return text.rstrip(b"\0").decode("utf-8", "replace")


def _volumes(blocks: Blocks, group: str, found: dict[str, Any], identity: str) -> Iterator[Volume]:
    extent = int(found["extent_size"]) * SECTOR
    starts = {
        name: int(disk["pe_start"]) * SECTOR
        for name, disk in found["physical_volumes"].items()
        if disk["id"].replace("-", "") == identity
    }
    for name, volume in found.get("logical_volumes", {}).items():
        if "VISIBLE" not in volume.get("status", ()):
            continue
        pieces, reason = [], ""
        for number in range(1, min(int(volume["segment_count"]), SEGMENTS) + 1):
            segment = volume[f"segment{number}"]
            if segment["type"] != "striped" or int(segment["stripe_count"]) != 1:
                reason = f"it is of type {segment['type']}"
                break
            disk, place = segment["stripes"]
            if disk not in starts:
                reason = "it lies on another disk"
                break
            pieces.append((starts[disk] + int(place) * extent, int(segment["extent_count"]) * extent))
        content = Joined(blocks, pieces, f"{group}/{name}") if not reason else None
        yield Volume(group, name, content, reason)


class _Text:
    """LVM's configuration language: `name = value`, `name { … }`, values are texts, numbers or lists."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._tokens: list[str] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._damaged()
            if found.lastindex:
                self._tokens.append(found[0])
            at = found.end()
        self._tokens.reverse()

    def _damaged(self) -> InputError:
        return InputError("has damaged LVM metadata", where=self._where)

    def _next(self) -> str:
        if not self._tokens:
            raise self._damaged()
        return self._tokens.pop()

    def section(self, depth: int = 0) -> dict[str, Any]:
        """What stands up to the closing brace, or the end."""
        if depth > DEPTH:
            raise self._damaged()
        found: dict[str, Any] = {}
        while self._tokens and self._tokens[-1] != "}":
            name, sign = self._next(), self._next()
            if sign == "{":
                found[name] = self.section(depth + 1)
                if self._next() != "}":
                    raise self._damaged()
            elif sign == "=":
                found[name] = self._value()
            else:
                raise self._damaged()
        return found

    def _value(self) -> str | list[str]:
        word = self._next()
        if word != "[":
            return word.strip('"')
        items = []
        while (word := self._next()) != "]":
            if word != ",":
                items.append(word.strip('"'))
        return items
