"""IP and hardware addresses as texts, parsed by the C library and kept in one canonical spelling.

`ipaddress` costs a boot five milliseconds and `socket` nine; `_socket` (the C module under both) costs less than one.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_HEX = frozenset("0123456789abcdef")


def is_ipv6(text: str) -> bool:
    """True for an IPv6 address or network, False for an IPv4 one; both in any form this module returns."""
    return ":" in text


def parse_ip(text: str) -> str:
    """The canonical spelling of an IPv4 or IPv6 address without prefix length or zone. Raises ValueError."""
    packed, family = _pack(text)
    return inet_ntop(family, packed)


def parse_interface(text: str) -> tuple[str, int]:
    """Address and prefix length of `ADDRESS/LENGTH`. Raises ValueError."""
    address, slash, length = text.partition("/")
    packed, family = _pack(address)
    if not slash:
        raise ValueError(text)
    return inet_ntop(family, packed), _length(length, len(packed) * 8)


def parse_network(text: str) -> str:
    """`NETWORK/LENGTH` with the host bits cleared, as the kernel wants it; a lone address is the network of itself.

    Raises ValueError.
    """
    address, slash, length = text.partition("/")
    packed, family = _pack(address)
    bits = len(packed) * 8
    prefix = _length(length, bits) if slash else bits
    number = int.from_bytes(packed, "big") >> (bits - prefix) << (bits - prefix)
    return f"{inet_ntop(family, number.to_bytes(len(packed), 'big'))}/{prefix}"


def prefix_of(mask: str) -> int:
    """The prefix length that a netmask stands for: `255.255.255.0`, `ffff::`, or the length itself.

    Raises ValueError, also for a mask with holes.
    """
    if mask.isascii() and mask.isdecimal():
        return _length(mask, 128)
    packed, _ = _pack(mask)
    bits = len(packed) * 8
    rest: int = (1 << bits) - 1 - int.from_bytes(packed, "big")
    if rest & (rest + 1):
        raise ValueError(mask)
    return bits - rest.bit_length()


def contains(network: str, address: str) -> bool:
    """True if `network` (`ADDRESS/LENGTH`, host bits allowed) covers `address`; both as returned by this module."""
    base, _, length = network.partition("/")
    packed, family = _pack(base)
    other, other_family = _pack(address)
    shift = len(packed) * 8 - int(length)
    same = int.from_bytes(packed, "big") >> shift == int.from_bytes(other, "big") >> shift
    return family == other_family and same


def parse_mac(value: object) -> str:
    """A hardware address of six octets in lower case with colons. Raises ValueError.

    YAML 1.1 reads an unquoted `52:54:00:12:34:56` as a number to the base of 60. It has six digits, so nothing is lost
    and it is read back; people should not have to know.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 60**5 <= value < 100 * 60**5:
        octets: list[int] = []
        for _ in range(5):
            value, digit = divmod(value, 60)
            octets.insert(0, digit)
        return ":".join(f"{octet:02d}" for octet in (value, *octets))
    if not isinstance(value, str):
        raise ValueError(value)
    parts: Sequence[str] = value.lower().replace("-", ":").split(":")
    if len(parts) != 6 or any(len(part) != 2 or not set(part) <= _HEX for part in parts):
        raise ValueError(value)
    return ":".join(parts)


def _pack(text: str) -> tuple[bytes, int]:
    family = AF_INET6 if ":" in text else AF_INET
    try:
        return inet_pton(family, text), family
    except OSError as error:
        raise ValueError(text) from error


def _length(text: str, bits: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 3 or int(text) > bits:
        raise ValueError(text)
    return int(text)
