"""Words for a shell, without shlex, which brings regular expressions with it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-")


def quoted(word: str) -> str:
    """A text as one word of a POSIX shell (2.2.2, single quotes)."""
    if word and set(word) <= _PLAIN:
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def joined(words: Iterable[str]) -> str:
    """A list of words as a shell reads it."""
    return " ".join(quoted(word) for word in words)
