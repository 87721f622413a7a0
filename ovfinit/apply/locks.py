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
            text = host.text(path, 64)
        except InputError:
            continue
        # the tools link a file that is already written, so a lock without a number is what a power cut left of one
        holder = (text or "").strip(" \n\0")
        if text is not None and not (holder.isdecimal() and _name_of(holder) in TOOLS):
            os.unlink(host.real(path))


def _name_of(process: str) -> str:
    """What that process is called, empty if there is none; the processes are always the running machine's."""
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
