"""What we remember: versioned JSON under /var/lib/ovfinit, one folder an instance, `instance` → the current one.

instances/ID/metadata.json   what was read, secrets included (0600)
instances/ID/applied.json    digests of what we wrote, marks of what is done
instances/ID/journal/        what was there before, for undo
instances/ID/scripts/        the user's scripts
"""

from __future__ import annotations

import os

from . import atomic, document
from .digest import sha256
from .errors import InputError, StateError
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


class Past(Record):
    """What is known of earlier runs, for one instance.

    `new`: this instance was never applied here. `written`: path of the tree → digests that are ours there, of this
    instance or an earlier one. `wanted_by`: path → the duty that wrote it. `done`: marks of what runs once.
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
        descriptor = os.open(self.tree.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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

    def folder(self, instance_id: str) -> str:
        """The instance's folder, a path of the tree."""
        return f"{INSTANCES}/{folder_name(instance_id)}"

    def current(self) -> Metadata | None:
        """What was applied here last; None on a machine that has never met us.

        Raises StateError when the record is there and cannot be used.
        """
        try:
            target = os.readlink(self.tree.real(LINK, follow=False))
        except OSError:
            return None
        stored = self.read(f"{INSTANCES}/{os.path.basename(target)}/metadata.json")
        if stored is None:
            return None
        try:
            return document.restore(stored["metadata"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError("the stored metadata is damaged", where=LINK, remedy="ovfinit clean removes it") from error

    def past(self, instance_id: str) -> Past:
        """What earlier runs left: of this instance, or the files of the one before it."""
        stored = self.read(f"{self.folder(instance_id)}/applied.json")
        new = stored is None
        if stored is None:
            before = self.current()
            if before is None or before.instance_id is None:
                return Past()
            stored = self.read(f"{self.folder(before.instance_id)}/applied.json") or {}
        written = {path: tuple(entry["sha256"]) for path, entry in stored.get("written", {}).items()}
        wanted_by = {path: entry["handler"] for path, entry in stored.get("written", {}).items() if entry["handler"]}
        return Past(new, written, wanted_by, {} if new else stored.get("done", {}))

    def remember(self, metadata: Metadata, sources: Iterable[Mapping[str, Any]], past: Past) -> None:
        """Make this the current instance: what was read, how it was found, what an earlier one left."""
        assert metadata.instance_id is not None
        folder = self.folder(metadata.instance_id)
        self.make_folder(folder)
        self.write(f"{folder}/metadata.json", {"metadata": document.private(metadata), "sources": list(sources)})
        self.save_past(metadata.instance_id, past)
        self.point_to(folder_name(metadata.instance_id))

    def save_past(self, instance_id: str, past: Past) -> None:
        """Write digests and marks."""
        written = {
            path: {"sha256": list(digests), "handler": past.wanted_by.get(path, "")}
            for path, digests in past.written.items()
        }
        self.write(f"{self.folder(instance_id)}/applied.json", {"written": written, "done": dict(past.done)})

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
        """A state file's document. Raises StateError for a damaged one or one of a later version."""
        import json

        try:
            content = self.tree.read(path, LIMIT)
            if content is None:
                return None
            stored = json.loads(content)
        except (ValueError, InputError) as error:
            raise StateError(f"is damaged: {error}", where=path, remedy="ovfinit clean removes it") from error
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            found = stored.get("version") if isinstance(stored, dict) else None
            raise StateError(f"is of version {found!r}, this program knows {VERSION}", where=path)
        return stored

    def write(self, path: str, content: Mapping[str, Any], mode: int = 0o600) -> None:
        """Write a state file, whole or not at all; what was changed before is durable before it is."""
        try:
            atomic.flush()
            atomic.write(self.tree.real(path), document.dumps({"version": VERSION, **content}), mode)
        except OSError as error:
            raise StateError(f"cannot be written: {error.strerror}", where=path) from error


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
