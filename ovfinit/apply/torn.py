"""Accounts that a power cut left half made, and the locks that it left.

useradd writes passwd(5), shadow(5) and group(5) one after the other. A user who stands in the first of them only is
there for everybody who looks, and sshd lets them in as little as if they were not.
"""

from __future__ import annotations

import os
from time import time

from .. import accounts, atomic
from ..errors import InputError
from .tools import account_tool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

SHADOW = "/etc/shadow"
LIBC_LOCK = "/etc/.pwd.lock"
DAY = 86400
LOCKS = tuple(f"{path}.lock" for path in accounts.FILES)
# who writes such a lock, by the name of the process
TOOLS = (
    *("useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "groupmems", "gpasswd", "passwd"),
    *("chpasswd", "chgpasswd", "chage", "chfn", "chsh", "newusers", "pwconv", "pwunconv", "grpconv", "grpunconv"),
    *("pwck", "grpck", "vipw", "vigr"),
)


def drop_stale_locks(host: Host) -> None:
    """Remove locks whose holder is gone.

    The tools themselves do that, unless the process id in the lock is in use again; and early in a boot the same ids
    come every time. Raises OSError.
    """
    for path in LOCKS:
        try:
            holder = (host.text(path, 64) or "").strip(" \n\0")
        except InputError:
            continue
        if holder.isdecimal() and _name_of(holder) not in TOOLS:
            os.unlink(host.real(path))


def _name_of(process: str) -> str:
    """What that process is called, empty if there is none; the processes are always the running machine's."""
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def mend(host: Host, user: str) -> None:
    """Give a user what useradd did not come to write. Raises ChangeError or OSError."""
    lacking = accounts.torn(host, user)
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
