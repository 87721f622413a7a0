"""The vocabulary in which a duty describes its cloud-config keys: one table validates, documents and types them.

Here are the specs that are made of others; spec.py says what a spec is, scalars.py has those of single values.
"""

from __future__ import annotations

from ..finding import nearest
from .reading import UNFIT
from .scalars import Text
from .spec import Anything, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .reading import Path, Reading

ITEMS_LIMIT = 10_000


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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if self.commas and isinstance(value, str):
            read = (self.item.read(word.strip(), path, reading) for word in value.split(",") if word.strip())
            return tuple(item for item in read if item is not UNFIT)
        if not isinstance(value, list):
            alone = self.item.read(value, path, reading)
            return UNFIT if alone is UNFIT else (alone,)
        if len(value) > ITEMS_LIMIT:
            return reading.error(path, f"has more than {ITEMS_LIMIT} items")
        items = (self.item.read(item, (*path, index), reading) for index, item in enumerate(value))
        return tuple(item for item in items if item is not UNFIT)


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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if not self.least <= len(value) <= len(self.columns):
            return reading.error(path, f"must be {self.form}, not {len(value)}")
        items = [
            spec.read(item, (*path, index), reading) for index, (spec, item) in enumerate(zip(self.columns, value))
        ]
        return UNFIT if any(item is UNFIT for item in items) else tuple(items)


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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        typed: dict[str, Any] = {}
        unfit = False
        for key, given in value.items():
            name = self.aliases.get(key, key)
            if name not in self.keys:
                close = nearest(key, self.keys)
                reading.error((*path, key), "is not a known key", f"did you mean {close}?" if close else None, key=True)
                continue
            if name != key:
                reading.warning((*path, key), "is deprecated", f"write {name}", key=True)
                if name in value:
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
                    (key for key in value if self.aliases.get(key, key) == name and value[key] is not None), None
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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        typed = {}
        for name, given in value.items():
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

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        chosen = next(spec for spec in self.specs if spec.takes(value))
        if isinstance(chosen, Text) and chosen.choices and chosen.text(value, path, reading) not in chosen.choices:
            close = nearest(str(value), chosen.choices)
            return reading.error(path, f"must be {self.form}", f"did you mean {close}?" if close else None)
        return chosen.read(value, path, reading)
