"""What `clean` does, for the trees that become images, and what only has to go where others get a copy."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from .. import atomic
from ..clean import clean_changes, forget
from ..compare import compare
from ..host import Host
from ..journal import SHADOW, Journal
from ..paths import INSTANCES
from ..state import Past, State

if TYPE_CHECKING:
    from collections.abc import Collection

# what passwd(1), chpasswd(8) and Debian's daily backup keep beside it
SHADOWS = (SHADOW, f"{SHADOW}-", "/var/backups/shadow.bak")
# no password fits, and sshd(8) lets keys in all the same, which it does not for a "!"
NONE = "*"


def scrub(root: str) -> list[str]:
    """Remove our files and state, passwords that we set, logs, host keys and the machine's id from a tree.

    Returns what went. Raises OvfinitError for the first that cannot be removed, and for a damaged journal, since what
    it knew of passwords cannot be told otherwise.
    """
    from ..apply import perform

    host = Host(root)
    state = State(host)
    gone = _lock(host, _with_password(host, state))
    for change in clean_changes(host, state, logs=True, machine_id=True, host_keys=True):
        step = compare(change, host, Past())
        if step.error is not None:
            raise step.error
        if step.due:
            perform(step, host)
            gone.append(step.change.target)
    return gone + forget(host, dry_run=False)


def _with_password(host: Host, state: State) -> set[str]:
    """The users whose password was set by us, for any instance."""
    found = set()
    for name in host.listing(INSTANCES):
        journal = Journal(state, f"{INSTANCES}/{name}")
        for number in journal.numbers():
            entries = journal.record(number)["changes"]
            found |= {entry["target"] for entry in entries if entry["kind"] == "password"}
    return found


def _lock(host: Host, users: Collection[str]) -> list[str]:
    """Let no password fit these users any more; shadow(5)."""
    gone = []
    for path in SHADOWS if users else ():
        real = host.real(path, follow=False)
        if not os.path.lexists(real) or not stat.S_ISREG((status := os.lstat(real)).st_mode):
            continue
        rows = (host.text(path) or "").splitlines(keepends=True)
        for index, row in enumerate(rows):
            fields = row.split(":")
            if fields[0] in users and len(fields) == 9 and fields[1].strip("!*"):
                rows[index] = ":".join((fields[0], NONE, *fields[2:]))
                gone.append(f"{path}: password of {fields[0]}")
        atomic.write(real, "".join(rows).encode(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
    return gone
