"""A machine as an image: what every packaging has in common, and what one conversion hands to the next.

A reader makes an `Appliance` of a package, a bundle, a libvirt domain or a bare disk; a writer makes one of these of
it. What a format cannot express is told as a warning by the reader or the writer that drops it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..disk.imagefile import DiskImage
    from ..package.model import OperatingSystem, Product

MEBIBYTE = 1 << 20
# what `create` and bare disks get when nobody says anything else
MEMORY = 1024 * MEBIBYTE
ADAPTER_MODELS = ("e1000", "e1000e", "vmxnet3", "virtio", "pcnet32")
CONTROLLERS = ("scsi", "virtio", "sata", "ide")


class Adapter(Record):
    """A network adapter: the network it is plugged into, its address if that is fixed, and its model."""

    network: str
    mac: str | None = None
    model: str = "e1000"


class Drive(Record):
    """A disk of the machine: `name` without an ending, the image, or None for a blank one of `capacity` bytes."""

    name: str
    image: DiskImage | None
    capacity: int
    controller: str = "scsi"


class Appliance(Record):
    """One machine.

    `memory` in bytes. `architecture` as uname(1) says. `firmware` is bios or efi. `products` carry the properties,
    `transports` how the environment reaches the guest. `kernel` and `ramdisk` are files beside the disks, for
    platforms that boot them directly, with `command_line`. `mappings`, `product_codes`, `kernel_id`, `ramdisk_id` and
    `ancestors` are EC2's. `partition` is true if the first disk is a file system without a partition table.
    """

    name: str
    drives: tuple[Drive, ...]
    memory: int = MEMORY
    cpus: int = 1
    architecture: str = "x86_64"
    firmware: str = "bios"
    adapters: tuple[Adapter, ...] = ()
    networks: Mapping[str, str] = {}
    system: OperatingSystem | None = None
    products: tuple[Product, ...] = ()
    eulas: tuple[str, ...] = ()
    annotation: str = ""
    transports: tuple[str, ...] = ()
    kernel: str | None = None
    ramdisk: str | None = None
    command_line: str = ""
    partition: bool = False
    mappings: Mapping[str, str] = {}
    product_codes: tuple[str, ...] = ()
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    ancestors: tuple[str, ...] = ()
