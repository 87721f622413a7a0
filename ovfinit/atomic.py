"""Files that are written whole or not at all.

A temporary file in the same folder gets mode and owner before content, is flushed to the disk and renamed over its
target. Its name is fixed, so that what a killed run left is reused by the next one. The folders' entries are flushed
together by `flush`, once each, before any mark says that something is done.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = ".ovfinit-new."
_folders: set[str] = set()


def candidate(path: str) -> str:
    """The name under which the new content of `path` is prepared."""
    folder, name = os.path.split(path)
    return os.path.join(folder, PREFIX + name)


def prepare(
    path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None, *, at: int | None = None
) -> str:
    """Write the candidate of `path` and return its name; `owner` is (uid, gid), `at` a folder's descriptor.

    Raises OSError; nothing is left then.
    """
    descriptor = _draft(path, content, mode, owner, at)
    try:
        os.fsync(descriptor)
    except BaseException:
        os.unlink(candidate(path), dir_fd=at)
        raise
    finally:
        os.close(descriptor)
    return candidate(path)


def _draft(path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None, at: int | None = None) -> int:
    """The candidate of `path`, written and not yet flushed; returns its descriptor."""
    name = candidate(path)
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        pass
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        if owner is not None and os.geteuid() == 0:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    except BaseException:
        os.close(descriptor)
        os.unlink(name, dir_fd=at)
        raise
    return descriptor


def commit(path: str, *, at: int | None = None) -> None:
    """Give the prepared candidate its real name; it is durable after the next `flush`, below `at` at once."""
    os.rename(candidate(path), path, src_dir_fd=at, dst_dir_fd=at)
    if at is None:
        touched(path)
    else:
        os.fsync(at)


def make_folder(path: str, mode: int, owner: tuple[int, int] | None = None, *, at: int | None = None) -> int:
    """Make a folder that never stands there with another mode or owner; returns its descriptor. Durable as by `commit`.

    Raises OSError.
    """
    name = candidate(path)
    try:
        os.rmdir(name, dir_fd=at)
    except FileNotFoundError:
        pass
    os.mkdir(name, 0o700, dir_fd=at)
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        if owner is not None and os.geteuid() == 0:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        commit(path, at=at)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def touched(path: str) -> None:
    """Note that the folder of `path` has other entries than before."""
    _folders.add(os.path.dirname(path) or ".")


def flush() -> None:
    """Flush the entries of all folders noted since the last time; one that has gone needs none. Raises OSError."""
    while _folders:
        try:
            descriptor = os.open(_folders.pop(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write(path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None, *, at: int | None = None) -> None:
    """Replace or make the file at `path`, an operating-system path; durable as by `commit`. Raises OSError."""
    prepare(path, content, mode, owner, at=at)
    commit(path, at=at)


def write_all(files: Mapping[str, bytes], mode: int) -> None:
    """The same for several files of the caller's own: a disk that flushes them together takes little more than for one.

    Raises OSError; none is replaced if one of them cannot be written.
    """
    drafts: dict[str, int] = {}
    try:
        for path, content in files.items():
            drafts[path] = _draft(path, content, mode)
        for descriptor in drafts.values():
            os.fsync(descriptor)
    except BaseException:
        for path in drafts:
            os.unlink(candidate(path))
        raise
    finally:
        for descriptor in drafts.values():
            os.close(descriptor)
    for path in files:
        commit(path)
