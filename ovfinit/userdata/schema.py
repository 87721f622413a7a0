"""The vocabulary in which a duty describes its cloud-config keys: one table validates, documents and types them.

A `Spec` takes a value as YAML gives it and hands back the typed one, or `UNFIT` and a finding. What is unfit is left
out at the smallest place that makes sense without it (one user of a list, one key of a mapping), so no mistake costs
more than itself. Spellings that the peer takes for historical reasons are taken with a warning.
"""

from __future__ import annotations

from ..finding import nearest
from ..model import Secret
from ..record import Record
from .reading import UNFIT, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .reading import Path, Reading

ITEMS_LIMIT = 10_000
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Spec(Record):
    """Base: `doc` is one sentence for the reference; `deprecated` says what to write instead."""

    doc: str = ""
    deprecated: str = ""

    @property
    def form(self) -> str:
        """What the value must be, in words, after `must be`."""
        return "any value"

    def takes(self, value: object) -> bool:
        """True if the value is of this spec's type, whether or not it is good: how `OneOf` chooses."""
        del value
        return True

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """The typed value, or UNFIT with a finding."""
        if self.deprecated:
            reading.warning(path, "is deprecated", self.deprecated)
        return value if self.takes(value) else self.unfit(value, path, reading)

    def unfit(self, value: object, path: Path, reading: Reading) -> Any:
        """The finding for a value of another type."""
        return reading.error(path, f"must be {self.form}, not {kind(value)}")


class Anything(Spec):
    """Any value: what another program will judge."""


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

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        text = self.text(found, path, reading)
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

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        return found if found is UNFIT else Secret(found)


class Data(Text):
    """A text or `!!binary` of any length and characters; the typed value is bytes."""

    lines: bool = True

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if isinstance(value, bytes):
            return value
        found = super().read(value, path, reading)
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

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT or isinstance(found, bool):
            return found
        reading.warning(path, f"is {kind(value)}, taken for true or false", "write it without quotes")
        return _FLAGS[str(found).lower()]


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

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        return int(found) if self.low <= int(found) <= self.high else reading.error(path, f"must be {self.form}")


class Command(Spec):
    """A command: a text for the shell, or a list of words for execve(2); the typed value is a str or a tuple of str."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "a command: a text for the shell, or a list of words"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, (str, list))

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        if isinstance(found, str):
            return found if "\0" not in found else reading.error(path, "must not hold a NUL character")
        words = []
        for index, word in enumerate(found):
            if word is None or isinstance(word, (dict, list)):
                return reading.error((*path, index), f"must be a word, not {kind(word)}")
            text = Text(lines=True).text(word, (*path, index), reading)
            if text is None or "\0" in text:
                return reading.error((*path, index), "must be a text without NUL characters")
            words.append(text)
        return tuple(words) if words else reading.error(path, "must have at least one word")


class Many(Spec):
    """A list of items; with `single` one item may stand alone, with `commas` a text is split at commas.

    Items that are unfit are left out.
    """

    item: Spec = Anything()
    single: bool = False
    commas: bool = False

    @property
    def form(self) -> str:
        """See Spec."""
        return f"a list{f', or {self.item.form}' if self.single else ''}"

    def takes(self, value: object) -> bool:
        """See Spec."""
        alone = (self.single and value is not None and self.item.takes(value)) or (
            self.commas and isinstance(value, str)
        )
        return isinstance(value, list) or alone

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        if self.commas and isinstance(found, str):
            read = (self.item.read(word.strip(), path, reading) for word in found.split(",") if word.strip())
            return tuple(item for item in read if item is not UNFIT)
        if not isinstance(found, list):
            alone = self.item.read(found, path, reading)
            return UNFIT if alone is UNFIT else (alone,)
        if len(found) > ITEMS_LIMIT:
            return reading.error(path, f"has more than {ITEMS_LIMIT} items")
        items = (self.item.read(item, (*path, index), reading) for index, item in enumerate(found))
        return tuple(item for item in items if item is not UNFIT)


class Table(Spec):
    """A mapping of known keys, each with its spec.

    `required` keys must be there and usable; `vital` ones usable if they are there: without what was meant by them the
    rest would be something else.
    Keys that are null are absent, unless null is one of the forms that the key's spec names (`OneOf` with `Nothing`).
    `aliases`: other spellings of a key, deprecated ones. The typed value is a dict of the keys that are there.
    """

    keys: Mapping[str, Spec] = {}
    required: Sequence[str] = ()
    vital: Sequence[str] = ()
    aliases: Mapping[str, str] = {}

    @property
    def form(self) -> str:
        """See Spec."""
        return "a mapping"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, dict)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        typed: dict[str, Any] = {}
        unfit = False
        for key, given in found.items():
            name = self.aliases.get(key, key)
            if name not in self.keys:
                close = nearest(key, self.keys)
                reading.error((*path, key), "is not a known key", f"did you mean {close}?" if close else None, key=True)
                continue
            if name != key:
                reading.warning((*path, key), "is deprecated", f"write {name}", key=True)
                if name in found:
                    continue
            spec = self.keys[name]
            if given is None and not (isinstance(spec, OneOf) and spec.takes(None)):
                continue
            read = spec.read(given, (*path, key), reading)
            if read is not UNFIT:
                typed[name] = read
            elif name in self.vital:
                unfit = True
        if unfit:
            return UNFIT
        for name in self.required:
            if name not in typed:
                stands = next(
                    (key for key in found if self.aliases.get(key, key) == name and found[key] is not None), None
                )
                # an unusable value has its own finding
                return UNFIT if stands is not None else reading.error(path, f"needs the key {name}")
        return typed


class Named(Spec):
    """A mapping from names that the user chooses to values of one spec; `check` judges a name."""

    value: Spec = Anything()
    check: Callable[[str], str | None] | None = None

    @property
    def form(self) -> str:
        """See Spec."""
        return "a mapping of names"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return isinstance(value, dict)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        typed = {}
        for name, given in found.items():
            wrong = self.check(name) if self.check else None
            if wrong:
                reading.error((*path, name), wrong)
                continue
            read = self.value.read(given, (*path, name), reading)
            if read is not UNFIT:
                typed[name] = read
        return typed


class OneOf(Spec):
    """The first of several specs that takes the value."""

    specs: Sequence[Spec] = ()

    @property
    def form(self) -> str:
        """See Spec."""
        return " or ".join(spec.form for spec in self.specs)

    def takes(self, value: object) -> bool:
        """See Spec."""
        return any(spec.takes(value) for spec in self.specs)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        found = super().read(value, path, reading)
        if found is UNFIT:
            return UNFIT
        chosen = next(spec for spec in self.specs if spec.takes(value))
        if isinstance(chosen, Text) and chosen.choices and chosen.text(value, path, reading) not in chosen.choices:
            close = nearest(str(value), chosen.choices)
            return reading.error(path, f"must be {self.form}", f"did you mean {close}?" if close else None)
        return chosen.read(value, path, reading)


class Nothing(Spec):
    """A null, where it has a meaning of its own beside other specs."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "null"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return value is None


class Unoffered(Spec):
    """A key of the peer's that is known and not offered; `instead` says what to do."""

    instead: str = ""

    @property
    def form(self) -> str:
        """See Spec."""
        return "left out"

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        del value
        reading.warning(path, "is known, but not offered", self.instead or None, key=True)
        return UNFIT
