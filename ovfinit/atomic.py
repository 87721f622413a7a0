"""Files that are written whole or not at all.

A temporary file in the same folder gets mode and owner before content, is flushed to the disk and renamed over its
target; then the folder is flushed. Its name is fixed, so that what a killed run left is reused by the next one.
"""

from __future__ import annotations

import os

PREFIX = ".ovfinit-new."


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
    name = candidate(path)
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        pass
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            if owner is not None and os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
            os.fsync(descriptor)
    except BaseException:
        os.unlink(name, dir_fd=at)
        raise
    return name


def commit(path: str, *, at: int | None = None) -> None:
    """Give the prepared candidate its real name, durably."""
    os.rename(candidate(path), path, src_dir_fd=at, dst_dir_fd=at)
    sync_folder(os.path.dirname(path) or ".", at=at)


def sync_folder(folder: str, *, at: int | None = None) -> None:
    """Flush a folder's entries to the disk."""
    if at is not None:
        os.fsync(at)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: str, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Replace or make the file at `path`, an operating-system path. Raises OSError."""
    prepare(path, content, mode, owner)
    commit(path)
