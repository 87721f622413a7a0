"""Disk images in files: which format one has, whether it is safe to open, and writing one in another format.

The format is told by what the file holds, never by its name or by what a descriptor claims, except for raw, which
holds anything. An image that names other files (a backing file, a data file, extents elsewhere) is refused: it could
name any file of this machine.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from ...errors import InputError, OvfinitError
from ...record import Record
from .. import tool
from .blocks import Blocks, RawFile
from .nbd import Exported

if TYPE_CHECKING:
    from collections.abc import Callable

SECTOR = 512
FORMATS = ("raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx")
_MAGICS = (
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (64, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"conectix", "vpc"),
    (0, b"vhdxfile", "vhdx"),
)
_EXTENT = re.compile(r'^(?:RW|RDONLY|NOACCESS)\s+[0-9]+\s+([A-Z]+)(?:\s+"([^"\n]*)")?', re.MULTILINE)
_HEAD = 64 * 1024
# larger than any disk: what says more is hostile or damaged
LARGEST = 1 << 56


class DiskImage(Record):
    """A disk image: bytes `offset` to `offset + length` of a file, in a format; `capacity` in bytes is the guest's."""

    path: str
    format: str
    capacity: int
    offset: int = 0
    length: int | None = None

    @property
    def node(self) -> str:
        """How QEMU is told which bytes of which file to open as what; nothing is guessed."""
        return _node(self.path, self.format, self.offset, self.length)

    def open(self) -> Blocks:
        """Its content. Raises InputError."""
        if self.format == "raw":
            return RawFile(self.path, self.offset, self.length)
        return Exported(self.path, self.node)


def _node(path: str, kind: str, offset: int, length: int | None) -> str:
    driver = "host_device" if _is_device(path) else "file"
    file: dict[str, object] = {"driver": driver, "filename": os.path.abspath(path)}
    if length is not None:
        # in whole sectors, as QEMU wants it: an archive pads its members to them
        size = -(-length // SECTOR) * SECTOR
        file = {"driver": "raw", "offset": offset, "size": size, "file": file}
    return "json:" + json.dumps({"driver": kind, "file": file})


def _is_device(path: str) -> bool:
    return not os.path.isfile(path) and os.path.exists(path)


def probe(path: str, offset: int = 0, length: int | None = None, kind: str | None = None) -> DiskImage:
    """What kind of image these bytes of a file are; `kind` if the caller knows.

    Raises InputError for an image that cannot be opened, or that names other files.
    """
    with RawFile(path, offset, length) as file:
        head = file.read(0, min(_HEAD, file.size))
        size = file.size
        tail = file.read(size - SECTOR, SECTOR) if size >= SECTOR else b""
    found = next((name for at, magic, name in _MAGICS if head[at : at + len(magic)] == magic), None)
    if found is None:
        # a fixed VHD has its header behind the data
        found = "vpc" if tail.startswith(b"conectix") else "raw"
    kind = kind or found
    if kind not in FORMATS:
        raise InputError(f"is in a format that is not known here: {kind}", where=path)
    if kind == "raw":
        return DiskImage(path, "raw", size, offset, length)
    if kind == "vmdk":
        _check_vmdk(head, path)
    try:
        said = json.loads(tool.run(["qemu-img", "info", "--output=json", _node(path, kind, offset, length)]))
    except OvfinitError as error:
        if error.remedy is not None:
            raise  # qemu-img is not here
        reason = error.message.rpartition(": ")[2]
        raise InputError(f"is no usable {kind} image: {reason}", where=path) from error
    details = said.get("format-specific", {}).get("data", {})
    if said.get("backing-filename") or details.get("data-file"):
        raise InputError(
            "is only a part of a disk: it names another file to read from, which is refused",
            where=path,
            remedy="if you trust it, make it whole first: qemu-img convert",
        )
    capacity = int(said["virtual-size"])
    if capacity > LARGEST:
        raise InputError(f"says that it holds {capacity} bytes, more than any disk", where=path)
    return DiskImage(path, kind, capacity, offset, length)


def _check_vmdk(head: bytes, path: str) -> None:
    """Refuse a VMDK that would make QEMU open files outside of its folder."""
    if head.startswith(b"KDMV") and int.from_bytes(head[12:20], "little") == 0:
        # QEMU then takes the embedded text for the description of other files
        raise InputError("is a VMDK that only describes other files, which is refused", where=path)
    if not head.startswith(b"# Disk DescriptorFile"):
        return
    for kind, name in _EXTENT.findall(head.decode("utf-8", "replace")):
        if kind != "ZERO" and (not name or "/" in name or ":" in name):
            raise InputError(f"names a file outside of its folder: {name!r}", where=path)
        if name and os.path.islink(os.path.join(os.path.dirname(path), name)):
            raise InputError(f"names a link, which is refused: {name!r}", where=path)


def write(
    image: DiskImage,
    path: str,
    kind: str,
    *,
    compress: bool = False,
    fraction: Callable[[float], None] | None = None,
) -> None:
    """Write an image in another format into a new file, zeros as holes. Raises OvfinitError."""
    words = ["qemu-img", "convert", "-p", "-O", kind]
    if compress and kind == "qcow2":
        words += ["-c", "-W"]
    if kind == "vmdk":
        words += ["-o", "adapter_type=lsilogic,subformat=monolithicSparse"]
    source = image.node
    tool.run([*words, source, path], fraction=fraction or (lambda _: None))
