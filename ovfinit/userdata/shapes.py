"""More of the vocabulary (see schema.py): rows whose places have meanings of their own, sizes, permissions."""

from __future__ import annotations

from .reading import UNFIT, kind
from .schema import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .reading import Path, Reading

UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE_LIMIT = 1 << 60


class Row(Spec):
    """A list in which each place has its own spec, at least `least` of them; the typed value is a tuple.

    One item that is unfit makes the row unfit: what is left of it would mean something else.
    """

    columns: Sequence[Spec] = ()
    least: int = 1

    @property
    def form(self) -> str:
        """See Spec."""
        most = len(self.columns)
        return f"a list of {most if self.least == most else f'{self.least} to {most}'} items"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, list)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        if not self.least <= len(found) <= len(self.columns):
            return reading.error(path, f"must be {self.form}, not {len(found)}")
        items = [
            spec.read(item, (*path, index), reading) for index, (spec, item) in enumerate(zip(self.columns, found))
        ]
        return UNFIT if any(item is UNFIT for item in items) else tuple(items)


class Size(Spec):
    """A size: a number of bytes, or digits with one of B, K, M, G, T (powers of 1024); the typed value is bytes."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "a size in bytes, or such as 512M or 1.5G"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) or _bytes(value) is not None

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        size = int(found) if isinstance(found, (int, float)) else _bytes(found)
        if size is None or not 0 <= size <= SIZE_LIMIT:
            return reading.error(path, f"must be {self.form}, not {kind(value)}")
        return size


def _bytes(value: object) -> int | None:
    if not isinstance(value, str) or not value.isascii() or len(value) > 30:
        return None
    digits, unit = (value[:-1], value[-1]) if value[-1:] in UNITS else (value, "B")
    whole, dot, part = digits.partition(".")
    if not (whole or part) or not (whole or "0").isdecimal() or dot and not (part or "0").isdecimal():
        return None
    return int(float(digits) * UNITS[unit])


class Mode(Spec):
    """Permissions in octal, as chmod(1) takes them, in quotes (`'0644'`) or not (`0644`); the typed value is an int."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "permissions in octal such as '0644'"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (str, int)) and not isinstance(value, bool)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        spelled = (found if isinstance(found, str) else reading.places.spelling(*path) or f"{found:o}").lower()
        digits = spelled.removeprefix("0o")
        if not digits or not set(digits) <= set("01234567") or int(digits, 8) > 0o7777:
            return reading.error(path, f"must be {self.form}")
        return int(digits, 8)
