"""Sets of bytes of a disk, as lists of (offset, length) in order, none touching the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Range = tuple[int, int]


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Any ranges, in order and with those that touch made one."""
    found: list[Range] = []
    for start, length in sorted(ranges):
        if length <= 0:
            continue
        if found and start <= found[-1][0] + found[-1][1]:
            first = found[-1][0]
            found[-1] = first, max(found[-1][1], start + length - first)
        else:
            found.append((start, length))
    return found


def without(those: list[Range], these: list[Range]) -> list[Range]:
    """What is in the first set and not in the second."""
    left: list[Range] = []
    at = 0
    for first, length in those:
        start, end = first, first + length
        while at < len(these) and sum(these[at]) <= start:
            at += 1
        for number in range(at, len(these)):
            hole, size = these[number]
            if hole >= end:
                break
            if hole > start:
                left.append((start, hole - start))
            start = hole + size
        if start < end:
            left.append((start, end - start))
    return left


def common(those: list[Range], these: list[Range]) -> list[Range]:
    """What is in both sets."""
    return without(those, without(those, these))


def total(ranges: Iterable[Range]) -> int:
    """How many bytes that is."""
    return sum(length for _, length in ranges)
