"""Undoing the encodings in which platforms carry user data: gzip is RFC 1952, base64 is RFC 4648 section 4."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from ..errors import InputError
from ..payload import GZIP, sniff

LIMIT = 16 * 1024 * 1024
MEMBERS = 1000
_PLAIN = ("", "plain", "text", "none")


def decode(text: str, encoding: str | None = None) -> bytes:
    """User data as bytes, from the text in which a property or a guestinfo variable carries it.

    `encoding` is what the user named: `base64` or `b64`, `gzip+base64` or `gz+b64`, or `plain`. Without one, base64 is
    undone only where the text is strictly base64 (it may be wrapped into lines) and something recognisable comes out:
    a script of a few words can be valid base64 by chance. Raises InputError for an unknown encoding, for text that is
    not in the encoding named, and for more than 16 MiB.
    """
    if encoding is None:
        found = unwrap(text)
        return found if found is not None and sniff(found) else text.encode("utf-8", "surrogateescape")
    named = encoding.strip().lower()
    if named in _PLAIN:
        return text.encode("utf-8", "surrogateescape")
    if named not in ("base64", "b64", "gzip+base64", "gz+b64"):
        raise InputError(f"unknown encoding {named[:40]!r}", remedy="known: base64, gzip+base64, plain")
    found = unwrap(text)
    if found is None:
        raise InputError(f"is not base64, though its encoding is given as {named}")
    return decompress(found) if named.startswith("gz") else found


def decode_document(text: str, encoding: str | None = None) -> bytes:
    """The same for a YAML or JSON mapping: none of those is base64 by chance, so base64 and gzip in it need no name.

    Raises InputError as `decode` does.
    """
    if encoding is not None:
        return decode(text, encoding)
    found = unwrap(text)
    if found is not None and found.startswith(GZIP):
        return decompress(found)
    return found if found is not None and _is_text(found) else text.encode("utf-8", "surrogateescape")


def unwrap(text: str) -> bytes | None:
    """What strict base64 stands for, blank space between the characters aside; None if the text is not that."""
    compact = "".join(text.split())
    if not compact or len(compact) % 4:
        return None
    try:
        found = a2b_base64(compact)
    except (Base64Error, ValueError):
        return None
    # a2b_base64 skips what is not in the alphabet; only encoding it again tells
    return found if b2a_base64(found, newline=False) == compact.encode() else None


def expand(data: bytes) -> bytes:
    """User data as it is meant: the content of gzip data, all else as it is. Raises InputError for damaged gzip."""
    return decompress(data) if data.startswith(GZIP) else data


def decompress(data: bytes, limit: int = LIMIT) -> bytes:
    """The content of gzip data, of all its members.

    Raises InputError if it is damaged, cut off or would be larger than `limit` bytes.
    """
    import zlib

    content, rest = [], data
    room = limit
    for _ in range(MEMBERS):
        member = zlib.decompressobj(31)
        try:
            piece = member.decompress(rest, room + 1)
        except zlib.error as error:
            raise InputError("is damaged gzip data") from error
        room -= len(piece)
        if room < 0:
            raise InputError(f"would be larger than {limit} bytes unpacked")
        if not member.eof:
            raise InputError("is gzip data that is cut off")
        content.append(piece)
        rest = member.unused_data
        if not rest.startswith(GZIP):
            # tapes and block devices pad with zeros, and gzip(1) ignores whatever follows
            return b"".join(content)
    raise InputError(f"has more than {MEMBERS} gzip members")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
