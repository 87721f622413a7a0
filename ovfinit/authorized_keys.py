"""A user's authorized_keys, reached without following any link that the user could have made.

The home is root's word (passwd); everything below it is the user's, so each step is opened relative to the last with
O_NOFOLLOW (openat(2)), and sshd's StrictModes rule is kept: folder 0700, file 0600, owned by the user.
"""

from __future__ import annotations

import os
import stat

from . import atomic
from .errors import ChangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Account, Host

LIMIT = 1024 * 1024
FOLDER = ".ssh"
FILE = "authorized_keys"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read(host: Host, account: Account) -> str | None:
    """The text of the file; None if the home, the folder or the file is not there. Raises ChangeError for a link."""
    host.note(f"{account.home}/{FOLDER}", f"{account.home}/{FOLDER}/{FILE}")
    home = _open(host.real(account.home), None, account.home)
    if home is None:
        return None
    try:
        folder = _open(FOLDER, home, f"{account.home}/{FOLDER}")
        if folder is None:
            return None
        try:
            return _read(folder, account)
        finally:
            os.close(folder)
    finally:
        os.close(home)


def write(host: Host, account: Account, text: str) -> None:
    """Replace the file; the folder is made if it is missing. Raises ChangeError or OSError."""
    home = _open(host.real(account.home), None, account.home)
    if home is None:
        raise ChangeError("the home folder is not there", where=account.home)
    root = os.geteuid() == 0
    try:
        folder = _open(FOLDER, home, f"{account.home}/{FOLDER}")
        if folder is None:
            folder = atomic.make_folder(FOLDER, 0o700, (account.uid, account.gid), at=home)
        try:
            if root and os.fstat(folder).st_uid not in (0, account.uid):
                raise ChangeError("belongs to somebody else", where=f"{account.home}/{FOLDER}")
            atomic.write(FILE, text.encode("utf-8", "surrogateescape"), 0o600, (account.uid, account.gid), at=folder)
        finally:
            os.close(folder)
    finally:
        os.close(home)


def _open(path: str, at: int | None, where: str) -> int | None:
    try:
        return os.open(path, _OPEN_FOLDER, dir_fd=at)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ChangeError(
            "is not a plain folder (a link is not followed in a user's home)",
            where=where,
            remedy="make it a folder of the user's",
        ) from error


def _read(folder: int, account: Account) -> str | None:
    where = f"{account.home}/{FOLDER}/{FILE}"
    try:
        descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ChangeError(f"is not a plain file: {error.strerror}", where=where) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ChangeError("is not a plain file", where=where)
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise ChangeError(f"is larger than {LIMIT} bytes", where=where)
    return content.decode("utf-8", "surrogateescape")
