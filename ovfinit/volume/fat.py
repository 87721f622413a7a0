"""The files of a FAT12, FAT16 or FAT32 volume, long names included.

After "Microsoft Extensible Firmware Initiative FAT32 File System Specification", 1.03; section numbers do not exist
there, so the names of its fields are given.
"""

from __future__ import annotations

from ..errors import InputError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .medium import Medium

MAX_DIRECTORY = 1024 * 1024
PIECE = 4096
VOLUME_ID, DIRECTORY, LONG_NAME = 0x08, 0x10, 0x0F
MAX_LONG = 20


class Entry(Record):
    """A file: `name` its path from the root in lower case, `size` in bytes, `cluster` its first one."""

    name: str
    size: int
    cluster: int


class Volume:
    """A FAT volume.

    `label` is the root directory's, or the boot sector's where that has none; `entries` the files in the root and in
    `folders`. Raises InputError where the structures cannot be true.
    """

    def __init__(self, medium: Medium, boot: bytes, folders: Collection[str]) -> None:
        self._medium = medium
        self._folders = folders
        self._pieces: dict[int, bytes] = {}
        sector, self._per_cluster = _number(boot, 11, 2), boot[13]
        reserved, fats, root_entries = _number(boot, 14, 2), boot[16], _number(boot, 17, 2)
        fat_size = _number(boot, 22, 2) or _number(boot, 36, 4)
        sectors = _number(boot, 19, 2) or _number(boot, 32, 4)
        root_sectors = (root_entries * 32 + sector - 1) // sector
        first = reserved + fats * fat_size + root_sectors
        self._clusters = (sectors - first) // self._per_cluster
        if not fat_size or self._clusters < 1:
            raise InputError("has a FAT boot sector whose sizes cannot be true", where=medium.path)
        # the number of clusters alone determines the type
        self._bits = 12 if self._clusters < 4085 else 16 if self._clusters < 65525 else 32
        self._fat, self._fat_bytes = reserved * sector, fat_size * sector
        self._data, self._cluster = first * sector, self._per_cluster * sector
        if self._bits == 32:
            directory = self._chain(_number(boot, 44, 4), MAX_DIRECTORY, "its root directory", whole=False)
        else:
            directory = medium.read_at((reserved + fats * fat_size) * sector, root_entries * 32, "its root directory")
        extended = 64 if self._bits == 32 else 36
        signed = boot[extended + 2] == 0x29
        self.label = _text(boot[extended + 7 : extended + 18]) if signed else ""
        self.label = "" if self.label == "NO NAME" else self.label
        self.entries = tuple(self._files(directory))

    def _files(self, directory: bytes, path: str = "") -> Iterator[Entry]:
        parts: list[bytes] = []
        checksum = -1
        for offset in range(0, len(directory) - 31, 32):
            entry = directory[offset : offset + 32]
            if entry[0] == 0:
                return
            attributes = entry[11] & 0x3F
            if entry[0] == 0xE5:
                parts = []
            elif attributes == LONG_NAME:
                # LDIR_Ord counts down to 1, the one with 0x40 comes first
                if entry[0] & 0x40:
                    parts, checksum = [], entry[13]
                parts = [entry[1:11] + entry[14:26] + entry[28:32], *parts][:MAX_LONG]
                checksum = checksum if checksum == entry[13] else -1
            else:
                long = _long(parts) if parts and checksum == _checksum(entry[:11]) else ""
                parts = []
                if attributes & VOLUME_ID:
                    if not attributes & DIRECTORY and not path:
                        self.label = _text(entry[:11]) or self.label
                    continue
                name = path + (long or _short(entry[:11])).lower()
                cluster = (_number(entry, 20, 2) if self._bits == 32 else 0) << 16 | _number(entry, 26, 2)
                if not attributes & DIRECTORY:
                    yield Entry(name, _number(entry, 28, 4), cluster)
                elif name in self._folders:
                    below = self._chain(cluster, MAX_DIRECTORY, f"its directory {name}", whole=False)
                    yield from self._files(below, f"{name}/")

    def read(self, entry: Entry) -> bytes:
        """A file's content; its size must have been judged before."""
        return self._chain(entry.cluster, entry.size, entry.name, whole=True) if entry.size else b""

    def _chain(self, cluster: int, size: int, what: str, *, whole: bool) -> bytes:
        """At most `size` bytes of the clusters from this one on; `whole` if there must be as many."""
        content: list[bytes] = []
        left = size
        seen = set()
        while left > 0:
            if cluster in seen:
                raise InputError(f"is damaged: the chain of clusters of {what} is a loop", where=self._medium.path)
            seen.add(cluster)
            if not 2 <= cluster < self._clusters + 2:
                raise InputError(f"is damaged: the chain of clusters of {what} leads nowhere", where=self._medium.path)
            place = self._data + (cluster - 2) * self._cluster
            content.append(self._medium.read_at(place, min(left, self._cluster) if whole else self._cluster, what))
            left -= self._cluster
            cluster = self._next(cluster)
            if cluster >= self._end:
                if whole and left > 0:
                    raise InputError(
                        f"is damaged: the chain of clusters of {what} is too short", where=self._medium.path
                    )
                return b"".join(content)
        if not whole:
            raise InputError(f"is damaged: {what} has no end", where=self._medium.path)
        return b"".join(content)

    @property
    def _end(self) -> int:
        return {12: 0xFF8, 16: 0xFFF8, 32: 0x0FFFFFF8}[self._bits]

    def _next(self, cluster: int) -> int:
        if self._bits == 12:
            pair = int.from_bytes(self._fat_at(cluster + cluster // 2, 2), "little")
            return pair >> 4 if cluster & 1 else pair & 0xFFF
        width = self._bits // 8
        return int.from_bytes(self._fat_at(cluster * width, width), "little") & 0x0FFFFFFF

    def _fat_at(self, offset: int, size: int) -> bytes:
        found = b""
        for place in range(offset, offset + size):
            number = place // PIECE
            if number not in self._pieces:
                length = min(PIECE, self._fat_bytes - number * PIECE)
                if length <= place % PIECE:
                    raise InputError("is damaged: its allocation table is too small", where=self._medium.path)
                start = self._fat + number * PIECE
                self._pieces[number] = self._medium.read_at(start, length, "its allocation table")
            found += self._pieces[number][place % PIECE : place % PIECE + 1]
        return found


def volume(medium: Medium, folders: Collection[str] = ()) -> Volume | None:
    """The FAT volume on a medium, None if it holds none; InputError if it does and is damaged."""
    if medium.size < 512:
        return None
    boot = medium.read_at(0, 512, "the boot sector")
    sector, per_cluster, reserved, fats = _number(boot, 11, 2), boot[13], _number(boot, 14, 2), boot[16]
    # BS_jmpBoot, BPB_BytsPerSec, BPB_SecPerClus, BPB_RsvdSecCnt, BPB_NumFATs, BPB_Media: NTFS, exFAT and a bare
    # boot loader fail at least one
    if (
        boot[510:512] != b"\x55\xaa"
        or boot[0] not in (0xEB, 0xE9)
        or sector not in (512, 1024, 2048, 4096)
        or per_cluster not in (1, 2, 4, 8, 16, 32, 64, 128)
        or not reserved
        or fats not in (1, 2)
        or boot[21] not in (0xF0, *range(0xF8, 0x100))
    ):
        return None
    return Volume(medium, boot, folders)


def _number(content: bytes, offset: int, size: int) -> int:
    return int.from_bytes(content[offset : offset + size], "little")


def _text(field: bytes) -> str:
    return field.decode("ascii", "replace").strip(" \0")


def _short(field: bytes) -> str:
    # DIR_Name: 0x05 stands for a first 0xE5, which would mean deleted
    stem, extension = field[:8].decode("latin-1").rstrip(), field[8:].decode("latin-1").rstrip()
    return f"{stem}.{extension}" if extension else stem


def _long(parts: list[bytes]) -> str:
    return b"".join(parts).decode("utf-16-le", "replace").partition("\0")[0]


def _checksum(field: bytes) -> int:
    """ChkSum() of the specification, over the short name."""
    total = 0
    for byte in field:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total
