"""Writing the ISO image that carries an OVF environment (DMTF DSP0243, transport `iso`) or a NoCloud seed.

With Joliet, as the standard asks, and Rock Ridge, as Linux shows it. pycdlib puts the present moment into every date;
afterwards each is set to one moment, `SOURCE_DATE_EPOCH` if that is given, so that the same input gives the same bytes.
"""

from __future__ import annotations

import os
import time
from io import BytesIO

from ...errors import InputError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

LABEL = "OVF ENV"
DOCUMENT = "ovf-env.xml"
SECTOR = 2048
FIRST_DESCRIPTOR, LAST_DESCRIPTOR = 16, 255
# ECMA-119, 8.4: dates of a volume descriptor, and its root directory record
VOLUME_DATES, VOLUME_DATE_SIZE, ROOT_RECORD = (813, 830, 864), 17, 156
# ECMA-119, 9.1.5: the date of a directory record
RECORD_DATE, RECORD_DATE_SIZE = 18, 7
DEEPEST = 7
# a directory record counts years from 1900 in one byte
LATEST = 5_869_583_999
LONGEST_NAME = 64


def compose(document: bytes, more: Mapping[str, bytes] | None = None) -> bytes:
    """An image labelled `OVF ENV`, as vCenter does, with `ovf-env.xml` in its root; `more` are files by path."""
    return image({DOCUMENT: document, **(more or {})}, LABEL)


def image(files: Mapping[str, bytes], label: str) -> bytes:
    """An image with these files by path (`ovffiles/a/b.xml`).

    Raises InputError for a path that no reader could show, UsageError if SOURCE_DATE_EPOCH is no time.
    """
    import pycdlib

    moment = epoch()
    made: Any = pycdlib.PyCdlib()
    made.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=label)
    folders: dict[str, str] = {"": ""}
    taken: set[str] = set()
    for number, (path, content) in enumerate(files.items()):
        *parents, name = _parts(path)
        place = ""
        for parent in parents:
            inner = f"{place}/{parent}"
            if inner not in folders:
                folders[inner] = f"{folders[place]}/D{len(folders):06d}"
                made.add_directory(folders[inner], rr_name=parent, joliet_path=inner)
            place = inner
        identifier = f"{folders[place]}/{_identifier(name)}"
        if identifier in taken:
            # two names that ISO 9660 makes one
            identifier = f"{folders[place]}/F{number:06d}.;1"
        taken.add(identifier)
        made.add_fp(BytesIO(content), len(content), identifier, rr_name=name, joliet_path=f"{place}/{name}")
    written = BytesIO()
    made.write_fp(written)
    made.close()
    return _dated(bytearray(written.getbuffer()), moment)


def epoch() -> int:
    """Seconds since 1970 of everything that carries a date: SOURCE_DATE_EPOCH, else now. Raises UsageError."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text is None:
        return int(time.time())
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= LATEST):
        raise UsageError(
            f"SOURCE_DATE_EPOCH={text[:40]!r} is not a number of seconds", remedy="unset it, or use date +%s"
        )
    return int(text)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or len(part) > LONGEST_NAME or not part.isprintable() for part in parts)
    if bad or len(parts) > DEEPEST:
        raise InputError("is no path that an ISO image can hold", where=path[:100])
    return parts


def _identifier(name: str) -> str:
    """The bare ISO 9660 name: `OVF_ENV.XML;1`, `META_DATA.;1`."""
    stem, dot, extension = name.upper().rpartition(".")
    stem, extension = (stem, extension) if dot and stem else (name.upper(), "")
    plain = ["".join(one if one.isascii() and one.isalnum() else "_" for one in part) for part in (stem, extension)]
    return f"{plain[0][:24]}.{plain[1][:3]};1"


def _dated(content: bytearray, moment: int) -> bytes:
    """The image with every date set to one moment, UTC."""
    utc = time.gmtime(moment)
    volume = time.strftime("%Y%m%d%H%M%S00", utc).encode() + b"\0"
    record = bytes([utc.tm_year - 1900, *utc[1:6], 0])
    for number in range(FIRST_DESCRIPTOR, LAST_DESCRIPTOR):
        start = number * SECTOR
        kind = content[start]
        if kind == 255:
            break
        if kind not in (1, 2):
            continue
        for offset in VOLUME_DATES:
            content[start + offset : start + offset + VOLUME_DATE_SIZE] = volume
        for at in _records(content, start + ROOT_RECORD):
            content[at + RECORD_DATE : at + RECORD_DATE + RECORD_DATE_SIZE] = record
            _rock_ridge(content, at, record)
    return bytes(content)


def _records(content: bytearray, root: int) -> Iterator[int]:
    """Where every directory record of a tree begins, the root's own first."""
    yield root
    pending = [root]
    while pending:
        folder = pending.pop()
        start = int.from_bytes(content[folder + 2 : folder + 6], "little") * SECTOR
        at, end = start, start + int.from_bytes(content[folder + 10 : folder + 14], "little")
        while at < end:
            if not content[at]:
                at = (at // SECTOR + 1) * SECTOR
                continue
            yield at
            # the first two are the folder itself and its parent
            if content[at + 25] & 2 and bytes(content[at + 32 : at + 34]) not in (b"\1\0", b"\1\1"):
                pending.append(at)
            at += content[at]


def _rock_ridge(content: bytearray, at: int, record: bytes) -> None:
    """The times in a record's TF entry (IEEE P1282, 4.1.6), here or where its CE entry leads."""
    length, name = content[at], content[at + 32]
    areas = [(at + 33 + name + (1 - name % 2), at + length)]
    while areas:
        place, end = areas.pop()
        while place + 4 <= end and content[place + 2] >= 4:
            signature, size = bytes(content[place : place + 2]), content[place + 2]
            if signature == b"TF":
                for number in range((size - 5) // RECORD_DATE_SIZE):
                    first = place + 5 + number * RECORD_DATE_SIZE
                    content[first : first + RECORD_DATE_SIZE] = record
            elif signature == b"CE":
                block, offset, more = (
                    int.from_bytes(content[place + n : place + n + 4], "little") for n in (4, 12, 20)
                )
                areas.append((block * SECTOR + offset, block * SECTOR + offset + more))
            place += size
