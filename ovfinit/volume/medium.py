"""A file or block device with a file system in it, read at offsets, bounded, and remembered byte by byte.

What was read can be told as a footprint, so that a later boot recognises the same medium without parsing it again.
"""

from __future__ import annotations

import errno
import os
import stat

from ..digest import sha256
from ..errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_READS = 200_000
MAX_BYTES = 128 * 1024 * 1024
PIECE = 1024 * 1024


class NoMedium(InputError):
    """Raised when a drive has nothing in it."""


class Medium:
    """Reads through `pread`, and like a binary file (`seek`, `tell`, `read`) for whoever needs one.

    Raises InputError when it cannot be opened or read, is neither a regular file nor a block device, or when more than
    128 MiB or 200000 pieces are asked for: only a broken or hostile file system needs that many.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.ranges: list[tuple[int, int]] = []
        self._reads = self._bytes = self._position = 0
        try:
            # without O_NONBLOCK a FIFO without a writer would hold us up for ever
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise self._bad(error) from error
        try:
            mode = os.fstat(self._descriptor).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise InputError("is neither a file nor a block device", where=path)
            self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            self.close()
            raise self._bad(error) from error
        except InputError:
            self.close()
            raise

    def _bad(self, error: Exception) -> InputError:
        code = getattr(error, "errno", None)
        kind = NoMedium if code == errno.ENOMEDIUM else InputError
        return kind(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=self.path)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Medium:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pread(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        if not size or offset < 0:
            return b""
        self._reads += 1
        self._bytes += size
        if self._reads > MAX_READS or self._bytes > MAX_BYTES:
            raise InputError("takes too much reading: damaged, or not meant to be read by us", where=self.path)
        content = b""
        try:
            while len(content) < size:
                more = os.pread(self._descriptor, size - len(content), offset + len(content))
                if not more:
                    break
                content += more
        except OSError as error:
            raise self._bad(error) from error
        self._remember(offset, len(content))
        return content

    def _remember(self, offset: int, size: int) -> None:
        if self.ranges and self.ranges[-1][0] <= offset <= sum(self.ranges[-1]):
            first, length = self.ranges[-1]
            self.ranges[-1] = (first, max(length, offset + size - first))
        else:
            self.ranges.append((offset, size))

    def read_at(self, offset: int, size: int, what: str) -> bytes:
        """Exactly these bytes; raises InputError naming `what` where they lie beyond the end."""
        content = self._pread(offset, size)
        if len(content) < size:
            raise InputError(f"is truncated: {what} lies beyond its end", where=self.path)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """As a file's."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """As a file's: fewer bytes at the end."""
        content = self._pread(self._position, self.size - self._position if size < 0 else size)
        self._position += len(content)
        return content

    def footprint(self) -> dict[str, Any]:
        """The size, the byte ranges read so far, and a SHA-256 over them, in JSON types."""
        merged: list[list[int]] = []
        for offset, size in sorted(self.ranges):
            if merged and offset <= merged[-1][0] + merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], offset + size - merged[-1][0])
            else:
                merged.append([offset, size])
        return {"size": self.size, "ranges": merged, "sha256": self._digest(merged)}

    def matches(self, footprint: Any) -> bool:
        """True if the ranges of a footprint hold the same bytes as when it was taken; InputError as above."""
        try:
            ranges = [(int(offset), int(size)) for offset, size in footprint["ranges"]]
            if footprint["size"] != self.size or min(min(pair) for pair in ranges) < 0:
                return False
            if sum(size for _, size in ranges) > MAX_BYTES:
                return False
            return self._digest(ranges) == str(footprint["sha256"])
        except (KeyError, TypeError, ValueError):
            return False

    def _digest(self, ranges: Any) -> str:
        total = sha256()
        for offset, size in ranges:
            for start in range(offset, offset + size, PIECE):
                try:
                    total.update(os.pread(self._descriptor, min(PIECE, offset + size - start), start))
                except (OSError, OverflowError) as error:
                    raise self._bad(error) from error
        return str(total.hexdigest())
