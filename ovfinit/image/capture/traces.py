"""What a machine's life leaves on its disk beside what the agent wrote: it must not go into an image of it.

What nobody can undo stays: accounts, packages, and what users' scripts made.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...host import Host

# whoever boots from a copy of these has the same random numbers, the same secrets, the same name
IDENTITY = (
    "/var/lib/systemd/random-seed",
    "/var/lib/urandom/random-seed",
    "/var/lib/systemd/credential.secret",
    "/var/lib/dbus/machine-id",
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/var/lib/NetworkManager/secret_key",
    "/etc/iscsi/initiatorname.iscsi",
)
# folders that fill by themselves; the folder stays
FOLDERS = (
    "/var/log/journal",
    "/var/lib/dhcp",
    "/var/lib/dhclient",
    "/var/lib/dhcpcd",
    "/var/lib/systemd/coredump",
    "/var/crash",
    # user data and all that was told, of a machine that cloud-init has been on
    "/var/lib/cloud/instances",
    "/var/lib/cloud/data",
    "/var/lib/cloud/sem",
    "/var/tmp",  # noqa: S108
    "/tmp",  # noqa: S108
)
# what made this machine what it is, and would make every other one the same
SEEDS = ("/var/lib/ovfinit/seed", "/var/lib/cloud/seed")
# who logged in and from where; programs expect the files to be there
EMPTIED = ("/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog")
LOGS = ("syslog", "messages", "auth.log", "secure", "kern.log", "daemon.log", "user.log", "debug", "cloud-init")
HISTORIES = (".bash_history", ".zsh_history", ".ash_history", ".python_history", ".lesshst", ".viminfo")


def wipe(host: Host, *, seeds: bool) -> list[str]:
    """Take away what has to go besides what `clean` removes, in the tree of a copy; the paths that went.

    With `seeds` also what seed folders hold.

    Raises OSError for the first that cannot be removed.
    """
    gone = []
    logs = [f"/var/log/{name}" for name in host.listing("/var/log") if name.startswith(LOGS)]
    histories = [f"{account.home}/{name}" for account in host.accounts().values() for name in HISTORIES]
    for path in (*IDENTITY, *logs, *histories):
        # a link, as dbus's machine id often is, holds nothing itself
        if _kind(host, path) == stat.S_IFREG:
            os.unlink(host.real(path, follow=False))
            gone.append(path)
    for path in EMPTIED:
        if _kind(host, path) == stat.S_IFREG:
            os.truncate(host.real(path, follow=False), 0)
            gone.append(path)
    for folder in (*FOLDERS, *(SEEDS if seeds else ())):
        if _kind(host, folder) == stat.S_IFDIR:
            for name in host.listing(folder):
                _remove(host.real(f"{folder}/{name}", follow=False))
                gone.append(f"{folder}/{name}")
    return gone


def _kind(host: Host, path: str) -> int:
    try:
        return stat.S_IFMT(os.lstat(host.real(path, follow=False)).st_mode)
    except OSError:
        return 0


def _remove(real: str) -> None:
    if os.path.isdir(real) and not os.path.islink(real):
        shutil.rmtree(real)
    else:
        os.unlink(real)
