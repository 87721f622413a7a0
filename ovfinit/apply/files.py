"""Files, blocks of ours in files of others, links and folders."""

from __future__ import annotations

import os
import stat

from .. import atomic
from ..changes import MakeFolder, MakeLink, RemoveFile, WriteBlock, WriteFile
from ..compare.files import names_to_ids
from ..errors import ChangeError
from .folders import make_folders, open_folder
from .tools import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step


def _write_file(change: WriteFile, _: Step, host: Host) -> None:
    at = open_folder(host, change.target)
    if at is not None:
        try:
            _write_at(at, change, host)
        finally:
            os.close(at)
        return
    if change.append and host.exists(change.target):
        _append(change, host)
        return
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    atomic.prepare(real, change.content, change.mode, names_to_ids(change, host))
    tool = host.tool(change.check[0]) if change.check else None
    if tool is not None:
        try:
            call((tool, *change.check[1:], atomic.candidate(real)))
        except ChangeError as error:
            os.unlink(atomic.candidate(real))
            raise ChangeError(f"was refused: {error.message}", where=change.target) from error
    atomic.commit(real)


def _write_at(at: int, change: WriteFile, host: Host) -> None:
    """The same where the folder is a user's, who may make links of what stands there meanwhile."""
    name = os.path.basename(change.target)
    content, mode, owner = change.content, change.mode, names_to_ids(change, host)
    if change.append:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        except FileNotFoundError:
            pass
        else:
            with open(descriptor, "rb", buffering=0) as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise ChangeError("is not a plain file", where=change.target)
                content = (file.readall() or b"") + content
                mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
    atomic.prepare(name, content, mode, owner, at=at)
    atomic.commit(name, at=at)


def _append(change: WriteFile, host: Host) -> None:
    """What stands there, read again: an earlier change of this run may have made it."""
    real = host.real(change.target, follow=False)
    status = os.lstat(real)
    if not stat.S_ISREG(status.st_mode):
        raise ChangeError("is not a plain file", where=change.target)
    current = host.read(change.target) or b""
    atomic.write(real, current + change.content, status.st_mode & 0o7777, (status.st_uid, status.st_gid))


def _write_block(change: WriteBlock, step: Step, host: Host) -> None:
    # somebody else's file stays where its owner put it
    real = host.real(host.resolved(change.target))
    make_folders(host, change.target)
    mode, owner = change.mode, (0, 0)
    if os.path.exists(real):
        status = os.stat(real)
        mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
    atomic.write(real, step.after or b"", mode, owner)


def _remove_file(change: RemoveFile, _: Step, host: Host) -> None:
    real = host.real(change.target, follow=False)
    if change.folder and not os.path.islink(real) and os.path.isdir(real):
        os.rmdir(real)
    else:
        os.unlink(real)
    atomic.touched(real)


def _make_link(change: MakeLink, _: Step, host: Host) -> None:
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    new = atomic.candidate(real)
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(change.to, new)
    atomic.commit(real)


def _make_folder(change: MakeFolder, _: Step, host: Host) -> None:
    """Under another name until mode and owner are right."""
    real = host.real(change.target)
    if os.path.isdir(real):
        # an earlier change of this run has made it, the home of a user, say
        return
    at = open_folder(host, change.target)
    if at is not None:
        try:
            _make_folder_at(at, change, host)
        finally:
            os.close(at)
        return
    make_folders(host, change.target)
    new = atomic.candidate(real)
    try:
        os.rmdir(new)
    except FileNotFoundError:
        pass
    os.mkdir(new, 0o700)
    if os.geteuid() == 0:
        os.chown(new, *names_to_ids(change, host))
    os.chmod(new, change.mode)
    atomic.commit(real)


def _make_folder_at(at: int, change: MakeFolder, host: Host) -> None:
    name = os.path.basename(change.target)
    new = atomic.candidate(name)
    try:
        os.rmdir(new, dir_fd=at)
    except FileNotFoundError:
        pass
    os.mkdir(new, 0o700, dir_fd=at)
    made = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        if os.geteuid() == 0:
            os.fchown(made, *names_to_ids(change, host))
        os.fchmod(made, change.mode)
    finally:
        os.close(made)
    atomic.commit(name, at=at)


PERFORM: dict[str, Any] = {
    WriteFile.kind: _write_file,
    WriteBlock.kind: _write_block,
    RemoveFile.kind: _remove_file,
    MakeLink.kind: _make_link,
    MakeFolder.kind: _make_folder,
}
