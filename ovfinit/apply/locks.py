"""The locks of the distribution's account tools, which a power cut leaves behind."""

from __future__ import annotations

import os

from .. import accounts
from ..errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

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
