"""The admin's own /etc/network/interfaces, as far as we must know it: whom it configures, and whether it reads ours.

Format: interfaces(5).
"""

from __future__ import annotations

import os

from .. import block
from ..errors import InputError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

MAIN = "/etc/network/interfaces"
FOLDER = "/etc/network/interfaces.d"
OURS = f"{FOLDER}/50-ovfinit"
LIMIT = 1024 * 1024
FILES_LIMIT = 200


class Stanza(Record):
    """One `iface` stanza: logical name, family, method, and FILE:LINE."""

    name: str
    family: str
    method: str
    where: str


class Interfaces(Record):
    """`sources_ours`: others' lines lead to our file, not only our own block. `stanzas`: all others', less loopback."""

    sources_ours: bool
    stanzas: tuple[Stanza, ...]


def read(host: Host) -> Interfaces:
    """The main file and what it includes. A file that cannot be read, or is larger than 1 MiB, says nothing."""
    stanzas: list[Stanza] = []
    waiting, seen = [MAIN], set[str]()
    while waiting and len(seen) < FILES_LIMIT:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        # our own file is what we are about to replace: what it says now does not count
        for number, words in () if path == OURS else lines(_text(host, path)):
            if words[0] == "iface" and len(words) >= 4 and words[3] != "loopback":
                stanzas.append(Stanza(words[1], words[2], words[3], f"{path}:{number}"))
            elif words[0] in {"source", "source-directory"} and len(words) > 1:
                for word in words[1:]:
                    waiting += _included(host, os.path.join(os.path.dirname(path), word), whole=words[0] != "source")
    return Interfaces(OURS in seen, tuple(stanzas))


def _text(host: Host, path: str) -> str:
    try:
        return block.without(host.text(path, LIMIT) or "")
    except InputError:
        # a folder under interfaces.d, for one
        return ""


def lines(text: str) -> list[tuple[int, list[str]]]:
    """Number and words of each line that says something, continued lines joined."""
    found = []
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if pending else number
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        words = pending.split()
        if words and not words[0].startswith("#"):
            found.append((start, words))
        pending = ""
    return found


def _included(host: Host, pattern: str, *, whole: bool) -> list[str]:
    """Files that a `source` (shell pattern) or `source-directory` (`whole`: plain names only) line stands for.

    Our own file counts whether it exists yet or not.
    """
    from fnmatch import fnmatchcase

    pattern = os.path.normpath(pattern)
    folder, last = (pattern, "*") if whole else os.path.split(pattern)
    if any(sign in folder for sign in "*?["):
        # wordexp(3) would expand folders too; nobody's main file does, and ours lies in none of these
        return []
    names = {os.path.basename(OURS), *host.listing(folder)} if folder == FOLDER else host.listing(folder)
    plain = (name for name in names if not whole or name.replace("-", "").replace("_", "").isalnum())
    return [f"{folder}/{name}" for name in sorted(plain) if not name.startswith(".") and fnmatchcase(name, last)]
