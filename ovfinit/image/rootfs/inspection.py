"""What an image says about itself, read without running or mounting it: system, architecture, firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError
from ...record import Record
from ..disk import partition
from ..package.model import OperatingSystem
from . import location
from .files import files_of

if TYPE_CHECKING:
    from ..disk.blocks import Blocks
    from ..disk.imagefile import DiskImage
    from .files import Files

# os-release's ID → CIM_OperatingSystem.OSType of the 64-bit system, VMware's name for it
SYSTEMS = {
    "debian": (96, "debian11_64Guest"),
    "ubuntu": (94, "ubuntu64Guest"),
    "rhel": (80, "rhel8_64Guest"),
    "centos": (107, "centos8_64Guest"),
    "rocky": (80, "rhel8_64Guest"),
    "almalinux": (80, "rhel8_64Guest"),
    "ol": (109, "oracleLinux8_64Guest"),
    "sles": (85, "sles15_64Guest"),
    "opensuse-leap": (83, "opensuse64Guest"),
    "fedora": (101, "fedora64Guest"),
}
OTHER = (101, "otherLinux64Guest")
_ELF_MACHINES = {3: "i386", 62: "x86_64", 183: "arm64", 40: "armhf", 20: "ppc", 21: "ppc64le"}
_PROGRAMS = ("/usr/bin/bash", "/bin/sh", "/bin/busybox", "/sbin/init")
_LIMIT = 1024 * 1024


class Facts(Record):
    """What was found; None where the image does not tell."""

    system: OperatingSystem | None = None
    product: str | None = None
    version: str | None = None
    architecture: str | None = None
    firmware: str | None = None


def look(image: DiskImage) -> Facts:
    """The facts about an image; one that cannot be understood gives none."""
    with image.open() as blocks:
        try:
            firmware = _firmware(blocks)
            root = location.root(blocks)
        except InputError:
            return Facts()
        try:
            with files_of(root) as files:
                return _facts(files, firmware)
        except InputError:
            return Facts(firmware=firmware)


def _firmware(blocks: Blocks) -> str | None:
    """EFI if there is a system partition of EFI's and no code in the first sector that a BIOS would start."""
    entries = partition.table(blocks)
    if not any(entry.type in (partition.ESP, 0xEF) for entry in entries):
        return "bios" if entries else None
    return "bios" if any(blocks.read(0, 440)) else "efi"


def _facts(files: Files, firmware: str | None) -> Facts:
    words: dict[str, str] = {}
    for place in ("/etc/os-release", "/usr/lib/os-release"):
        text = files.read(place, _LIMIT)
        if text is not None:
            rows = (line.partition("=") for line in text.decode("utf-8", "replace").splitlines())
            words = {name: value.strip().strip("'\"") for name, _, value in rows}
            break
    name = words.get("ID", "")
    number, vmware = SYSTEMS.get(name, OTHER)
    described = words.get("PRETTY_NAME", "")
    system = OperatingSystem(0, number, words.get("VERSION_ID", ""), described, vmware) if name else None
    return Facts(system, described or None, words.get("VERSION_ID") or None, _architecture(files), firmware)


def _architecture(files: Files) -> str | None:
    """As the header of a program that everybody has tells it (ELF, e_machine)."""
    for place in _PROGRAMS:
        if files.size(place):
            head = (files.read(place, 1 << 26) or b"")[:20]
            if head[:4] == b"\x7fELF":
                return _ELF_MACHINES.get(int.from_bytes(head[18:20], "little" if head[5] == 1 else "big"))
    return None
