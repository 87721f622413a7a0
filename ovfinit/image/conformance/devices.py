"""The devices of a machine: what they refer to, and whether a hypervisor could make them."""

from __future__ import annotations

from ..package.model import CD, CONTROLLERS, CPU, DISK, DVD, ETHERNET, MEMORY
from ..package.units import factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..package.finding import Findings
    from ..package.model import Hardware, Item, Machine, Package

BOUNDS = ("", "min", "max", "normal")
MEMORY_LIMIT = 1 << 50
CPU_LIMIT = 10_000
# where several devices may have the same place: IDE channels have two
PLACED = (DISK, CD, DVD)


def check(package: Package, machine: Machine, findings: Findings) -> None:
    """Note what is wrong with the devices of one machine."""
    for hardware in machine.hardware:
        _Devices(package, hardware, findings).check()


class _Devices:
    def __init__(self, package: Package, hardware: Hardware, findings: Findings) -> None:
        self._package = package
        self._hardware = hardware
        self._findings = findings

    def _place(self, item: Item) -> str:
        return f"{self._package.path}:{item.line}"

    def check(self) -> None:
        """All devices of the section."""
        ids = {item.id for item in self._hardware.items}
        self._doubled()
        for item in self._hardware.items:
            place = self._place(item)
            if not item.id:
                message = "a device without InstanceID: nothing can refer to it, and the schema demands one"
                self._findings.error("no-instance-id", message, place, "give it a number of its own")
            if item.type is None:
                message = "a device without ResourceType: nobody knows what it is"
                self._findings.error("no-resource-type", message, place, "see CIM_ResourceAllocationSettingData")
            if item.bound not in BOUNDS:
                message = f"bound={item.bound[:40]!r} is none of min, max and normal: the device is ignored"
                self._findings.error("bad-bound", message, place, "correct it")
            if item.parent and item.parent not in ids and item.parent.strip("0-"):
                message = f"is attached to the device {item.parent[:60]!r}, which is not there"
                self._findings.error("dangling-parent", message, place, "correct rasd:Parent")
            if item.type == DISK:
                self._disk(item)
            elif item.type in (CPU, MEMORY) and item.bound not in ("min", "max"):
                self._quantity(item)
            elif item.type == ETHERNET and not item.networks:
                message = "an Ethernet adapter without Connection: importers leave it unconnected"
                self._findings.warning("no-connection", message, place, "name a network")
            if item.file and self._package.file(item.file) is None:
                message = f"HostResource names the file {item.file[:100]!r}, which is not in References"
                self._findings.error("dangling-file", message, place, "add the File")
            self._spelling(item)
        self._places()

    def _doubled(self) -> None:
        """An InstanceID may come again only for a bound or another deployment option (DSP0243 1.1, 8.3 and 8.4)."""
        known: dict[str, Item] = {}
        for item in self._hardware.items:
            other = known.setdefault(item.id, item)
            if item is other or not item.id or item.bound or other.bound:
                continue
            if set(item.options) & set(other.options) or item.options == other.options:
                message = f"the InstanceID {item.id[:60]!r} is there already, in line {other.line}"
                self._findings.error("duplicate-instance-id", message, self._place(item), "give it another number")

    def _disk(self, item: Item) -> None:
        if item.disk is None and item.file is None:
            if not item.host_resources:
                message = "a disk drive without HostResource: there is no disk in it"
                self._findings.warning("no-disk", message, self._place(item), "write ovf:/disk/ID")
            else:
                message = f"HostResource {item.host_resources[0][:100]!r} is neither ovf:/disk/ID nor ovf:/file/ID"
                self._findings.error("bad-host-resource", message, self._place(item), "write ovf:/disk/ID")
        elif item.disk is not None and self._package.disk(item.disk) is None:
            message = f"HostResource names the disk {item.disk[:100]!r}, which is not in the DiskSection"
            self._findings.error("dangling-disk", message, self._place(item), "add the Disk")

    def _spelling(self, item: Item) -> None:
        for resource in item.host_resources:
            if resource.startswith("ovf://"):
                message = f"HostResource {resource[:100]!r} has a slash too many: some importers find no disk"
                self._findings.warning("host-resource-spelling", message, self._place(item), "write ovf:/disk/ID")
            elif resource.startswith(("/disk/", "/file/")) and self._package.version in ("1", "2"):
                message = f"HostResource {resource[:100]!r} is spelled as in drafts; VMware refuses it"
                self._findings.warning("host-resource-spelling", message, self._place(item), f"write ovf:{resource}")

    def _quantity(self, item: Item) -> None:
        what = "CPUs" if item.type == CPU else "memory"
        place = self._place(item)
        if item.quantity is None or item.quantity < 1:
            message = f"says no sensible amount of {what}: importers take a default of their own"
            self._findings.error("no-quantity", message, place, "write VirtualQuantity")
            return
        if item.type == CPU:
            if item.quantity > CPU_LIMIT:
                self._findings.error("quantity-absurd", f"{item.quantity} CPUs are more than any hypervisor has", place)
            return
        one = factor(item.units) if item.units else None
        if item.units and one is None:
            message = f"AllocationUnits {item.units[:60]!r} is no unit of memory: importers take MiB or bytes"
            self._findings.error("bad-units", message, place, 'write "byte * 2^20"')
        elif not item.units:
            message = "memory without AllocationUnits: MiB by custom, bytes by the standard"
            self._findings.warning("no-units", message, place, 'write "byte * 2^20"')
        if item.quantity * (one or 1 << 20) > MEMORY_LIMIT:
            message = f"{item.quantity} {item.units or 'MiB'} of memory are more than any machine has"
            self._findings.error("quantity-absurd", message, place, "check the units")

    def _places(self) -> None:
        """Two drives in one place of a controller."""
        known: dict[tuple[str, str], Item] = {}
        controllers = {item.id for item in self._hardware.items if item.type in CONTROLLERS}
        for item in self._hardware.items:
            if item.type not in PLACED or not item.parent or item.address_on_parent is None or item.bound:
                continue
            if item.parent not in controllers:
                continue
            other = known.setdefault((item.parent, item.address_on_parent), item)
            if other is not item and not item.options and not other.options:
                message = (
                    f"is in the same place {item.parent}:{item.address_on_parent} as the device in line {other.line}"
                )
                self._findings.warning("duplicate-address", message, self._place(item), "correct AddressOnParent")
