"""Writing an OVF package: descriptor, manifest and disks, in a folder or as an OVA, each byte of a disk written once.

An OVA is a ustar archive in the order that the standard asks for (DSP0243 1.1, section 5.3): descriptor, manifest,
certificate, files. Sizes and digests are known only when the disks are written, so room for the first three is kept
and filled at the end.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from typing import TYPE_CHECKING, Any

from ...errors import InputError, OvfinitError
from ..descriptor import composing
from ..descriptor.composing import StoredDisk
from ..disk import imagefile, vmdk
from ..disk.blocks import PIECE, ZEROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..convert.appliance import Appliance, Drive
    from .signing import Signer

ALGORITHMS = ("sha256", "sha1", "sha512")
_BLOCK = tarfile.BLOCKSIZE
# as wide as any size will be, to keep room for it
_WIDEST = 10**19


class Files:
    """What both kinds of packages have: the digests of what was written, and who signs them."""

    def __init__(self, algorithm: str, signer: Signer | None) -> None:
        self.algorithm = algorithm
        self.signer = signer
        self.digests: list[tuple[str, str]] = []

    def line(self, name: str, digest: str = "") -> str:
        """A file's line of the manifest; without a digest one of the same length."""
        digits = digest or "0" * hashlib.new(self.algorithm, usedforsecurity=False).digest_size * 2
        return f"{self.algorithm.upper()}({name})= {digits}\n"


class Folder(Files):
    """The files of a package in a folder that exists."""

    def __init__(self, path: str, algorithm: str, signer: Signer | None = None) -> None:
        super().__init__(algorithm, signer)
        self._path = path

    def reserve(self, name: str, size: int) -> None:
        """Nothing to do: files of a folder have no order."""

    def add(self, name: str, pieces: Iterable[bytes]) -> int:
        """Write a file; its size. Raises OSError."""
        digest = hashlib.new(self.algorithm, usedforsecurity=False)
        size = 0
        with open(os.path.join(self._path, name), "xb", buffering=0) as file:
            for piece in pieces:
                _write(file, piece)
                digest.update(piece)
                size += len(piece)
        self.digests.append((name, digest.hexdigest()))
        return size

    def fill(self, name: str, content: bytes) -> bytes:
        """Write a small file whose room may have been kept; its content."""
        self.add(name, [content])
        return content

    def close(self) -> None:
        """Nothing to do."""


class Ova(Files):
    """The files of a package in a tar archive, made in the order of the calls."""

    def __init__(self, path: str, algorithm: str, signer: Signer | None = None) -> None:
        super().__init__(algorithm, signer)
        self._file = open(path, "xb", buffering=0)
        self._room: dict[str, tuple[int, int]] = {}
        self._time = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())

    def reserve(self, name: str, size: int) -> None:
        """Keep room for a file of up to `size` bytes."""
        room = _whole(size)
        self._room[name] = self._file.tell(), room
        self._file.seek(_BLOCK + room, os.SEEK_CUR)

    def add(self, name: str, pieces: Iterable[bytes]) -> int:
        """Append a member; its size. Raises OSError."""
        digest = hashlib.new(self.algorithm, usedforsecurity=False)
        start = self._file.tell()
        self._file.seek(_BLOCK, os.SEEK_CUR)
        size = 0
        for piece in pieces:
            _write(self._file, piece)
            digest.update(piece)
            size += len(piece)
        _write(self._file, bytes(-size % _BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        _write(self._file, self._header(name, size))
        self._file.seek(end)
        self.digests.append((name, digest.hexdigest()))
        return size

    def fill(self, name: str, content: bytes) -> bytes:
        """Write what room was kept for; line ends fill it up, so that no room is left between the members.

        The content with them.
        """
        start, room = self._room[name]
        missing = _whole(len(content))
        if missing > room:
            raise OvfinitError(f"{name} is larger than foreseen")
        content += b"\n" * (room - missing)
        end = self._file.tell()
        self._file.seek(start)
        _write(self._file, self._header(name, len(content)) + content + bytes(-len(content) % _BLOCK))
        self._file.seek(end)
        self.digests.append((name, hashlib.new(self.algorithm, content, usedforsecurity=False).hexdigest()))
        return content

    def close(self) -> None:
        """Write the end mark."""
        _write(self._file, bytes(2 * _BLOCK))
        self._file.close()

    def _header(self, name: str, size: int) -> bytes:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o644, self._time
        try:
            return member.tobuf(tarfile.USTAR_FORMAT)
        except ValueError:
            # over 8 GiB ustar has no number for the size; GNU's binary one is what importers know
            return member.tobuf(tarfile.GNU_FORMAT)


def _whole(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _write(file: Any, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def write(
    appliance: Appliance,
    package: Folder | Ova,
    name: str,
    *,
    kind: str = "vmdk",
    advance: Callable[[int], None] = lambda _: None,
    temporary: Callable[[], str],
) -> list[str]:
    """Write the appliance as package NAME.ovf; the names of its files.

    `kind` is the format of the disks: vmdk is streamed, raw is copied, others are made by qemu-img in the file that
    `temporary` names. `advance` is told of bytes of the disks that were read.
    """
    hrefs = [_href(name, number, drive, kind) for number, drive in enumerate(appliance.drives, 1)]
    names = [f"{name}.ovf", *(href for href in hrefs if href)]
    for each in (*names, f"{name}.cert"):
        if len(each.encode()) > tarfile.LENGTH_NAME:
            raise InputError(f"{each!r} is too long for an OVF package", remedy="choose a shorter --name")
    widest = [
        StoredDisk(href, _WIDEST, _WIDEST, kind, drive.controller, _WIDEST)
        for href, drive in zip(hrefs, appliance.drives)
    ]
    package.reserve(names[0], len(composing.compose(appliance, widest)))
    reserve_manifest(package, name, names)
    stored = []
    for drive, href in zip(appliance.drives, hrefs):
        if href is None or drive.image is None:
            stored.append(StoredDisk(None, None, drive.capacity, kind, drive.controller))
            continue
        populated: list[int] = []
        size = package.add(href, _content(drive, href, kind, advance, populated, temporary))
        capacity = -(-drive.capacity // imagefile.SECTOR) * imagefile.SECTOR
        stored.append(StoredDisk(href, size, capacity, kind, drive.controller, populated[0] if populated else None))
    package.fill(names[0], composing.compose(appliance, stored))
    sealed = seal(package, name, names)
    package.close()
    return [names[0], *sealed, *names[1:]]


def reserve_manifest(package: Folder | Ova, stem: str, names: Iterable[str]) -> None:
    """Keep room for the manifest of the files called `names`, and for the certificate if there will be one."""
    package.reserve(f"{stem}.mf", sum(len(package.line(name).encode()) for name in names))
    if package.signer is not None:
        # a signature is as long as its key, whatever is signed
        package.reserve(f"{stem}.cert", len(package.signer.certificate_file(f"{stem}.mf", b"", package.algorithm)))


def seal(package: Folder | Ova, stem: str, names: Sequence[str]) -> list[str]:
    """Write the manifest of the files called `names`, and the certificate if somebody signs; what was written."""
    rows = sorted(package.digests, key=lambda row: names.index(row[0]))
    manifest = package.fill(f"{stem}.mf", "".join(package.line(*row) for row in rows).encode())
    if package.signer is None:
        return [f"{stem}.mf"]
    package.fill(f"{stem}.cert", package.signer.certificate_file(f"{stem}.mf", manifest, package.algorithm))
    return [f"{stem}.mf", f"{stem}.cert"]


def _href(name: str, number: int, drive: Drive, kind: str) -> str | None:
    endings = {"vmdk": "vmdk", "raw": "img", "vpc": "vhd"}
    return f"{name}-disk{number}.{endings.get(kind, kind)}" if drive.image is not None else None


def _content(
    drive: Drive,
    href: str,
    kind: str,
    advance: Callable[[int], None],
    populated: list[int],
    temporary: Callable[[], str],
) -> Iterator[bytes]:
    """The file of a disk; `populated` gets how many of its bytes are data, as far as that is known."""
    assert drive.image is not None
    if kind not in ("vmdk", "raw"):
        path = temporary()
        try:
            imagefile.write(drive.image, path, kind, compress=True)
            advance(drive.capacity)
            with open(path, "rb", buffering=0) as file:
                while piece := file.read(PIECE):
                    yield piece
        finally:
            if os.path.exists(path):
                os.unlink(path)
        return
    with drive.image.open() as blocks:

        def read() -> Iterator[bytes]:
            data = 0
            for piece in blocks.pieces():
                advance(len(piece))
                data += 0 if piece is ZEROS else len(piece)
                yield piece
            populated.append(data)

        yield from vmdk.compose(read(), blocks.size, href) if kind == "vmdk" else read()
