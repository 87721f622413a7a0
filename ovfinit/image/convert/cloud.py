"""What clouds take: EC2/UEC bundles, UEC tarballs, images for OpenStack."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ...errors import InputError, UsageError
from ..bundle import packing
from ..disk.blocks import RawFile
from ..result import Result
from . import glance, uec
from .target import ABOUT_MACHINE, EC2, file_name, image_of, only_drive, tell_lost, write_all, write_disk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..disk.blocks import Blocks
    from ..rootfs.location import Place
    from .appliance import Appliance
    from .loading import Loading
    from .target import Target


def openstack(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    """A folder with a qcow2 image, its properties, and the command that uploads it."""
    tell_lost(appliance, loading, "OpenStack", "products", "eulas", "transports", "command_line", "annotation", *EC2)
    if appliance.partition:
        from ..rootfs import bootable

        appliance = bootable.whole_disk(appliance, loading)
    drive = only_drive(appliance, loading)
    name = file_name(appliance.name)
    file = f"{name}.qcow2"
    with Result(target.path, replace=target.replace, folder=True, mark=".glance.json") as result:
        write_disk(image_of(drive), os.path.join(result.candidate, file), "qcow2", file, target, loading)
        described = json.dumps(glance.document(appliance, file), indent=2, ensure_ascii=False) + "\n"
        for ending, text, mode in (
            ("glance.json", described, 0o644),
            ("upload.sh", glance.command(appliance, file), 0o755),
        ):
            place = os.path.join(result.candidate, f"{name}.{ending}")
            with open(place, "x", encoding="utf-8") as out:
                out.write(text)
            os.chmod(place, mode)
    return [os.path.join(target.path, each) for each in (file, f"{name}.glance.json", f"{name}.upload.sh")]


def _partition(
    appliance: Appliance, loading: Loading, blocks: Blocks, *, need_kernel: bool
) -> tuple[Blocks, Appliance]:
    """The root file system on a disk, and the appliance with kernel and ramdisk as files if they are wanted."""
    from ..rootfs import kernel, location

    root = location.root(blocks)
    if not appliance.partition:
        _tell_alone(root, loading)
    if need_kernel and appliance.kernel is None:
        found = kernel.find(blocks, root, appliance.name)
        paths: Mapping[str, str | None] = {
            "kernel": _keep(loading, "kernel", found.kernel),
            "ramdisk": _keep(loading, "ramdisk", found.ramdisk) if found.ramdisk is not None else None,
        }
        if found.ramdisk is None:
            loading.warn(f"{found.name} has no ramdisk beside it; it must know the disk's driver by itself")
        appliance = appliance.with_(command_line=found.command_line, **paths)
    return root.blocks, appliance


def _tell_alone(root: Place, loading: Loading) -> None:
    """Warn of what a root file system misses without the rest of its disk. Raises InputError if that is too much."""
    from ..rootfs import kernel
    from ..rootfs.files import files_of

    try:
        with files_of(root) as files:
            others = [where for _, where in kernel.left_out(files)]
            device = kernel.root_device(files)
    except InputError as error:
        loading.warn(f"{root.blocks.name}: {error.message}; what /etc/fstab mounts was not looked at ({error.remedy})")
        return
    if "/usr" in others:
        raise InputError(
            "has /usr on a partition of its own, without which the root file system does not boot",
            where=root.blocks.name,
            remedy="--full-disk keeps the disk whole",
        )
    if others:
        loading.warn(
            f"{', '.join(others)}: a partition of its own, which is left out;"
            " take it out of /etc/fstab, or the boot waits"
        )
    if root.volume and device.startswith("/dev/"):
        loading.warn(f"/etc/fstab names the root as {device}, a logical volume no more: write UUID={root.uuid} there")


def _keep(loading: Loading, name: str, content: bytes) -> str:
    path = os.path.join(loading.scratch, f"taken-{name}")
    with open(path, "xb") as file:
        file.write(content)
    return path


def tarball(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    """A UEC tarball: the root file system, its kernel and ramdisk."""
    tell_lost(appliance, loading, "a UEC tarball", *ABOUT_MACHINE[:4], "annotation", *EC2)
    with image_of(only_drive(appliance, loading)).open() as blocks:
        root, appliance = _partition(appliance, loading, blocks, need_kernel=True)
        loading.expect("writing the tarball", root.size)
        with Result(target.path, replace=target.replace) as result, open(result.candidate, "xb", buffering=0) as file:
            for piece in uec.compose(root, file_name(appliance.name), appliance.kernel, appliance.ramdisk, loading):
                write_all(file.fileno(), piece)
    return [target.path]


def bundled(appliance: Appliance, target: Target, loading: Loading) -> list[str]:
    """A folder with the bundle of the machine, and of its kernel and ramdisk unless the cloud has them."""
    tell_lost(appliance, loading, "a bundle", *ABOUT_MACHINE[:4], "annotation")
    if target.owner is None:
        raise UsageError("a bundle has an owner", remedy="give --user, --cert, --privatekey and --ec2cert")
    given = target.labels
    labels = given.with_(
        architecture=given.architecture or appliance.architecture,
        mappings=given.mappings or appliance.mappings,
        product_codes=given.product_codes or appliance.product_codes,
        kernel_id=given.kernel_id or appliance.kernel_id,
        ramdisk_id=given.ramdisk_id or appliance.ramdisk_id,
        ancestors=given.ancestors or appliance.ancestors,
    )
    path = target.path
    if path.endswith(packing.MANIFEST):
        raise UsageError(
            "a bundle is a folder of files", remedy=f"name the folder: {os.path.dirname(path) or 'bundle'}/"
        )
    name = file_name(appliance.name)
    with (
        image_of(only_drive(appliance, loading)).open() as blocks,
        Result(path, replace=target.replace, folder=True, mark=packing.MANIFEST) as result,
    ):
        root = blocks
        if not target.full_disk:
            wanted = labels.kernel_id is None and labels.kind == "machine"
            root, appliance = _partition(appliance, loading, blocks, need_kernel=wanted)
            if wanted:
                _boot_bundles(appliance, target, labels, result.candidate, loading)
        if root.size > packing.EC2_LIMIT:
            loading.warn(f"the image has {root.size} bytes; EC2 takes 10 GiB at most")
        loading.expect(f"bundling {name}", root.size)
        packing.pack(
            root,
            result.candidate,
            name,
            target.owner,
            labels,
            advance=loading.advance,
        )
        names = sorted(os.listdir(result.candidate))
    return [os.path.join(path, each) for each in names if each.endswith(packing.MANIFEST)]


def _boot_bundles(appliance: Appliance, target: Target, labels: packing.Labels, folder: str, loading: Loading) -> None:
    """Kernel and ramdisk as bundles of their own, as Eucalyptus wants them."""
    assert target.owner is not None
    name = file_name(appliance.name)
    for kind, path in (("kernel", appliance.kernel), ("ramdisk", appliance.ramdisk)):
        if path is None:
            continue
        own = packing.Labels(
            architecture=labels.architecture,
            kind=kind,
            kernel_id="true" if kind == "kernel" else None,
            ramdisk_id="true" if kind == "ramdisk" else None,
        )
        with RawFile(path) as content:
            loading.expect(f"bundling the {kind}", content.size)
            packing.pack(
                content,
                folder,
                f"{name}-{kind}",
                target.owner,
                own,
                advance=loading.advance,
            )
    loading.warn(
        f"the kernel is a bundle of its own, {name}-kernel: register it first and give the image its id;"
        " publish does both"
    )
