"""Folders on the way to what is written."""

from __future__ import annotations

import os

from ..compare.files import place_of_user
from ..errors import ChangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_folders(host: Host, path: str) -> None:
    """Make the folders above a path of the tree that are missing, 0755 root."""
    os.makedirs(os.path.dirname(host.real(path, follow=False)), mode=0o755, exist_ok=True)


class Place:
    """Where something is made: `path`, in the folder with the descriptor `at` if a user controls a part of the way.

    The folders above are made if they are missing. For use in a `with` statement. Raises ChangeError or OSError.
    """

    def __init__(self, host: Host, path: str) -> None:
        self.at = _users_folder(host, path)
        self.path = os.path.basename(path)
        if self.at is None:
            self.path = host.real(path, follow=False)
            make_folders(host, path)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self.at is not None:
            os.close(self.at)


def _users_folder(host: Host, path: str) -> int | None:
    """The folder of a path in a place that a user controls, as a descriptor; None in root's.

    A user may put a link into the way at any moment, so each folder is opened from the one before it (openat(2)), and
    no link is followed.
    """
    found = place_of_user(host, path)
    if found is None:
        return None
    here = os.open(found[0], _FOLDER)
    for name in found[1]:
        try:
            below = _enter(name, here)
        except OSError as error:
            raise ChangeError(f"cannot be reached without following a link: {error.strerror}", where=path) from error
        finally:
            os.close(here)
        here = below
    return here


def _enter(name: str, at: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        os.mkdir(name, 0o755, dir_fd=at)
        return os.open(name, _FOLDER, dir_fd=at)
