"""The bytes of a disk as a guest sees them, read in pieces, with holes told apart from data."""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

PIECE = 1 << 20
ZEROS = bytes(PIECE)


class Blocks(ABC):
    """What disks of any kind offer. `size` in bytes; `name` is what errors call it."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises InputError when they cannot be read or lie outside."""

    def piece(self, offset: int, length: int) -> bytes | None:
        """The same, None if all of them are known to be zero without having been read."""
        return self.read(offset, length)

    def place(self) -> tuple[str, int] | None:
        """The file and the offset at which these bytes lie as they are, in one piece; None if nowhere."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Let go of files and processes."""

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """All bytes in order, `size` at a time; a piece of zeros is part of ZEROS wherever that is cheap to see."""
        zeros = ZEROS if size == PIECE else bytes(size)
        for offset in range(0, self.size, size):
            length = min(size, self.size - offset)
            data = self.piece(offset, length)
            if data is None or data == zeros[:length]:
                yield zeros if length == size else zeros[:length]
            else:
                yield data


class RawFile(Blocks):
    """A raw image in a file, or a block device; `offset` and `size` choose a part of it."""

    def __init__(self, path: str, offset: int = 0, size: int | None = None) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=path) from error
        kind = os.fstat(self._file).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISBLK(kind):
            os.close(self._file)
            raise InputError("is neither a file nor a block device", where=path)
        whole = os.lseek(self._file, 0, os.SEEK_END)
        if offset > whole or size is not None and offset + size > whole:
            os.close(self._file)
            raise InputError("ends before the data it should hold", where=path, remedy="it was cut off: get it again")
        super().__init__(path, whole - offset if size is None else size)
        self._offset = offset
        self._hole = (0, 0)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        data = b""
        while len(data) < length:
            try:
                more = os.pread(self._file, length - len(data), self._offset + offset + len(data))
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror}", where=self.name) from error
            if not more:
                raise InputError(f"ends at byte {offset + len(data)}", where=self.name)
            data = data + more if data else more
        return data

    def piece(self, offset: int, length: int) -> bytes | None:
        """These bytes, None if the file system keeps none for them."""
        start, end = self._hole
        if not start <= offset < end:
            try:
                end = os.lseek(self._file, self._offset + offset, os.SEEK_DATA) - self._offset
            except OSError as error:
                # ENXIO: nothing but a hole up to the end; anything else: a file system that cannot tell
                end = self.size if error.errno == errno.ENXIO else offset
            self._hole = offset, end
        return None if offset + length <= end else self.read(offset, length)

    def place(self) -> tuple[str, int] | None:
        """The file itself."""
        return self.name, self._offset

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Window(Blocks):
    """A part of another disk, most often a partition."""

    def __init__(self, whole: Blocks, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > whole.size:
            raise InputError(f"bytes {offset} to {offset + size} lie outside of the disk", where=whole.name)
        super().__init__(whole.name, size)
        self._whole = whole
        self._offset = offset

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        if offset < 0 or offset + length > self.size:
            raise InputError(f"byte {offset + length} lies outside of the partition", where=self.name)
        return self._whole.read(self._offset + offset, length)

    def piece(self, offset: int, length: int) -> bytes | None:
        """These bytes, None if all of them are known to be zero."""
        return self._whole.piece(self._offset + offset, length)

    def place(self) -> tuple[str, int] | None:
        """The file of the whole, further behind."""
        whole = self._whole.place()
        return None if whole is None else (whole[0], whole[1] + self._offset)

    def close(self) -> None:
        """Close what it is a part of."""
        self._whole.close()


class Joined(Blocks):
    """Parts of another disk, (offset, size), one behind the other; closing it leaves that disk open."""

    def __init__(self, whole: Blocks, pieces: Sequence[tuple[int, int]], name: str) -> None:
        super().__init__(name, sum(size for _, size in pieces))
        self.parts = tuple(Window(whole, *piece) for piece in pieces)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        return b"".join(part.read(at, count) for part, at, count in self._places(offset, length))

    def piece(self, offset: int, length: int) -> bytes | None:
        """These bytes, None if all of them are known to be zero."""
        places = self._places(offset, length)
        if len(places) == 1:
            part, at, count = places[0]
            return part.piece(at, count)
        found = [(part.piece(at, count), count) for part, at, count in places]
        return None if all(data is None for data, _ in found) else b"".join(data or bytes(size) for data, size in found)

    def place(self) -> tuple[str, int] | None:
        """That of the only part, or of parts that follow each other."""
        places = [(part.place(), part.size) for part in self.parts]
        for (one, size), (other, _) in pairwise(places):
            if one is None or other != (one[0], one[1] + size):
                return None
        return places[0][0] if places else None

    def close(self) -> None:
        """The disk is whoever's who opened it."""

    def _places(self, offset: int, length: int) -> list[tuple[Window, int, int]]:
        if offset < 0 or offset + length > self.size:
            raise InputError(f"byte {offset + length} lies outside of the volume", where=self.name)
        found = []
        for part in self.parts:
            if offset < part.size and length:
                count = min(length, part.size - offset)
                found.append((part, offset, count))
                offset, length = 0, length - count
            else:
                offset -= part.size
        return found


def write_sparse(descriptor: int, data: bytes, offset: int) -> None:
    """Write a piece at its place of a new file; zeros are left out, so that they stay a hole."""
    if data == ZEROS[: len(data)]:
        return
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
