"""An OVA: a tar archive that is read in place, member by member, never unpacked.

After POSIX.1-2017 (pax and ustar) and GNU tar's manual for long names and numbers in base 256. Headers are bounded:
nothing that an archive says makes us take memory.
"""

from __future__ import annotations

import io
import os

from .store import Member, Store, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

BLOCK = 512
MOST_MEMBERS = 10_000
LONG_HEADER = 1024 * 1024
REGULAR, LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL, SPARSE = (b"0", b"\0", b"7"), b"L", b"K", b"x", b"g", b"S"


class TarMember(Member):
    """A member: where its content begins, what kind it is and which extensions of the format it uses."""

    offset: int
    kind: bytes
    extensions: frozenset[str] = frozenset()


class Archive(Store):
    """A tar archive on a seekable stream, which it owns, like the one that is `beneath` a decompressor."""

    def __init__(self, stream: BinaryIO, where: str, beneath: BinaryIO | None = None) -> None:
        self.where = where
        self.trouble: str | None = None
        self._stream, self._beneath = stream, beneath
        self._members = tuple(self._index())
        self._by_name: dict[str, TarMember] = {}
        for member in self._members:
            if member.kind in REGULAR:
                self._by_name.setdefault(plain(member.name), member)

    def close(self) -> None:
        """See Store."""
        self._stream.close()
        if self._beneath is not None:
            self._beneath.close()

    def members(self) -> tuple[TarMember, ...]:
        """See Store; links, folders and devices too."""
        return self._members

    def find(self, href: str) -> TarMember | None:
        """See Store."""
        return next((self._by_name[plain(name)] for name in spellings(href) if plain(name) in self._by_name), None)

    def open(self, member: Member) -> BinaryIO:
        """See Store."""
        assert isinstance(member, TarMember)
        return io.BufferedReader(Window(self._stream, member.offset, member.size or 0), 256 * 1024)  # type: ignore[return-value,unused-ignore]

    def _index(self) -> Iterator[TarMember]:
        """All members; a damaged or cut off archive gives those before the damage, and `trouble`."""
        last: TarMember | None = None
        try:
            for last in self._walk():
                yield last
        except (OSError, EOFError, ValueError, OverflowError) as error:
            self.trouble = f"is damaged: {getattr(error, 'strerror', None) or error}"
        except Exception as error:
            # a decompressor's own exceptions, of which each kind has another
            self.trouble = f"cannot be decompressed: {type(error).__name__}"
        end = os.fstat(self._stream.fileno()).st_size if isinstance(self._stream, io.FileIO) else None
        if last is not None and end is not None and last.offset + (last.size or 0) > end:
            self.trouble = f"is cut off: {last.name[:100]} lies beyond its end"

    def _walk(self) -> Iterator[TarMember]:
        """Header after header."""
        position = count = 0
        override: dict[str, str] = {}
        extensions: set[str] = set()
        while True:
            header = self._at(position, BLOCK)
            if not header.strip(b"\0"):
                if not count:
                    self.trouble = "is empty"
                elif len(header) < BLOCK:
                    self.trouble = "has no end mark: it may be cut off"
                return
            kind, size = header[156:157], _number(header[124:136])
            if len(header) < BLOCK or not _checksum_holds(header) or size is None:
                self.trouble = f"is damaged or cut off at byte {position}"
                return
            if kind in (LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL):
                extensions.add("pax" if kind in (PAX, PAX_GLOBAL) else "GNU long name")
                if size > LONG_HEADER:
                    self.trouble = f"has an extended header of {size} bytes at byte {position}"
                    return
                override.update(_extended(kind, self._at(position + BLOCK, size)))
            else:
                extensions.update(_extensions(header))
                size = _declared(override, size)
                name = override.get("path") or _name(header)
                yield TarMember(name, size, position + BLOCK, kind, frozenset(extensions))
                override, extensions = {}, set()
                count += 1
                if count >= MOST_MEMBERS:
                    self.trouble = f"has more than {MOST_MEMBERS} members; the rest is not looked at"
                    return
            position += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK

    def _at(self, position: int, size: int) -> bytes:
        self._stream.seek(position)
        parts = b""
        while len(parts) < size and (more := self._stream.read(size - len(parts))):
            parts += more
        return parts


class Window(io.RawIOBase):
    """A part of a stream as a stream of its own."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        self._stream, self._offset, self._size, self._position = stream, offset, size, 0

    def readable(self) -> bool:
        """As a file's."""
        return True

    def seekable(self) -> bool:
        """As a file's."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """As a file's."""
        return self._position

    def readinto(self, buffer: object) -> int:
        """As a file's; fewer bytes where the archive is cut off."""
        view = memoryview(buffer)[: max(0, self._size - self._position)]  # type: ignore[arg-type]
        if not view:
            return 0
        self._stream.seek(self._offset + self._position)
        count = self._stream.readinto(view) or 0  # type: ignore[attr-defined]
        self._position += count
        return int(count)


def plain(name: str) -> str:
    """A member's name without the `./` that tar puts before it."""
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _extensions(header: bytes) -> set[str]:
    """What of GNU tar a header uses beyond ustar."""
    found = {"base-256 size"} if header[124] & 0x80 else set()
    return found | ({"GNU format"} if header[257:263] == b"ustar " else set())


def _checksum_holds(header: bytes) -> bool:
    stored = _number(header[148:156])
    blank = sum(header[:148]) + sum(header[156:]) + 8 * 32
    return stored == blank


def _number(field: bytes) -> int | None:
    """Octal text, or base 256 (GNU) where the first bit is set; None for neither."""
    if field[0] & 0x80:
        return None if field[0] == 0xFF else int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.split(b"\0")[0].strip()
    return int(digits, 8) if digits and not digits.strip(b"01234567") else 0 if not digits else None


def _name(header: bytes) -> str:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "replace")


def _declared(override: dict[str, str], size: int) -> int:
    text = override.get("size", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else size


def _extended(kind: bytes, content: bytes) -> dict[str, str]:
    """What a header before a member says about it: `path` and `size`."""
    if kind == LONG_NAME:
        return {"path": content.split(b"\0")[0].decode("utf-8", "replace")}
    if kind != PAX:
        return {}
    found: dict[str, str] = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or len(length) > 7 or not 0 < int(length) <= len(content):
            break
        record, content = content[: int(length)], content[int(length) :]
        key, equals, value = record[len(length) + 1 :].rstrip(b"\n").partition(b"=")
        if equals and key in (b"path", b"size"):
            found[key.decode()] = value.decode("utf-8", "replace")
    return found
