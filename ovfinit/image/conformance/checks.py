"""A package beside the standard and beside what importers are known to trip on; see `check`."""

from __future__ import annotations

from collections import Counter

from ..package.model import CD, CONTROLLERS, DISK, DVD, ETHERNET, Collection
from . import devices, layout, properties, verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..package.finding import Findings
    from ..package.model import Machine, Package
    from ..package.reading import OpenPackage
    from .verification import Progress

COMPRESSIONS = ("", "gzip")
TRANSPORTS = ("iso", "com.vmware.guestInfo")
MOST_CHUNKS = 1_000_000_000


def check(opened: OpenPackage, progress: Progress | None = None, *, skip_digests: bool = False) -> None:
    """Everything there is to say about a package goes into its findings.

    Args:
        opened: the package.
        progress: called while files are read.
        skip_digests: do not read the files, and say so.
    """
    package, findings = opened.package, opened.findings
    checks = _Checks(package, findings)
    checks.references()
    checks.disks()
    checks.networks()
    checks.options()
    checks.nodes()
    for machine in package.machines:
        devices.check(package, machine, findings)
    properties.check(package, findings)
    layout.check(opened)
    verification.verify(opened, progress, skip_digests=skip_digests)


class _Checks:
    """References between the parts of a descriptor."""

    def __init__(self, package: Package, findings: Findings) -> None:
        self._package = package
        self._findings = findings

    def _place(self, line: int) -> str:
        return f"{self._package.path}:{line}"

    def _doubled(self, kind: str, named: Iterable[tuple[str, int]]) -> None:
        """Ids that occur twice: what refers to them is ambiguous."""
        known: dict[str, int] = {}
        for name, line in named:
            if name and name in known:
                message = f"the {kind} {name[:100]!r} is there already, in line {known[name]}: references are ambiguous"
                self._findings.error("duplicate-id", message, self._place(line), "give each its own")
            known.setdefault(name, line)

    def references(self) -> None:
        """Files: ids, names, compression, chunks, and whether anything wants them."""
        package = self._package
        self._doubled("file id", ((file.id, file.line) for file in package.files))
        self._doubled("href", ((file.href, file.line) for file in package.files))
        wanted = set(self._wanted())
        for file in package.files:
            if file.compression not in COMPRESSIONS:
                message = f"compression={file.compression[:40]!r} is not gzip, the only one that the standard has"
                self._findings.error("bad-compression", message, self._place(file.line), "compress it with gzip")
            if file.chunk_size and file.size and file.size // file.chunk_size >= MOST_CHUNKS:
                message = f"{file.size // file.chunk_size} chunks are more than nine digits can number"
                self._findings.error("bad-chunks", message, self._place(file.line), "use a larger chunkSize")
            if file.id and file.id not in wanted and not package.languages:
                message = f"nothing refers to the file {file.href[:100]!r}"
                self._findings.note("unused-file", message, self._place(file.line))

    def _wanted(self) -> Iterator[str]:
        """The ids of the files that something refers to."""
        package = self._package
        yield from (disk.file for disk in package.disks if disk.file)
        yield from (icon for one in package.products for icon in one.icons)
        for node in package.nodes:
            yield from (icon for one in node.products for icon in one.icons)
        for machine in package.machines:
            yield from (one.file for one in machine.environment_files)
            for hardware in machine.hardware:
                yield from (item.file for item in hardware.items if item.file)
                yield from (value.rpartition("/")[2] for value in hardware.extra.values() if "/file/" in value)

    def disks(self) -> None:
        """Disks: ids, files, parents, capacities."""
        package = self._package
        self._doubled("diskId", ((disk.id, disk.line) for disk in package.disks))
        attached = {
            item.disk for machine in package.machines for hardware in machine.hardware for item in hardware.items
        }
        bases = {disk.parent for disk in package.disks}
        questions = {question.name for node in package.nodes for one in node.products for question in one.properties}
        questions |= {question.name for one in package.products for question in one.properties}
        for disk in package.disks:
            place = self._place(disk.line)
            if disk.file is not None and package.file(disk.file) is None:
                message = f"fileRef {disk.file[:100]!r} is not the id of a File: the disk has no content"
                self._findings.error("dangling-file", message, place, "add the File to References")
            if disk.parent and package.disk(disk.parent) is None:
                message = f"parentRef {disk.parent[:100]!r} is not the diskId of a Disk: its base is missing"
                self._findings.error("dangling-disk", message, place, "add the base disk")
            if not disk.capacity_text:
                severity = "warning" if disk.file else "error"
                message = "has no capacity, which the schema demands; importers refuse it or guess"
                self._findings.add(severity, "no-capacity", message, place, "write ovf:capacity")
            elif disk.capacity_text.startswith("${"):
                name = disk.capacity_text[2:].rstrip("}")
                if name not in questions:
                    message = f"takes its capacity from the property {name[:100]!r}, which is not there"
                    self._findings.error("dangling-property", message, place, "add the property, or write the number")
            elif disk.capacity == 0:
                self._findings.error("no-capacity", "has a capacity of 0 bytes", place, "write its true capacity")
            if disk.capacity is not None and disk.populated is not None and disk.populated > disk.capacity:
                message = f"populatedSize {disk.populated} is more than the capacity of {disk.capacity} bytes"
                self._findings.warning("populated-too-large", message, place, "correct one of them")
            if disk.id and disk.id not in attached and disk.id not in bases:
                message = f"the disk {disk.id[:100]!r} is attached to no machine"
                self._findings.warning("unused-disk", message, place, "remove it, or attach it by HostResource")
        self._rings()
        shared = {disk.id for disk in package.disks if disk.shared}
        files = Counter(disk.file for disk in package.disks if disk.file and disk.id not in shared)
        for disk in package.disks:
            if disk.file and files[disk.file] > 1:
                message = f"shares its file {disk.file[:100]!r} with another disk"
                self._findings.note("shared-file", message, self._place(disk.line))

    def _rings(self) -> None:
        """Disks that are their own ancestors."""
        parents = {disk.id: disk.parent for disk in self._package.disks}
        settled: set[str] = set()
        for disk in self._package.disks:
            chain: dict[str, None] = {}
            current: str | None = disk.id
            while current and current not in settled and current not in chain:
                chain[current] = None
                current = parents.get(current)
            if current in chain:
                message = f"the disk {(current or '')[:100]!r} is its own base, through parentRef"
                self._findings.error("disk-ring", message, self._place(disk.line), "remove a parentRef")
            settled.update(chain)

    def networks(self) -> None:
        """Networks: names, and whether adapters use them."""
        package = self._package
        self._doubled("network", ((network.name, network.line) for network in package.networks))
        names = {network.name for network in package.networks}
        used: set[str] = set()
        for machine in package.machines:
            for item in (item for hardware in machine.hardware for item in hardware.items):
                used.update(item.networks)
                for name in item.networks:
                    if item.type == ETHERNET and name not in names:
                        message = f"is connected to the network {name[:100]!r}, which no NetworkSection has"
                        self._findings.error("dangling-network", message, self._place(item.line), "add the Network")
        for network in package.networks:
            if not network.name:
                self._findings.error(
                    "no-name", "a Network without a name", self._place(network.line), "give it ovf:name"
                )
            elif network.name not in used:
                message = f"no adapter is connected to the network {network.name[:100]!r}"
                self._findings.note("unused-network", message, self._place(network.line))

    def options(self) -> None:
        """Deployment options, and what names them."""
        package = self._package
        self._doubled("deployment option", ((option.id, option.line) for option in package.options))
        ids = {option.id for option in package.options}
        defaults = [option for option in package.options if option.default]
        if len(defaults) > 1:
            message = f"{len(defaults)} deployment options are the default; the first one counts"
            self._findings.warning("several-defaults", message, self._place(defaults[1].line), "mark one")
        for line, names in self._named_options():
            for name in names:
                if name not in ids:
                    message = f"names the deployment option {name[:100]!r}, which is not there: this never counts"
                    self._findings.error("dangling-option", message, self._place(line), "add the Configuration")

    def _named_options(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        for machine in self._package.machines:
            yield from ((item.line, item.options) for hardware in machine.hardware for item in hardware.items)
        for node in self._package.nodes:
            for question in (question for one in node.products for question in one.properties):
                yield question.line, (*question.options, *question.values)

    def nodes(self) -> None:
        """Machines and collections: ids, start order, licences, sections of others."""
        package = self._package
        self._doubled("id", ((node.id, node.line) for node in package.nodes))
        for node in package.nodes:
            if isinstance(node, Collection):
                self._collection(node)
            else:
                self._machine(node)
            for eula in node.eulas:
                if not eula.text:
                    message = "an EulaSection without a text: importers show an empty licence"
                    self._findings.warning("empty-eula", message, self._place(eula.line), "add the text, or remove it")
        for section in [*package.foreign, *(one for node in package.nodes for one in node.foreign)]:
            if section.required:
                message = f'{section.name} of {section.namespace or "no namespace"} is not marked ovf:required="false"'
                message += ": an importer that does not know it must refuse the package"
                self._findings.warning("foreign-required", message, self._place(section.line), "mark it so")

    def _collection(self, node: Collection) -> None:
        members = {member.id for member in node.members}
        if not members:
            message = f"the collection {node.id[:100]!r} is empty: there is nothing to deploy"
            self._findings.warning("empty-collection", message, self._place(node.line))
        for one in node.startup:
            if one.id not in members:
                message = f"the start order names {one.id[:100]!r}, which is not in this collection"
                self._findings.error("dangling-machine", message, self._place(one.line), "correct ovf:id")

    def _machine(self, machine: Machine) -> None:
        place = self._place(machine.line)
        if not machine.hardware:
            message = "has no VirtualHardwareSection: an importer has to guess everything"
            self._findings.warning("no-hardware", message, place, "add one")
        if machine.system is None:
            message = "has no OperatingSystemSection: importers take the most general devices"
            self._findings.note("no-system", message, place)
        controllers = any(item.type in CONTROLLERS for hardware in machine.hardware for item in hardware.items)
        asks = any(one.properties for one in machine.products)
        for hardware in machine.hardware:
            section = self._place(hardware.line)
            for transport in hardware.transports:
                if transport not in TRANSPORTS:
                    message = f"the transport {transport[:60]!r} is nobody's: the guest gets no environment by it"
                    self._findings.warning("unknown-transport", message, section, f"write {' or '.join(TRANSPORTS)}")
            if "iso" in hardware.transports and not any(item.type in (CD, DVD) for item in hardware.items):
                message = "has the transport iso and no CD drive: the environment has nowhere to go"
                self._findings.error("no-cd-drive", message, section, "add an Item of ResourceType 15")
            if asks and not hardware.transports:
                message = (
                    "asks questions and has no transport: a platform that goes by the standard tells the guest nothing"
                )
                self._findings.warning("no-transport", message, section, 'write ovf:transport="iso"')
            if hardware.families and all(name.lower().startswith("virtualbox") for name in hardware.families):
                message = f"is hardware of {' '.join(hardware.families)[:60]} alone, which VMware refuses"
                self._findings.warning("hardware-family", message, section, "write vmx-10 before it")
            if hardware.demanded:
                message = (
                    f'{len(hardware.demanded)} vmw:Config are not marked ovf:required="false": importers that do not'
                )
                message += f" know {hardware.demanded[0][:60]!r} must refuse the package"
                self._findings.warning("setting-required", message, section, "mark them so")
            if hardware.items and not controllers and any(item.type == DISK for item in hardware.items):
                message = "has a disk and no controller: importers refuse it, or choose one"
                self._findings.warning("no-controller", message, section, "add an Item of ResourceType 6")
