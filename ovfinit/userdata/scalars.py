"""The vocabulary of cloud-config keys (see spec.py): single values, from a text to a size."""

from __future__ import annotations

from ..finding import nearest
from ..model import Secret
from .reading import UNFIT, kind
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .reading import Path, Reading

UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE_LIMIT = 1 << 60
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Text(Spec):
    """One text; `check` returns what is wrong with it, or None. A number or flag is taken as it is spelled."""

    choices: Sequence[str] = ()
    check: Callable[[str], str | None] | None = None
    lines: bool = False

    @property
    def form(self) -> str:
        """See Spec."""
        if len(self.choices) == 1:
            return self.choices[0]
        return f"one of {', '.join(self.choices)}" if self.choices else "a text"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (str, int, float, bytes))

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        text = self.text(value, path, reading)
        if text is None:
            return self.unfit(value, path, reading)
        if self.choices and text not in self.choices:
            close = nearest(text, self.choices)
            return reading.error(path, f"must be {self.form}", f"did you mean {close}?" if close else None)
        if not self.lines and not text.isprintable():
            return reading.error(path, "must be one line without control characters")
        wrong = self.check(text) if self.check else None
        return reading.error(path, wrong) if wrong else text

    def text(self, value: Any, path: Path, reading: Reading) -> str | None:
        """The value as text; None if it cannot be one."""
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
        if isinstance(value, str):
            return value
        spelled = reading.places.spelling(*path)
        return spelled if spelled is not None else str(value)


class Hidden(Text):
    """A text that must not be shown; the typed value is a Secret."""

    lines: bool = True

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().typed(value, path, reading)
        return found if found is UNFIT else Secret(found)


class Data(Text):
    """A text or `!!binary` of any length and characters; the typed value is bytes."""

    lines: bool = True

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if isinstance(value, bytes):
            return value
        found = super().typed(value, path, reading)
        return found if found is UNFIT else found.encode("utf-8", "surrogateescape")


class Flag(Spec):
    """True or false; the words for them in quotes are taken, with a warning."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "true or false"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, bool) or str(value).lower() in _FLAGS

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if isinstance(value, bool):
            return value
        reading.warning(path, f"is {kind(value)}, taken for true or false", "write it without quotes")
        return _FLAGS[str(value).lower()]


class Number(Spec):
    """A whole number from `low` to `high`; digits in quotes will do."""

    low: int = 0
    high: int = 2**31 - 1

    @property
    def form(self) -> str:
        """See Spec."""
        return f"a whole number from {self.low} to {self.high}"

    def takes(self, value: object) -> bool:
        """See Spec."""
        digits = isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdecimal()
        return isinstance(value, int) and not isinstance(value, bool) or digits and len(str(value)) < 20

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        return int(value) if self.low <= int(value) <= self.high else reading.error(path, f"must be {self.form}")


class Command(Spec):
    """A command: a text for the shell, or a list of words for execve(2); the typed value is a str or a tuple of str."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "a command: a text for the shell, or a list of words"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (str, list))

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if isinstance(value, str):
            return value if "\0" not in value else reading.error(path, "must not hold a NUL character")
        words = []
        for index, word in enumerate(value):
            if word is None or isinstance(word, (dict, list)):
                return reading.error((*path, index), f"must be a word, not {kind(word)}")
            text = Text(lines=True).text(word, (*path, index), reading)
            if text is None or "\0" in text:
                return reading.error((*path, index), "must be a text without NUL characters")
            words.append(text)
        return tuple(words) if words else reading.error(path, "must have at least one word")


class Size(Spec):
    """A size: a number of bytes, or digits with one of B, K, M, G, T (powers of 1024); the typed value is bytes."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "a size in bytes, or such as 512M or 1.5G"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) or _bytes(value) is not None

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        size = int(value) if isinstance(value, (int, float)) else _bytes(value)
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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        spelled = (value if isinstance(value, str) else reading.places.spelling(*path) or f"{value:o}").lower()
        digits = spelled.removeprefix("0o")
        if not digits or not set(digits) <= set("01234567") or int(digits, 8) > 0o7777:
            return reading.error(path, f"must be {self.form}")
        return int(digits, 8)
