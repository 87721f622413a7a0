"""Users with their homes, groups, passwords, authorized keys."""

from __future__ import annotations

import os

from .. import accounts, authorized_keys
from ..changes import AuthorizeKeys, EnsureGroup, EnsureUser, SetPassword
from ..compare.accounts import account_of
from ..errors import ChangeError
from .folders import make_folders
from .home import make_home
from .tools import account_tool, call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..host import Host
    from ..step import Step


def _ensure_group(change: EnsureGroup, _: Step, host: Host) -> None:
    name = change.target
    if name not in host.groups():
        more = (*(("-g", str(change.gid)) if change.gid is not None else ()), *(("-r",) if change.system else ()))
        # 9: somebody else was quicker, which is as good
        account_tool(host, "groupadd", *more, name, accept=(0, 9))
    group = host.groups().get(name)
    if group is None:
        raise ChangeError("groupadd did not make the group", where=name)
    for member in change.members:
        if member not in group.members:
            account_tool(host, "usermod", "-a", "-G", name, member)


def _ensure_user(change: EnsureUser, _: Step, host: Host) -> None:
    name = change.target
    own = change.user_group and change.primary_group is None
    if name not in host.accounts():
        # 9: somebody else was quicker, which is as good
        account_tool(host, "useradd", *_new_user(change, host), name, accept=(0, 9))
    elif accounts.torn(host, name, own_group=own):
        from .torn import mend

        mend(host, name, own_group=own)
    missing = accounts.missing_groups(host, name, change.groups)
    if missing:
        account_tool(host, "usermod", "-a", "-G", ",".join(missing), name)
    account = host.accounts().get(name)
    if account is None:
        raise ChangeError("useradd did not make the user", where=name)
    if change.create_home and not host.exists(account.home):
        make_home(host, account)
    if change.password is not None:
        from .. import passwords

        passwords.put(host, name, change.password, call, expired=change.expired)
    words = tuple(_ageing(change, accounts.shadow_of(host, name)))
    if words:
        account_tool(host, "usermod", *words, name)


def _new_user(change: EnsureUser, host: Host) -> Iterator[str]:
    """The options of useradd; the home is made by us, so that it appears whole."""
    if change.primary_group is not None:
        yield from ("-g", change.primary_group)
    elif not change.user_group:
        yield "-N"
    elif change.target in host.groups():
        yield from ("-g", change.target)
    else:
        yield "-U"
    yield from ("-M", "-c", change.gecos)
    if change.shell:
        yield from ("-s", change.shell)
    groups = accounts.missing_groups(host, change.target, change.groups)
    if groups:
        yield from ("-G", ",".join(groups))
    if change.home:
        yield from ("-d", change.home)
    if change.uid is not None:
        yield from ("-u", str(change.uid))
    if change.system:
        yield "-r"
    if not change.log_init:
        yield "-l"
    if not host.live:
        # a tree's login.defs could name a folder outside of it for the user's mail
        yield from ("-K", "MAIL_DIR=/var/mail")


def _ageing(change: EnsureUser, now: accounts.Ageing | None) -> Iterator[str]:
    """The options of usermod for what is not yet as wanted."""
    wanted = set(accounts.ageing_differences(change, now))
    if change.expires is not None and f"expires {change.expires}" in wanted:
        yield from ("-e", change.expires)
    if change.inactive is not None and f"inactive {change.inactive}" in wanted:
        yield from ("-f", str(change.inactive))
    if "not locked" in wanted:
        yield "-L"
    if "locked" in wanted:
        yield "-U"


def _set_password(change: SetPassword, _: Step, host: Host) -> None:
    from .. import passwords

    if change.target not in host.accounts():
        raise ChangeError("there is no such user", where=change.target)
    password = change.password
    if password is None:
        password = passwords.random()
        # before it is set: who cannot be told must not be shut out
        _show(change.target, password.reveal())
    passwords.put(host, change.target, password, call, expired=change.expired)


def _show(user: str, password: str) -> None:
    from ..system.console import say

    if not say([f"the password of {user} is {password}"]):
        raise ChangeError(
            "a random password could not be shown: nothing can be written to the console",
            where=user,
            remedy="give the machine a console, or hand over a password or a key",
        )


def _authorize_keys(change: AuthorizeKeys, _: Step, host: Host) -> None:
    from .. import block

    account = account_of(change, host)
    if account is None:
        raise ChangeError(f"there is no user {change.user}", where=change.target)
    if change.user == "root" and not host.exists(account.home):
        make_folders(host, account.home)
        os.makedirs(host.real(account.home), mode=0o700, exist_ok=True)
    # read again: a user that was made after the plan may have keys from /etc/skel
    current = authorized_keys.read(host, account) or ""
    authorized_keys.write(host, account, block.replace(current, change.lines))


PERFORM: dict[str, Any] = {
    EnsureGroup.kind: _ensure_group,
    EnsureUser.kind: _ensure_user,
    SetPassword.kind: _set_password,
    AuthorizeKeys.kind: _authorize_keys,
}
