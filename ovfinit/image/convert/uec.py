"""UEC tarballs, as Ubuntu publishes them: a partition image beside the kernel and ramdisk that boot it."""

from __future__ import annotations

import os
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .. import deflate
from ..disk import imagefile
from ..disk.blocks import PIECE, RawFile, write_sparse
from ..rootfs.location import is_bare
from .appliance import Appliance, Drive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..disk.blocks import Blocks
    from .loading import Loading

_KERNELS = ("vmlinuz", "vmlinux", "-kernel")
_RAMDISKS = ("initrd", "initramfs", "ramdisk")
_IMAGES = (".img", ".raw", ".ext4", ".ext3", ".image")
MOST_MEMBERS = 1000
LONGEST = 1024 * 1024


def load(path: str, loading: Loading) -> Appliance:
    """The machine of a tarball; what counts is unpacked into the scratch folder under names of ours.

    Raises InputError for a tarball without an image, or one that is damaged.
    """
    found: dict[str, str] = {}
    name = os.path.basename(path)
    for ending in (".tar.gz", ".tgz", ".tar"):
        name = name.removesuffix(ending)
    loading.expect("unpacking", os.path.getsize(path))
    try:
        with (
            open(path, "rb") as raw,
            tarfile.open(fileobj=_Told(raw, loading), mode="r|*", tarinfo=_Header) as archive,  # type: ignore[call-overload]
        ):
            for count, member in enumerate(archive):
                if count >= MOST_MEMBERS:
                    raise InputError(f"has more than {MOST_MEMBERS} members", where=path)
                kind = _kind(member)
                if kind is None or kind in found:
                    continue
                target = os.path.join(loading.scratch, kind)
                if member.size > imagefile.LARGEST:
                    raise InputError(f"says that {kind} has {member.size} bytes, more than any disk", where=path)
                _write(archive, member, target, path)
                found[kind] = target
                if kind == "image":
                    name = os.path.splitext(os.path.basename(member.name))[0] or name
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise InputError(f"is no tarball, is damaged or cut off: {error}", where=path) from None
    if "image" not in found:
        raise InputError("has no disk image in it", where=path, remedy=f"one ends in {', '.join(_IMAGES)}")
    image = imagefile.probe(found["image"])
    return Appliance(
        name,
        (Drive("disk1", image, image.capacity),),
        kernel=found.get("kernel"),
        ramdisk=found.get("ramdisk"),
        partition=is_bare(image),
    )


class _Header(tarfile.TarInfo):
    """A header; the texts that may stand in front of one have to be short, since they are read into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """From its 512 bytes. Raises TarError."""
        header = super().frombuf(buf, encoding, errors)
        if not header.isreg() and not header.issparse() and header.size > LONGEST:
            raise tarfile.ReadError(f"a header of {header.size} bytes, which is refused")
        return header


class _Told:
    """A file that tells how much of it was read."""

    def __init__(self, file: object, loading: Loading) -> None:
        self._file = file
        self._loading = loading

    def read(self, size: int) -> bytes:
        """As a file's."""
        data: bytes = self._file.read(size)  # type: ignore[attr-defined]
        self._loading.advance(len(data))
        return data


def _kind(member: tarfile.TarInfo) -> str | None:
    name = os.path.basename(member.name).lower()
    if not member.isreg() or name.startswith("."):
        return None
    if any(word in name for word in _KERNELS):
        return "kernel"
    if any(word in name for word in _RAMDISKS):
        return "ramdisk"
    return "image" if name.endswith(_IMAGES) and "floppy" not in name else None


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str, where: str) -> None:
    """A member's data in their places; what is a hole in the archive is one in the file, however large."""
    stream: Any = archive.fileobj
    stream.seek(member.offset_data)
    parts: Any = member.sparse if member.sparse is not None else [(0, member.size)]
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for start, size in parts:
            offset, end = start, start + size
            while offset < end and (piece := stream.read(min(PIECE, end - offset))):
                write_sparse(descriptor, piece, offset)
                offset += len(piece)
            if offset != end:
                raise InputError("is cut off", where=where)
        os.ftruncate(descriptor, member.size)
    finally:
        os.close(descriptor)


def compose(root: Blocks, name: str, kernel: str | None, ramdisk: str | None, loading: Loading) -> Iterator[bytes]:
    """The tarball of a root file system, and of the files of its kernel and ramdisk, in pieces."""

    def members() -> Iterator[bytes]:
        yield from _member(f"{name}.img", root, loading)
        for ending, path in (("vmlinuz-virtual", kernel), ("initrd-virtual", ramdisk)):
            if path is not None:
                with RawFile(path) as file:
                    yield from _member(f"{name}-{ending}", file, loading)
        yield bytes(2 * tarfile.BLOCKSIZE)

    return deflate.compress(members())


def _member(name: str, content: Blocks, loading: Loading) -> Iterator[bytes]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = content.size, 0o644
    yield member.tobuf(tarfile.GNU_FORMAT)
    for piece in content.pieces():
        loading.advance(len(piece))
        yield piece
    yield bytes(-content.size % tarfile.BLOCKSIZE)
