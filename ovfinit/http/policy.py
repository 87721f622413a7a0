"""The policy itself: what a status means, how long to wait between tries, what may be shown of a URL."""

from __future__ import annotations

import os
from time import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline

AGENT = "ovfinit"
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 3.0
LONGEST_RETRY_AFTER = 10.0

VALUE, ABSENT, REFUSED, AGAIN, FINAL = "value", "absent", "refused", "again", "final"


def verdict(status: int) -> str:
    """What a status code of an answer to GET means: VALUE, ABSENT, or unknown as one of REFUSED, AGAIN, FINAL.

    AGAIN may be another answer later. 404 and 410 say positively that there is nothing (RFC 9110, 15.5.5, 15.5.11).
    """
    if status == 200:
        return VALUE
    if status in (404, 410):
        return ABSENT
    if status in (401, 403):
        return REFUSED
    return AGAIN if status in (408, 429) or 500 <= status <= 599 else FINAL


def explained(status: int) -> str:
    """Words for a status that is not a value."""
    words = "redirects are not followed" if 300 <= status <= 399 else _WORDS.get(status)
    return f"answered {status} ({words})" if words else f"answered {status}"


_WORDS = {401: "unauthorized", 403: "forbidden", 404: "not found", 429: "too many requests", 503: "unavailable"}


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for; None without one.

    The date form (RFC 9110, 10.2.3) is left out: it needs the wall clock, which nobody has set yet during a boot.
    """
    return float(value) if value and len(value) <= 6 and value.isascii() and value.isdigit() else None


class Backoff:
    """Pauses between tries: 20 ms, doubling to 3 s, each shortened at random by up to a half."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._pause = FIRST_PAUSE
        self._last = False

    def wait(self, asked: float | None = None) -> bool:
        """Sleep until the next try is due; False when there can be none before the deadline.

        `asked` (Retry-After) makes the pause longer, never longer than 10 s.
        """
        # many guests start at the same moment; os.urandom because importing random costs more than it is worth
        pause = self._pause * (1 + os.urandom(1)[0] / 255) / 2
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        left = self._deadline.remaining()
        asked = min(asked or 0.0, LONGEST_RETRY_AFTER)
        if asked > pause:
            if asked >= left:
                return False
            pause = asked
        elif pause > left / 2:
            # the last try takes place while there is still time for an answer
            if self._last:
                return False
            self._last = True
            pause = left / 2
        sleep(pause)
        return not self._deadline.expired()


def shown(url: str) -> str:
    """A URL as an error may show it: without user, password, query and fragment, which may be secret."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "".join(character for character in url.partition("?")[0] if character.isprintable())
    host, slash, path = rest.partition("/")
    path, question, _ = path.partition("#")[0].partition("?")
    text = f"{scheme}://{host.rpartition('@')[2].partition('?')[0]}{slash}{path}{'?…' if question else ''}"
    return "".join(character for character in text if character.isprintable())


def text_lines(body: bytes) -> list[str] | None:
    """The lines of a small text, stripped, without empty ones; None if it is not printable UTF-8."""
    try:
        lines = [line.strip() for line in body.decode().replace("\r\n", "\n").split("\n")]
    except UnicodeDecodeError:
        return None
    return [line for line in lines if line] if all(line.isprintable() for line in lines) else None
