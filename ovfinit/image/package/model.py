"""What is in an OVF package, as plain immutable data, whatever version or dialect described it.

After DMTF DSP0243 (1.0, 1.1, 2.1); section numbers are those of 1.1.0. Every `line` is a line of the descriptor.
"""

from __future__ import annotations

from ...record import Record
from .ec2image import Ec2Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# ResourceType of CIM_ResourceAllocationSettingData
CPU, MEMORY, IDE, SCSI, ETHERNET, FLOPPY, CD, DVD, DISK = 3, 4, 5, 6, 10, 14, 15, 16, 17
OTHER_STORAGE, SERIAL, USB, GRAPHICS, SOUND = 20, 21, 23, 24, 35
CONTROLLERS = (IDE, SCSI, OTHER_STORAGE)
RESOURCES = {
    0: "other",
    1: "other",
    2: "computer system",
    3: "CPU",
    4: "memory",
    5: "IDE controller",
    6: "SCSI controller",
    7: "Fibre Channel HBA",
    8: "iSCSI HBA",
    9: "InfiniBand HCA",
    10: "Ethernet adapter",
    11: "other network adapter",
    12: "I/O slot",
    13: "I/O device",
    14: "floppy drive",
    15: "CD drive",
    16: "DVD drive",
    17: "disk",
    18: "tape drive",
    19: "storage extent",
    20: "other storage device",
    21: "serial port",
    22: "parallel port",
    23: "USB controller",
    24: "graphics controller",
    25: "IEEE 1394 controller",
    26: "partitionable unit",
    27: "base partitionable unit",
    28: "power",
    29: "cooling capacity",
    30: "Ethernet switch port",
    31: "logical disk",
    32: "storage volume",
    33: "Ethernet connection",
    35: "sound card",
}


class File(Record):
    """A file of the package (section 7.1): `size` in bytes as stored, `compression` is "" or `gzip`."""

    id: str
    href: str
    line: int
    size: int | None = None
    compression: str = ""
    chunk_size: int | None = None


class Disk(Record):
    """A virtual disk (section 9.1).

    `capacity` in bytes is None where the descriptor has none, or takes it from a property (`capacity_text`, such as
    `${size}`, in `capacity_units`). Without `file` the disk is blank.
    """

    id: str
    line: int
    capacity: int | None = None
    capacity_text: str = ""
    capacity_units: str = "byte"
    file: str | None = None
    format: str = ""
    populated: int | None = None
    parent: str | None = None
    shared: bool = False


class Network(Record):
    """A logical network (section 9.2)."""

    name: str
    line: int
    description: str = ""


class Option(Record):
    """A deployment option (section 9.8)."""

    id: str
    line: int
    label: str = ""
    description: str = ""
    default: bool = False


class Property(Record):
    """A question of the package (section 9.5.1).

    `name` is the key that the guest sees, with class and instance. `values` are defaults of deployment options,
    `options` those for which alone the property exists (empty: all). `platform_qualifiers` are VMware's.
    """

    key: str
    line: int
    class_name: str = ""
    instance: str = ""
    type: str = "string"
    default: str = ""
    qualifiers: str = ""
    platform_qualifiers: str = ""
    user_configurable: bool = False
    password: bool = False
    required: bool = False
    label: str = ""
    description: str = ""
    category: str = ""
    options: tuple[str, ...] = ()
    values: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """`class.key.instance`, the parts that there are (section 9.5.1)."""
        return ".".join(part for part in (self.class_name, self.key, self.instance) if part)

    def for_option(self, option: str | None) -> Property | None:
        """The property with that deployment option's default, None where it does not exist then."""
        if self.options and (option is None or option not in self.options):
            return None
        return self.with_(default=self.values[option]) if option is not None and option in self.values else self


class Product(Record):
    """A ProductSection (section 9.5)."""

    line: int
    class_name: str = ""
    instance: str = ""
    info: str = ""
    product: str = ""
    vendor: str = ""
    version: str = ""
    full_version: str = ""
    product_url: str = ""
    vendor_url: str = ""
    app_url: str = ""
    icons: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()


class Eula(Record):
    """A licence to be accepted (section 9.6)."""

    line: int
    text: str
    info: str = ""


class Item(Record):
    """One virtual device (section 8.3), `kind` is Item, StorageItem or EthernetPortItem.

    `quantity` is in units of `units`. `options` are the deployment options for which alone it exists, `bound` is "",
    min, max or normal. `settings` are VMware's Config elements.
    """

    id: str
    type: int | None
    line: int
    kind: str = "Item"
    subtypes: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    quantity: int | None = None
    units: str = ""
    parent: str | None = None
    address: str | None = None
    address_on_parent: str | None = None
    host_resources: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    automatic: bool | None = None
    limit: int | None = None
    reservation: int | None = None
    mac: str | None = None
    required: bool = True
    options: tuple[str, ...] = ()
    bound: str = ""
    settings: Mapping[str, str] = {}

    @property
    def resource(self) -> str:
        """What kind of device it is, in words."""
        return RESOURCES.get(self.type, f"type {self.type}") if self.type is not None else "unknown"

    @property
    def disk(self) -> str | None:
        """The id of the virtual disk behind it, if there is one."""
        return _referenced(self.host_resources, "disk")

    @property
    def file(self) -> str | None:
        """The id of the package's file behind it (an ISO image in a CD drive), if there is one."""
        return _referenced(self.host_resources, "file")


def _referenced(places: tuple[str, ...], kind: str) -> str | None:
    for place in places:
        # `ovf:/disk/ID` (section 8.3.1), `/disk/ID` of drafts and VirtualBox, and `ovf://disk/ID` by mistake
        path = place.strip().removeprefix("ovf:").lstrip("/")
        if path.startswith(f"{kind}/"):
            return path.removeprefix(f"{kind}/")
    return None


class Hardware(Record):
    """A VirtualHardwareSection (section 8.1); `families` are such as `vmx-13`, `ec2` is our own element.

    `settings` and `extra` are VMware's Config and ExtraConfig, `demanded` the settings that an importer has to know.
    """

    line: int
    families: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    settings: Mapping[str, str] = {}
    extra: Mapping[str, str] = {}
    demanded: tuple[str, ...] = ()
    ec2: Ec2Image = Ec2Image()

    def for_option(self, option: str | None) -> tuple[Item, ...]:
        """The devices that there are with that deployment option; one that names it replaces its equal that does not.

        Of ranges (`bound`) only what is normal counts (section 8.4).
        """
        chosen: dict[str, Item] = {}
        for item in self.items:
            if item.bound not in ("", "normal") or (item.options and option not in item.options):
                continue
            key = item.id or f"line {item.line}"
            if key in chosen and chosen[key].options and not item.options:
                continue
            if key in chosen and bool(chosen[key].options) == bool(item.options):
                key = f"{key} line {item.line}"
            chosen[key] = item
        return tuple(chosen.values())


class OperatingSystem(Record):
    """The guest's system (section 9.9): `id` of CIM_OperatingSystem.OSType, what VMware and VirtualBox call it."""

    line: int
    id: int | None = None
    version: str = ""
    description: str = ""
    vmware: str = ""
    virtualbox: str = ""


class EnvironmentFile(Record):
    """A file of the package that the guest gets with its environment (DSP0243 2.1), at `/ovffiles/PATH`."""

    file: str
    path: str
    line: int


class Startup(Record):
    """A machine's place in the start of its collection (section 9.7), delays in seconds."""

    id: str
    order: int
    line: int
    start_delay: int = 0
    stop_delay: int = 0
    start_action: str = "powerOn"
    stop_action: str = "powerOff"
    waiting: bool = False


class Foreign(Record):
    """A section that is nobody's but its maker's; `required` means that an importer must not ignore it."""

    name: str
    namespace: str
    line: int
    required: bool


class Machine(Record):
    """A VirtualSystem (section 8). `parents` are the collections that it is in, outermost first."""

    id: str
    line: int
    name: str = ""
    info: str = ""
    annotation: str = ""
    system: OperatingSystem | None = None
    hardware: tuple[Hardware, ...] = ()
    products: tuple[Product, ...] = ()
    eulas: tuple[Eula, ...] = ()
    environment_files: tuple[EnvironmentFile, ...] = ()
    environment_transports: tuple[str, ...] = ()
    initial_boot_stop_delay: int | None = None
    foreign: tuple[Foreign, ...] = ()
    parents: tuple[str, ...] = ()


class Collection(Record):
    """A VirtualSystemCollection (section 8.2), in which are machines and further collections."""

    id: str
    line: int
    name: str = ""
    info: str = ""
    annotation: str = ""
    products: tuple[Product, ...] = ()
    eulas: tuple[Eula, ...] = ()
    startup: tuple[Startup, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    members: tuple[Machine | Collection, ...] = ()
    parents: tuple[str, ...] = ()


class Package(Record):
    """A whole descriptor.

    `path` is how findings name it, `version` is 0.9, 1, 2 or oVirt, as the namespace tells. `root` is None where
    there is neither a machine nor a collection. `ip_schemes` and `ip_protocols` are VMware's IpAssignmentSection.
    """

    path: str
    namespace: str
    version: str
    files: tuple[File, ...] = ()
    disks: tuple[Disk, ...] = ()
    networks: tuple[Network, ...] = ()
    options: tuple[Option, ...] = ()
    eulas: tuple[Eula, ...] = ()
    products: tuple[Product, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    root: Machine | Collection | None = None
    language: str | None = None
    languages: tuple[str, ...] = ()
    ip_schemes: tuple[str, ...] = ()
    ip_protocols: tuple[str, ...] = ()

    @property
    def machines(self) -> tuple[Machine, ...]:
        """All machines, in the order of the descriptor."""
        return tuple(node for node in self.nodes if isinstance(node, Machine))

    @property
    def collections(self) -> tuple[Collection, ...]:
        """All collections, a collection before those in it."""
        return tuple(node for node in self.nodes if isinstance(node, Collection))

    @property
    def nodes(self) -> tuple[Machine | Collection, ...]:
        """Machines and collections, in the order of the descriptor."""
        found: list[Machine | Collection] = []
        pending: list[Machine | Collection] = [self.root] if self.root is not None else []
        while pending:
            node = pending.pop()
            found.append(node)
            if isinstance(node, Collection):
                pending.extend(reversed(node.members))
        return tuple(found)

    @property
    def default_option(self) -> str | None:
        """The deployment option that counts when none is chosen: the one marked so, else the first."""
        ids = [option.id for option in self.options if option.default] + [option.id for option in self.options]
        return ids[0] if ids else None

    def file(self, file_id: str | None) -> File | None:
        """The file with that id."""
        found: File | None = self._by_id("files").get(file_id)
        return found

    def disk(self, disk_id: str | None) -> Disk | None:
        """The disk with that id."""
        found: Disk | None = self._by_id("disks").get(disk_id)
        return found

    def _by_id(self, field: str) -> dict[str | None, Any]:
        """Files or disks by id, the first one of an id, made once: a hostile package has many of both."""
        name = f"_{field}_by_id"
        if name not in self.__dict__:
            object.__setattr__(self, name, {one.id: one for one in reversed(getattr(self, field))})
        index: dict[str | None, Any] = self.__dict__[name]
        return index
