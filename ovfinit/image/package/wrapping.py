"""What a package comes in: a plain tar, a tar in gzip, bzip2 or xz, a zip; told by content, not by name.

Everything is read as a stream of bounded memory. In a compressed archive, going back means beginning anew, so members
are best read in the order in which they lie there.
"""

from __future__ import annotations

import os

from ...errors import InputError
from .archive import Archive, plain
from .store import Member, Store, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO
    from zipfile import ZipFile

GZIP, BZIP2, XZ, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"
ZSTD = b"\x28\xb5\x2f\xfd"
MOST_MEMBERS = 10_000
# the end record and the longest comment behind it
END_LIMIT = 22 + 65_535
DIRECTORY_LIMIT = 16 * 1024 * 1024


def archive(stream: BinaryIO, where: str, head: bytes) -> Store | None:
    """The archive on a seekable stream that begins with `head` (512 bytes), None if it is no archive.

    The stream belongs to the store then. Raises InputError for one that cannot be read.
    """
    if len(head) == 512 and head[257:262] == b"ustar":
        return Archive(stream, where)
    if head.startswith(ZIP):
        return Zip(stream, where)
    if head.startswith(ZSTD):
        remedy = "decompress it with unzstd first"
        raise InputError("is compressed with Zstandard, which Python cannot undo", where=where, remedy=remedy)
    if head.startswith((GZIP, BZIP2, XZ)):
        return Archive(_decompressed(stream, head), where, beneath=stream)
    if len(head) == 512 and where.lower().endswith((".ova", ".tar")):
        # a tar without a mark, from before POSIX
        return Archive(stream, where)
    return None


def gunzipped(stream: BinaryIO) -> BinaryIO:
    """What is in a gzip stream; closing it closes the stream beneath."""
    import gzip

    file = gzip.GzipFile(fileobj=stream, mode="rb")
    # what GzipFile closes with itself, if it has opened it
    file.myfileobj = stream  # type: ignore[assignment]
    return file  # type: ignore[return-value]


def _decompressed(stream: BinaryIO, head: bytes) -> BinaryIO:
    if head.startswith(GZIP):
        return gunzipped(stream)
    if head.startswith(XZ):
        import lzma

        return lzma.LZMAFile(stream)  # type: ignore[return-value]
    import bz2

    return bz2.BZ2File(stream)  # type: ignore[return-value]


class Zip(Store):
    """A zip archive, which some appliances come in."""

    trouble: str | None = None

    def __init__(self, stream: BinaryIO, where: str) -> None:
        from zipfile import BadZipFile, ZipFile

        self.where = where
        self._stream = stream
        _judge_directory(stream, where)
        try:
            self._zip: ZipFile = ZipFile(stream)
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            # NotImplementedError is what zipfile raises for a kind of archive or compression that it does not know
            raise InputError(f"is a damaged zip archive: {error}", where=where) from error
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(files) > MOST_MEMBERS:
            raise InputError(f"has more than {MOST_MEMBERS} members", where=where)
        self._members = tuple(Member(info.filename, info.file_size) for info in files)
        self._by_name = {plain(member.name): member for member in reversed(self._members)}

    def close(self) -> None:
        """See Store."""
        self._stream.close()

    def members(self) -> tuple[Member, ...]:
        """See Store."""
        return self._members

    def find(self, href: str) -> Member | None:
        """See Store."""
        return next((self._by_name[plain(name)] for name in spellings(href) if plain(name) in self._by_name), None)

    def open(self, member: Member) -> BinaryIO:
        """See Store."""
        from zipfile import BadZipFile

        try:
            return self._zip.open(member.name)  # type: ignore[return-value]
        except (BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            # RuntimeError is what zipfile raises for an encrypted member
            raise InputError(f"cannot be unpacked: {error}", where=f"{self.where}:{member.name}") from error


def _judge_directory(stream: BinaryIO, where: str) -> None:
    """Refuse a central directory that would take much memory before anything reads it (APPNOTE.TXT, 4.3.16)."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - END_LIMIT))
    tail = b""
    while len(tail) < END_LIMIT and (more := stream.read(END_LIMIT - len(tail))):
        tail += more
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise InputError("is a damaged or cut off zip archive: it has no directory", where=where)
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if length > DIRECTORY_LIMIT and length != 0xFFFFFFFF:
        raise InputError(f"is a zip archive with a directory of {length} bytes", where=where)
    stream.seek(0)
