"""Opening a package, whatever it is: a folder, a descriptor, an OVA (also compressed, or a zip), a URL.

with open_package("app.ova") as opened:
    for machine in opened.package.machines: …
    with opened.content(opened.package.files[0]) as stream: …
"""

from __future__ import annotations

import io
import os
from urllib.parse import unquote

from ...errors import InputError
from ...http import shown
from ..descriptor import envelope, xmltree
from . import manifest, remote, wrapping
from .finding import Findings
from .store import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from .manifest import Manifest
    from .model import File, Package
    from .store import Member, Store

BUNDLE_LIMIT = 4 * 1024 * 1024
MOST_CHUNKS = 100_000


class OpenPackage:
    """A package that was opened: what it describes, where its files are, and what is wrong with it so far.

    Attributes:
        package: the model.
        store: the files.
        manifest: the digests, None if the package has none; `manifest_data` is the file as it is signed.
        descriptor: the name of the descriptor in the store.
        findings: grows while the package is looked at.
    """

    def __init__(self, store: Store, descriptor: str, findings: Findings, language: str | None) -> None:
        self.store = store
        self.descriptor = descriptor
        self.findings = findings
        self.manifest_data = b""
        data = self.read(descriptor, xmltree.LIMIT)
        if data is None:
            raise InputError("is not there", where=self.place(descriptor))
        where = self.place(descriptor)
        self.package: Package = envelope.read(data, where, findings, language=language, fetch=self._bundle)
        self.manifest: Manifest | None = self._manifest()

    def __enter__(self) -> OpenPackage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is open."""
        self.store.close()

    def place(self, name: str) -> str:
        """A file of the package as findings name it."""
        if isinstance(self.store, Folder):
            return os.path.join(self.store.where, name) if self.store.where != "." else name
        separator = "/" if isinstance(self.store, remote.RemoteFolder) else ":"
        return f"{self.store.where}{separator}{name}"

    def read(self, name: str, limit: int) -> bytes | None:
        """A small file of the package, None if it is not there. Raises InputError if it is larger than `limit`."""
        member = self.store.find(name)
        if member is None:
            return None
        try:
            with self.store.open(member) as stream:
                data = _all(stream, limit + 1)
        except InputError:
            raise
        except Exception as error:
            # every decompressor has exceptions of its own
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot be read: {reason}", where=self.place(name)) from error
        if len(data) > limit:
            raise InputError(f"is larger than {limit} bytes", where=self.place(name))
        return data

    def parts(self, file: File) -> list[Member]:
        """The members that hold a file, in order: one, or its chunks. Raises InputError if hostile or missing."""
        where = f"{self.place(self.descriptor)}:{file.line}"
        try:
            if not file.chunk_size:
                members = [self.store.find(file.href)]
            else:
                # DSP0243 1.1, section 7.1: HREF.000000000, HREF.000000001, …
                members = []
                count = MOST_CHUNKS if file.size is None else -(-file.size // file.chunk_size)
                for number in range(min(max(count, 1), MOST_CHUNKS)):
                    member = self.store.find(f"{file.href}.{number:09d}")
                    if member is None and (number == 0 or file.size is None):
                        # VMware writes chunkSize for files that fit into one chunk, and stores them whole
                        members += [self.store.find(file.href)] if number == 0 else []
                        break
                    members.append(member)
                    if member is None:
                        break
        except InputError as error:
            message = f"{file.href[:100]!r} {error.message}"
            raise InputError(message, where=where, remedy="name a file of the package") from error
        present = [member for member in members if member is not None]
        if not present or len(present) < len(members):
            missing = file.href if not file.chunk_size else f"{file.href}.{len(present):09d}"
            raise InputError(f"{missing[:100]!r} is not in the package", where=where, remedy="get the package whole")
        return present

    def stored(self, file: File) -> BinaryIO:
        """A file as it is stored, chunks put together. Raises InputError as `parts`."""
        members = self.parts(file)
        return self.store.open(members[0]) if len(members) == 1 else _joined(self.store, members)

    def content(self, file: File) -> BinaryIO:
        """A file as a machine sees it: chunks put together, compression undone. Raises InputError as `parts`."""
        stream = self.stored(file)
        return wrapping.gunzipped(stream) if file.compression == "gzip" else stream

    def _bundle(self, file: File) -> bytes | None:
        try:
            with self.content(file) as stream:
                data = _all(stream, BUNDLE_LIMIT + 1)
        except (InputError, OSError, EOFError):
            return None
        return data if len(data) <= BUNDLE_LIMIT else None

    def _manifest(self) -> Manifest | None:
        found = self.companion(".mf", manifest.LIMIT)
        if found is None:
            return None
        name, self.manifest_data = found
        return manifest.parse(self.manifest_data, self.place(name), self.findings)

    def companion(self, suffix: str, limit: int) -> tuple[str, bytes] | None:
        """The file of the descriptor's name with another suffix, in an archive any with that suffix: name, content."""
        names = [f"{os.path.splitext(self.descriptor)[0]}{suffix}"]
        if not isinstance(self.store, Folder):
            # a folder may hold several packages
            names += [member.name for member in self.store.members() or () if member.name.lower().endswith(suffix)]
        for name in names:
            data = self.read(name, limit)
            if data is not None:
                return name, data
        return None


def _all(stream: BinaryIO, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while left > 0 and (part := stream.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class _Chunks(io.RawIOBase):
    """Several members as one stream; seeking backwards begins anew."""

    def __init__(self, store: Store, members: Sequence[Member]) -> None:
        self._store, self._members = store, members
        self._index, self._current, self._position = 0, store.open(members[0]), 0

    def readable(self) -> bool:
        """As a file's."""
        return True

    def seekable(self) -> bool:
        """As a file's."""
        return True

    def tell(self) -> int:
        """As a file's."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        sizes = [member.size or 0 for member in self._members]
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: sum(sizes)}[whence]
        self._position = left = max(0, base + offset)
        index = 0
        while index < len(sizes) - 1 and left >= sizes[index]:
            left -= sizes[index]
            index += 1
        self._current.close()
        self._index, self._current = index, self._store.open(self._members[index])
        self._current.seek(left)
        return self._position

    def readinto(self, buffer: object) -> int:
        """As a file's."""
        while True:
            count = self._current.readinto(buffer) or 0  # type: ignore[attr-defined]
            if count or self._index + 1 >= len(self._members):
                self._position += count
                return int(count)
            self._current.close()
            self._index += 1
            self._current = self._store.open(self._members[self._index])

    def close(self) -> None:
        """As a file's."""
        self._current.close()
        super().close()


def _joined(store: Store, members: Sequence[Member]) -> BinaryIO:
    return io.BufferedReader(_Chunks(store, members), 256 * 1024)


def open_package(path: str, *, language: str | None = None) -> OpenPackage:
    """Open what the caller names.

    Args:
        path: a folder with one descriptor, a descriptor, an OVA in any wrapping, or an http(s) URL of one of these.
        language: a tag or locale name in which texts are wanted.

    Raises:
        InputError: it cannot be read, or is no package at all.
    """
    findings = Findings()
    store, descriptor = _remote(path) if remote.is_url(path) else _local(path)
    try:
        members = store.members()
        if not descriptor and members is not None:
            trouble = getattr(store, "trouble", None)
            if trouble:
                findings.error("archive-damaged", f"the archive {trouble}", store.where, "get it again, whole")
            descriptor = _only_descriptor([member.name for member in members], store.where)
        return OpenPackage(store, descriptor, findings, language)
    except BaseException:
        store.close()
        raise


def _local(path: str) -> tuple[Store, str]:
    """Where the files are, and the descriptor's name if that is known already."""
    if os.path.isdir(path):
        return Folder(path), ""
    try:
        stream = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
        head = _all(stream, 512)
        stream.seek(0)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if not head.strip(b"\0 \t\r\n"):
        stream.close()
        raise InputError("is empty", where=path)
    try:
        found = wrapping.archive(stream, path, head)
    except BaseException:
        stream.close()
        raise
    if found is not None:
        return found, ""
    stream.close()
    folder, name = os.path.split(path)
    return Folder(folder or "."), name


def _remote(url: str) -> tuple[Store, str]:
    """The same for what lies on a web server."""
    session = remote.Session()
    try:
        stream = io.BufferedReader(remote.RemoteFile(session, url), 64 * 1024)
        head = _all(stream, 512)
        stream.seek(0)
        found = wrapping.archive(stream, shown(url), head)
    except FileNotFoundError as error:
        session.close()
        raise InputError("is not there", where=shown(url), remedy="check the URL") from error
    except BaseException:
        session.close()
        raise
    if found is not None:
        return found, ""
    stream.close()
    name = unquote(url.partition("?")[0].rpartition("/")[2])
    if not name:
        raise InputError("is a folder of a web server", where=shown(url), remedy="name the descriptor in it")
    return remote.RemoteFolder(session, url), name


def _only_descriptor(names: Sequence[str], where: str) -> str:
    """The one descriptor among names; what a Mac leaves beside it (`._app.ovf`) is none."""
    # a name that comes twice is the archive's own trouble
    ours = (name for name in names if name.lower().endswith(".ovf") and not os.path.basename(name).startswith("._"))
    found = list(dict.fromkeys(ours))
    if not found:
        raise InputError("has no descriptor: no file in it ends in .ovf", where=where)
    if len(found) > 1:
        some = ", ".join(sorted(found)[:5])
        raise InputError(f"has several descriptors: {some}", where=where, remedy="name the one that you mean")
    return found[0]
