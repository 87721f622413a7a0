"""What all results of a conversion have in common: the target, what gets lost, one disk written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import InputError, OvfinitError
from ...record import Record
from ..bundle import packing
from ..disk import imagefile, vmdk
from ..disk.blocks import ZEROS, write_sparse
from ..package.signing import Signer
from ..result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..disk.blocks import Blocks
    from .appliance import Appliance, Drive
    from .loading import Loading


class Target(Record):
    """What is to be made, and where.

    `disk_kind` is the format of the disks in a package or beside a domain, `bus` what a libvirt domain plugs them
    into. `full_disk` bundles the disk as it is, instead of its root partition. `owner` and `labels` are a bundle's.
    `signer` signs a package's manifest, whose digests are by `algorithm`.
    """

    path: str
    kind: str
    replace: bool = False
    disk_kind: str | None = None
    algorithm: str = "sha256"
    signer: Signer | None = None
    compress: bool = False
    bus: str | None = None
    full_disk: bool = False
    owner: packing.Owner | None = None
    labels: packing.Labels = packing.Labels()


# what an appliance may have → what to call it when it is lost
EC2 = ("mappings", "product_codes", "ancestors", "kernel_id", "ramdisk_id")
ABOUT_MACHINE = ("products", "eulas", "adapters", "transports", "kernel", "command_line", "annotation", *EC2)
_WORDS = {
    "products": "product and properties",
    "eulas": "licence",
    "adapters": "network adapters",
    "transports": "how the environment reaches the guest",
    "kernel": "the kernel beside the disk",
    "ramdisk": "the ramdisk beside the disk",
    "command_line": "the kernel's command line",
    "annotation": "description",
    "mappings": "block device mappings",
    "product_codes": "product codes",
    "ancestors": "ancestry",
    "kernel_id": "the id of the kernel",
    "ramdisk_id": "the id of the ramdisk",
}


def tell_lost(appliance: Appliance, loading: Loading, kind: str, *names: str) -> None:
    """Warn of what this kind of result cannot hold; `names` are fields of the appliance."""
    gone = [_WORDS[name] for name in names if getattr(appliance, name)]
    if gone:
        loading.warn(f"{kind} cannot say, so it is lost: {', '.join(gone)}")


def only_drive(appliance: Appliance, loading: Loading) -> Drive:
    """The first disk with anything on it, with a warning if there are more. Raises InputError if there is none."""
    drives = [drive for drive in appliance.drives if drive.image is not None]
    if not drives:
        raise InputError(f"{appliance.name} has no disk with anything on it")
    if len(drives) > 1:
        loading.warn(f"{appliance.name} has {len(drives)} disks; only the first is taken along")
    return drives[0]


def image_of(drive: Drive) -> imagefile.DiskImage:
    """The image of a disk that has one."""
    assert drive.image is not None
    return drive.image


def file_name(text: str) -> str:
    """A file name that every importer takes, out of a machine's name."""
    kept = "".join(character if character.isalnum() or character in "._+-" else "-" for character in text)
    return kept.strip(".-") or "machine"


def move(work: str, folder: str, names: list[str], last: str, target: Target) -> list[str]:
    """Put files that were made in `work` into a folder that may hold others, the one called `last` at the end."""
    places = [os.path.join(folder, name) for name in names]
    if not target.replace:
        for place in places:
            if os.path.lexists(place):
                raise OvfinitError("is there already", where=place, remedy="--force replaces it")
    for name in sorted(names, key=lambda name: name == last):
        with Result(os.path.join(folder, name), replace=True) as result:
            os.rename(os.path.join(work, name), result.candidate)
    return places


def write_disk(image: imagefile.DiskImage, path: str, kind: str, name: str, target: Target, loading: Loading) -> None:
    """One disk into a new file; what lies in our scratch folder is moved where that does."""
    loading.expect(f"writing {name}", image.capacity)
    if kind == "raw" and image.format == "raw" and image.path.startswith(f"{loading.scratch}{os.sep}"):
        os.rename(image.path, path)
        os.chmod(path, 0o644)
        loading.advance(image.capacity)
    elif kind in ("vmdk", "raw"):
        with image.open() as blocks:
            write_stream(blocks, path, kind, name, loading)
    else:
        done = [0]

        def fraction(part: float) -> None:
            now = int(part * image.capacity)
            loading.advance(now - done[0])
            done[0] = now

        imagefile.write(image, path, kind, compress=target.compress, fraction=fraction)


def _told(blocks: Blocks, loading: Loading) -> Iterator[bytes]:
    for piece in blocks.pieces():
        loading.advance(len(piece))
        yield piece


def write_stream(blocks: Blocks, path: str, kind: str, name: str, loading: Loading) -> None:
    """One disk into a new file: vmdk stream-optimized, raw with holes."""
    if kind == "vmdk":
        with open(path, "xb", buffering=0) as file:
            for piece in vmdk.compose(_told(blocks, loading), blocks.size, name):
                write_all(file.fileno(), piece)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, blocks.size)
        offset = 0
        for piece in _told(blocks, loading):
            if piece is not ZEROS:
                write_sparse(descriptor, piece, offset)
            offset += len(piece)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, piece: bytes) -> None:
    """All of a piece, whatever the system takes at once."""
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]
