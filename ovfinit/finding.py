"""What is off in a document that a person wrote: where, how bad, at which key, and what to write instead."""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ERROR, WARNING = "error", "warning"
_SHOWN_PART = 64


class Finding(Record):
    """One finding. `where` is `file:line:column`, `path` the dotted key; no message holds a value that may be secret.

    An error costs the value that it is about; a warning costs nothing.
    """

    severity: str
    where: str
    path: str
    message: str
    hint: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """As in `findings` of every JSON document."""
        return {name: getattr(self, name) for name in self._fields}

    @property
    def text(self) -> str:
        """`file:line:column: error|warning: path: message (hint)`."""
        return f"{self.where}: {self.severity}: {self.words}"

    @property
    def note(self) -> str:
        """The same where its severity is told otherwise."""
        return f"{self.where}: {self.words}"

    @property
    def words(self) -> str:
        """`path: message (hint)`."""
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{path}{self.message}{hint}"


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `users[1].name`; parts that nobody writes are quoted and cut."""
    words = (part if isinstance(part, int) or part.isprintable() else repr(part) for part in path)
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word[:_SHOWN_PART]}" for word in words).lstrip(".")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant, None if none is near."""
    from difflib import get_close_matches

    found = get_close_matches(word.replace("-", "_").lower(), list(known), 1, 0.75)
    return found[0] if found else None
