"""A marked block of ours in a text that belongs to others."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN = "# BEGIN ovfinit"
END = "# END ovfinit"


def _span(rows: Sequence[str]) -> tuple[int, int] | None:
    """Index of the first and one past the last line of the block; a BEGIN without an END spans only itself."""
    if BEGIN not in rows:
        return None
    first = rows.index(BEGIN)
    return first, (rows.index(END, first) + 1 if END in rows[first:] else first + 1)


def find(text: str) -> tuple[str, ...] | None:
    """The lines of the block, without its marks; None if there is no block."""
    rows = text.split("\n")
    span = _span(rows)
    return None if span is None else tuple(row for row in rows[slice(*span)] if row not in (BEGIN, END))


def replace(text: str, lines: Sequence[str], before: str = "") -> str:
    """The text with these lines as its block, and all else untouched.

    A block that is there keeps its place; a new one goes before the first line that starts with `before`, or to the
    end. Without lines there is no block.
    """
    rows = text.split("\n")
    block = [BEGIN, *lines, END] if lines else []
    span = _span(rows)
    if span is not None:
        rows[slice(*span)] = block
    elif block:
        at = next((index for index, row in enumerate(rows) if before and row.startswith(before)), None)
        if at is not None:
            rows[at:at] = block
        elif rows[-1] == "":
            rows[-1:] = [*block, ""]
        else:
            rows += [*block, ""]
    return "\n".join(rows)


def without(text: str) -> str:
    """The text with empty lines where the block stands, so that all others keep their numbers."""
    rows = text.split("\n")
    span = _span(rows)
    if span is not None:
        rows[slice(*span)] = [""] * (span[1] - span[0])
    return "\n".join(rows)
