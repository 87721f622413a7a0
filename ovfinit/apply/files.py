"""Files, blocks of ours in files of others, links and folders."""

from __future__ import annotations

import os
import stat

from .. import atomic
from ..changes import MakeFolder, MakeLink, RemoveFile, WriteBlock, WriteFile
from ..compare.files import names_to_ids
from ..errors import ChangeError
from ..tree import READ_LIMIT
from .folders import Place, make_folders
from .tools import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step


def _write_file(change: WriteFile, _: Step, host: Host) -> None:
    content, mode, owner = change.content, change.mode, names_to_ids(change, host)
    with Place(host, change.target) as place:
        stands = _standing(place, change.target) if change.append else None
        if stands is not None:
            before, status = stands
            content, mode, owner = before + content, status.st_mode & 0o7777, (status.st_uid, status.st_gid)
        candidate = atomic.prepare(place.path, content, mode, owner, at=place.at)
        # what has a judge stands in root's places
        tool = host.tool(change.check[0]) if change.check and place.at is None else None
        if tool is not None:
            try:
                call((tool, *change.check[1:], candidate))
            except ChangeError as error:
                os.unlink(candidate)
                raise ChangeError(f"was refused: {error.message}", where=change.target) from error
        atomic.commit(place.path, at=place.at)


def _standing(place: Place, target: str) -> tuple[bytes, os.stat_result] | None:
    """What stands there, read again: an earlier change of this run may have made it. None if nothing does."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(place.path, flags, dir_fd=place.at)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ChangeError("is not a plain file", where=target) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ChangeError("is not a plain file", where=target)
    with open(descriptor, "rb") as file:
        content = file.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise ChangeError(f"is larger than {READ_LIMIT} bytes", where=target)
    return content, status


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
    real = host.real(change.target)
    if os.path.isdir(real):
        # an earlier change of this run has made it, the home of a user, say
        return
    with Place(host, change.target) as place:
        path = real if place.at is None else place.path
        os.close(atomic.make_folder(path, change.mode, names_to_ids(change, host), at=place.at))


PERFORM: dict[str, Any] = {
    WriteFile.kind: _write_file,
    WriteBlock.kind: _write_block,
    RemoveFile.kind: _remove_file,
    MakeLink.kind: _make_link,
    MakeFolder.kind: _make_folder,
}
