"""Kernel, ramdisk and command line that an image boots with, found in its file systems without running anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import InputError
from ...record import Record
from .files import files_of
from .location import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..disk.blocks import Blocks
    from .files import Files
    from .location import Place

LARGEST = 512 * 1024 * 1024
_KERNELS = ("vmlinuz", "vmlinux", "kernel", "Image")
_RAMDISKS = ("initrd.img-{0}", "initramfs-{0}.img", "initrd-{0}", "initramfs-{0}", "initrd-{0}.img")
_LINUX = re.compile(r"^\s*linux(?:efi|16)?\s+\S+\s*(.*)$", re.MULTILINE)
# what a boot loader adds and a hypervisor's own kernel boot must not repeat
_OTHERS = ("BOOT_IMAGE=", "initrd=")


class Kernel(Record):
    """What boots: the files' content, their names, the command line with its root= as the image has it."""

    name: str
    kernel: bytes
    ramdisk: bytes | None
    ramdisk_name: str
    command_line: str
    beside_root: bool


def find(blocks: Blocks, root: Place, where: str) -> Kernel:
    """What boots the image on `blocks`, whose root file system is `root` (the same if there is no table).

    Raises InputError that says what was looked for.
    """
    with files_of(root) as files:
        name = _default(files, "/boot") or _default(files, "/")
        if name is not None:
            return _kernel(files, *name, root, beside_root=False)
    closed = []
    for place in places(blocks, []):
        try:
            with files_of(place) as boot:
                name = _default(boot, "/")
                if name is not None:
                    return _kernel(boot, *name, root, beside_root=True)
        except InputError as error:
            closed.append(f" (one of them {error.message})")
    raise InputError(
        f"has no kernel in /boot, in / or on a boot partition of its own{''.join(closed[:1])}",
        where=where,
        remedy="--kernel ID and --ramdisk ID name ones that the cloud has; --full-disk keeps the disk whole",
    )


def _default(files: Files, folder: str) -> tuple[str, str] | None:
    """(folder, name) of the kernel of the highest version."""
    names = [name for name in files.listing(folder) if name.startswith(_KERNELS) and "rescue" not in name]
    named = [name for name in names if "-" in name] or names
    sizes = [name for name in named if files.size(f"{folder}/{name}")]
    return (folder, max(sizes, key=_version)) if sizes else None


def _version(name: str) -> list[tuple[int, str]]:
    """Numbers by their value, so that 6.10 comes after 6.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", name)]


def _kernel(files: Files, folder: str, name: str, root: Place, *, beside_root: bool) -> Kernel:
    content = files.read(f"{folder}/{name}", LARGEST)
    assert content is not None
    version = name.partition("-")[2]
    choices = [pattern.format(version) for pattern in _RAMDISKS] if version else ["initrd.img", "initrd"]
    ramdisk_name = next((choice for choice in choices if files.size(f"{folder}/{choice}")), "")
    ramdisk = files.read(f"{folder}/{ramdisk_name}", LARGEST) if ramdisk_name else None
    return Kernel(name, content, ramdisk, ramdisk_name, _command_line(files, root), beside_root)


def _command_line(files: Files, root: Place) -> str:
    """What the boot loader's first entry says; else the root by its UUID, which holds wherever the disk ends up."""
    named = f"root=UUID={root.uuid}"
    for place in ("/boot/grub/grub.cfg", "/grub/grub.cfg", "/boot/grub2/grub.cfg", "/grub2/grub.cfg"):
        text = files.read(place, 4 * 1024 * 1024) if files.size(place) else None
        found = _LINUX.search(text.decode("utf-8", "replace")) if text else None
        if found and "root=" in found[1]:
            words = [word for word in found[1].split() if not word.startswith(_OTHERS)]
            if root.volume:
                # taken out, it is on no logical volume any more
                words = [named if word.startswith("root=") else word for word in words if not word.startswith("rd.lvm")]
            return " ".join(words)
    return f"{named} ro"


def left_out(files: Files) -> Iterator[tuple[str, str]]:
    """(what, where) of /etc/fstab that is on another partition and must be there, or the boot waits for it."""
    text = files.read("/etc/fstab", 1024 * 1024) if files.size("/etc/fstab") else None
    for line in (text or b"").decode("utf-8", "replace").splitlines():
        words: Sequence[str] = line.split("#")[0].split()
        if len(words) < 4 or "nofail" in words[3].split(",") or "noauto" in words[3].split(","):
            continue
        other = words[1].startswith("/") and words[1] != "/" or words[2] == "swap"
        if other and words[0].startswith(("/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")):
            yield words[0], "swap" if words[2] == "swap" else words[1]


def root_device(files: Files) -> str:
    """How /etc/fstab names the device of /, "" if it does not."""
    text = files.read("/etc/fstab", 1024 * 1024) if files.size("/etc/fstab") else None
    for line in (text or b"").decode("utf-8", "replace").splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2 and words[1] == "/":
            return words[0]
    return ""
