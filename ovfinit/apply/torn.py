"""Accounts that a power cut left half made.

useradd writes passwd(5), shadow(5) and group(5) one after the other. A user who stands in the first of them only is
there for everybody who looks, and sshd lets them in as little as if they were not.
"""

from __future__ import annotations

import os
from time import time

from .. import accounts, atomic
from .tools import account_tool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

SHADOW = "/etc/shadow"
LIBC_LOCK = "/etc/.pwd.lock"
DAY = 86400


def mend(host: Host, user: str, *, own_group: bool) -> None:
    """Give a user what useradd did not come to write. Raises ChangeError or OSError."""
    lacking = accounts.torn(host, user, own_group=own_group)
    account = host.accounts().get(user)
    if account is None:
        return
    if SHADOW in lacking:
        _add_line(host, SHADOW, f"{user}:!:{int(time()) // DAY}:0:99999:7:::\n")
    if "/etc/group" in lacking:
        taken = user in host.groups()
        account_tool(host, "groupadd", "-g", str(account.gid), f"{user}-{account.gid}" if taken else user)


def _add_line(host: Host, path: str, line: str) -> None:
    """Under the lock of lckpwdf(3), which all who write there take."""
    import fcntl

    real, flags = host.real(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(host.real(LIBC_LOCK), flags, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        status = os.stat(real)
        text = host.text(path) or ""
        gap = "" if text.endswith("\n") or not text else "\n"
        content = f"{text}{gap}{line}".encode("utf-8", "surrogateescape")
        atomic.write(real, content, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
    finally:
        os.close(lock)
