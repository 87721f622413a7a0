"""What has to go before a machine becomes an image again."""

from __future__ import annotations

import os

from . import authorized_keys, block
from .changes import AuthorizeKeys, RemoveFile, WriteFile
from .errors import ChangeError, StateError
from .ledger import leftover
from .paths import INSTANCES, LINK, LOG, OUTPUT, RUN
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import Change
    from .host import Host

NAME = "clean"
MACHINE_ID = "/etc/machine-id"


def clean_changes(host: Host, state: State, *, logs: bool, machine_id: bool, host_keys: bool) -> Iterator[Change]:
    """Our files and blocks as the state knows them, our key blocks of all users, and what the options add.

    A damaged state does not prevent cleaning: what it knew is then found by the places we write to.
    """
    try:
        current = state.current()
        past = state.past(current.instance_id) if current is not None and current.instance_id else None
    except StateError:
        past = None
    if past is not None:
        # a folder after what is in it
        yield from (leftover(past, path, inside=past.wanted_by) for path in sorted(past.wanted_by, reverse=True))
    for account in host.accounts().values():
        try:
            text = authorized_keys.read(host, account)
        except ChangeError:
            continue  # a link in a user's home is not ours
        if text and block.find(text) is not None:
            yield AuthorizeKeys(NAME, f"{account.home}/.ssh/authorized_keys", user=account.name)
    if host_keys:
        for name in host.listing("/etc/ssh"):
            if name.startswith("ssh_host_") and "_key" in name:
                yield RemoveFile(NAME, f"/etc/ssh/{name}")
    if machine_id and host.exists(MACHINE_ID):
        # empty, not missing: systemd then knows that this is a first boot, machine-id(5)
        yield WriteFile(NAME, MACHINE_ID, content=b"", mode=0o444)
    if logs:
        yield RemoveFile(NAME, LOG)
        yield RemoveFile(NAME, OUTPUT)


def forget(host: Host, *, dry_run: bool) -> list[str]:
    """Remove the state of all instances and /run's; the seed folder stays. Returns what went."""
    from shutil import rmtree

    gone = []
    for path in (LINK, INSTANCES, f"{RUN}/status.json", f"{RUN}/metadata.json"):
        real = host.real(path, follow=False)
        if not os.path.lexists(real):
            continue
        gone.append(path)
        if dry_run:
            continue
        if os.path.isdir(real) and not os.path.islink(real):
            rmtree(real)
        else:
            os.unlink(real)
    return gone
