"""What we remember: versioned JSON under /var/lib/ovfinit, one folder an instance, `instance` → the current one.

instances/ID/metadata.json   what was read, secrets included (0600)
instances/ID/applied.json    digests of what we wrote, marks of what is done
instances/ID/journal/        what was there before, for undo
instances/ID/scripts/        the user's scripts, boothooks/ those of every boot
instances/ID/includes.json   what includes of the user data brought
"""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64

from . import atomic, document
from .digest import sha256
from .errors import InputError, StateError
from .jsontext import loads
from .paths import INSTANCES, LINK
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .deadline import Deadline
    from .model import Metadata
    from .tree import Tree

VERSION = 1
LIMIT = 64 * 1024 * 1024
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_NAME_LIMIT = 200
LOCK_POLL_SECONDS = 0.05
REMEDY = "ovfinit clean removes it"
# marks that outlive the instance
ONCE_PREFIX = "once/"


class DamagedStateError(StateError):
    """Raised for state that is there and that no program of ours could have written."""


class Past(Record):
    """What is known of earlier runs, for one instance.

    `new`: this instance was never applied here. `written`: path of the tree → digests that are ours there, of this
    instance or an earlier one. `wanted_by`: path → the duty that wrote it. `done`: marks, see marks.py.
    """

    new: bool = True
    written: Mapping[str, tuple[str, ...]] = {}
    wanted_by: Mapping[str, str] = {}
    done: Mapping[str, Mapping[str, Any]] = {}


def folder_name(instance_id: str) -> str:
    """A file name for any instance id: other characters become %XX, long ones end in a digest."""
    name = "".join(
        character
        if character in _SAFE or character == "." and index
        else "".join(f"%{byte:02X}" for byte in character.encode())
        for index, character in enumerate(instance_id)
    )
    if len(name) > _NAME_LIMIT:
        name = name[:100] + "-" + sha256(instance_id.encode()).hexdigest()
    return name


class State:
    """The state of one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._lock: int | None = None

    def lock(self, deadline: Deadline) -> None:
        """Keep other runs on this tree out until we end; the lock is on the tree itself and dies with us.

        Raises StateError if another run still has it at the deadline.
        """
        import fcntl
        from time import sleep

        if self._lock is not None:
            return
        try:
            descriptor = os.open(self.tree.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StateError(f"cannot be opened: {error.strerror}", where=self.tree.root) from error
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if deadline.expired():
                    os.close(descriptor)
                    raise StateError("another run is at work here", where=self.tree.root) from None
                sleep(min(LOCK_POLL_SECONDS, deadline.remaining()))
        self._lock = descriptor

    def unlock(self) -> None:
        """Let other runs on this tree in again, for a program that goes on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def folder(self, instance_id: str) -> str:
        """The instance's folder, a path of the tree."""
        return f"{INSTANCES}/{folder_name(instance_id)}"

    def linked(self) -> str | None:
        """The name of the folder that the `instance` link points to."""
        try:
            return os.path.basename(os.readlink(self.tree.real(LINK, follow=False))) or None
        except OSError:
            return None

    def current(self) -> Metadata | None:
        """What was applied here last; None on a machine that has never met us.

        Raises StateError when the record is there and cannot be used, DamagedStateError if it never can be.
        """
        name = self.linked()
        path = f"{INSTANCES}/{name}/metadata.json"
        stored = self.read(path) if name is not None else None
        if stored is None:
            return None
        try:
            return document.restore(stored["metadata"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedStateError("is damaged", where=path, remedy=REMEDY) from error

    def past(self, instance_id: str) -> Past:
        """What earlier runs left: of this instance, or the files of the one before it.

        Raises StateError as `read` does; a damaged record of another instance keeps no new one from being applied.
        """
        folder = self.folder(instance_id)
        stored = self.read(f"{folder}/applied.json")
        if stored is not None:
            return _past(stored, f"{folder}/applied.json", new=False)
        name = self.linked()
        if name is None:
            return Past()
        try:
            path = f"{INSTANCES}/{name}/applied.json"
            return _past(self.read(path) or {}, path, new=True)
        except DamagedStateError:
            return Past()

    def remember(
        self,
        metadata: Metadata,
        sources: Iterable[Mapping[str, Any]],
        past: Past,
        more: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Make this the current instance: what was read, how it was found, what an earlier one left, and `more` files.

        The folders are there already. Raises StateError; it is not the current one then.
        """
        assert metadata.instance_id is not None
        folder = self.folder(metadata.instance_id)
        read = {"metadata": document.private(metadata), "sources": list(sources)}
        self.write({**more, f"{folder}/metadata.json": read, f"{folder}/applied.json": _written(past)})
        self.point_to(folder_name(metadata.instance_id))
        self.flush()

    def includes(self, instance_id: str) -> dict[str, bytes]:
        """URL → what an include of this instance's user data brought; a damaged record brought nothing."""
        try:
            stored = self.read(f"{self.folder(instance_id)}/includes.json") or {}
            return {url: a2b_base64(content) for url, content in stored.get("urls", {}).items()}
        except (DamagedStateError, ValueError, TypeError, AttributeError):
            return {}

    def includes_file(self, instance_id: str, fetched: Mapping[str, bytes]) -> dict[str, Mapping[str, Any]]:
        """The file, by its path, that keeps what includes brought, so that later boots need no network for them."""
        urls = {url: b2a_base64(content, newline=False).decode() for url, content in fetched.items()}
        return {f"{self.folder(instance_id)}/includes.json": {"urls": urls}}

    def save_past(self, instance_id: str, past: Past) -> None:
        """Write digests and marks."""
        self.write({f"{self.folder(instance_id)}/applied.json": _written(past)})

    def point_to(self, name: str | None) -> None:
        """Turn the `instance` link to that folder, or take it away."""
        link = self.tree.real(LINK, follow=False)
        if name is None:
            _unlink(link)
            return
        if os.path.islink(link) and os.readlink(link) == f"instances/{name}":
            return
        new = atomic.candidate(link)
        _unlink(new)
        os.symlink(f"instances/{name}", new)
        atomic.commit(link)

    def make_folder(self, folder: str) -> None:
        """Make a folder of ours, 0700, and what is missing above it."""
        os.makedirs(self.tree.real(os.path.dirname(folder)), mode=0o755, exist_ok=True)
        os.makedirs(self.tree.real(folder), mode=0o700, exist_ok=True)

    def flush(self) -> None:
        """Make everything durable that was written so far. Raises StateError."""
        try:
            atomic.flush()
        except OSError as error:
            raise StateError(f"cannot be flushed to the disk: {error.strerror}") from error

    def read(self, path: str) -> dict[str, Any] | None:
        """A state file's document. Raises DamagedStateError, or StateError for one of a later version."""
        try:
            content = self.tree.read(path, LIMIT)
            if content is None:
                return None
            stored = loads(content)
        except (ValueError, RecursionError) as error:
            raise DamagedStateError("is damaged", where=path, remedy=REMEDY) from error
        except InputError as error:
            raise StateError(error.message, where=path) from error
        if not isinstance(stored, dict) or not isinstance(stored.get("version"), int):
            raise DamagedStateError("is damaged", where=path, remedy=REMEDY)
        if stored["version"] != VERSION:
            raise StateError(f"is of version {stored['version']}, this program knows {VERSION}", where=path)
        return stored

    def write(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Write state files, 0600, each whole or not at all; what was changed before is durable before they are.

        Raises StateError; none of them is new then.
        """
        documents = {
            self.tree.real(path): document.dumps({"version": VERSION, **content}, compact=True)
            for path, content in files.items()
        }
        try:
            atomic.flush()
            atomic.write_all(documents, 0o600)
        except OSError as error:
            raise StateError(f"cannot be written: {error.strerror}", where=next(iter(files))) from error


def _written(past: Past) -> dict[str, Any]:
    written = {
        path: {"sha256": list(digests), "handler": past.wanted_by.get(path, "")}
        for path, digests in past.written.items()
    }
    return {"written": written, "done": dict(past.done)}


def _past(stored: Mapping[str, Any], path: str, *, new: bool) -> Past:
    try:
        written = {name: tuple(entry["sha256"]) for name, entry in stored.get("written", {}).items()}
        wanted_by = {name: entry["handler"] for name, entry in stored.get("written", {}).items() if entry["handler"]}
        marks = {name: dict(mark) for name, mark in stored.get("done", {}).items()}
        done = {name: mark for name, mark in marks.items() if not new or name.startswith(ONCE_PREFIX)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedStateError("is damaged", where=path, remedy=REMEDY) from error
    return Past(new, written, wanted_by, done)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
