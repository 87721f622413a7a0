"""Users, groups, passwords, authorized keys."""

from __future__ import annotations

from .. import accounts, authorized_keys, block, marks
from ..changes import AuthorizeKeys, EnsureGroup, EnsureUser, SetPassword
from ..errors import ChangeError
from ..step import Step, deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..changes import Change
    from ..host import Account, Host
    from ..state import Past


def account_of(change: AuthorizeKeys, host: Host) -> Account | None:
    """The account whose keys are meant; root is there even in a tree without passwd."""
    from ..host import Account

    known = host.accounts()
    if change.user == "root" and "root" not in known:
        return Account("root", 0, 0, "/root", "/bin/sh")
    return known.get(change.user)


def _ensure_group(change: EnsureGroup, host: Host, past: Past) -> Step:
    group = host.groups().get(change.target)
    missing = [] if group is None else [name for name in change.members if name not in group.members]
    if group is not None and not missing:
        return Step(change, "none")
    reason = f"without {', '.join(missing)}" if missing else ""
    return _by_root(change, "create" if group is None else "update", reason, host, past)


def _ensure_user(change: EnsureUser, host: Host, past: Past) -> Step:
    account = host.accounts().get(change.target)
    lacking: list[str] = []
    own = change.user_group and change.primary_group is None
    if account is not None:
        groups = accounts.missing_groups(host, change.target, change.groups)
        if groups:
            lacking.append(f"not in {', '.join(groups)}")
        if change.create_home and not host.exists(account.home):
            lacking.append(f"no {account.home}")
        if change.password is not None:
            lacking.append("password")
        lacking += [f"not in {path}" for path in accounts.torn(host, change.target, own_group=own)]
        lacking += accounts.ageing_differences(change, accounts.shadow_of(host, change.target))
    action = "create" if account is None else "update" if lacking else "none"
    return Step(change, "none") if action == "none" else _by_root(change, action, "; ".join(lacking), host, past)


def _set_password(change: SetPassword, host: Host, past: Past) -> Step:
    if marks.hold(change, host, past):
        return Step(change, "none", "was set for this instance")
    if change.password is None and not host.live:
        return deferred(change, "update", past, "is made at the first boot, on its console")
    return _by_root(change, "update", "", host, past)


def _by_root(change: Change, action: str, reason: str, host: Host, past: Past) -> Step:
    if accounts.may_change():
        return Step(change, action, reason)
    if host.live:
        raise ChangeError("accounts can only be changed by root", where=change.target)
    return deferred(change, action, past, "accounts need root")


def _authorize_keys(change: AuthorizeKeys, host: Host, past: Past) -> Step:
    account = account_of(change, host)
    if account is None:
        if not change.lines:
            return Step(change, "none")
        if not accounts.may_change():
            return deferred(change, "create", past, f"{change.user} is made at the first boot")
        # the user stands before its keys in every plan
        return Step(change, "create", after=block.replace("", change.lines).encode())
    current = authorized_keys.read(host, account)
    if (block.find(current or "") or ()) == tuple(change.lines):
        return Step(change, "none")
    after = block.replace(current or "", change.lines).encode("utf-8", "surrogateescape")
    before = None if current is None else current.encode("utf-8", "surrogateescape")
    return Step(change, "create" if current is None else "update", before=before, after=after)


COMPARE: dict[str, Any] = {
    EnsureGroup.kind: _ensure_group,
    EnsureUser.kind: _ensure_user,
    SetPassword.kind: _set_password,
    AuthorizeKeys.kind: _authorize_keys,
}
