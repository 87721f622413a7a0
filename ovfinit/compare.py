"""Comparing a change with the machine as it is: what is to be done, and why, without doing it."""

from __future__ import annotations

import os
import stat

from . import accounts, authorized_keys, block
from .changes import (
    AuthorizeKeys,
    Change,
    EnsureUser,
    MakeHostKey,
    MakeLink,
    RemoveFile,
    Run,
    SetHostname,
    WriteBlock,
    WriteFile,
)
from .digest import sha256
from .errors import ChangeError, InputError, OvfinitError
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .host import Account, Host
    from .state import Past


class Step(Record):
    """One change beside the machine as it is.

    `action`: create, update, remove, run or none. `kept`: somebody changed our file, so it stays. `deferred`: it can
    only be done at the first boot. `before` and `after` are contents, where the change has such.
    """

    change: Change
    action: str
    reason: str = ""
    kept: bool = False
    deferred: bool = False
    before: bytes | None = None
    after: bytes | None = None
    error: OvfinitError | None = None

    @property
    def due(self) -> bool:
        """True if there is something to do."""
        return self.action != "none" and self.error is None

    def as_dict(self) -> dict[str, Any]:
        """As in `plan --json`."""
        change = self.change
        shown: dict[str, Any] = {
            "handler": change.handler,
            "stage": change.stage,
            "kind": change.kind,
            "target": change.target,
            "action": self.action,
        }
        for name in ("mode", "owner", "group"):
            value = getattr(change, name, None)
            if value is not None:
                shown[name] = f"{value:04o}" if name == "mode" else value
        shown |= {"deferred": self.deferred, "kept": self.kept}
        if self.reason:
            shown["reason"] = self.reason
        if self.error is not None:
            shown["error"] = self.error.as_dict()
        return shown


def compare(change: Change, host: Host, past: Past) -> Step:
    """Put a change beside the machine. What prevents it comes back as the step's `error`."""
    try:
        step: Step = _COMPARE[type(change)](change, host, past)
    except (InputError, ChangeError) as error:
        return Step(change, "none", error=error)
    return step


def names_to_ids(change: WriteFile, host: Host) -> tuple[int, int]:
    """The uid and gid of a file's owner and group in this tree. Raises ChangeError for unknown names."""
    uid = 0
    if change.owner != "root":
        account = host.accounts().get(change.owner)
        if account is None:
            raise ChangeError(f"there is no user {change.owner}", where=change.target)
        uid = account.uid
    gid = 0
    if change.group != "root":
        group = host.groups().get(change.group)
        if group is None:
            raise ChangeError(f"there is no group {change.group}", where=change.target)
        gid = group.gid
    return uid, gid


def account_of(change: AuthorizeKeys, host: Host) -> Account | None:
    """The account whose keys are meant; root is there even in a tree without passwd."""
    from .host import Account

    known = host.accounts()
    if change.user == "root" and "root" not in known:
        return Account("root", 0, 0, "/root", "/bin/sh")
    return known.get(change.user)


def _write_file(change: WriteFile, host: Host, past: Past) -> Step:
    real = host.real(change.target, follow=False)
    try:
        status = os.lstat(real)
    except OSError:
        return Step(change, "create", after=change.content)
    if stat.S_ISDIR(status.st_mode):
        raise ChangeError("is a folder", where=change.target)
    if stat.S_ISLNK(status.st_mode):
        return Step(change, "update", "a link stands there", after=change.content)
    before = host.read(change.target)
    if before != change.content:
        ours = past.written.get(change.target)
        if ours and not past.new and before is not None and sha256(before).hexdigest() not in ours:
            return Step(
                change, "none", "changed by hand since we wrote it", kept=True, before=before, after=change.content
            )
        return Step(change, "update", before=before, after=change.content)
    if stat.S_IMODE(status.st_mode) != change.mode:
        return Step(
            change,
            "update",
            f"mode {stat.S_IMODE(status.st_mode):04o} is not {change.mode:04o}",
            before=before,
            after=before,
        )
    if os.geteuid() == 0 and (status.st_uid, status.st_gid) != names_to_ids(change, host):
        return Step(change, "update", f"does not belong to {change.owner}:{change.group}", before=before, after=before)
    return Step(change, "none", before=before, after=before)


def _write_block(change: WriteBlock, host: Host, _: Past) -> Step:
    current = host.read(change.target)
    text = (current or b"").decode("utf-8", "surrogateescape")
    if (block.find(text) or ()) == tuple(change.lines):
        return Step(change, "none", before=current, after=current)
    after = block.replace(text, change.lines, change.before).encode("utf-8", "surrogateescape")
    action = "create" if current is None else "update"
    return Step(change, action, before=current, after=after)


def _remove_file(change: RemoveFile, host: Host, past: Past) -> Step:
    real = host.real(change.target, follow=False)
    if not os.path.lexists(real):
        return Step(change, "none")
    if os.path.isdir(real) and not os.path.islink(real):
        raise ChangeError("is a folder", where=change.target)
    before = None if os.path.islink(real) else host.read(change.target)
    ours = past.written.get(change.target)
    if ours and before is not None and sha256(before).hexdigest() not in ours:
        return Step(change, "none", "changed by hand since we wrote it", kept=True, before=before)
    return Step(change, "remove", before=before)


def _deferred(change: Change, action: str, past: Past, reason: str) -> Step:
    """What waits for the first boot is to be noted once, and nothing is left to do after that."""
    noted = past.done.get(change.target, {}).get("deferred", False)
    return Step(change, "none" if noted else action, reason, deferred=True)


def _make_link(change: MakeLink, host: Host, _: Past) -> Step:
    real = host.real(change.target, follow=False)
    if not os.path.lexists(real):
        return Step(change, "create", after=change.to.encode())
    if not os.path.islink(real):
        if os.path.isdir(real):
            raise ChangeError("is a folder", where=change.target)
        return Step(change, "update", "a file stands there", after=change.to.encode())
    current = os.readlink(real)
    action = "none" if current == change.to else "update"
    return Step(change, action, before=current.encode(), after=change.to.encode())


def _ensure_user(change: EnsureUser, host: Host, past: Past) -> Step:
    account = host.accounts().get(change.target)
    lacking: list[str] = []
    if account is not None:
        groups = accounts.missing_groups(host, change.target, change.groups)
        if groups:
            lacking.append(f"not in {', '.join(groups)}")
        if not host.exists(account.home):
            lacking.append(f"no {account.home}")
        if change.password is not None:
            lacking.append("password")
    action = "create" if account is None else "update" if lacking else "none"
    if action != "none" and not accounts.may_change():
        if host.live:
            raise ChangeError("accounts can only be changed by root", where=change.target)
        return _deferred(change, action, past, "accounts need root")
    return Step(change, action, "; ".join(lacking))


def _authorize_keys(change: AuthorizeKeys, host: Host, past: Past) -> Step:
    account = account_of(change, host)
    if account is None:
        if not change.lines:
            return Step(change, "none")
        if not accounts.may_change():
            return _deferred(change, "create", past, f"{change.user} is made at the first boot")
        # the user stands before its keys in every plan
        return Step(change, "create", after=block.replace("", change.lines).encode())
    current = authorized_keys.read(host, account)
    if (block.find(current or "") or ()) == tuple(change.lines):
        return Step(change, "none")
    after = block.replace(current or "", change.lines).encode("utf-8", "surrogateescape")
    before = None if current is None else current.encode("utf-8", "surrogateescape")
    return Step(change, "create" if current is None else "update", before=before, after=after)


def _make_host_key(change: MakeHostKey, host: Host, past: Past) -> Step:
    there = host.exists(change.target) and host.exists(f"{change.target}.pub")
    if not there:
        return Step(change, "create")
    return Step(change, "none") if change.target in past.done else Step(change, "update", "of another instance")


def _set_hostname(change: SetHostname, _: Host, __: Past) -> Step:
    current = os.uname().nodename
    return Step(
        change, "none" if current == change.target else "update", before=current.encode(), after=change.target.encode()
    )


def _run(change: Run, host: Host, past: Past) -> Step:
    mark = past.done.get(change.target)
    if mark is not None and not mark.get("deferred"):
        return Step(change, "none", "has run")
    if not host.live:
        return _deferred(change, "run", past, "runs at the first boot")
    return Step(change, "run")


_COMPARE: dict[type[Change], Any] = {
    WriteFile: _write_file,
    WriteBlock: _write_block,
    RemoveFile: _remove_file,
    EnsureUser: _ensure_user,
    AuthorizeKeys: _authorize_keys,
    MakeHostKey: _make_host_key,
    MakeLink: _make_link,
    SetHostname: _set_hostname,
    Run: _run,
}
