"""What a running machine knows of itself, for the package that is made of it: hardware, questions, where it is from.

Nothing of it tells the new machine who it is: what made this one this one (name, addresses, keys, passwords, user
data) becomes a question without an answer, and what is secret is left out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...errors import OvfinitError
from ...http import metadata_service, text_lines
from ...model import Secret
from ...record import Record
from ..convert.appliance import ADAPTER_MODELS, Adapter
from ..create import questions
from ..package.model import Property

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...deadline import Deadline
    from ...model import Metadata

NETWORK = "VM Network"
# the kernel keeps some memory for itself: the next 256 MiB are what the hypervisor gave
STEP = 256 << 20
LONGEST = 4096
_MODELS = {"virtio_net": "virtio", "vif": "e1000"}
_TREE = "/latest/meta-data"
_MAPPING = f"{_TREE}/block-device-mapping/"
_LINES = ("ancestor-ami-ids", "product-codes")
_IDS = ("ami-id", "kernel-id", "ramdisk-id")


class Origin(Record):
    """What is known; None or empty where nothing is. `memory` in bytes, `mappings` as EC2's block device mapping."""

    name: str | None = None
    memory: int | None = None
    cpus: int | None = None
    firmware: str | None = None
    adapters: tuple[Adapter, ...] | None = None
    questions: tuple[Property, ...] = ()
    annotation: str = ""
    ancestors: tuple[str, ...] = ()
    mappings: Mapping[str, str] = {}
    product_codes: tuple[str, ...] = ()
    kernel_id: str | None = None
    ramdisk_id: str | None = None

    def ancestry(self) -> dict[str, Any]:
        """The fields that an Appliance has under the same names."""
        names = ("ancestors", "mappings", "product_codes", "kernel_id", "ramdisk_id")
        return {name: getattr(self, name) for name in names}


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
    adapters = origin.adapters or ()
    if len(networks) == len(adapters):
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
    """The same with what EC2's metadata service tells for images made of its instances, as ec2-bundle-vol asks it."""
    if metadata.datasource != "ec2" or not metadata.location:
        return origin
    found: dict[str, tuple[str, ...]] = {}
    try:
        with metadata_service([metadata.location], deadline) as service:
            for name in (*_LINES, *_IDS):
                found[name] = tuple(text_lines(service.leaf(f"{_TREE}/{name}") or b"") or ())
            names = service.names(service.leaf(_MAPPING) or b"") or ()
            leaves = service.leaves({f"{_MAPPING}{name}": 4096 for name in sorted(names)})
    except OvfinitError as error:
        warn(f"where the image is from is not known: {error.message}")
        return origin
    mappings = {
        path.removeprefix(_MAPPING): lines[0] for path, body in leaves.items() if (lines := text_lines(body or b""))
    }
    one = {name: found[name][0] if found[name] else None for name in _IDS}
    # the image that this machine was booted from is the nearest ancestor of the one that is made
    ancestors = (*found["ancestor-ami-ids"], *found["ami-id"])
    return origin.with_(
        ancestors=tuple(dict.fromkeys(ancestors)),
        mappings=mappings,
        product_codes=found["product-codes"],
        kernel_id=one["kernel-id"],
        ramdisk_id=one["ramdisk-id"],
    )
