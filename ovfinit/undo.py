"""Taking back what was applied for an instance, newest first, from its journal.

What somebody changed since stays and is reported. Doing it twice does no harm, so being killed half-way does none.
"""

from __future__ import annotations

import os
from binascii import a2b_base64

from . import accounts, authorized_keys, block
from .changes import AuthorizeKeys, EnsureUser, MakeHostKey, RemoveFile, Run, SetHostname, WriteBlock
from .deadline import Deadline
from .digest import sha256
from .errors import ChangeError, OvfinitError, StateError
from .journal import Journal, capture, digest, put_back
from .paths import INSTANCES, RUN
from .record import Record
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from .host import Host

TOOL_TIMEOUT = 30.0
# no instance id leads to a name that starts with a dot
UNDONE = f"{INSTANCES}/.undone"


class Undone(Record):
    """One place: `action` is restored, removed or kept, `reason` says why it was kept."""

    target: str
    action: str
    reason: str = ""


def undo(host: Host, state: State) -> Iterator[Undone]:
    """Take the current instance back, yielding what becomes of each place; the last step forgets the instance.

    An undo that was killed while it forgot is brought to its end, and nothing else. Raises StateError if nothing was
    applied here, or if the journal is damaged; nothing is changed then.
    """
    if finish(host, state):
        return
    name = state.linked() or next(iter(host.listing(INSTANCES)), None)
    if name is None:
        raise StateError("nothing was applied here that could be taken back")
    journal = Journal(state, f"{INSTANCES}/{name}")
    records = {number: journal.record(number) for number in reversed(journal.numbers())}
    for number, record in records.items():
        notes = journal.notes(number)
        for index, entry in reversed(list(enumerate(record["changes"]))):
            try:
                yield from _UNDO.get(entry["kind"], _files)(host, entry, notes.get(index, {}))
            except (OvfinitError, OSError) as error:
                yield Undone(entry["target"], "kept", str(error))
            for folder in reversed(entry["folders"]):
                _remove_empty(host, folder)
    os.rename(host.real(f"{INSTANCES}/{name}", follow=False), host.real(UNDONE, follow=False))
    finish(host, state)


def finish(host: Host, state: State) -> bool:
    """Forget the instance that was taken back; False if there is none.

    It has another name by now, so that whoever comes next takes nothing in it for granted.
    """
    if not os.path.isdir(host.real(UNDONE, follow=False)):
        return False
    from shutil import rmtree

    journal = Journal(state, UNDONE)
    oldest: Mapping[str, Any] = {"previous": None, "own": ()}
    if journal.numbers():
        oldest = journal.record(journal.numbers()[0])
    current = state.linked()
    if current is not None and not host.exists(f"{INSTANCES}/{current}"):
        state.point_to(oldest["previous"])
    for name in ("status.json", "metadata.json"):
        path = host.real(f"{RUN}/{name}")
        if os.path.lexists(path):
            os.unlink(path)
    _remove_own(host, oldest["own"])
    rmtree(host.real(UNDONE, follow=False))
    _remove_own(host, oldest["own"])
    return True


def _files(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    for path, before in entry["before"].items():
        now = capture(host, path)
        if digest(now) == digest(before):
            continue
        ours = noted.get(path) == digest(now) if noted else _written_digest(now) == entry.get("after")
        if entry["kind"] == RemoveFile.kind:
            ours = now["type"] == "absent"
        if entry["kind"] == MakeHostKey.kind and not noted:
            # killed before it could be noted, and nobody else makes host keys just then
            ours = True
        if not ours and now["type"] != "absent":
            yield Undone(path, "kept", "changed by hand since we wrote it")
            continue
        put_back(host, path, before)
        yield Undone(path, "removed" if before["type"] == "absent" else "restored")


def _written_digest(captured: Mapping[str, Any]) -> str | None:
    return sha256(a2b_base64(captured["content"])).hexdigest() if captured["type"] == "file" else None


def _block(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    """Restore the whole file if nobody touched it, else take out or put back only our lines."""
    path = entry["target"]
    before, now = entry["before"][path], capture(host, path)
    if digest(now) == digest(before):
        return
    if now["type"] != "file" or _written_digest(now) == entry.get("after"):
        put_back(host, path, before)
        yield Undone(path, "removed" if before["type"] == "absent" else "restored")
        return
    text = a2b_base64(now["content"]).decode("utf-8", "surrogateescape")
    old = a2b_base64(before.get("content", "")).decode("utf-8", "surrogateescape")
    rest = block.replace(text, block.find(old) or ())
    if rest != text:
        content = rest.encode("utf-8", "surrogateescape")
        from binascii import b2a_base64

        put_back(host, path, {**now, "content": b2a_base64(content, newline=False).decode()})
        yield Undone(path, "restored", "only our lines; the rest was changed by hand")


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
    yield from _block(host, entry, noted)


def _user(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    """Restore the account files if nobody touched them since; else remove the user with the distribution's tool."""
    name = entry["target"]
    before = entry["before"]
    now = {path: capture(host, path) for path in before}
    if any(digest(now[path]) != digest(before[path]) for path in before):
        if _only_differs_by(name, before, now) or (
            noted and all(noted.get(path) == digest(now[path]) for path in before)
        ):
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


def _has(captured: Mapping[str, Any], name: str) -> bool:
    """True if an account file has a line of this name."""
    text = a2b_base64(captured.get("content", "")).decode("utf-8", "replace")
    return any(line.startswith(f"{name}:") for line in text.splitlines())


def _delete(host: Host, tool: str, name: str) -> None:
    from .process import run

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
        _remove_empty(host, folder)
    yield Undone(home["path"], "removed")


def _same(path: str, origin: str) -> bool:
    try:
        if os.path.islink(path) or os.path.islink(origin):
            return os.readlink(path) == os.readlink(origin)
        with open(path, "rb") as one, open(origin, "rb") as other:
            return one.read() == other.read()
    except OSError:
        return False


def _hostname(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    import socket

    if host.live and os.uname().nodename == entry["target"]:
        socket.sethostname(entry["hostname"])
        yield Undone(entry["target"], "restored", f"the host is called {entry['hostname']} again")


def _script(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    if host.live:
        yield Undone(entry["target"], "kept", "what a script did cannot be taken back")


def _remove_empty(host: Host, folder: str) -> None:
    try:
        os.rmdir(host.real(folder, follow=False))
    except OSError:
        pass  # not empty: somebody uses it


def _remove_own(host: Host, own: Sequence[str]) -> None:
    """Remove what was not there before us: files, and folders that are empty."""
    for path in reversed(own):
        real = host.real(path, follow=False)
        if os.path.isdir(real):
            _remove_empty(host, path)
        elif os.path.lexists(real):
            os.unlink(real)


_UNDO: dict[str, Any] = {
    WriteBlock.kind: _block,
    AuthorizeKeys.kind: _keys,
    EnsureUser.kind: _user,
    SetHostname.kind: _hostname,
    Run.kind: _script,
    MakeHostKey.kind: _files,
}
