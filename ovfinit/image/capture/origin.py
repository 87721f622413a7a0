"""What a running machine knows of itself, for the package that is made of it: hardware, questions, where it is from.

Nothing of it tells the new machine who it is: what made this one this one (name, addresses, keys, passwords, user
data) becomes a question without an answer, and what is secret is left out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from ...http import metadata_service, text_lines
from ...model import Secret
from ...record import Record
from ..convert.appliance import ADAPTER_MODELS, Adapter
from ..create import questions
from ..package import ec2image
from ..package.ec2image import Ec2Image
from ..package.model import Property

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...deadline import Deadline
    from ...http import MetadataService
    from ...model import Metadata

NETWORK = "VM Network"
# the kernel keeps some memory for itself: the next 256 MiB are what the hypervisor gave
STEP = 256 << 20
LONGEST = 4096
_MODELS = {"virtio_net": "virtio", "vif": "e1000"}
_TREE = "/latest/meta-data"
_MAPPING = f"{_TREE}/block-device-mapping/"
_LEAVES = ("ami-id", "ancestor-ami-ids", "product-codes", "kernel-id", "ramdisk-id")
_LEAF_LIMIT = 64 * 1024


class Origin(Record):
    """What is known; None or empty where nothing is. `memory` in bytes."""

    name: str | None = None
    memory: int | None = None
    cpus: int | None = None
    firmware: str | None = None
    adapters: tuple[Adapter, ...] | None = None
    questions: tuple[Property, ...] = ()
    annotation: str = ""
    ec2: Ec2Image = Ec2Image()


def hardware() -> Origin:
    """What the kernel of this machine tells."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Origin(
        name=os.uname().nodename.partition(".")[0],
        memory=-(-pages * size // STEP) * STEP,
        cpus=os.cpu_count(),
        firmware="efi" if os.path.isdir("/sys/firmware/efi") else "bios",
        adapters=tuple(_adapters()),
    )


def _adapters() -> Iterator[Adapter]:
    """The adapters that are devices of their own, with the models that an OVF package can ask for."""
    base = "/sys/class/net"
    for name in sorted(os.listdir(base)):
        driver = os.path.basename(os.path.realpath(f"{base}/{name}/device/driver"))
        if os.path.exists(f"{base}/{name}/device"):
            model = _MODELS.get(driver, driver)
            yield Adapter(NETWORK, None, model if model in ADAPTER_MODELS else "e1000")


def with_metadata(origin: Origin, metadata: Metadata) -> Origin:
    """The same with what the platform told: networks by name, the questions of an OVF environment, provenance."""
    networks = [
        nic.network or NETWORK for nic in sorted(metadata.nics, key=lambda nic: (nic.card or 0, nic.index or 0))
    ]
    adapters = origin.adapters
    if adapters is not None and len(networks) == len(adapters):
        adapters = tuple(each.with_(network=network) for each, network in zip(adapters, networks))
    words = (
        ("platform", metadata.platform),
        ("instance type", metadata.instance_type),
        ("region", metadata.region),
        ("availability zone", metadata.availability_zone),
        ("image", _shown(metadata, "ami-id")),
    )
    told = "; ".join(f"{name} {value}" for name, value in words if value)
    return origin.with_(
        adapters=adapters,
        questions=tuple(_questions(metadata)) if metadata.datasource == "ovf" else (),
        annotation=f"Captured from a running instance: {told}" if told else "",
    )


def _shown(metadata: Metadata, name: str) -> str | None:
    value = metadata.properties.get(name)
    return value if isinstance(value, str) else None


def _questions(metadata: Metadata) -> Iterator[Property]:
    """A question for every property that the instance was told; what made it itself, or is secret, has no default."""
    own = {place.rpartition("/")[2] for field, place in metadata.origins.items() if "properties." not in field}
    for name, value in metadata.properties.items():
        if not name or any(character in name for character in ": \t\n"):
            continue
        if name in questions.STANDARD:
            yield questions.standard(name)
            continue
        shown = "" if isinstance(value, Secret) or name in own or len(value) > LONGEST else value
        yield questions.own(name, shown).with_(password=isinstance(value, Secret))


def with_ancestry(origin: Origin, metadata: Metadata, deadline: Deadline, warn: Callable[[str], None]) -> Origin:
    """The same with what EC2's metadata service tells for images made of its instances, as ec2-bundle-vol asks it.

    Only the service that this machine was customized from, or that was named, is asked. What it does not have is
    absent; what it could not tell any more is told to `warn`, and what it told before counts.
    """
    if metadata.datasource != "ec2" or not metadata.location:
        return origin
    found: dict[str, tuple[str, ...]] = {}
    mappings: dict[str, str] = {}
    try:
        with metadata_service([metadata.location], deadline) as service:
            for name in _LEAVES:
                found[name] = _values(service, f"{_TREE}/{name}", warn)
            _map(service, mappings, warn)
    except OvfinitError as error:
        unknown = [name for name in _LEAVES if name not in found]
        warn(f"{', '.join((*unknown, 'block-device-mapping'))}: not known, and not kept with the image: {error}")
    # known since the boot, if the service does not tell any more
    told = found.get("ami-id") or ec2image.kept([_shown(metadata, "ami-id") or ""])
    return origin.with_(
        ec2=Ec2Image(
            # the image that this machine was booted from is the nearest ancestor of the one that is made
            ancestors=ec2image.kept((*found.get("ancestor-ami-ids", ()), *told[:1])),
            mappings=mappings,
            product_codes=found.get("product-codes", ()),
            kernel_id=next(iter(found.get("kernel-id", ())), None),
            ramdisk_id=next(iter(found.get("ramdisk-id", ())), None),
        )
    )


def _values(service: MetadataService, path: str, warn: Callable[[str], None]) -> tuple[str, ...]:
    """The lines of a leaf, none if there is no such leaf."""
    lines = text_lines(service.leaf(path, _LEAF_LIMIT) or b"")
    found = ec2image.kept(lines or ())
    if lines is None or len(found) != len(set(lines)):
        warn(f"{service.url}{path}: has lines that can be no ids, or too many, which are left out")
    return found


def _map(service: MetadataService, mappings: dict[str, str], warn: Callable[[str], None]) -> None:
    """The block device mapping; `mappings` has what was told before the service fails."""
    names = sorted(service.names(service.leaf(_MAPPING, _LEAF_LIMIT) or b"") or ())
    # nobody names a place outside of this folder
    fine = [name for name in ec2image.kept(names) if name.replace("-", "").replace("_", "").isalnum()]
    if fine != names:
        warn(f"{service.url}{_MAPPING}: has names that can be no devices', or too many, which are left out")
    for name in fine:
        for device in _values(service, f"{_MAPPING}{name}", warn)[:1]:
            mappings[name] = device
