"""Programmatic units of CIM as OVF uses them (DSP0004, annex C), and the words that producers write instead."""

from __future__ import annotations

_WORDS = {
    "": 1,
    "byte": 1,
    "bytes": 1,
    "b": 1,
    "kilobyte": 1 << 10,
    "kilobytes": 1 << 10,
    "kb": 1 << 10,
    "kib": 1 << 10,
    "megabyte": 1 << 20,
    "megabytes": 1 << 20,
    "mb": 1 << 20,
    "mib": 1 << 20,
    "gigabyte": 1 << 30,
    "gigabytes": 1 << 30,
    "gb": 1 << 30,
    "gib": 1 << 30,
    "terabyte": 1 << 40,
    "terabytes": 1 << 40,
    "tb": 1 << 40,
    "tib": 1 << 40,
}
_BASES = ("2", "10")
DIGITS = 40


def factor(units: str) -> int | None:
    """How many bytes one such unit has, None if it is not a unit of memory: `byte * 2^20`, `MegaBytes`, `GB`."""
    words = "".join(units.lower().split())
    if words in _WORDS:
        return _WORDS[words]
    head, *parts = words.split("*")
    if head not in ("byte", "bytes"):
        return None
    result = 1
    for part in parts:
        base, caret, exponent = part.partition("^")
        if not number(base) or (caret and not number(exponent)):
            return None
        if caret and (base not in _BASES or int(exponent) > 100):
            return None
        result *= int(base) ** int(exponent) if caret else int(base)
        if result > 1 << 128:
            return None
    return result


def number(text: str) -> bool:
    """True for a plain decimal number of no absurd length."""
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS


def integer(text: str | None) -> int | None:
    """A whole number as producers write it, perhaps with a sign and blanks; None for anything else."""
    plain = (text or "").strip()
    sign = -1 if plain.startswith("-") else 1
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    return sign * int(digits) if number(digits) else None


def people(size: int) -> str:
    """A size in bytes for people: `2 GiB`, `334.3 MiB`, `17 bytes`."""
    for name, one in (("EiB", 1 << 60), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(size) >= one:
            return f"{size / one:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} bytes"
