"""`image create`: an OVF package of any disk, asking the agent's questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .image import loading, surroundings, written, written_arguments
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ..image.capture.origin import Origin
    from ..image.convert.appliance import Appliance
    from ..image.convert.target import Target
    from ..image.create.spec import Spec
    from ..image.package.model import Product, Property
    from ..image.rootfs.inspection import Facts

DESCRIPTION = {
    "image create": "Make an OVF package (app.ova, app.ovf, FOLDER/) of disks that vmdb2, mkosi, packer or others\n"
    "made. System, architecture and firmware are read out of the first disk. Unless told\n"
    "otherwise the package asks for host name, address, keys, password and user data of the instance."
}
TRANSPORTS = ("iso", "com.vmware.guestInfo")


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("disks", nargs="+", metavar="DISK", help="raw, qcow2, vmdk, vdi, vhd or vhdx")
    create_arguments(parser)


def create_arguments(parser: ArgumentParser) -> None:
    """Options about a new package."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="DST", help="app.ova, app.ovf, or a folder with a / behind"
    )
    parser.add_argument("--spec", metavar="FILE", help="all of what follows in YAML; options go before it")
    hardware = parser.add_argument_group("the machine")
    hardware.add_argument("--name", metavar="NAME", help="of the machine and its files (the output's)")
    hardware.add_argument("--memory", metavar="SIZE", help="such as 2G or 512 MiB (1 GiB)")
    hardware.add_argument("--cpus", type=int, metavar="N", help="virtual CPUs (1)")
    hardware.add_argument("--firmware", choices=("bios", "efi"), help="what it boots with, if the disk does not tell")
    hardware.add_argument("--controller", choices=("scsi", "sata", "ide", "virtio"), help="of the disks (scsi)")
    hardware.add_argument(
        "--network", action="append", metavar="NAME", help="an adapter on this network; may be repeated"
    )
    hardware.add_argument("--adapter", metavar="MODEL", help="e1000, e1000e, vmxnet3, virtio or pcnet32 (e1000)")
    package = parser.add_argument_group("the package")
    package.add_argument("--product", metavar="TEXT", help="the product's name")
    package.add_argument("--product-version", metavar="TEXT", help="its version")
    package.add_argument("--vendor", metavar="TEXT", help="who made it")
    package.add_argument("--annotation", metavar="TEXT", help="a description")
    package.add_argument(
        "--eula", action="append", default=[], metavar="FILE", help="a licence to accept; may be repeated"
    )
    package.add_argument(
        "--property", action="append", default=[], metavar="KEY[=DEFAULT]", help="one more question; may be repeated"
    )
    package.add_argument("--no-standard", action="store_true", help="ask only what --property and --spec say")
    package.add_argument(
        "--transport",
        metavar="WORDS",
        help="how the answers reach the guest (iso,com.vmware.guestInfo); none: not at all",
    )
    package.add_argument("--disk-format", choices=("vmdk", "qcow2", "raw", "vpc"), help="of the disks (vmdk)")
    written_arguments(package)
    package.add_argument("--from-format", metavar="KIND", help="what the disks are, if their content does not tell")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image.convert import conversion

    output = Output(options)
    target = package_of(options, options.output)
    with surroundings(output, options.output) as (meter, scratch):
        load = loading(options, output, meter, scratch)
        package = machine(options, options.disks, options.from_format)
        made = conversion.save(package, target, load)
    if output.json:
        names = [question.name for product in package.products for question in product.properties]
        output.document({"version": 1, "files": made, "properties": names, "warnings": output.warnings})
    output.say("\n".join(made))
    return output.code()


def package_of(options: Namespace, path: str) -> Target:
    """The package that is to be made. Raises UsageError and InputError."""
    from ..image.convert import conversion

    kind = "ovf" if path.endswith("/") else conversion.kind_of(path)
    if kind not in ("ovf", "ova"):
        raise UsageError(
            "an OVF package ends in .ova or .ovf, or is a folder/", remedy="image convert makes other things"
        )
    return written(options, path, kind)


def machine(options: Namespace, disks: Sequence[str], kind: str | None, origin: Origin | None = None) -> Appliance:
    """The machine as its origin, the disks, the specification and the options make it, later ones going first.

    Raises UsageError and InputError, the latter with line and column in the specification.
    """
    import os

    from ..image.convert import loading as reading
    from ..image.convert.appliance import ADAPTER_MODELS, MEMORY, Adapter
    from ..image.create import spec
    from ..image.rootfs import inspection

    told = spec.read(options.spec) if options.spec else spec.Spec()
    parts = [reading.bare(path, kind) for path in disks]
    first = parts[0].drives[0].image
    assert first is not None
    facts = inspection.look(first)
    known = origin.memory if origin else None
    memory = spec.size(options.memory) if options.memory else told.memory or known or MEMORY
    if memory is None:
        raise UsageError(f"--memory {options.memory!r} is not a size such as 2G")
    if options.cpus is not None and not 0 < options.cpus <= 4096:
        raise UsageError("--cpus is a number from 1 to 4096")
    model = options.adapter or "e1000"
    if model not in ADAPTER_MODELS:
        raise UsageError(f"there is no adapter {model!r}", remedy=f"there are: {', '.join(ADAPTER_MODELS)}")
    adapters = told.adapters if told.adapters is not None else origin.adapters if origin else None
    if adapters is None:
        adapters = (Adapter("VM Network", None, model),)
    if options.network is not None:
        adapters = tuple(Adapter(network, None, model) for network in options.network)
    controller = options.controller or told.controller or "scsi"
    stem = os.path.splitext(os.path.basename(options.output.rstrip("/")))[0]
    transports = told.transports if told.transports is not None else TRANSPORTS
    if options.transport is not None:
        words = tuple(options.transport.replace(",", " ").split())
        transports = () if words == ("none",) else words
    drives = [part.drives[0].with_(name=f"disk{at}", controller=controller) for at, part in enumerate(parts, 1)]
    if origin is not None:
        facts = facts.with_(firmware=origin.firmware or facts.firmware)
    return parts[0].with_(
        name=options.name or told.name or (origin.name if origin else None) or stem,
        drives=tuple(drives),
        memory=memory,
        cpus=options.cpus or told.cpus or (origin.cpus if origin else None) or 1,
        firmware=options.firmware or told.firmware or facts.firmware or "bios",
        architecture=told.architecture or facts.architecture or "x86_64",
        adapters=adapters,
        system=facts.system,
        products=_products(options, told, facts, origin.questions if origin else ()),
        eulas=(*told.eulas, *(spec.text(path) for path in options.eula)),
        annotation=options.annotation or told.annotation or (origin.annotation if origin else ""),
        transports=transports,
        **(origin.ec2.as_dict() if origin else {}),
    )


def _products(options: Namespace, told: Spec, facts: Facts, inherited: Sequence[Property]) -> tuple[Product, ...]:
    from ..image.create import questions
    from ..image.package.model import Product

    known = told.product
    product = Product(
        0,
        info="Information about the installed software",
        product=options.product or known.get("name") or facts.product or "",
        vendor=options.vendor or known.get("vendor", ""),
        version=options.product_version or known.get("version") or facts.version or "",
        full_version=known.get("full_version", ""),
        product_url=known.get("url", ""),
        vendor_url=known.get("vendor_url", ""),
        app_url=known.get("app_url", ""),
    )
    names = () if options.no_standard or told.properties is not None else questions.DEFAULT
    first = told.properties if told.properties is not None else () if options.no_standard else inherited
    asked = {question.name: question for question in first}
    asked.update((question.name, question) for question in questions.asked(options.property, names))
    return questions.sections(product, asked.values())
