"""From an OVF package to the one machine that a conversion takes along; disks are read where they lie."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

from ...errors import InputError, UsageError
from ..disk import imagefile
from ..disk.blocks import PIECE, write_sparse
from ..package import units
from ..package.archive import Archive, TarMember
from ..package.model import CPU, DISK, ETHERNET, IDE, OTHER_STORAGE, Machine
from ..package.model import MEMORY as MEMORY_ITEM
from ..package.reading import open_package
from ..package.store import Folder
from . import trust
from .appliance import ADAPTER_MODELS, MEMORY, Adapter, Appliance, Drive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from ..package.model import Disk, File, Hardware, Item
    from ..package.reading import OpenPackage
    from .loading import Loading

# CIM_OperatingSystem.OSType of 32-bit systems that have a 64-bit sibling
_BITS_32 = {79, 84, 93, 95, 97, 99, 106, 108, 36}
_VIRTIO = "virtio"
LARGEST_MEMORY = 1 << 46
MOST_CPUS = 4096


def load(path: str, loading: Loading) -> Appliance:
    """The machine of a package. Raises InputError for a package that cannot be relied on."""
    opened = open_package(path)
    with opened:
        trust.require(opened, loading)
        return _appliance(opened, path, loading)


def _appliance(opened: OpenPackage, path: str, loading: Loading) -> Appliance:
    package = opened.package
    machine = _chosen(package.machines, path, loading)
    option = loading.option or package.default_option
    if option is not None and option not in {known.id for known in package.options}:
        names = ", ".join(known.id for known in package.options)
        raise UsageError(f"there is no deployment option {option!r}", remedy=f"there are: {names or 'none'}")
    hardware = _hardware(machine, loading)
    items = hardware.for_option(option) if hardware is not None else ()
    drives = tuple(_drives(opened, items, loading))
    firmware = (hardware.settings.get("firmware", "bios") if hardware is not None else "bios").lower()
    system = machine.system
    return Appliance(
        machine.name or machine.id or os.path.splitext(os.path.basename(path))[0],
        drives,
        memory=_memory(items, loading),
        cpus=_cpus(items),
        architecture="i386" if system is not None and system.id in _BITS_32 else "x86_64",
        firmware="efi" if firmware == "efi" else "bios",
        adapters=tuple(_adapters(items)),
        networks={network.name: network.description for network in package.networks},
        system=system,
        products=(*package.products, *machine.products),
        eulas=tuple(eula.text for eula in (*package.eulas, *machine.eulas)),
        annotation=machine.annotation,
        transports=hardware.transports if hardware is not None else (),
        **(hardware.ec2.as_dict() if hardware is not None else {}),
    )


def _chosen(machines: Sequence[Machine], path: str, loading: Loading) -> Machine:
    if not machines:
        raise InputError("has no virtual machine in it", where=path)
    names = ", ".join(machine.id for machine in machines[:20])
    if loading.machine is not None:
        for machine in machines:
            if loading.machine in (machine.id, machine.name):
                return machine
        raise UsageError(f"there is no machine {loading.machine!r}", remedy=f"there are: {names}")
    if len(machines) > 1:
        raise UsageError(
            f"{path} has {len(machines)} machines, and only one can be taken along",
            remedy=f"--machine NAME chooses one of: {names}",
        )
    return machines[0]


def _hardware(machine: Machine, loading: Loading) -> Hardware | None:
    """The first section; the others are alternatives for other hypervisors."""
    if not machine.hardware:
        loading.warn(f"{machine.id}: has no hardware section; it gets {MEMORY >> 20} MiB, one CPU and no adapter")
        return None
    if len(machine.hardware) > 1:
        families = " ".join(machine.hardware[0].families)
        loading.warn(f"{machine.id}: has several hardware sections; the first was taken ({families})")
    return machine.hardware[0]


def _memory(items: Sequence[Item], loading: Loading) -> int:
    for item in items:
        if item.type == MEMORY_ITEM and item.quantity is not None:
            # without units megabytes are meant
            size = item.quantity * (units.factor(item.units) or 1 << 20 if item.units else 1 << 20)
            if 0 < size <= LARGEST_MEMORY:
                return size
            loading.warn(f"line {item.line}: {size} bytes of memory are impossible; it gets {MEMORY >> 20} MiB")
    return MEMORY


def _cpus(items: Sequence[Item]) -> int:
    found = (item.quantity for item in items if item.type == CPU and item.quantity)
    return min(max(1, next(found, 1)), MOST_CPUS)


def _adapters(items: Sequence[Item]) -> Iterator[Adapter]:
    for item in items:
        if item.type == ETHERNET:
            subtypes = [name.lower() for name in item.subtypes]
            model = next((name for name in subtypes if name in ADAPTER_MODELS), "e1000")
            yield Adapter(item.networks[0] if item.networks else "default", item.mac, model)


def _drives(opened: OpenPackage, items: Sequence[Item], loading: Loading) -> Iterator[Drive]:
    """The disks of the machine, in the order of its devices; if no device names any, those of the package."""
    package = opened.package
    parents = {item.id: item for item in items}
    wanted = [(item, package.disk(item.disk)) for item in items if item.type in (DISK, 31) and item.disk]
    if not wanted and len(package.machines) == 1:
        rows: list[tuple[Item | None, Disk | None]] = [(None, known) for known in package.disks]
    else:
        rows = list(wanted)
    for number, (item, known) in enumerate(rows, 1):
        if known is None:
            loading.warn(f"line {item.line if item else 0}: names a disk that the package does not have")
            continue
        if known.parent:
            raise InputError(
                f"disk {known.id} holds only what differs from another disk, which cannot be put together here",
                where=f"{opened.place(opened.descriptor)}:{known.line}",
                remedy="import it with the tool that made it, and export it whole",
            )
        controller = _controller(parents.get(item.parent or "") if item is not None else None)
        file = package.file(known.file)
        if file is None:
            yield Drive(f"disk{number}", None, _size_of_blank(opened, known), controller)
            continue
        image = _image(opened, file, number, loading)
        if known.capacity is not None and image.capacity != known.capacity:
            loading.warn(f"{file.href}: the disk has {image.capacity} bytes and not the descriptor's {known.capacity}")
        yield Drive(f"disk{number}", image, image.capacity, controller)


def _size_of_blank(opened: OpenPackage, known: Disk) -> int:
    """The bytes of a disk without content, as the descriptor or a property's default has them. Raises InputError."""
    size = known.capacity
    if known.capacity_text.startswith("${"):
        products = [*opened.package.products, *(one for machine in opened.package.machines for one in machine.products)]
        name = known.capacity_text[2:].rstrip("}")
        defaults = [each.default for one in products for each in one.properties if each.name == name]
        text = defaults[0].strip() if defaults else ""
        size = int(text) * (units.factor(known.capacity_units) or 1) if units.number(text) else None
    if not size or size > imagefile.LARGEST:
        said = "of unknown size" if not size else f"of {size} bytes, more than any disk"
        raise InputError(
            f"disk {known.id} is to be a blank one {said}",
            where=f"{opened.place(opened.descriptor)}:{known.line}",
            remedy="correct its capacity in the descriptor",
        )
    return size


def _controller(item: Item | None) -> str:
    if item is None:
        return "scsi"
    if any(_VIRTIO in name.lower() for name in item.subtypes):
        return _VIRTIO
    if item.type == IDE:
        return "ide"
    return "sata" if item.type == OTHER_STORAGE else "scsi"


def _image(opened: OpenPackage, file: File, number: int, loading: Loading) -> imagefile.DiskImage:
    """A disk of the package, where it lies if QEMU can reach it there, else unpacked into the scratch folder."""
    members = opened.parts(file)
    store = opened.store
    if len(members) == 1 and file.compression != "gzip":
        member = members[0]
        if isinstance(store, Folder):
            return imagefile.probe(os.path.join(store.where, member.name))
        if isinstance(store, Archive) and isinstance(member, TarMember) and os.path.isfile(store.where):
            with open(store.where, "rb") as raw:
                plain = raw.read(262)[257:] == b"ustar"
            if plain:
                return imagefile.probe(store.where, member.offset, member.size or 0)
    path = os.path.join(loading.scratch, f"disk{number}")
    loading.expect(f"unpacking {file.href}", file.size or 0)
    try:
        with opened.content(file) as stream:
            _spool(stream, path, opened.place(file.href))
    except (EOFError, zlib.error) as error:
        raise InputError("is damaged or cut off", where=opened.place(file.href)) from error
    return imagefile.probe(path)


def _spool(stream: BinaryIO, path: str, where: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        offset = 0
        while piece := stream.read(PIECE):
            write_sparse(descriptor, piece, offset)
            offset += len(piece)
            if offset > imagefile.LARGEST:
                raise InputError("unpacks to more than any disk holds", where=where)
        os.ftruncate(descriptor, offset)
    finally:
        os.close(descriptor)
