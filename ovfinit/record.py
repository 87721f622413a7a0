"""Immutable records: what `dataclasses` offers, at a price the boot path can pay.

Importing `dataclasses` or `typing` costs about as much as starting Python itself (see `make bench`), and the agent
must not spend that on every boot. Type checkers see an ordinary frozen dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    _defaults: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        own = cls.__dict__.get("__annotations__", {})
        names = [name for name in own if not name.startswith("_") and not str(own[name]).startswith("ClassVar")]
        cls._fields = (*cls._fields, *(name for name in names if name not in cls._fields))
        cls._defaults = {**cls._defaults, **{name: cls.__dict__[name] for name in names if name in cls.__dict__}}

    def __init__(self, *values: Any, **named: Any) -> None:
        if len(values) > len(self._fields):
            raise TypeError(f"{type(self).__name__} takes {len(self._fields)} values, not {len(values)}")
        given = dict(zip(self._fields, values))
        for name, value in named.items():
            if name not in self._fields:
                raise TypeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._fields)}")
            if name in given:
                raise TypeError(f"{type(self).__name__}: {name} is given twice")
            given[name] = value
        for name in self._fields:
            if name not in given and name not in self._defaults:
                raise TypeError(f"{type(self).__name__} needs {name}")
            object.__setattr__(self, name, given[name] if name in given else self._defaults[name])

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
