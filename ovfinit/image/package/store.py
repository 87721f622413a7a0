"""Where the files of a package lie: a folder, an archive or a web server, behind one way of asking.

A name comes out of a descriptor and is hostile until it is resolved here: it never leads out of the package.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod

from ...errors import InputError
from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

SCHEMES = ("http:", "https:", "ftp:", "file:", "data:", "urn:")


class Member(Record):
    """A file that is there: its name as the package has it and its size in bytes, None where nobody knows yet."""

    name: str
    size: int | None


class Store(ABC):
    """The files of a package. `where` is how findings name the package; use as a context manager."""

    where: str

    @abstractmethod
    def find(self, href: str) -> Member | None:
        """The file that a href means, None if it is not there. Raises InputError for a href that is hostile."""

    @abstractmethod
    def open(self, member: Member) -> BinaryIO:
        """The file from its beginning, seekable; to be closed before the next one is opened. Raises InputError."""

    @abstractmethod
    def members(self) -> tuple[Member, ...] | None:
        """All files in the order in which they lie there, None where nobody can list them."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is open."""

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spellings(href: str) -> tuple[str, ...]:
    """The names that a href may mean inside a package: as written, and with `%20` and the like undone.

    Raises InputError for one that leads elsewhere: another place on the network or in the file system.
    """
    from urllib.parse import unquote

    found = dict.fromkeys((href, unquote(href)))
    for name in found:
        lower = name.lower().lstrip()
        if lower.startswith(SCHEMES) or "://" in name:
            raise InputError("leads out of the package, to another place on the network: it is never fetched")
        if name.startswith(("/", "\\")) or lower[1:3] in (":\\", ":/"):
            raise InputError("is an absolute path, which leads out of the package")
        if ".." in name.replace("\\", "/").split("/"):
            raise InputError("leads out of the package with `..`")
        if any(ord(character) < 32 or ord(character) == 127 for character in name):
            raise InputError("has control characters in it")
    return tuple(name for name in found if name)


class Folder(Store):
    """A package that lies in a folder, file by file."""

    def __init__(self, folder: str) -> None:
        self.where = folder
        self._base = os.path.realpath(folder)

    def find(self, href: str) -> Member | None:
        """See Store; symbolic links that lead out of the folder, and devices, are refused."""
        for name in spellings(href):
            try:
                status = os.stat(self._path(name))
            except (OSError, ValueError):
                continue
            if not stat.S_ISREG(status.st_mode):
                raise InputError("is not a file but a folder, a device or a pipe")
            return Member(name, status.st_size)
        return None

    def _path(self, name: str) -> str:
        path = os.path.realpath(os.path.join(self._base, name))
        if os.path.commonpath([self._base, path]) != self._base:
            raise InputError("is a symbolic link that leads out of the package")
        return path

    def open(self, member: Member) -> BinaryIO:
        """See Store."""
        try:
            descriptor = os.open(self._path(member.name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=member.name) from error
        return open(descriptor, "rb", buffering=0)

    def members(self) -> tuple[Member, ...]:
        """The files beside the descriptor, by name."""
        found = []
        with os.scandir(self._base) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    found.append(Member(entry.name, entry.stat(follow_symlinks=False).st_size))
        return tuple(sorted(found, key=lambda member: member.name))

    def close(self) -> None:
        """Nothing stays open."""
