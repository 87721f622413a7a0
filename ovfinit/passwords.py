"""The password of an account: by chpasswd on the running machine; in a tree without starting anything that lies there.

chpasswd works on a tree by chroot(2), and then starts nscd and sss_cache, which would be the tree's. So it gets a
folder with nothing but this account in it, and what it makes of the password is put into the tree's shadow(5) by us.
"""

from __future__ import annotations

import os
from time import time

from . import atomic
from .accounts import is_hash
from .errors import ChangeError
from .paths import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .host import Host
    from .model import Secret

    Call = Callable[..., None]

SHADOW = "/etc/shadow"
DAY = 86400
# without what looks alike on a console; 20 of these are 115 bits
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 20


def random() -> Secret:
    """A password that nobody can guess."""
    from secrets import choice

    from .model import Secret

    return Secret("".join(choice(ALPHABET) for _ in range(LENGTH)))


def put(host: Host, user: str, password: Secret, call: Call, *, expired: bool) -> None:
    """Set the password; with `expired` it must be changed at the first login. `call` starts a program.

    Raises ChangeError or OSError.
    """
    tool = host.tool("chpasswd")
    if tool is None:
        raise ChangeError("chpasswd is not installed", where=user, remedy="install the package passwd")
    text = password.reveal()
    form: Sequence[str] = ("-e",) if is_hash(text) else ("-c", "SHA512")
    if not host.live:
        hashed = text if is_hash(text) else _hashed(host, user, (tool, *form), text, call)
        _enter(host, user, hashed, "0" if expired else str(int(time()) // DAY))
        return
    call((tool, *form), stdin=f"{user}:{text}\n".encode(), where=user)
    chage = host.tool("chage")
    if expired and chage is not None:
        call((chage, "-d", "0", user))


def _hashed(host: Host, user: str, command: Sequence[str], text: str, call: Call) -> str:
    from shutil import rmtree

    folder = atomic.candidate(host.real(f"{FOLDER}/accounts"))
    rmtree(folder, ignore_errors=True)
    try:
        os.makedirs(f"{folder}/etc", 0o700)
        for name, line in (("passwd", f"{user}:x:1000:1000::/:/bin/sh\n"), ("shadow", f"{user}:!:1::::::\n")):
            atomic.write(f"{folder}/etc/{name}", line.encode(), 0o600)
        call((*command, "-R", folder), stdin=f"{user}:{text}\n".encode(), where=user)
        with open(f"{folder}/etc/shadow", encoding="ascii") as file:
            return file.read().split(":")[1]
    finally:
        rmtree(folder, ignore_errors=True)


def _enter(host: Host, user: str, hashed: str, changed: str) -> None:
    """Put the hash and the day of its last change into the account's line."""
    real = host.real(SHADOW)
    lines = (host.text(SHADOW) or "").splitlines(keepends=True)
    for index, line in enumerate(lines):
        fields = line.split(":")
        if fields[0] == user and len(fields) == 9:
            lines[index] = ":".join((user, hashed, changed, *fields[3:]))
            status = os.stat(real)
            mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
            atomic.write(real, "".join(lines).encode(), mode, owner)
            return
    raise ChangeError(f"has no line for {user}", where=SHADOW, remedy="run pwconv in the tree")
