"""`image convert`: from any packaging of a machine to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .image import key_arguments, loading, source_arguments, surroundings, written, written_arguments
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..image.bundle.packing import Labels, Owner
    from ..image.convert.appliance import Appliance

DESCRIPTION = {
    "image convert": "Convert a machine image: what SRC is, its content tells, what DST is to be, its ending.\n"
    ".ovf .ova, FOLDER/ of an EC2/UEC bundle, .tar.gz of UEC, .xml of libvirt, .qcow2 .vmdk .vdi .vhd\n"
    ".vhdx .raw .img; or by --from-format and --to. What gets lost is said."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("source", metavar="SRC", help="what to read")
    parser.add_argument("destination", metavar="DST", help="what to write; nothing is there until all is well")
    source_arguments(parser)
    made = parser.add_argument_group("what is made")
    made.add_argument("--to", metavar="KIND", help="ovf, ova, bundle, uec, libvirt, openstack, or a disk format")
    made.add_argument("--name", metavar="NAME", help="call the machine and its files so")
    made.add_argument("--disk-format", metavar="KIND", help="of the disks in a package (vmdk) or domain (qcow2)")
    written_arguments(made)
    made.add_argument("--compress", action="store_true", help="compress a qcow2 disk")
    made.add_argument(
        "--network", action="append", default=[], metavar="[OLD=]NEW", help="add a network, or rename one"
    )
    made.add_argument("--bus", choices=("virtio", "scsi", "sata", "ide"), help="what a domain's disks are plugged into")
    labels_arguments(parser)
    key_arguments(parser)


def labels_arguments(parser: ArgumentParser) -> None:
    """Options about a new bundle."""
    group = parser.add_argument_group("a new bundle")
    group.add_argument("--full-disk", action="store_true", help="bundle the whole disk, not its root partition")
    group.add_argument("--arch", metavar="NAME", help="i386, x86_64, arm64 …")
    group.add_argument("--kernel", metavar="ID", help="the kernel that the cloud boots it with; none is bundled then")
    group.add_argument("--ramdisk", metavar="ID", help="the ramdisk that goes with it")
    group.add_argument(
        "--block-device-mapping", action="append", default=[], metavar="NAME=DEVICE", help="such as ephemeral0=sdb"
    )
    group.add_argument("--product-code", action="append", default=[], metavar="CODE", help="may be repeated")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image.convert import conversion, repack
    from ..image.convert import loading as reading

    output = Output(options)
    kind = options.to or conversion.kind_of(options.destination)
    if kind not in conversion.KINDS:
        raise UsageError(
            f"there is no format {kind!r} to convert to", remedy=f"there are: {', '.join(conversion.KINDS)}"
        )
    if options.from_format is not None and options.from_format not in reading.KINDS:
        raise UsageError(f"there is no format {options.from_format!r}", remedy=f"there are: {', '.join(reading.KINDS)}")
    target = written(options, options.destination, kind).with_(
        compress=options.compress,
        bus=options.bus,
        full_disk=options.full_disk,
        owner=owner(options) if kind == "bundle" else None,
        labels=labels(options),
    )
    with surroundings(output, options.destination) as (meter, scratch):
        load = loading(options, output, meter, scratch)
        source_kind = options.from_format or reading.kind_of(options.source)
        if _same_package(source_kind, kind, options):
            made = repack.repack(options.source, target, load, algorithm=options.algorithm)
        else:
            machine = reading.load(options.source, source_kind, load)
            made = conversion.save(_changed(machine, options), target, load)
    if output.json:
        output.document({"version": 1, "from": source_kind, "to": kind, "files": made, "warnings": output.warnings})
    output.say("\n".join(made))
    return output.code()


def _same_package(source: str, kind: str, options: Namespace) -> bool:
    """True if only the wrapping changes, so that the descriptor, whatever is in it, stays as it is."""
    changes = (options.name, options.disk_format, options.machine, options.deployment_option, options.network)
    return {source, kind} <= {"ovf", "ova"} and not any(changes)


def _changed(machine: Appliance, options: Namespace) -> Appliance:
    """The machine with the caller's name and networks."""
    from ..image.convert.appliance import Adapter

    if options.name:
        machine = machine.with_(name=options.name)
    adapters = list(machine.adapters)
    networks = dict(machine.networks)
    for text in options.network:
        old, equals, new = text.partition("=")
        if not equals:
            adapters.append(Adapter(text))
        elif old not in {adapter.network for adapter in adapters} | set(networks):
            raise UsageError(f"no adapter is on a network {old!r}", remedy=f"there are: {', '.join(networks)}")
        else:
            adapters = [adapter.with_(network=new) if adapter.network == old else adapter for adapter in adapters]
            networks = {new if name == old else name: words for name, words in networks.items()}
    return machine.with_(adapters=tuple(adapters), networks=networks)


def owner(options: Namespace) -> Owner:
    """Who bundles. Raises UsageError for what is not given, InputError for what is no key."""
    from ..image import keyfile
    from ..image.bundle import packing

    missing = [f"--{name}" for name in ("user", "privatekey", "ec2cert") if not getattr(options, name)]
    if missing:
        remedy = "the cloud's certificate comes with its credentials; EC2's with its tools"
        raise UsageError(f"a bundle needs {', '.join(missing)}", remedy=remedy)
    user = options.user.replace("-", "")
    if not user.isalnum():
        raise UsageError("--user is an account number, of digits and dashes")
    private = keyfile.private_key(options.privatekey)
    public = keyfile.certificate(options.cert) if options.cert else private.public_key()
    if public.public_numbers() != private.public_key().public_numbers():
        raise UsageError("--cert and --privatekey do not belong together")
    return packing.Owner(user, private, public, keyfile.certificate(options.ec2cert))


def labels(options: Namespace) -> Labels:
    """What a new bundle's manifest tells the cloud. Raises UsageError."""
    from ..image.bundle import packing

    if options.arch and options.arch not in packing.ARCHITECTURES:
        raise UsageError(f"there is no architecture {options.arch!r}", remedy=", ".join(packing.ARCHITECTURES))
    mappings = dict(text.partition("=")[::2] for text in options.block_device_mapping)
    if not all(mappings) or not all(mappings.values()):
        raise UsageError("--block-device-mapping is NAME=DEVICE, such as ephemeral0=sdb")
    return packing.Labels(
        architecture=options.arch or "",
        mappings=mappings,
        product_codes=tuple(options.product_code),
        kernel_id=options.kernel,
        ramdisk_id=options.ramdisk,
    )
