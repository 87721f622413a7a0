"""Reading a machine out of whatever holds it: OVF, OVA, bundle, UEC tarball, libvirt domain, bare disk.

What has to be unpacked on the way lies in the folder `scratch`, which belongs to whoever calls.
"""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

from ...errors import InputError, UsageError
from ...record import Record
from ..bundle import packing
from ..disk import imagefile
from ..disk.blocks import RawFile
from .appliance import Appliance, Drive

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("ovf", "ova", "bundle", "uec", "libvirt", *imagefile.FORMATS)
_HEAD = 4096
_ENDINGS = {
    ".ovf": "ovf",
    ".ova": "ova",
    packing.MANIFEST: "bundle",
    ".xml": "libvirt",
    ".tar.gz": "uec",
    ".tgz": "uec",
    ".tar": "uec",
}


class Loading(Record):
    """What reading needs to know, and whom it tells.

    `warn` gets a sentence for what is lost or odd, `advance` numbers of bytes read, `note` what is being done.
    `private_key` opens bundles, `certificate` checks their signature; both are file names. `machine` chooses one of
    several, `option` is the deployment option. `check` is false if digests are not to be compared.
    """

    scratch: str
    warn: Callable[[str], None]
    advance: Callable[[int], None]
    expect: Callable[[str, int], None]
    private_key: str | None = None
    certificate: str | None = None
    machine: str | None = None
    option: str | None = None
    check: bool = True


def kind_of(path: str) -> str:
    """What is at a path: one of KINDS. Raises InputError if nothing is."""
    if os.path.isdir(path):
        names = os.listdir(path)
        for ending, kind in ((".ovf", "ovf"), (packing.MANIFEST, "bundle"), (".xml", "libvirt")):
            if any(name.endswith(ending) for name in names):
                return kind
        remedy = "it should hold a descriptor (.ovf), a bundle (.manifest.xml) or a libvirt domain (.xml)"
        raise InputError("holds no image that is known here", where=path, remedy=remedy)
    if not os.path.exists(path):
        raise InputError("is not there", where=path)
    for ending, kind in _ENDINGS.items():
        if path.lower().endswith(ending):
            return kind
    with RawFile(path) as file:
        head = file.read(0, min(_HEAD, file.size))
    if head[257:262] == b"ustar":
        with tarfile.open(path) as archive:
            first = archive.next()
        return "ova" if first is not None and first.name.endswith(".ovf") else "uec"
    if head.startswith(b"\x1f\x8b"):
        return "uec"
    return imagefile.probe(path).format


def load(path: str, kind: str | None, loading: Loading) -> Appliance:
    """The machine at a path. Raises InputError for what cannot be read, OvfinitError for a tool that is missing."""
    kind = kind or kind_of(path)
    if kind in ("ovf", "ova"):
        from . import packages

        return packages.load(path, loading)
    if kind == "bundle":
        return _bundle(path, loading)
    if kind == "uec":
        from . import uec

        return uec.load(path, loading)
    if kind == "libvirt":
        from . import libvirt

        return libvirt.load(path, loading)
    return bare(path, kind)


def bare(path: str, kind: str | None) -> Appliance:
    """A machine of nothing but a disk; its name is the file's."""
    image = imagefile.probe(path, kind=kind)
    from ..rootfs.location import is_bare

    name = os.path.splitext(os.path.basename(os.path.abspath(path)))[0] or "machine"
    return Appliance(name, (Drive("disk1", image, image.capacity),), partition=is_bare(image))


def _bundle(path: str, loading: Loading) -> Appliance:
    """The image of a bundle, unpacked into the scratch folder."""
    path = manifest_at(path)
    manifest = packing.read_manifest(path)
    image = unbundle(path, os.path.join(loading.scratch, "bundle"), loading)
    from ..rootfs.location import is_bare

    return Appliance(
        manifest.name,
        (Drive("disk1", image, image.capacity),),
        architecture=manifest.architecture,
        partition=is_bare(image),
        kernel=_sibling(path, manifest.kernel_id, "kernel", loading),
        ramdisk=_sibling(path, manifest.ramdisk_id, "ramdisk", loading),
        mappings=manifest.mappings,
        product_codes=manifest.product_codes,
        kernel_id=manifest.kernel_id,
        ramdisk_id=manifest.ramdisk_id,
        ancestors=manifest.ancestors,
    )


def manifest_at(path: str) -> str:
    """The manifest at a path, or the one in a folder with one bundle, or one of a machine. Raises InputError."""
    if not os.path.isdir(path):
        return path
    names = sorted(name for name in os.listdir(path) if name.endswith(packing.MANIFEST))
    machines = [name for name in names if packing.read_manifest(os.path.join(path, name)).kind == "machine"]
    chosen = machines if len(names) > 1 else names
    if len(chosen) != 1:
        what = f"name one: {', '.join(names[:5])}" if names else "a bundle has a PREFIX.manifest.xml"
        raise InputError("holds several bundles" if names else "holds no bundle", where=path, remedy=what)
    return os.path.join(path, chosen[0])


def image_name(path: str) -> str:
    """The name of the image in the bundle of this manifest, as a file name. Raises InputError if it is none."""
    name = packing.read_manifest(path).name
    if not name or "/" in name or name.startswith("."):
        raise InputError(f"names its image {name!r}, which is no file name", where=path, remedy="-o FILE")
    return name


def unbundle(path: str, target: str, loading: Loading) -> imagefile.DiskImage:
    """Unpack the bundle of a manifest into a new file. Raises InputError and UsageError."""
    from .. import keyfile
    from ..bundle import keys

    if loading.private_key is None:
        raise UsageError(
            "a bundle is opened with a private key", remedy="--privatekey FILE, the owner's or the cloud's"
        )
    private = keyfile.private_key(loading.private_key)
    manifest = packing.read_manifest(path)
    if loading.certificate is not None:
        packing.check_signature(manifest, keyfile.certificate(loading.certificate), path)
    elif not keys.signed_by(private.public_key(), manifest):
        loading.warn(f"{path}: who signed it was not checked; --cert FILE does that")
    loading.expect(f"unpacking {manifest.name}", manifest.bundled_size)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        packing.unpack(manifest, path, private, descriptor, check=loading.check, advance=loading.advance)
    finally:
        os.close(descriptor)
    return imagefile.probe(target)


def _sibling(path: str, known: str | None, kind: str, loading: Loading) -> str | None:
    """The kernel or ramdisk that was bundled into the same folder, unpacked."""
    if known in ("true", "yes"):
        return None
    folder = os.path.dirname(path) or "."
    for name in sorted(os.listdir(folder)):
        other = os.path.join(folder, name)
        if not name.endswith(packing.MANIFEST) or os.path.samefile(other, path):
            continue
        if packing.read_manifest(other).kind == kind:
            return unbundle(other, os.path.join(loading.scratch, kind), loading).path
    return None
