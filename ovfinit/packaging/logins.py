"""Passwords of repositories, kept out of the lists that everybody may read, see apt_auth.conf(5)."""

from __future__ import annotations

import re
from urllib.parse import unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "/etc/apt/auth.conf.d/90ovfinit.conf"
_LOGIN = re.compile(r"\b(https?)://([^\s/:@\]]+):([^\s/@\]]+)@([^\s/@\]]+)(/[^\s\]]*)?")
# the format has no quotes
_UNFIT = re.compile(r'[\s#"\\]|[^ -~]')


class Logins:
    """Those of the lists that were given to `apart`."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def apart(self, text: str) -> str:
        """The text with its URLs as they are without a login; one that the file cannot hold stays where it is."""
        return _LOGIN.sub(self._note, text)

    def _note(self, found: re.Match[str]) -> str:
        scheme, user, password, host, path = found.groups(default="")
        name, word = unquote(user), unquote(password)
        place = f"{scheme}://{host}{path}"
        entry = f"login {name} password {word}"
        if _UNFIT.search(name + word) or self._entries.setdefault(place, entry) != entry:
            return found.group()
        return place

    def content(self) -> str | None:
        """The file, None if it is not needed. The longest path comes first: the first that fits is taken."""
        if not self._entries:
            return None
        rows: Iterable[str] = sorted(self._entries, key=lambda place: (-len(place), place))
        return "\n".join(
            ["# Written by ovfinit.", *(f"machine {place.rstrip('/')} {self._entries[place]}" for place in rows), ""]
        )
