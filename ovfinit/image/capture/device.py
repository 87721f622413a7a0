"""A disk that is in use, read past the page cache.

The cache of a block device and that of the files on it do not know of each other, so that a second reading would bring
what the first one has found.
"""

from __future__ import annotations

import mmap
import os
import stat

from ...errors import InputError, OvfinitError
from ..disk.blocks import PIECE, Blocks, RawFile

# what every disk takes (logical blocks are of 512 or 4096 bytes)
ALIGNMENT = 4096


class Device(Blocks):
    """A block device. Raises InputError if it cannot be read."""

    def __init__(self, path: str) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=path) from error
        self.number = os.fstat(self._file).st_rdev
        super().__init__(path, os.lseek(self._file, 0, os.SEEK_END))
        self._buffer = mmap.mmap(-1, PIECE + 2 * ALIGNMENT)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        if offset < 0 or offset + length > self.size:
            raise InputError(f"ends at byte {self.size}", where=self.name)
        parts = []
        while length > 0:
            count = min(length, PIECE)
            parts.append(self._aligned(offset, count))
            offset, length = offset + count, length - count
        return b"".join(parts)

    def _aligned(self, offset: int, count: int) -> bytes:
        start = offset - offset % ALIGNMENT
        end = min(self.size, -(-(offset + count) // ALIGNMENT) * ALIGNMENT)
        got = 0
        with memoryview(self._buffer) as whole:
            while got < offset - start + count:
                with whole[got : end - start] as room:
                    try:
                        more = os.preadv(self._file, [room], start + got)
                    except OSError as error:
                        raise InputError(f"cannot be read: {error.strerror}", where=self.name) from error
                if not more:
                    raise InputError(f"ends at byte {start + got}", where=self.name)
                got += more
            return bytes(whole[offset - start : offset - start + count])

    def close(self) -> None:
        """Close the device."""
        os.close(self._file)
        self._buffer.close()


def opened(path: str) -> Blocks:
    """A device or raw image to copy. Raises OvfinitError if we may not read it."""
    try:
        if os.path.exists(path) and stat.S_ISBLK(os.stat(path).st_mode):
            return Device(path)
        return RawFile(path)
    except InputError as error:
        if os.path.exists(path) and not os.access(path, os.R_OK):
            raise OvfinitError("may not be read", where=path, remedy="run it as root") from error
        raise
