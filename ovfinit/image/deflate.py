"""gzip by all cores, as pigz does it: pieces are compressed apart, each with the end of the one before as dictionary.

The result is one ordinary gzip member (RFC 1952). Pieces that are all zero, most of a fresh image, are compressed once.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from .disk.blocks import ZEROS
from .stages import ahead, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEVEL = 6
WINDOW = 32768
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
# an empty last block: whatever came before, here the stream ends
END = b"\x03\0"


def compress(pieces: Iterable[bytes], level: int = LEVEL) -> Iterator[bytes]:
    """The gzip member that holds the pieces, in pieces."""
    checksum = length = 0
    zeros: bytes | None = None

    def numbered() -> Iterator[tuple[bytes, bytes]]:
        nonlocal checksum, length
        before = b""
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
            length += len(piece)
            yield piece, before
            before = piece[-WINDOW:] if len(piece) >= WINDOW else (before + piece)[-WINDOW:]

    def deflate(item: tuple[bytes, bytes]) -> bytes:
        nonlocal zeros
        piece, before = item
        # the dictionary of zeros makes no difference worth a second copy: what refers back finds zeros either way
        whole = piece is ZEROS and before == ZEROS[:WINDOW]
        if whole and zeros is not None:
            return zeros
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, zdict=before)
        packed = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        if whole:
            zeros = packed
        return packed

    yield HEADER
    yield from ordered(deflate, ahead(numbered()))
    yield END + checksum.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")


def expand(pieces: Iterable[bytes], where: str, limit: int) -> Iterator[bytes]:
    """What gzip members hold that follow each other in these pieces, at most `limit` bytes of it.

    Raises InputError for what is not gzip, is damaged, cut off, or over the limit.
    """
    from ..errors import InputError

    unpacker = zlib.decompressobj(31)
    total, begun = 0, False
    for piece in pieces:
        data = piece
        while True:
            begun = begun or bool(data)
            try:
                out = unpacker.decompress(data, len(ZEROS))
            except zlib.error as error:
                raise InputError(f"is not gzip, or is damaged: {error}", where=where) from None
            total += len(out)
            if total > limit:
                raise InputError(f"unpacks to more than the {limit} bytes that it says", where=where)
            if out:
                yield out
            data = unpacker.unconsumed_tail
            if unpacker.eof:
                data = unpacker.unused_data
                unpacker, begun = zlib.decompressobj(31), False
            if not data and len(out) < len(ZEROS):
                break
    if begun:
        raise InputError("is cut off: its compressed data has no end", where=where, remedy="get it again")
