"""EC2/UEC bundles: an image as a tar archive, compressed, encrypted, cut into parts, described by a signed manifest.

Everything runs as one stream: constant memory whatever the size, each byte of the image read once.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from typing import TYPE_CHECKING, Any

from ...errors import InputError, OvfinitError
from ...record import Record
from .. import deflate
from ..disk.blocks import PIECE, write_sparse
from ..stages import ahead
from . import keys
from .manifest import LIMIT, OF_NOTHING, Manifest, Part, compose, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..disk.blocks import Blocks

PART_SIZE = 10 * 1024 * 1024
EC2_LIMIT = 10 * 1024**3
ARCHITECTURES = ("i386", "x86_64", "arm64", "armhf", "ppc", "ppc64", "ppc64le")
MANIFEST = ".manifest.xml"
_BLOCK = tarfile.BLOCKSIZE
# what may follow the image in its archive: padding, and GNU tar's habit of whole records
_SLACK = 16 * tarfile.RECORDSIZE


class Owner(Record):
    """Who bundles, and for whom: account number without dashes, RSA keys of the owner and of the cloud."""

    user: str
    private_key: Any
    public_key: Any
    cloud_key: Any


class Labels(Record):
    """What a manifest tells the cloud beside the image itself; as in `Manifest`."""

    architecture: str = "x86_64"
    kind: str = "machine"
    mappings: Mapping[str, str] = {}
    product_codes: tuple[str, ...] = ()
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    ancestors: tuple[str, ...] = ()


def pack(
    blocks: Blocks,
    folder: str,
    prefix: str,
    owner: Owner,
    labels: Labels,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Bundle an image into `folder`, which exists: parts, and last the manifest, PREFIX.manifest.xml.

    `advance` is told how many bytes of the image were read since it was told last.
    """
    key = keys.fresh()
    whole = hashlib.sha1(usedforsecurity=False)

    def hashed() -> Iterator[bytes]:
        for piece in _archive(blocks, prefix, advance):
            whole.update(piece)
            yield piece

    packed = ahead(keys.encrypt(deflate.compress(hashed()), key))
    parts, total = _cut(packed, folder, prefix, PART_SIZE)
    manifest = Manifest(
        name=prefix,
        user=owner.user,
        digest=whole.hexdigest(),
        size=blocks.size,
        bundled_size=total,
        parts=parts,
        user_key=keys.seal(owner.public_key, key.key),
        user_iv=keys.seal(owner.public_key, key.iv),
        ec2_key=keys.seal(owner.cloud_key, key.key),
        ec2_iv=keys.seal(owner.cloud_key, key.iv),
        **labels.as_dict(),
    )
    head, signed, tail = compose(manifest)
    signature = keys.sign(owner.private_key, signed)
    with open(os.path.join(folder, prefix + MANIFEST), "wb") as file:
        file.write(head + signature.encode() + tail)
        file.flush()
        os.fsync(file.fileno())
    return manifest.with_(signature=signature, signed=signed)


def _archive(blocks: Blocks, name: str, advance: Callable[[int], None]) -> Iterator[bytes]:
    """The tar archive of one member, in pieces."""
    member = tarfile.TarInfo(name)
    member.size = blocks.size
    # nobody's and of no time: the same image gives the same archive
    member.mode = 0o644
    header = member.tobuf(tarfile.GNU_FORMAT)
    yield header
    for piece in blocks.pieces(PIECE):
        advance(len(piece))
        yield piece
    length = len(header) + blocks.size
    end = -length % _BLOCK + 2 * _BLOCK
    yield bytes(end + -(length + end) % tarfile.RECORDSIZE)


def _cut(pieces: Iterable[bytes], folder: str, prefix: str, size: int) -> tuple[tuple[Part, ...], int]:
    """Write the pieces as files of `size` bytes, the last one of what is left; their names and digests."""
    parts: list[Part] = []
    total, room, file, digest = 0, 0, None, hashlib.sha1(usedforsecurity=False)
    try:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                if file is None:
                    name = f"{prefix}.part.{len(parts):02d}"
                    file, room = open(os.path.join(folder, name), "xb", buffering=0), size
                    digest = hashlib.sha1(usedforsecurity=False)
                done = file.write(view[:room])
                digest.update(view[:done])
                view, room, total = view[done:], room - done, total + done
                if not room:
                    parts.append(Part(os.path.basename(file.name), digest.hexdigest()))
                    file.close()
                    file = None
        if file is not None:
            parts.append(Part(os.path.basename(file.name), digest.hexdigest()))
    finally:
        if file is not None:
            file.close()
    return tuple(parts), total


def read_manifest(path: str) -> Manifest:
    """The manifest in a file. Raises InputError."""
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    return parse(data, path)


def check_signature(manifest: Manifest, key: Any, where: str) -> None:
    """Raise InputError unless the owner of this RSA public key signed the manifest as it stands."""
    if not keys.signed_by(key, manifest):
        raise InputError(
            "its signature is not by this key, or it was changed after it was signed",
            where=where,
            remedy="get it again; or give its owner's certificate with --cert",
        )


def unpack(
    manifest: Manifest,
    path: str,
    private_key: Any,
    descriptor: int,
    *,
    check: bool = True,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the image of the bundle, whose manifest lies at `path`, into an empty open file, zeros as holes.

    `advance` is told of bytes of parts read. Raises InputError for whatever is missing, damaged or not what the
    manifest says; digests are compared only with `check`.
    """
    folder = os.path.dirname(path)
    key = keys.open_sealed(private_key, manifest, path)
    digest = hashlib.sha1(usedforsecurity=False)
    limit = manifest.size + (manifest.size >> 4) + _SLACK

    def hashed() -> Iterator[bytes]:
        encrypted = ahead(_parts(manifest, folder, advance, check=check))
        for piece in deflate.expand(keys.decrypt(encrypted, key, path), path, limit):
            digest.update(piece)
            yield piece

    stream = _Stream(ahead(hashed()))
    try:
        _extract(stream, manifest, path, descriptor)
        while stream.read(PIECE):
            pass
    except tarfile.TarError as error:
        raise InputError(f"holds no tar archive: {error}", where=path) from None
    finally:
        stream.close()
    if check and digest.hexdigest() != manifest.digest:
        known = manifest.digest == OF_NOTHING
        raise InputError(
            "the digest of the image is that of nothing, as euca2ools before 2.0 wrote it"
            if known
            else "the image does not have the digest that its manifest says",
            where=path,
            remedy="--skip-digests takes it nevertheless",
        )


def _parts(manifest: Manifest, folder: str, advance: Callable[[int], None], *, check: bool) -> Iterator[bytes]:
    for part in manifest.parts:
        path = os.path.join(folder, part.filename)
        digest = hashlib.sha1(usedforsecurity=False)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb", 0) as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    advance(len(piece))
                    yield piece
        except FileNotFoundError:
            raise InputError("is missing, and the manifest names it", where=path) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=path) from error
        if check and digest.hexdigest() != part.digest:
            raise InputError(
                "is damaged: it does not have the digest that the manifest says",
                where=path,
                remedy="get this part again; --skip-digests takes it nevertheless",
            )


class _Stream:
    """Pieces as the file that tarfile wants to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        taken = []
        while size:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    break
            taken.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(taken[-1])
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def close(self) -> None:
        """End the stages that make the pieces."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def _extract(stream: _Stream, manifest: Manifest, path: str, descriptor: int) -> None:
    """The one member of the archive, plain or sparse, into the file."""
    with tarfile.open(fileobj=stream, mode="r|", bufsize=PIECE) as archive:  # type: ignore[call-overload]
        member = archive.next()
        if member is None or not member.isreg():
            raise InputError("holds no file", where=path)
        if member.size != manifest.size:
            raise InputError(f"holds {member.size} bytes where the manifest says {manifest.size}", where=path)
        content = archive.extractfile(member)
        assert content is not None
        offset = 0
        try:
            os.ftruncate(descriptor, member.size)
            while piece := content.read(PIECE):
                write_sparse(descriptor, piece, offset)
                offset += len(piece)
        except OSError as error:
            raise OvfinitError(f"the image cannot be written: {error.strerror}") from error
        if offset != member.size:
            raise InputError(f"its image ends at byte {offset} of {member.size}", where=path)
