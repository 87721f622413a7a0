"""What describes one value of a cloud-config key: the base of the vocabulary, and the specs that stand for no type.

A `Spec` takes a value as YAML gives it and hands back the typed one, or `UNFIT` and a finding. What is unfit is left
out at the smallest place that makes sense without it (one user of a list, one key of a mapping), so no mistake costs
more than itself. Spellings that the peer takes for historical reasons are taken with a warning.
"""

from __future__ import annotations

from ..record import Record
from .reading import UNFIT, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .reading import Path, Reading


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
        return self.typed(value, path, reading) if self.takes(value) else self.unfit(value, path, reading)

    def typed(self, value: Any, path: Path, reading: Reading) -> Any:
        """What `read` gives for a value that this spec takes."""
        del path, reading
        return value

    def unfit(self, value: object, path: Path, reading: Reading) -> Any:
        """The finding for a value of another type."""
        return reading.error(path, f"must be {self.form}, not {kind(value)}")


class Anything(Spec):
    """Any value: what another program will judge."""


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
