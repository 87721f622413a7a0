"""A YAML value with its place and its spelling, and what YAML 1.1 makes of a scalar that is not in quotes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_NUMBER = 64
_FLAGS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class Node:
    """A value, where it stands (counted from 1), and what it weighs with its aliases written out."""

    __slots__ = ("characters", "column", "height", "line", "names", "nodes", "parts", "spelling", "value")

    def __init__(self, value: Any, line: int, column: int, spelling: str | None = None) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.spelling = spelling
        self.parts: dict[str, Node] | list[Node] | None = None
        # line and column of each key of a mapping
        self.names: dict[str, tuple[int, int]] = {}
        self.nodes = 1
        self.characters = len(spelling or "")
        self.height = 1


def flag(text: str) -> bool:
    """The truth of a word for it. Raises KeyError for any other."""
    return _FLAGS[text.lower()]


def integer(text: str) -> int | str:
    """The number that a text of YAML 1.1's form means; base 60 and what is too long stay text."""
    digits = text.replace("_", "").lstrip("+-").lower()
    if ":" in digits or len(digits) > MAX_NUMBER:
        return text
    base = 2 if digits.startswith("0b") else 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    number = int(digits, base)
    return -number if text.startswith("-") else number


def real(text: str) -> float | str:
    """The same for a number with a point; infinities and what is no number stay text."""
    digits = text.replace("_", "").lower()
    if ":" in digits or len(digits) > MAX_NUMBER or digits.lstrip("+-") in (".inf", ".nan"):
        return text
    return float(digits)
