"""From any packaging of a machine to any other: read, say what is lost, write whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import UsageError
from ..disk import imagefile
from ..disk.blocks import RawFile
from ..package import writing
from ..result import Result
from . import cloud, libvirt
from .target import (
    ABOUT_MACHINE,
    EC2,
    Target,
    file_name,
    image_of,
    move,
    only_drive,
    tell_lost,
    write_disk,
    write_stream,
)

if TYPE_CHECKING:
    from .appliance import Appliance, Drive
    from .loading import Loading

KINDS = ("ovf", "ova", "bundle", "uec", "libvirt", "openstack", *imagefile.FORMATS)
_ENDINGS = {
    ".ovf": "ovf",
    ".ova": "ova",
    ".tar.gz": "uec",
    ".tgz": "uec",
    ".xml": "libvirt",
    ".qcow2": "qcow2",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".vhd": "vpc",
    ".vhdx": "vhdx",
    ".raw": "raw",
    ".img": "raw",
    "/": "bundle",
}


def kind_of(path: str) -> str:
    """What a destination is by the ending of its name. Raises UsageError if that says nothing."""
    lower = path.lower()
    for ending, kind in _ENDINGS.items():
        if lower.endswith(ending):
            return kind
    endings = ", ".join(_ENDINGS)
    raise UsageError(f"what is {path} to become?", remedy=f"end it in {endings}, or say --to {'|'.join(KINDS)}")


def save(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    """Write the machine as the target says; the paths of what was made.

    Raises OvfinitError; nothing is at the destination then that was not there before.
    """
    if target.kind in ("ovf", "ova"):
        return _package(appliance, target, loading)
    if target.kind == "bundle":
        return cloud.bundled(appliance, target, loading)
    if target.kind == "uec":
        return cloud.tarball(appliance, target, loading)
    if target.kind == "libvirt":
        return _domain(appliance, target, loading)
    if target.kind == "openstack":
        return cloud.openstack(appliance, target, loading)
    tell_lost(appliance, loading, target.kind, *ABOUT_MACHINE)
    if appliance.partition:
        loading.warn(
            f"{os.path.basename(target.path)} is no bootable disk but a bare file system, without partition table and"
            " boot loader: convert to .ova, .ovf or OpenStack, which puts a disk around it, or to a libvirt domain"
            " (.xml), which boots its kernel and ramdisk directly"
        )
    return _disk(only_drive(appliance, loading), target, loading)


def _package(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    if appliance.partition:
        from ..rootfs import bootable

        appliance = bootable.whole_disk(appliance, loading)
    elif appliance.kernel:
        tell_lost(appliance, loading, target.kind, "kernel", "ramdisk", "command_line")
    kind = target.disk_kind or "vmdk"
    if kind not in ("vmdk", "raw", "qcow2", "vpc"):
        raise UsageError(f"disks of an OVF package are vmdk, qcow2, vpc or raw, not {kind}")
    if not appliance.adapters:
        loading.warn(f"{appliance.name} has no network adapter; --network NAME gives it one")
    loading.expect("writing disks", sum(drive.capacity for drive in appliance.drives if drive.image is not None))
    path, name = target.path, file_name(appliance.name)
    temporary = os.path.join(loading.scratch, "converted")

    def write(package: writing.Folder | writing.Ova) -> list[str]:
        return writing.write(
            appliance,
            package,
            name,
            kind=kind,
            advance=loading.advance,
            temporary=lambda: temporary,
        )

    if target.kind == "ova":
        with Result(path, replace=target.replace) as result:
            write(writing.Ova(result.candidate, target.algorithm, target.signer))
        return [path]
    if path.lower().endswith(".ovf"):
        name = os.path.basename(path)[: -len(".ovf")]
        return _beside(path, write, target, loading)
    with Result(path, replace=target.replace, folder=True, mark=".ovf") as result:
        names = write(writing.Folder(result.candidate, target.algorithm, target.signer))
    return [os.path.join(path, each) for each in names]


def _beside(path: str, write: object, target: Target, loading: Loading) -> list[str]:
    """Several files in a folder that may hold others: made in the scratch folder beside it, then moved, PATH last."""
    work = os.path.join(loading.scratch, "files")
    os.mkdir(work)
    folder = os.path.dirname(os.path.abspath(path))
    names: list[str] = write(writing.Folder(work, target.algorithm, target.signer))  # type: ignore[operator]
    return move(work, folder, names, os.path.basename(path), target)


def _disk(drive: Drive, target: Target, loading: Loading) -> list[str]:
    image = image_of(drive)
    with Result(target.path, replace=target.replace) as result:
        write_disk(image, result.candidate, target.kind, os.path.basename(target.path), target, loading)
    return [target.path]


def _domain(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    """DST.xml with its disks beside it, or a folder of both."""
    tell_lost(appliance, loading, "libvirt", "products", "eulas", *EC2)
    kind = target.disk_kind or "qcow2"
    if appliance.partition and appliance.kernel is None:
        from ..rootfs import bootable

        appliance = bootable.with_kernel(appliance, loading)
    single = target.path.lower().endswith(".xml")
    folder = os.path.dirname(os.path.abspath(target.path)) if single else os.path.abspath(target.path)
    name = os.path.splitext(os.path.basename(target.path))[0] if single else file_name(appliance.name)

    def write(work: str) -> list[str]:
        names, places = [], []
        for number, drive in enumerate(appliance.drives, 1):
            file = f"{name}-disk{number}.{'img' if kind == 'raw' else kind}"
            if drive.image is None:
                blank = os.path.join(loading.scratch, f"blank{number}")
                with open(blank, "xb") as empty:
                    empty.truncate(drive.capacity)
                image = imagefile.probe(blank, kind="raw")
            else:
                image = drive.image
            write_disk(image, os.path.join(work, file), kind, file, target, loading)
            names.append(file)
            places.append((os.path.join(folder, file), kind))
        machine = appliance
        for field in ("kernel", "ramdisk"):
            path = getattr(appliance, field)
            if path is not None:
                file = f"{name}-{'vmlinuz' if field == 'kernel' else 'initrd'}"
                with RawFile(path) as content:
                    write_stream(content, os.path.join(work, file), "raw", file, loading)
                names.append(file)
                machine = machine.with_(**{field: os.path.join(folder, file)})
        if machine.kernel and not machine.command_line:
            machine = machine.with_(command_line=_root_of(appliance, loading))
        document = libvirt.compose(machine, places, target.bus)
        with open(os.path.join(work, f"{name}.xml"), "xb") as out:
            out.write(document)
        return [*names, f"{name}.xml"]

    if single:
        work = os.path.join(loading.scratch, "files")
        os.mkdir(work)
        return move(work, folder, write(work), f"{name}.xml", target)
    with Result(target.path, replace=target.replace, folder=True, mark=".xml") as result:
        names = write(result.candidate)
    return [os.path.join(target.path, each) for each in names]


def _root_of(appliance: Appliance, loading: Loading) -> str:
    """root= for a kernel that boots the first disk, by the file system's UUID."""
    from ..rootfs import location

    with image_of(only_drive(appliance, loading)).open() as blocks:
        return f"root=UUID={location.root(blocks).uuid} ro console=ttyS0"
