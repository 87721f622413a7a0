"""Immutable records: what `dataclasses` offers, at a price the boot path can pay.

Importing `dataclasses` or `typing` costs about as much as starting Python itself (see `make bench`), and the agent
must not spend that on every boot. Type checkers see an ordinary frozen dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar, dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_: object) -> object:  # noqa: D103
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """Base of plain, immutable data: fields are the annotated names, in order, a class value is the default.

    Raises TypeError for an unknown, doubled or missing field, AttributeError for an attempt to change one.
    """

    _fields: tuple[str, ...] = ()
    _known: frozenset[str] = frozenset()
    _defaults: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        own = vars(cls)
        kinds = own.get("__annotations__", {})
        names = [name for name in kinds if name[0] != "_" and not str(kinds[name]).startswith("ClassVar")]
        cls._fields = tuple(dict.fromkeys([*cls._fields, *names]))
        cls._known = frozenset(cls._fields)
        cls._defaults = {**cls._defaults, **{name: own[name] for name in names if name in own}}

    def __init__(self, *values: Any, **named: Any) -> None:
        given = {**self._defaults, **dict(zip(self._fields, values)), **named}
        if given.keys() != self._known or (values and self._doubled(values, named) is not None):
            raise TypeError(self._misfit(values, named))
        # past our own __setattr__
        self.__dict__.update(given)

    @classmethod
    def _doubled(cls, values: tuple[Any, ...], named: Mapping[str, Any]) -> str | None:
        """The first name that has two values; empty if there is one value too many."""
        if len(values) > len(cls._fields):
            return ""
        return next((name for name in cls._fields[: len(values)] if name in named), None)

    @classmethod
    def _misfit(cls, values: tuple[Any, ...], named: Mapping[str, Any]) -> str:
        """Why these values make no record."""
        fields = cls._fields
        if len(values) > len(fields):
            return f"{cls.__name__} takes {len(fields)} values, not {len(values)}"
        for name in named:
            if name not in fields:
                return f"{cls.__name__} has no field {name!r}; it has {', '.join(fields)}"
        twice = cls._doubled(values, named)
        if twice is not None:
            return f"{cls.__name__}: {twice} is given twice"
        given = {*fields[: len(values)], *named, *cls._defaults}
        return f"{cls.__name__} needs {next(name for name in fields if name not in given)}"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: make another with with_()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self._fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"

    def as_dict(self) -> dict[str, Any]:
        """The fields and their values, in order; nested records stay records."""
        return {name: getattr(self, name) for name in self._fields}

    def with_(self: R, **changed: Any) -> R:
        """A copy in which the named fields have other values."""
        return type(self)(**{**self.as_dict(), **changed})
