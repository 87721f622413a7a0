"""Files that cloud-config hands over: those that need nobody who is made by this run."""

from __future__ import annotations

from ..accounts import possible_name
from ..changes import FINAL, FetchFile, MakeFolder, WriteFile
from ..errors import InputError, OvfinitError
from ..model import Problem
from ..record import Record
from ..userdata.content import decompress, unwrap
from ..userdata.reading import UNFIT
from ..userdata.scalars import Data, Flag, Hidden, Mode, Text
from ..userdata.schema import Many, Named, Table
from . import roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData
    from ..userdata.reading import Path, Reading

NAME = "files"
PLAIN = "text/plain"
# encoding → whether it is base64, whether what is in it is gzip
ENCODINGS = {
    PLAIN: (False, False),
    **dict.fromkeys(("gz", "gzip"), (False, True)),
    **dict.fromkeys(("b64", "base64"), (True, False)),
    **dict.fromkeys(("gz+b64", "gz+base64", "gzip+b64", "gzip+base64"), (True, True)),
}
# what all files of one document may unfold to
ROOM = 64 * 1024 * 1024


class _File(Table):
    """One file; its content is decoded when it is read, so that a mistake in it has its place."""

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        typed = super().read(value, path, reading)
        if typed is UNFIT:
            return UNFIT
        base64, gzip = ENCODINGS[typed.pop("encoding", PLAIN)]
        if "content" in typed:
            try:
                typed["content"] = _decoded(typed["content"], reading, base64=base64, gzip=gzip)
            except InputError as error:
                return reading.error((*path, "content"), error.message)
        return typed


def _decoded(content: bytes, reading: Reading, *, base64: bool, gzip: bool) -> bytes:
    if base64:
        found = unwrap(content.decode("ascii", "replace"))
        if found is None:
            raise InputError("is not base64, though its encoding says so")
        content = found
    if gzip:
        content = decompress(content, ROOM - reading.unfolded)
        reading.unfolded += len(content)
    return content


def _place(text: str) -> str | None:
    if not text.startswith("/"):
        return "must be an absolute path"
    return "must name a file" if text.rstrip("/") != text or text.rsplit("/", maxsplit=1)[-1] in (".", "..") else None


def _owner(text: str) -> str | None:
    user, _, group = text.partition(":")
    usable = all(not name or possible_name(name) for name in (user, group)) and user + group
    return None if usable else "must be USER:GROUP or USER, by name"


def _address(text: str) -> str | None:
    return (
        None if text.lower().startswith(("http://", "https://")) and " " not in text else "must be an http or https URL"
    )


def _header(name: str) -> str | None:
    return (
        None if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else "is not the name of a header"
    )


KEYS = {
    "write_files": Many(
        "Files to write, once per instance.",
        item=_File(
            keys={
                "path": Text("Where it is to be.", check=_place),
                "content": Data("What is to be in it; nothing without it."),
                "encoding": Text("How the content is packed.", choices=tuple(ENCODINGS)),
                "source": Table(
                    "Where its content is fetched from, in the final stage; `content` is for when that fails.",
                    keys={
                        "uri": Text("An http or https URL.", check=_address),
                        "headers": Named("Headers of the request.", value=Hidden(lines=False), check=_header),
                    },
                    required=("uri",),
                ),
                "owner": Text(
                    "USER:GROUP, root:root without it; users of the same cloud-config will do.", check=_owner
                ),
                "permissions": Mode("Permissions, '0644' without it."),
                "append": Flag("Whether the content is added to a file that is there."),
                "defer": Flag("Whether it is written at last, after packages and users."),
            },
            required=("path",),
            vital=("content", "encoding", "source", "owner", "permissions"),
        ),
    )
}


class Wanted(Record):
    """One file, its owners and its place sorted out."""

    path: str
    owner: str
    group: str
    entry: Mapping[str, Any]

    @property
    def last(self) -> bool:
        """True for what waits for the final stage."""
        return bool(self.entry.get("defer") or "source" in self.entry)


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Files of root's and of users of the image; what somebody makes of them later stays."""
    if NAME in past.done:
        return
    people = names(metadata, config, host, handed)
    for file in wanted(handed):
        if not file.entry.get("defer") and not people.concern(file):
            yield from write(NAME, host, file, FINAL if file.last else roster.stage(handed), people.homes)


def wanted(handed: UserData) -> Iterator[Wanted]:
    """All of them, in order."""
    for entry in handed.config.get("write_files", ()):
        user, _, group = entry.get("owner", "").partition(":")
        parts: list[str] = []
        for part in entry["path"].split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        yield Wanted("/" + "/".join(parts), user or "root", group or "root", entry)


class People(Record):
    """Who this run makes: names of users and groups, and the users' homes."""

    names: frozenset[str]
    homes: tuple[str, ...]

    def concern(self, file: Wanted) -> bool:
        """True for what must be written after them: to be theirs, or not to stand where a home is to be made."""
        return bool({file.owner, file.group} & self.names) or file.path.startswith(self.homes)


def names(metadata: Metadata, config: Config, host: Host, handed: UserData) -> People:
    """The same whether or not they are there yet."""
    from .users import group_members

    try:
        people = roster.read(metadata, config, host, handed).people
    except OvfinitError:
        people = ()
    known = host.accounts()
    groups = {group for person in people for group in (*person.groups, person.wanted.get("primary_group"))}
    groups |= set(group_members(handed.config.get("groups", ())))
    homes = {person.home(known) for person in people if not person.homeless and person.name != "root"}
    own = frozenset(name for name in ({person.name for person in people} | groups) if name not in (None, "root"))
    return People(own, tuple(f"{home.rstrip('/')}/" for home in sorted(homes)))


def write(handler: str, host: Host, file: Wanted, stage: str, homes: Sequence[str]) -> Iterator[Change | Problem]:
    """The change, after those of folders that are to belong to the file's owner; homes are made with their users."""
    mode = file.entry.get("permissions", 0o644)
    if (file.owner, file.group) != ("root", "root"):
        above = file.path.split("/")[:-1]
        for depth in range(2, len(above) + 1):
            folder = "/".join(above[:depth])
            if not host.exists(folder) and not any(home.startswith(f"{folder}/") for home in homes):
                yield MakeFolder(handler, folder, stage, owner=file.owner, group=file.group)
    source = file.entry.get("source")
    if source:
        if file.entry.get("append"):
            yield Problem(
                "write_files", "append does not go with source: it takes the place of what is there", file.path
            )
        yield FetchFile(
            handler,
            file.path,
            stage,
            url=source["uri"],
            headers=source.get("headers", {}),
            fallback=file.entry.get("content"),
            mode=mode,
            owner=file.owner,
            group=file.group,
        )
        return
    yield WriteFile(
        handler,
        file.path,
        stage,
        content=file.entry.get("content", b""),
        mode=mode,
        owner=file.owner,
        group=file.group,
        ours=False,
        # what not everybody may read is not shown in a plan either
        secret=not mode & 0o004,
        append=file.entry.get("append", False),
    )
