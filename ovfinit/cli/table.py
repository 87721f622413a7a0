"""Plain tables for a terminal: columns as wide as they must be, the last one folded where the line ends."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NARROWEST = 24
PIPE_WIDTH = 200


def line_width() -> int:
    """The terminal's columns; wide where the output goes into a file or a pipe."""
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        columns = 0
    # a serial line does not know its width
    return max(60, columns) if columns else 80


def cells(text: str) -> int:
    """How many columns a text takes: East Asian characters are two wide, combining ones nothing."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ", gap: str = "  ") -> Iterator[str]:
    """The rows as lines; a column without any text is left out. Line breaks in a cell become blanks."""
    flat = [[" ".join(cell.split()) for cell in row] for row in rows]
    kept = [number for number in range(len(flat[0]) if flat else 0) if any(row[number] for row in flat)]
    flat = [[row[number] for number in kept] for row in flat]
    if not flat or not flat[0]:
        return
    widths = [max(cells(row[number]) for row in flat) for number in range(len(flat[0]))]
    before = len(indent) + sum(widths[:-1]) + len(gap) * (len(widths) - 1)
    last = max(NARROWEST, line_width() - before)
    for row in flat:
        head = indent + "".join(f"{pad(cell, width)}{gap}" for cell, width in zip(row[:-1], widths))
        pieces = list(folded(row[-1], last)) or [""]
        yield (head + pieces[0]).rstrip()
        yield from (" " * before + piece for piece in pieces[1:])


def pad(text: str, width: int) -> str:
    """The text with blanks behind it up to a width in columns."""
    return text + " " * max(0, width - cells(text))


def folded(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most that many columns, broken at blanks where there are any."""
    line = ""
    for word in text.split(" "):
        rest = word
        while True:
            joined = f"{line} {rest}" if line else rest
            if cells(joined) <= width:
                line = joined
                break
            if line:
                yield line
                line = ""
            else:
                at = max(1, width // 2) if not rest.isascii() else width
                yield rest[:at]
                rest = rest[at:]
    if line:
        yield line
