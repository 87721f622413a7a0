"""Passwords of repositories, kept out of the lists that everybody may read, see apt_auth.conf(5)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

FILE = "/etc/apt/auth.conf.d/90ovfinit.conf"
_LOGIN = r"(?<![\w+])(https?)://([^\s/:@\]]+):([^\s/@\]]+)@([^\s/@\]]+)(/[^\s\]]*)?"


class Logins:
    """Those of the lists that were given to `apart`."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def apart(self, text: str) -> str:
        """The text with its URLs as they are without a login; one that the file cannot hold stays where it is."""
        if "@" not in text:
            return text
        import re

        return re.sub(_LOGIN, self._note, text)

    def _note(self, found: re.Match[str]) -> str:
        from urllib.parse import unquote

        scheme, user, password, host, path = found.groups(default="")
        name, word = unquote(user), unquote(password)
        place = f"{scheme}://{host}{path}"
        entry = f"login {name} password {word}"
        # the format has no quotes
        fits = all("!" <= sign <= "~" and sign not in '#"\\' for sign in name + word)
        if not fits or self._entries.setdefault(place, entry) != entry:
            return found.group()
        return place

    def content(self) -> str | None:
        """The file, None if it is not needed. The longest path comes first: the first that fits is taken."""
        if not self._entries:
            return None
        places = sorted(self._entries, key=lambda place: (-len(place), place))
        rows = [f"machine {place.rstrip('/')} {self._entries[place]}" for place in places]
        return "\n".join(["# Written by ovfinit.", *rows, ""])
