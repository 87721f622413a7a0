"""Files, blocks of ours in files of others, links and folders."""

from __future__ import annotations

import os
import stat

from .. import block, marks
from ..changes import FetchFile, MakeFolder, MakeLink, RemoveFile, WriteBlock, WriteFile
from ..digest import sha256
from ..errors import ChangeError
from ..step import Step, deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..state import Past


def names_to_ids(change: WriteFile | FetchFile | MakeFolder, host: Host) -> tuple[int, int]:
    """The uid and gid of a file's owner and group in this tree. Raises ChangeError for unknown names."""
    uid = 0
    if change.owner != "root":
        account = host.accounts().get(change.owner)
        if account is None:
            raise ChangeError(f"there is no user {change.owner}", where=change.target)
        uid = account.uid
    gid = 0
    if change.group != "root":
        group = host.groups().get(change.group)
        if group is None:
            raise ChangeError(f"there is no group {change.group}", where=change.target)
        gid = group.gid
    return uid, gid


def place_of_user(host: Host, path: str) -> tuple[str, list[str]] | None:
    """The first folder on the way to a path that somebody else than root controls, and the names from there on.

    That folder is a path of the operating system; the last name of the path is not among the others. None if all of
    the way is root's.
    """
    names = [name for name in os.path.dirname(path).split("/") if name]
    # a tree that somebody unpacked is that somebody's own
    trusted = {0, os.geteuid(), os.stat(host.root).st_uid}
    for depth in range(len(names) + 1):
        real = host.real("/" + "/".join(names[:depth]))
        try:
            status = os.stat(real)
        except OSError:
            return None
        if status.st_uid not in trusted or status.st_mode & stat.S_IWOTH:
            return real, names[depth:]
    return None


def check_way(host: Host, path: str) -> None:
    """Raises ChangeError if a user put a link into the way to a path."""
    found = place_of_user(host, path)
    real, names = found or ("", [])
    for name in names:
        real = os.path.join(real, name)
        if os.path.islink(real):
            message = "is reached by a link in a place that a user controls, which is not followed"
            raise ChangeError(message, where=path.rstrip("/"))


def _write_file(change: WriteFile, host: Host, past: Past) -> Step:
    check_way(host, change.target)
    real = host.real(change.target, follow=False)
    try:
        status = os.lstat(real)
    except OSError:
        if change.append and marks.hold(change, host, past):
            return Step(change, "none", "was added for this instance")
        return Step(change, "create", after=change.content)
    if stat.S_ISDIR(status.st_mode):
        raise ChangeError("is a folder", where=change.target)
    if change.append:
        return _append(change, host, past)
    if stat.S_ISLNK(status.st_mode):
        return Step(change, "update", "a link stands there", after=change.content)
    before = host.read(change.target)
    if before != change.content:
        ours = past.written.get(change.target)
        if ours and not past.new and before is not None and sha256(before).hexdigest() not in ours:
            return Step(
                change, "none", "changed by hand since we wrote it", kept=True, before=before, after=change.content
            )
        return Step(change, "update", before=before, after=change.content)
    if stat.S_IMODE(status.st_mode) != change.mode:
        return Step(
            change,
            "update",
            f"mode {stat.S_IMODE(status.st_mode):04o} is not {change.mode:04o}",
            before=before,
            after=before,
        )
    if os.geteuid() == 0 and (status.st_uid, status.st_gid) != names_to_ids(change, host):
        return Step(change, "update", f"does not belong to {change.owner}:{change.group}", before=before, after=before)
    return Step(change, "none", before=before, after=before)


def _fetch_file(change: FetchFile, host: Host, past: Past) -> Step:
    if marks.hold(change, host, past):
        return Step(change, "none", "was fetched for this instance")
    check_way(host, change.target)
    real = host.real(change.target, follow=False)
    if os.path.isdir(real) and not os.path.islink(real):
        raise ChangeError("is a folder", where=change.target)
    from ..http.policy import shown

    action = "update" if os.path.lexists(real) else "create"
    if not host.live:
        return deferred(change, action, past, f"is fetched at the first boot from {shown(change.url)}")
    return Step(change, action, f"from {shown(change.url)}")


def _append(change: WriteFile, host: Host, past: Past) -> Step:
    before = host.read(change.target) or b""
    if os.path.islink(host.real(change.target, follow=False)):
        raise ChangeError("is a link, which is not added to", where=change.target, remedy="name the file it leads to")
    begun = past.done.get(marks.name(change), {}).get("begun")
    # killed between the change and its mark: it stands there already
    added = begun is not None and sha256(before).hexdigest() != begun and before.endswith(change.content)
    if added or marks.hold(change, host, past):
        return Step(change, "none", "was added for this instance", before=before, after=before)
    return Step(change, "update", before=before, after=before + change.content)


def _write_block(change: WriteBlock, host: Host, _: Past) -> Step:
    current = host.read(change.target)
    text = (current or b"").decode("utf-8", "surrogateescape")
    if (block.find(text) or ()) == tuple(change.lines):
        return Step(change, "none", before=current, after=current)
    after = block.replace(text, change.lines, change.before).encode("utf-8", "surrogateescape")
    action = "create" if current is None else "update"
    return Step(change, action, before=current, after=after)


def _remove_file(change: RemoveFile, host: Host, past: Past) -> Step:
    real = host.real(change.target, follow=False)
    if not os.path.lexists(real):
        return Step(change, "none")
    ours = past.written.get(change.target)
    if os.path.isdir(real) and not os.path.islink(real):
        if not change.folder:
            raise ChangeError("is a folder", where=change.target)
        used = any(f"{change.target}/{name}" not in change.inside for name in os.listdir(real))
        return Step(change, "none" if used else "remove")
    before = os.readlink(real).encode() if os.path.islink(real) else host.read(change.target)
    if ours and before is not None and sha256(before).hexdigest() not in ours:
        return Step(change, "none", "changed by hand since we wrote it", kept=True, before=before)
    return Step(change, "remove", before=before)


def _make_link(change: MakeLink, host: Host, _: Past) -> Step:
    real = host.real(change.target, follow=False)
    if not os.path.lexists(real):
        return Step(change, "create", after=change.to.encode())
    if not os.path.islink(real):
        if os.path.isdir(real):
            raise ChangeError("is a folder", where=change.target)
        return Step(change, "update", "a file stands there", after=change.to.encode())
    current = os.readlink(real)
    action = "none" if current == change.to else "update"
    return Step(change, action, before=current.encode(), after=change.to.encode())


def _make_folder(change: MakeFolder, host: Host, _: Past) -> Step:
    check_way(host, f"{change.target}/")
    real = host.real(change.target)
    if os.path.isdir(real):
        return Step(change, "none")
    if os.path.lexists(real):
        raise ChangeError("is no folder", where=change.target)
    return Step(change, "create")


COMPARE: dict[str, Any] = {
    WriteFile.kind: _write_file,
    FetchFile.kind: _fetch_file,
    WriteBlock.kind: _write_block,
    RemoveFile.kind: _remove_file,
    MakeLink.kind: _make_link,
    MakeFolder.kind: _make_folder,
}
