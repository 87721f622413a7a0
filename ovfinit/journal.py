"""The journal: what was there before, written ahead of the changes, so that they can be taken back.

Each apply writes one record before it touches anything: the due changes with the state they will replace. What only
becomes known afterwards (the digests of the account files) is appended as lines to a second file.
"""

from __future__ import annotations

import os
import stat
from binascii import a2b_base64, b2a_base64

from . import accounts
from .changes import AuthorizeKeys, EnsureUser, MakeHostKey, SetHostname, WriteBlock
from .digest import sha256
from .errors import ChangeError, InputError
from .jsontext import dumps, loads
from .paths import FOLDER, INSTANCES, LOG, OUTPUT, RUN
from .state import REMEDY, DamagedStateError, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .changes import Change
    from .step import Step
    from .tree import Tree

SHADOW = "/etc/shadow"
PLACELESS = ("kernel-hostname", "run", "call", "post", "message", "network-reload", "rename")
# made by any run of ours, not by a change; undo takes them away again if they were not there before
OWN_PLACES = ("/var", "/var/lib", FOLDER, INSTANCES, "/var/log", LOG, OUTPUT, "/run", RUN)


def places(change: Change) -> tuple[str, ...]:
    """The paths of the tree that a change may touch."""
    if change.kind == "password":
        return (SHADOW,)
    if change.kind in ("user", "group"):
        return tuple(path for file in accounts.FILES for path in (file, f"{file}-", f"{file}.lock"))
    if isinstance(change, MakeHostKey):
        return (change.target, f"{change.target}.pub")
    if change.kind in PLACELESS:
        return ()
    return (change.target,)


def capture(tree: Tree, path: str) -> dict[str, Any]:
    """What stands at a path: nothing, a link, a folder, or a file with content, mode, owner and time.

    Of anything else (a FIFO, a file too large to be kept) it is only known which one it is.
    """
    real = tree.real(path, follow=False)
    try:
        status = os.lstat(real)
    except OSError:
        return {"type": "absent"}
    owner = {"mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid, "gid": status.st_gid}
    if stat.S_ISLNK(status.st_mode):
        return {"type": "link", "to": os.readlink(real)}
    if stat.S_ISDIR(status.st_mode):
        return {"type": "folder", **owner}
    try:
        content = tree.read(path)
    except InputError:
        return {"type": "other", **owner, "inode": status.st_ino, "size": status.st_size}
    encoded = b2a_base64(content or b"", newline=False).decode()
    return {"type": "file", **owner, "mtime_ns": status.st_mtime_ns, "content": encoded}


def digest(captured: dict[str, Any]) -> str:
    """One text that is equal for equal states, times left aside."""
    known = {name: value for name, value in captured.items() if name != "mtime_ns"}
    return str(sha256(repr(sorted(known.items())).encode()).hexdigest())


def put_back(tree: Tree, path: str, captured: dict[str, Any]) -> None:
    """Make a path what it was.

    Raises ChangeError if a folder stands where none was, or for what was not kept, OSError as the system says.
    """
    from . import atomic

    real = tree.real(path, follow=False)
    if captured["type"] == "other":
        raise ChangeError("what stood there before was not kept: no plain file, or too large a one", where=path)
    if captured["type"] == "absent":
        try:
            os.unlink(real)
        except FileNotFoundError:
            pass
    elif captured["type"] == "link":
        new = atomic.candidate(real)
        if os.path.lexists(new):
            os.unlink(new)
        os.symlink(captured["to"], new)
        atomic.commit(real)
    elif captured["type"] == "file":
        atomic.prepare(real, a2b_base64(captured["content"]), captured["mode"], (captured["uid"], captured["gid"]))
        os.utime(atomic.candidate(real), ns=(captured["mtime_ns"], captured["mtime_ns"]))
        atomic.commit(real)
    elif not os.path.lexists(real):
        os.mkdir(real, captured["mode"])
        if os.geteuid() == 0:
            os.chown(real, captured["uid"], captured["gid"])
    elif not os.path.isdir(real):
        raise ChangeError("was a folder", where=path)


def missing_folders(tree: Tree, path: str) -> list[str]:
    """Folders above a path that do not exist yet, outermost first."""
    missing: list[str] = []
    folder = os.path.dirname(path)
    while folder not in ("/", "") and not os.path.lexists(tree.real(folder, follow=False)):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    return missing


class Journal:
    """The journal of one instance; `instance` is its folder, a path of the tree."""

    def __init__(self, state: State, instance: str) -> None:
        self.state = state
        self.folder = f"{instance}/journal"

    def numbers(self) -> list[int]:
        """The records, oldest first."""
        stems = (name.removesuffix(".json") for name in self.state.tree.listing(self.folder) if name.endswith(".json"))
        return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal())

    def begin(
        self, steps: Sequence[Step], previous: str | None, own: Sequence[str]
    ) -> tuple[int, dict[str, Mapping[str, Any]]]:
        """The number of the next record, and the file, by its path, that is to be written ahead of the changes.

        `previous` is where the instance link pointed, `own` of ours what was not there.
        """
        tree = self.state.tree
        entries = []
        for step in steps:
            change = step.change
            # a block is written into the file that a link leads to, all else takes the link's place
            touched = (tree.resolved(change.target),) if isinstance(change, WriteBlock) else places(change)
            entry: dict[str, Any] = {
                "kind": change.kind,
                "target": change.target,
                "handler": change.handler,
                "before": {path: capture(tree, path) for path in touched},
                "folders": sorted({folder for path in touched for folder in missing_folders(tree, path)}),
            }
            if isinstance(change, EnsureUser):
                account = tree.accounts().get(change.target) if hasattr(tree, "accounts") else None
                home = account.home if account else change.home or f"/home/{change.target}"
                entry["home"] = {"path": home, "folders": missing_folders(tree, f"{home}/x")}
            if isinstance(change, AuthorizeKeys):
                entry["user"] = change.user
            if isinstance(change, SetHostname):
                entry["hostname"] = os.uname().nodename
            if step.after is not None:
                entry["after"] = sha256(step.after).hexdigest()
            entries.append(entry)
        number = max(self.numbers(), default=0) + 1
        record = {"changes": entries, "previous": previous, "own": list(own)}
        return number, {f"{self.folder}/{number:04}.json": record}

    def record(self, number: int) -> dict[str, Any]:
        """What `begin` gave. Raises StateError if it is damaged."""
        path = f"{self.folder}/{number:04}.json"
        record = self.state.read(path) or {}
        if not all(isinstance(record.get(name), list) for name in ("changes", "own")) or not all(
            isinstance(entry, dict)
            and isinstance(entry.get("before"), dict)
            and {"kind", "target", "folders"} <= set(entry)
            for entry in record["changes"]
        ):
            raise DamagedStateError("is damaged", where=path, remedy=REMEDY)
        return record

    def note(self, number: int, index: int, change: Change) -> None:
        """Append what a change made of the places it touched; a lost line only makes undo more careful."""
        touched = {path: digest(capture(self.state.tree, path)) for path in places(change)}
        line = dumps({"index": index, "after": touched}) + "\n"
        real = self.state.tree.real(f"{self.folder}/{number:04}.done")
        try:
            with open(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as file:
                file.write(line.encode())
        except OSError:
            pass  # a full disk, say; what was made is made

    def notes(self, number: int) -> dict[int, dict[str, str]]:
        """What `note` appended, by the change's index; a line that was cut off or damaged is left out."""
        found: dict[int, dict[str, str]] = {}
        for line in (self.state.tree.text(f"{self.folder}/{number:04}.done") or "").splitlines():
            try:
                noted = loads(line)
                found[int(noted["index"])] = dict(noted["after"])
            except (ValueError, TypeError, KeyError):
                continue
        return found


def own_missing(tree: Tree) -> list[str]:
    """Those places of our own that do not exist yet."""
    return [path for path in OWN_PLACES if not os.path.lexists(tree.real(path, follow=False))]
