"""Files out of an ext2, ext3 or ext4 file system, read without mounting: what /boot and /etc of an image hold.

After the kernel's Documentation/filesystems/ext4. Reading only: plain and indexed directories (an index is made to
look like empty entries), extents and block maps, links. Everything read is bounded; a damaged file system is an error.
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING

from ...errors import InputError
from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..disk.blocks import Blocks

_SUPERBLOCK = 1024
_MAGIC = 0xEF53
_ROOT = 2
_EXTENTS, _INLINE, _ENCRYPTED = 0x80000, 0x10000000, 0x800
_64BIT, _META_BG = 0x80, 0x10
# the bitmap of a group was never written (EXT4_BG_BLOCK_UNINIT)
_UNINITIALIZED = 2
# an extent that is longer has so many blocks more than were ever written (EXT_INIT_MAX_LEN)
_WRITTEN = 32768
# how a journal's superblock begins (JBD2_MAGIC_NUMBER)
_JOURNAL = b"\xc0\x3b\x39\x98"
MOST_LINKS = 16
LARGEST = 1 << 30
_PIECE = 1 << 20


class Node(Record):
    """An inode: kind and permissions, size in bytes, flags, and the 60 bytes that say where its content lies."""

    number: int
    mode: int
    size: int
    flags: int
    place: bytes


class Ext:
    """A file system on `blocks`. Raises InputError if it is none of this kind."""

    @staticmethod
    def is_one(blocks: Blocks) -> bool:
        """True if there is such a file system."""
        if blocks.size < 4096:
            return False
        return int.from_bytes(blocks.read(_SUPERBLOCK + 56, 2), "little") == _MAGIC

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        if not self.is_one(blocks):
            raise InputError("is no ext2, ext3 or ext4 file system", where=blocks.name)
        raw = blocks.read(_SUPERBLOCK, 1024)
        self._first, logarithm = struct.unpack_from("<I", raw, 20)[0], struct.unpack_from("<I", raw, 24)[0]
        self._per_group = struct.unpack_from("<I", raw, 40)[0]
        revision = struct.unpack_from("<I", raw, 76)[0]
        self._inode_size = struct.unpack_from("<H", raw, 88)[0] if revision else 128
        incompatible = struct.unpack_from("<I", raw, 96)[0]
        if logarithm > 6 or not self._per_group or self._inode_size < 128:
            raise InputError("has a damaged superblock", where=blocks.name)
        self._block = 1024 << logarithm
        self._descriptor = struct.unpack_from("<H", raw, 254)[0] if incompatible & _64BIT else 32
        if self._descriptor < 32 or incompatible & _META_BG:
            raise InputError("has a layout of block groups that is not known here", where=blocks.name)
        high = struct.unpack_from("<I", raw, 336)[0] if incompatible & _64BIT else 0
        self._count: int = high << 32 | struct.unpack_from("<I", raw, 4)[0]
        self._group_blocks: int = struct.unpack_from("<I", raw, 32)[0]
        self._reserved: int = struct.unpack_from("<H", raw, 206)[0]
        self._table = -(-self._per_group * self._inode_size // self._block)
        if not self._group_blocks:
            raise InputError("has a damaged superblock", where=blocks.name)
        # an external journal has no inode here (feature has_journal, s_journal_inum)
        self._journal = struct.unpack_from("<I", raw, 224)[0] if raw[92] & 4 else 0
        digits = raw[104:120].hex()
        self.uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def exists(self, path: str) -> bool:
        """True if there is something at a path."""
        return self._find(path) is not None

    def listing(self, path: str) -> list[str]:
        """Sorted names in a folder; none if it is no folder."""
        node = self._find(path)
        if node is None or not stat.S_ISDIR(node.mode):
            return []
        return sorted(name for name in self._entries(node) if name not in (".", ".."))

    def size(self, path: str) -> int | None:
        """The size of a regular file, None if there is none."""
        node = self._find(path)
        return node.size if node is not None and stat.S_ISREG(node.mode) else None

    def read(self, path: str, limit: int = LARGEST) -> bytes | None:
        """A regular file, None if there is none. Raises InputError over `limit` bytes."""
        node = self._find(path)
        if node is None or not stat.S_ISREG(node.mode):
            return None
        if node.size > limit:
            raise InputError(f"{path} is larger than {limit} bytes", where=self._blocks.name)
        return self._content(node)

    @property
    def end(self) -> int:
        """Where the file system ends, in bytes; what lies behind it is not its own."""
        return min(self._count * int(self._block), self._blocks.size)

    def in_use(self) -> Iterator[tuple[int, int]]:
        """(offset, length) of blocks that hold something, by the bitmaps of all groups; some may come twice."""
        if self._first:
            yield 0, self._first * self._block
        groups = -(-(self._count - self._first) // self._group_blocks)
        for group in range(groups):
            descriptor = self._blocks.read((self._first + 1) * self._block + group * self._descriptor, self._descriptor)
            start = self._first + group * self._group_blocks
            count = min(self._group_blocks, self._count - start)
            if struct.unpack_from("<H", descriptor, 18)[0] & _UNINITIALIZED:
                # nothing is in use but copies of superblock and descriptors, and the group's own tables
                copies = 1 + -(-groups * self._descriptor // self._block) + self._reserved
                yield start * self._block, min(copies, count) * self._block
                for number, length in ((0, 1), (4, 1), (8, self._table)):
                    yield self._place(descriptor, number) * self._block, length * self._block
            else:
                bitmap = self._blocks.read(self._place(descriptor, 0) * self._block, self._block)
                yield from self._bits(bitmap, start, count)

    def places(self, path: str, limit: int | None = None) -> list[tuple[int, int]]:
        """(offset, length) on the disk of the blocks kept for a regular file, or for its first `limit` bytes."""
        node = self._find(path)
        return [] if node is None or not stat.S_ISREG(node.mode) else self._runs(node, limit)

    def journal(self) -> list[tuple[int, int]]:
        """The same for the blocks of an empty journal but its first, which says that it is empty; else none."""
        if not self._journal:
            return []
        runs = self._runs(self._node(self._journal))
        if not runs:
            return []
        head = self._blocks.read(runs[0][0], 32)
        if head[:4] != _JOURNAL or any(head[28:32]):
            return []
        return [(runs[0][0] + self._block, runs[0][1] - self._block), *runs[1:]]

    def _runs(self, node: Node, limit: int | None = None) -> list[tuple[int, int]]:
        most = None if limit is None else -(-limit // self._block)
        found = []
        extents = node.flags & _EXTENTS
        for first, count, place in self._extents(node.place, 0, unwritten=True) if extents else self._map(node):
            kept = count if most is None else min(count, most - first)
            if kept > 0:
                found.append((place * self._block, kept * self._block))
        return found

    def _place(self, descriptor: bytes, at: int) -> int:
        """A block number of a group descriptor: of its bitmap (0), its inodes' bitmap (4), its table of inodes (8)."""
        low = int.from_bytes(descriptor[at : at + 4], "little")
        return low if self._descriptor < 64 else low | int.from_bytes(descriptor[at + 32 : at + 36], "little") << 32

    def _bits(self, bitmap: bytes, start: int, count: int) -> Iterator[tuple[int, int]]:
        """Runs of ones of a bitmap, its lowest bit first."""
        bits = int.from_bytes(bitmap[: -(-count // 8)], "little") & (1 << count) - 1
        at = 0
        while bits:
            zeros = (bits & -bits).bit_length() - 1
            bits >>= zeros
            at += zeros
            ones = (~bits & bits + 1).bit_length() - 1
            yield (start + at) * self._block, ones * self._block
            bits >>= ones
            at += ones

    def _find(self, path: str) -> Node | None:
        """What is at a path, links followed inside the file system."""
        todo = [part for part in path.split("/") if part][::-1]
        stack = [self._node(_ROOT)]
        links = 0
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                if len(stack) > 1:
                    stack.pop()
                continue
            if not stat.S_ISDIR(stack[-1].mode):
                return None
            number = self._entries(stack[-1]).get(part)
            if number is None:
                return None
            node = self._node(number)
            if stat.S_ISLNK(node.mode):
                links += 1
                if links > MOST_LINKS:
                    return None
                target = self._target(node)
                if target.startswith("/"):
                    del stack[1:]
                todo += [piece for piece in target.split("/") if piece][::-1]
            else:
                stack.append(node)
        return stack[-1]

    def _target(self, node: Node) -> str:
        raw = node.place[: node.size] if node.size < 60 and not node.flags & _EXTENTS else self._content(node, 4096)
        return raw.decode("utf-8", "surrogateescape")

    def _node(self, number: int) -> Node:
        group, index = divmod(number - 1, self._per_group)
        at = (self._first + 1) * self._block + group * self._descriptor
        descriptor = self._blocks.read(at, self._descriptor)
        table = self._place(descriptor, 8)
        raw = self._blocks.read(table * self._block + index * self._inode_size, 128)
        size = struct.unpack_from("<I", raw, 4)[0] | struct.unpack_from("<I", raw, 108)[0] << 32
        mode, flags = struct.unpack_from("<H", raw, 0)[0], struct.unpack_from("<I", raw, 32)[0]
        if flags & (_INLINE | _ENCRYPTED):
            raise InputError("keeps files in a way that is not known here", where=self._blocks.name)
        return Node(number, mode, size, flags, raw[40:100])

    def _entries(self, node: Node) -> dict[str, int]:
        data = self._content(node, 64 * 1024 * 1024)
        found: dict[str, int] = {}
        at = 0
        while at + 8 <= len(data):
            number, length, name_length = struct.unpack_from("<IHB", data, at)
            if length < 8:
                raise InputError("has a damaged folder", where=self._blocks.name)
            if number and name_length:
                found[data[at + 8 : at + 8 + name_length].decode("utf-8", "surrogateescape")] = number
            at += length
        return found

    def _content(self, node: Node, limit: int = LARGEST) -> bytes:
        if node.size > limit:
            raise InputError(f"has a file of {node.size} bytes where {limit} are the most", where=self._blocks.name)
        data = bytearray(node.size)
        runs = self._extents(node.place, 0) if node.flags & _EXTENTS else self._map(node)
        for first, count, start in runs:
            at = first * self._block
            length = min(count * self._block, node.size - at)
            while length > 0:
                part = min(length, _PIECE)
                data[at : at + part] = self._blocks.read(start * self._block + at - first * self._block, part)
                at, length = at + part, length - part
        return bytes(data)

    def _extents(self, raw: bytes, depth: int, *, unwritten: bool = False) -> Iterator[tuple[int, int, int]]:
        """(first block of the file, how many, first block of the disk), holes and unwritten ones left out."""
        magic, count, _, levels = struct.unpack_from("<HHHH", raw)
        if magic != 0xF30A or depth > 5 or 12 + 12 * count > len(raw):
            raise InputError("has a damaged extent tree", where=self._blocks.name)
        for number in range(count):
            at = 12 + 12 * number
            if levels:
                low, high = struct.unpack_from("<IH", raw, at + 4)
                below = self._blocks.read((high << 32 | low) * self._block, self._block)
                yield from self._extents(below, depth + 1, unwritten=unwritten)
            else:
                first, length, high, low = struct.unpack_from("<IHHI", raw, at)
                if length <= _WRITTEN:
                    yield first, length, high << 32 | low
                elif unwritten:
                    yield first, length - _WRITTEN, high << 32 | low

    def _map(self, node: Node) -> Iterator[tuple[int, int, int]]:
        """The same for ext2's block map: twelve direct blocks, then one, two and three levels of tables."""
        needed = -(-node.size // self._block)
        places = struct.unpack("<15I", node.place)
        first = 0
        for place in places[:12]:
            if place and first < needed:
                yield first, 1, place
            first += 1
        for level in (1, 2, 3):
            yield from self._indirect(places[11 + level], level, first, needed)
            first += (self._block // 4) ** level

    def _indirect(self, place: int, level: int, first: int, needed: int) -> Iterator[tuple[int, int, int]]:
        if not place or first >= needed:
            return
        if level == 0:
            yield first, 1, place
            return
        step = (self._block // 4) ** (level - 1)
        raw = self._blocks.read(place * self._block, self._block)
        for number, below in enumerate(struct.unpack(f"<{self._block // 4}I", raw)):
            yield from self._indirect(below, level - 1, first + number * step, needed)
