"""One walk over a document that a person wrote: where its values stand, and what was found on the way."""

from __future__ import annotations

from ..finding import ERROR, WARNING, Finding, dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    Path = tuple[str | int, ...]

    class Places(Protocol):
        """What knows where a value stands and how it is spelled: `yamltext.Document`, a merge of several."""

        def where(self, *path: str | int) -> str:
            """`file:line:column`."""

        def where_key(self, *path: str | int) -> str:
            """The same of the key that ends the path, not of its value."""

        def spelling(self, *path: str | int) -> str | None:
            """The scalar as it is written."""


class Unfit:
    """The type of `UNFIT`."""


UNFIT = Unfit()


class Reading:
    """One walk over a document: where values stand, and what was found."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.findings: list[Finding] = []
        # bytes that compressed values of this document have become, of which each has only a part to itself
        self.unfolded = 0

    def error(self, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> Unfit:
        """A value that cannot be used, or with `key` a key that is itself wrong; returns UNFIT."""
        self.findings.append(Finding(ERROR, self._where(path, key=key), dotted(path), message, hint))
        return UNFIT

    def warning(self, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> None:
        """A value that is used, or was never going to be."""
        self.findings.append(Finding(WARNING, self._where(path, key=key), dotted(path), message, hint))

    def _where(self, path: Path, *, key: bool) -> str:
        return self.places.where_key(*path) if key else self.places.where(*path)


def kind(value: object) -> str:
    """What a value is, in the words of people who write YAML."""
    names = {bool: "a flag", int: "a number", float: "a number", str: "a text", bytes: "binary", list: "a list"}
    return "nothing" if value is None else names.get(type(value), "a mapping")
