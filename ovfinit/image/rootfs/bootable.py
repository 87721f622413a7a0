"""A file system image made into a disk that boots by itself, as a bundle's or a UEC tarball's image cannot.

The disk gets a partition table, GRUB in the gap before the first partition, and, if its kernel came beside it, a second
partition with that kernel. Nothing is mounted and nothing of the image is run. GRUB's own configuration is built in:
it loads what /vmlinuz points to, so that a kernel that is updated later is booted too.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from .. import tool
from ..disk import imagefile, partition
from ..disk.blocks import ZEROS, RawFile, write_sparse
from . import kernel, location
from .ext import Ext
from .files import files_of
from .location import EXT

if TYPE_CHECKING:
    from ..convert.appliance import Appliance
    from ..convert.loading import Loading
    from ..disk.blocks import Blocks
    from .location import Place

GRUB = "/usr/lib/grub/i386-pc"
MODULES = ("biosdisk", "part_msdos", "search", "search_fs_uuid", "linux", "normal", "echo", "gzio")
CONSOLES = "console=tty0 console=ttyS0"
# architecture → what UEFI starts (UEFI 2.10, section 3.5.1.1), Debian's package, and where such a program lies
_EFI = {
    "arm64": (
        "EFI/BOOT/BOOTAA64.EFI",
        "grub-efi-arm64-bin",
        ("/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi", "/usr/lib/systemd/boot/efi/systemd-bootaa64.efi"),
    ),
}
_EFI["aarch64"] = _EFI["arm64"]
_SECTOR = imagefile.SECTOR
_MIB = partition.MIB


def whole_disk(appliance: Appliance, loading: Loading) -> Appliance:
    """The same machine with a disk around its root file system; a warning says what keeps it from booting.

    The new disk lies in the scratch folder.
    """
    drive = appliance.drives[0]
    assert drive.image is not None
    path = os.path.join(loading.scratch, "whole-disk")
    with drive.image.open() as root:
        place = location.root(root)
        boot, menu = _boot(appliance, place, loading)
        size = -(-root.size // _MIB) * _MIB
        start, second = _MIB, None
        total = start + size
        if boot is not None:
            second = total, os.path.getsize(boot)
            total += second[1]
        code, core = _grub(menu, place.kind, loading) if menu else (b"", b"")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, total)
            os.pwrite(descriptor, partition.mbr(start, size, second, code), 0)
            os.pwrite(descriptor, core, _SECTOR)
            loading.expect("putting a disk around the file system", root.size)
            _copy(root, descriptor, start, loading)
            if boot is not None and second is not None:
                with RawFile(boot) as content:
                    _copy(content, descriptor, second[0], loading)
        finally:
            os.close(descriptor)
    image = imagefile.probe(path, kind="raw")
    if drive.image.path.startswith(f"{loading.scratch}{os.sep}"):
        os.unlink(drive.image.path)
    drives = (drive.with_(image=image, capacity=image.capacity), *appliance.drives[1:])
    return appliance.with_(drives=drives, partition=False, kernel=None, ramdisk=None, command_line="")


def with_kernel(appliance: Appliance, loading: Loading) -> Appliance:
    """The same machine with the kernel of its file system beside it, for a hypervisor that boots it directly."""
    drive = appliance.drives[0]
    assert drive.image is not None
    with drive.image.open() as root:
        try:
            found = kernel.find(root, location.root(root), appliance.name)
        except OvfinitError as error:
            loading.warn(f"{error.message}: the machine cannot boot by itself")
            return appliance
    names = {"kernel": found.kernel, "ramdisk": found.ramdisk}
    paths: dict[str, str | None] = dict.fromkeys(names)
    for name, content in names.items():
        if content is not None:
            paths[name] = os.path.join(loading.scratch, f"taken-{name}")
            with open(os.path.join(loading.scratch, f"taken-{name}"), "xb") as file:
                file.write(content)
    return appliance.with_(command_line=found.command_line, **paths)


def _copy(blocks: Blocks, descriptor: int, start: int, loading: Loading) -> None:
    offset = start
    for piece in blocks.pieces():
        if piece is not ZEROS:
            write_sparse(descriptor, piece, offset)
        offset += len(piece)
        loading.advance(len(piece))


def _boot(appliance: Appliance, root: Place, loading: Loading) -> tuple[str | None, str]:
    """An image of a partition for a kernel that lies beside the disk; what GRUB is to do, "" if nothing can boot."""
    if appliance.architecture not in ("i386", "x86_64"):
        loading.warn(_no_loader(appliance.architecture, root))
        return None, ""
    arguments = appliance.command_line or f"root=UUID={root.uuid} ro {CONSOLES}"
    if appliance.kernel is not None:
        image = _boot_image(appliance, loading)
        with RawFile(image) as content:
            place = Ext(content).uuid
        return image, _menu(place, "/vmlinuz", "/initrd" if appliance.ramdisk else None, arguments)
    try:
        found = kernel.find(root.blocks, root, appliance.name)
        with files_of(root) as files:
            links = bool(files.size("/vmlinuz")) and (found.ramdisk is None or bool(files.size("/initrd.img")))
            folder = "/boot" if files.size(f"/boot/{found.name}") else ""
    except OvfinitError as error:
        if root.kind != EXT:
            loading.warn(f"the disk cannot boot, since no kernel was found: the image {error.message}")
            return None, ""
        wanted = appliance.kernel_id
        named = f"; the bundle names {wanted}, which the cloud has" if wanted not in (None, "true") else ""
        loading.warn(f"the image has no kernel in it, so that the disk cannot boot{named}")
        return None, ""
    if links:
        names = "/vmlinuz", "/initrd.img" if found.ramdisk is not None else None
    else:
        names = f"{folder}/{found.name}", f"{folder}/{found.ramdisk_name}" if found.ramdisk_name else None
    return None, _menu(root.uuid, *names, arguments)


def _no_loader(architecture: str, root: Place) -> str:
    """What a machine that only UEFI boots misses: a program on an EFI system partition, which is not made here."""
    if architecture not in _EFI:
        return f"nothing here makes a disk of {architecture} bootable: it has no boot loader"
    program, package, candidates = _EFI[architecture]
    try:
        with files_of(root) as files:
            found = next((path for path in candidates if files.size(path)), None)
    except OvfinitError:
        found = None
    has = f"has {found}, which belongs there" if found else f"lacks {' and '.join(candidates)}, too"
    return (
        f"the disk cannot boot by itself: UEFI starts {program} from an EFI system partition, and the disk has none;"
        f" the image {has}. Install {package} in the machine and run grub-install onto such a"
        f" partition, or convert to a libvirt domain"
        " (.xml), which boots its kernel directly"
    )


def _boot_image(appliance: Appliance, loading: Loading) -> str:
    """An ext2 image with the kernel and ramdisk that came beside the disk."""
    folder, path = (os.path.join(loading.scratch, name) for name in ("boot", "boot.img"))
    os.mkdir(folder)
    size = 0
    for name, source in (("vmlinuz", appliance.kernel), ("initrd", appliance.ramdisk)):
        if source is not None:
            shutil.copyfile(source, os.path.join(folder, name))
            size += os.path.getsize(source)
    # room for the file system's own tables
    blocks = -(-(size + (size >> 4) + 4 * _MIB) // _MIB)
    tool.run(["mke2fs", "-q", "-F", "-t", "ext2", "-L", "boot", "-m", "0", "-d", folder, path, f"{blocks}M"])
    return path


def _menu(place: str, linux: str, initrd: str | None, arguments: str) -> str:
    lines = [f"search.fs_uuid {place} root", f"linux {_quoted(linux)} {arguments}"]
    if initrd is not None:
        lines.append(f"initrd {_quoted(initrd)}")
    return "\n".join([*lines, "boot"]) + "\n"


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "") + "'"


def _grub(menu: str, kind: str, loading: Loading) -> tuple[bytes, bytes]:
    """GRUB's first sector and what follows it in the gap; empty, with a warning, if GRUB is not here."""
    try:
        with open(f"{GRUB}/boot.img", "rb") as file:
            code = file.read(440)
        program = tool.find("grub-mkimage")
    except (OSError, OvfinitError):
        loading.warn("the disk gets no boot loader, because GRUB is not here: apt install grub-pc-bin grub-common")
        return b"", b""
    settings, image = (os.path.join(loading.scratch, name) for name in ("grub.cfg", "core.img"))
    with open(settings, "x") as text:
        text.write(menu)
    words = ["-d", GRUB, "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-c", settings, "-o", image, *MODULES]
    words += {EXT: ["ext2"], "xfs": ["xfs", "ext2"], "btrfs": ["btrfs", "ext2"]}[kind]
    tool.run([os.path.basename(program), *words])
    with open(image, "rb") as built:
        core = built.read()
    if len(core) > _MIB - _SECTOR:
        raise OvfinitError("GRUB is larger than the gap before the first partition")
    return code, core
