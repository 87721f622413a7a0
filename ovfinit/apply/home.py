"""A new user's home: a copy of /etc/skel that appears under its name only when it is whole."""

from __future__ import annotations

import os
import stat

from .. import atomic
from ..errors import ChangeError
from .folders import make_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..host import Account, Host

SKELETON = "/etc/skel"
DEFAULT_MODE = 0o700


def make_home(host: Host, account: Account) -> None:
    """Make it, 0700 unless login.defs has another HOME_MODE.

    Raises OSError, or ChangeError naming what in the skeleton cannot be copied; nothing is left then.
    """
    real = host.real(account.home, follow=False)
    make_folders(host, account.home)
    new = atomic.candidate(real)
    _remove(new)
    owner = account.uid, account.gid
    try:
        skeleton = host.real(SKELETON)
        if os.path.isdir(skeleton):
            for path in list(_copy(skeleton, new, owner)):
                # all are written by now, and a disk that flushes them together takes little more than for one
                _flush(path)
        else:
            os.mkdir(new)
            os.chown(new, *owner)
        os.chmod(new, _mode(host))
    except BaseException:
        _remove(new)
        raise
    atomic.commit(real)


def _remove(path: str) -> None:
    """Remove a file, or a folder with all that is in it; what is not there is as good as removed."""
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove(os.path.join(path, name))
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: str, target: str, owner: tuple[int, int]) -> Iterator[str]:
    """A file, link or folder with its mode and times; gives the files whose content is yet to be flushed."""
    found = os.lstat(source)
    if stat.S_ISDIR(found.st_mode):
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            yield from _copy(os.path.join(source, name), os.path.join(target, name), owner)
        atomic.touched(os.path.join(target, "."))
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISREG(found.st_mode):
        with open(source, "rb", buffering=0) as reading, open(target, "xb", buffering=0) as writing:
            while os.sendfile(writing.fileno(), reading.fileno(), None, found.st_size or 1):
                pass
        yield target
    else:
        raise ChangeError("is neither a file nor a folder nor a link, and is not copied to a home", where=source)
    os.chown(target, *owner, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(target, stat.S_IMODE(found.st_mode))
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _mode(host: Host) -> int:
    for line in (host.text("/etc/login.defs") or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "HOME_MODE":
            try:
                return int(words[1], 8) & 0o777
            except ValueError:
                break
    return DEFAULT_MODE
