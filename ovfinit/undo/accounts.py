"""Users, groups, passwords, authorized keys."""

from __future__ import annotations

import os
from binascii import a2b_base64

from .. import accounts, authorized_keys, block
from ..changes import AuthorizeKeys, EnsureGroup, EnsureUser, SetPassword
from ..deadline import Deadline
from ..errors import ChangeError
from ..journal import capture, digest, put_back
from .files import restore_block
from .undone import Undone, remove_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..host import Host

TOOL_TIMEOUT = 30.0


def _keys(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    account = host.accounts().get(entry["user"])
    if account is not None and entry["user"] != "root":
        # below a user's home nothing is followed or renamed by path
        current = authorized_keys.read(host, account)
        before = entry["before"][entry["target"]]
        old = a2b_base64(before.get("content", "")).decode("utf-8", "surrogateescape")
        if current is not None and block.find(current) is not None:
            rest = block.replace(current, block.find(old) or ())
            if rest or before["type"] != "absent":
                if rest != current:
                    authorized_keys.write(host, account, rest)
                if rest != old:
                    yield Undone(entry["target"], "restored", "only our lines; the rest was changed by hand")
                    return
    yield from restore_block(host, entry, noted)


def _user(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    """Restore the account files if nobody touched them since; else remove the user with the distribution's tool."""
    name = entry["target"]
    before = entry["before"]
    now = {path: capture(host, path) for path in before}
    if any(digest(now[path]) != digest(before[path]) for path in before):
        if _only_differs_by(name, before, now) or _untouched(before, now, noted):
            for path, captured in before.items():
                if digest(now[path]) != digest(captured):
                    put_back(host, path, captured)
        else:
            if _has(before["/etc/passwd"], name):
                yield Undone(name, "kept", "accounts were changed by hand since")
                return
            _delete(host, "userdel", name)
            # whether userdel removes the user's own group too is for login.defs to say
            if name in host.groups() and not _has(before["/etc/group"], name):
                _delete(host, "groupdel", name)
        yield Undone(name, "removed" if name not in host.accounts() else "restored")
    if name not in host.accounts():
        # also when an undo that was killed had already removed the account
        yield from _home(host, entry["home"])


def _group(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    """Restore the account files if nobody touched them since; else remove the group if we made it."""
    name, before = entry["target"], entry["before"]
    now = {path: capture(host, path) for path in before}
    changed = [path for path in before if digest(now[path]) != digest(before[path])]
    if not changed:
        return
    if _untouched(before, now, noted):
        for path in changed:
            put_back(host, path, before[path])
    elif _has(before["/etc/group"], name):
        yield Undone(name, "kept", "accounts were changed by hand since")
        return
    elif _has(now["/etc/group"], name):
        _delete(host, "groupdel", name)
    yield Undone(name, "removed" if name not in host.groups() else "restored")


def _password(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    """Only if nobody has touched the file since: whose password it is now could not be told otherwise."""
    ((path, before),) = entry["before"].items()
    now = capture(host, path)
    if digest(now) == digest(before) or _line(before, entry["target"]) in (None, _line(now, entry["target"])):
        # as it was, or of a user who goes, or put off to a first boot
        return
    if noted.get(path) != digest(now):
        yield Undone(entry["target"], "kept", "passwords were changed since")
        return
    put_back(host, path, before)
    yield Undone(entry["target"], "restored", "the password")


def _only_differs_by(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """True if the account files, without every line and membership of this user, are what they were before."""
    for path in accounts.FILES:
        lines = a2b_base64(now[path].get("content", "")).decode("utf-8", "replace").splitlines()
        rest = []
        for line in lines:
            fields = line.split(":")
            if fields[0] == name:
                continue
            if path in ("/etc/group", "/etc/gshadow"):
                fields[-1] = ",".join(member for member in fields[-1].split(",") if member != name)
            rest.append(":".join(fields))
        if rest != a2b_base64(before[path].get("content", "")).decode("utf-8", "replace").splitlines():
            return False
    return True


def _untouched(before: Mapping[str, Any], now: Mapping[str, Any], noted: Mapping[str, str]) -> bool:
    """True if each place is as our run left it, or as it was before."""
    return bool(noted) and all(digest(now[path]) in (noted.get(path), digest(before[path])) for path in before)


def _line(captured: Mapping[str, Any], name: str) -> str | None:
    """The line of an account file that is about this name."""
    text = a2b_base64(captured.get("content", "")).decode("utf-8", "replace")
    return next((line for line in text.splitlines() if line.startswith(f"{name}:")), None)


def _has(captured: Mapping[str, Any], name: str) -> bool:
    """True if an account file has a line of this name."""
    return _line(captured, name) is not None


def _delete(host: Host, tool: str, name: str) -> None:
    from ..process import run

    command = accounts.command(host, tool, name)
    if command is None:
        raise ChangeError(f"{tool} is not installed", where=name, remedy="install the package passwd")
    output = run(command, Deadline(TOOL_TIMEOUT), limit=65536)
    # 6: there is no such account
    if output.status not in (0, 6):
        raise ChangeError(f"{tool} failed with {output.status}", where=name)


def _home(host: Host, home: Mapping[str, Any]) -> Iterator[Undone]:
    """Remove a home that we made, unless somebody put something of their own into it."""
    from shutil import rmtree

    if not home["folders"]:
        return
    real = host.real(home["path"], follow=False)
    if not os.path.isdir(real):
        return
    skeleton = host.real("/etc/skel")
    for folder, _, files in os.walk(real):
        for name in files:
            path = os.path.join(folder, name)
            origin = os.path.join(skeleton, os.path.relpath(path, real))
            if not _same(path, origin):
                yield Undone(home["path"], "kept", f"holds {os.path.relpath(path, real)}, which is not ours")
                return
    rmtree(real, ignore_errors=True)
    for folder in reversed(home["folders"]):
        remove_empty(host, folder)
    yield Undone(home["path"], "removed")


def _same(path: str, origin: str) -> bool:
    try:
        if os.path.islink(path) or os.path.islink(origin):
            return os.readlink(path) == os.readlink(origin)
        with open(path, "rb") as one, open(origin, "rb") as other:
            return one.read() == other.read()
    except OSError:
        return False


UNDO: dict[str, Any] = {
    EnsureUser.kind: _user,
    EnsureGroup.kind: _group,
    SetPassword.kind: _password,
    AuthorizeKeys.kind: _keys,
}
