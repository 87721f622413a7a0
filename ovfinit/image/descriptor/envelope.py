"""From a descriptor's XML to the model: OVF 0.9, 1.x, 2.x and oVirt's dialect, tolerant of what real files do.

What cannot be understood is a finding with its line, and the rest is read on.
"""

from __future__ import annotations

from ...errors import InputError
from ..package.model import (
    Collection,
    Disk,
    EnvironmentFile,
    Eula,
    File,
    Foreign,
    Machine,
    Network,
    OperatingSystem,
    Option,
    Package,
    Startup,
)
from ..package.units import factor, integer
from .context import Context
from .hardware import hardware
from .product import product
from .vocabulary import SECTIONS, VERSIONS, VIRTUALBOX, VMWARE
from .xmltree import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..package.finding import Findings
    from .xmltree import Element

    # a file's id, the File record, → its bytes, or None if it cannot be had
    Fetch = Callable[[File], "bytes | None"]

CAPACITY_LIMIT = 1 << 60
XSI_TYPE = ("http://www.w3.org/2001/XMLSchema-instance", "type")
SYSTEMS = ("VirtualSystem", "VirtualSystemCollection")


def read(
    data: bytes, where: str, findings: Findings, *, language: str | None = None, fetch: Fetch | None = None
) -> Package:
    """The package that a descriptor describes.

    Args:
        data: the descriptor.
        where: its name, for findings.
        findings: takes what is wrong with it.
        language: a tag or locale name (`de`, `pt_BR.UTF-8`) in which texts are wanted.
        fetch: gives string bundles that lie in files of the package.

    Raises:
        InputError: it is no XML, or not a descriptor at all, or over the bounds of `xmltree`.
    """
    root = parse(data, where, findings)
    if root.name != "Envelope":
        remedy = (
            "an <Environment> is what a guest gets: see ovfinit show --from ovf:FILE"
            if root.name == "Environment"
            else None
        )
        message = f"is not an OVF descriptor: its root is <{root.name[:60]}>, not <Envelope>"
        raise InputError(message, where=f"{where}:{root.line}", remedy=remedy)
    return _Reader(root, where, findings, language).package(fetch)


class _Reader(Context):
    def __init__(self, root: Element, where: str, findings: Findings, language: str | None) -> None:
        super().__init__(root, where, findings, language)
        self._root = root
        self._files: tuple[File, ...] = ()
        self._by_href: dict[str, str] = {}

    def package(self, fetch: Fetch | None) -> Package:
        """The whole of it."""
        root = self._root
        if root.namespace not in VERSIONS:
            shown = repr(root.namespace[:80]) if root.namespace else "none"
            message = f"the namespace of the envelope is {shown}, which no version of OVF has; it is read as 1.x"
            self.findings.error("namespace", message, self.place(root), f'write xmlns="{next(iter(VERSIONS))}"')
        self._draft()
        self._order()
        self._files = tuple(self._references())
        self._by_href = {file.href: file.id for file in self._files}
        self._bundles(fetch)
        content, disks = self._content(), tuple(self._disks())
        assignment = next((child for child in root.children if _is_vmware(child, "IpAssignmentSection")), None)
        if assignment is None and content is not None:
            assignment = next((child for child in content.children if _is_vmware(child, "IpAssignmentSection")), None)
        return Package(
            self.where,
            root.namespace,
            self.vocabulary.version,
            files=self._files,
            disks=disks,
            networks=tuple(self._networks()),
            options=tuple(self._options()),
            eulas=tuple(self._eulas(root)),
            products=tuple(product(self, section) for section in self.vocabulary.sections(root, "ProductSection")),
            foreign=tuple(self._foreign(root)),
            root=None if content is None else self._node(content, ()),
            language=self.strings.chosen,
            languages=self.strings.languages,
            ip_schemes=_list(assignment, "schemes"),
            ip_protocols=_list(assignment, "protocols"),
        )

    def _draft(self) -> None:
        """Sections of the draft are named by xsi:type, which must be that of XML Schema."""
        for child in self._root.children:
            for namespace, name, value in child.attributes:
                if child.name in ("Section", "Content") and value.endswith("_Type") and (namespace, name) != XSI_TYPE:
                    message = f"{value!r} is the value of {name} in {namespace[:80] or 'no namespace'}, not of xsi:type"
                    remedy = 'bind the prefix to "http://www.w3.org/2001/XMLSchema-instance"'
                    self.findings.error("xsi-namespace", message, self.place(child), remedy)
                    return

    def _order(self) -> None:
        """The schema wants References, sections, the machine or collection, Strings, in this order."""
        last, name = 0, ""
        for child in self._root.children:
            if not self.vocabulary.own(child):
                continue
            kind = self.vocabulary.kind(child)
            rank = 0 if kind == "References" else 2 if kind in SYSTEMS else 3 if kind == "Strings" else 1
            if rank < last:
                message = (
                    f"{kind[:60]} stands behind {name[:60]}, where the schema has it before: strict importers refuse it"
                )
                self.findings.warning("element-order", message, self.place(child), "move it")
                return
            last, name = rank, kind

    def _references(self) -> Iterable[File]:
        sections = list(self.vocabulary.children(self._root, "References"))
        if not sections:
            message = "has no References, so that no file belongs to the package: the schema demands the element"
            self.findings.error("no-references", message, self.place(self._root), "add <References/>")
        for file in (file for section in sections for file in self.vocabulary.children(section, "File")):
            href, name = self.attribute(file, "href"), self.attribute(file, "id")
            if not href or not name:
                missing = "href" if not href else "id"
                message = f"a File without {missing} cannot be referred to"
                self.findings.error("file-incomplete", message, self.place(file), f"give it ovf:{missing}")
            compression = self.attribute(file, "compression").lower()
            compression = "" if compression == "identity" else compression
            size, chunk = self.number(file, "size"), self.number(file, "chunkSize")
            yield File(name, href, file.line, size, compression, chunk or None)

    def _bundles(self, fetch: Fetch | None) -> None:
        for strings in self.vocabulary.children(self._root, "Strings"):
            reference = self.attribute(strings, "fileRef")
            if not reference:
                self.strings.add(strings)
                continue
            file = next((file for file in self._files if file.id == reference), None)
            if file is None:
                message = f"the string bundle {reference!r} is not among the References, so that its texts are missing"
                self.findings.error("dangling-file", message, self.place(strings), "add a File with that id")
                continue
            data = fetch(file) if fetch is not None else None
            if data is None:
                message = f"the string bundle {file.href!r} cannot be read; texts stay in the descriptor's language"
                self.findings.warning("bundle-missing", message, self.place(strings), "add the file to the package")
                continue
            try:
                bundle = parse(data, file.href, self.findings)
            except InputError as error:
                self.findings.error("bundle-invalid", error.message, error.where or file.href, error.remedy)
                continue
            if not any(name == "lang" for _, name, _ in bundle.attributes):
                bundle.attributes = (*bundle.attributes, *(one for one in strings.attributes if one[1] == "lang"))
            self.strings.add(bundle)

    def _content(self) -> Element | None:
        contents = list(self.vocabulary.sections(self._root, *SYSTEMS))
        if not contents:
            message = "describes neither a VirtualSystem nor a VirtualSystemCollection: there is nothing to deploy"
            self.findings.error("no-content", message, self.place(self._root))
            return None
        for extra in contents[1:]:
            message = "is a second machine or collection beside the first: an envelope has one, so that this is ignored"
            self.findings.error(
                "several-contents", message, self.place(extra), "put them into a VirtualSystemCollection"
            )
        return contents[0]

    def _disks(self) -> Iterable[Disk]:
        for section in self.vocabulary.sections(self._root, "DiskSection", "SharedDiskSection"):
            shared = self.vocabulary.kind(section) == "SharedDiskSection"
            for disk in self.vocabulary.children(section, "Disk", "SharedDisk"):
                name = self.attribute(disk, "diskId")
                if not name:
                    message = "a Disk without diskId cannot be attached to a machine"
                    self.findings.error("disk-incomplete", message, self.place(disk), "give it ovf:diskId")
                text = self.attribute(disk, "capacity")
                units = self.attribute(disk, "capacityAllocationUnits") or "byte"
                reference = self.attribute(disk, "fileRef")
                if reference and self.vocabulary.version == "oVirt":
                    self.disk_of[reference] = name
                yield Disk(
                    name,
                    disk.line,
                    self._capacity(disk, text, units),
                    text,
                    units,
                    self._file_id(reference),
                    self.attribute(disk, "format"),
                    self.number(disk, "populatedSize"),
                    self.attribute(disk, "parentRef") or None,
                    shared,
                )

    def _capacity(self, disk: Element, text: str, units: str) -> int | None:
        """Bytes; None where it is absent, a property's, or nonsense."""
        if text.startswith("${") or not text:
            return None
        value, one = integer(text), factor(units)
        if one is None:
            message = f"capacityAllocationUnits={units[:40]!r} is no unit of memory; bytes are assumed"
            self.findings.error("bad-units", message, self.place(disk), 'write for example "byte * 2^30"')
        if value is None or value < 0:
            message = f"capacity={text[:40]!r} is not a number of bytes, so that the disk's size is unknown"
            self.findings.error("bad-capacity", message, self.place(disk), "write it in digits")
            return None
        size = value * (one or 1)
        if size > CAPACITY_LIMIT:
            message = f"a disk of {size} bytes is more than 1 EiB: no hypervisor can have it"
            self.findings.error(
                "capacity-absurd", message, self.place(disk), "check capacity and capacityAllocationUnits"
            )
        return size

    def _file_id(self, reference: str) -> str | None:
        """The id that a fileRef means; oVirt writes the href."""
        known = any(file.id == reference for file in self._files)
        return reference if known else self._by_href.get(reference, reference) or None

    def _networks(self) -> Iterable[Network]:
        for section in self.vocabulary.sections(self._root, "NetworkSection"):
            for network in self.vocabulary.children(section, "Network"):
                yield Network(self.attribute(network, "name"), network.line, self.text(network, "Description"))

    def _options(self) -> Iterable[Option]:
        for section in self.vocabulary.sections(self._root, "DeploymentOptionSection"):
            for option in self.vocabulary.children(section, "Configuration"):
                yield Option(
                    self.attribute(option, "id"),
                    option.line,
                    self.text(option, "Label"),
                    self.text(option, "Description"),
                    self.truth(option, "default"),
                )

    def _eulas(self, element: Element) -> Iterable[Eula]:
        for section in self.vocabulary.sections(element, "EulaSection"):
            yield Eula(section.line, self.text(section, "License"), self.text(section, "Info"))

    def _foreign(self, element: Element) -> Iterable[Foreign]:
        """Sections that OVF does not define."""
        for child in element.children:
            own = self.vocabulary.own(child)
            kind = self.vocabulary.kind(child)
            if own and (kind in SECTIONS or not kind.endswith("Section")):
                continue
            required = self.attribute(child, "required") or (child.get("required", VMWARE) or "")
            # DSP0243, section 7.2: a section is required unless it says otherwise; other elements are their maker's
            yield Foreign(
                kind, child.namespace, child.line, kind.endswith("Section") and required.lower() not in ("false", "0")
            )

    def _node(self, element: Element, parents: tuple[str, ...]) -> Machine | Collection:
        name = self.attribute(element, "id")
        if not name:
            kind = self.vocabulary.kind(element)
            message = f"a {kind} without id: nothing can refer to it, and its environment will have an empty one"
            self.findings.warning("no-id", message, self.place(element), "give it ovf:id")
        collection = self.vocabulary.kind(element) == "VirtualSystemCollection"
        node = self._collection(element, name, parents) if collection else self._machine(element, name)
        annotation = next(self.vocabulary.sections(element, "AnnotationSection"), None)
        return node.with_(
            name=self.text(element, "Name"),
            info=self.text(element, "Info"),
            annotation=self.text(annotation, "Annotation") if annotation is not None else "",
            products=tuple(product(self, section) for section in self.vocabulary.sections(element, "ProductSection")),
            eulas=tuple(self._eulas(element)),
            foreign=tuple(self._foreign(element)),
            parents=parents,
        )

    def _collection(self, element: Element, name: str, parents: tuple[str, ...]) -> Collection:
        members = (self._node(child, (*parents, name)) for child in self.vocabulary.sections(element, *SYSTEMS))
        return Collection(name, element.line, startup=tuple(self._startup(element)), members=tuple(members))

    def _machine(self, element: Element, name: str) -> Machine:
        sections = list(self.vocabulary.sections(element, "VirtualHardwareSection"))
        install = next(self.vocabulary.sections(element, "InstallSection"), None)
        extras = list(self.vocabulary.sections(element, "EnvironmentFilesSection"))
        return Machine(
            name,
            element.line,
            system=self._system(element),
            hardware=tuple(hardware(self, section) for section in sections),
            environment_files=tuple(one for section in extras for one in self._environment_files(section)),
            environment_transports=tuple(word for section in extras for word in self.words(section, "transport")),
            initial_boot_stop_delay=self.number(install, "initialBootStopDelay") or 0 if install is not None else None,
        )

    def _environment_files(self, section: Element) -> Iterable[EnvironmentFile]:
        for file in self.vocabulary.children(section, "File"):
            yield EnvironmentFile(self.attribute(file, "fileRef"), self.attribute(file, "path"), file.line)

    def _startup(self, element: Element) -> Iterable[Startup]:
        for section in self.vocabulary.sections(element, "StartupSection"):
            for item in self.vocabulary.children(section, "Item"):
                yield Startup(
                    self.attribute(item, "id"),
                    self.number(item, "order") or 0,
                    item.line,
                    self.number(item, "startDelay") or 0,
                    self.number(item, "stopDelay") or 0,
                    self.attribute(item, "startAction") or "powerOn",
                    self.attribute(item, "stopAction") or "powerOff",
                    self.truth(item, "waitingForGuest"),
                )

    def _system(self, element: Element) -> OperatingSystem | None:
        section = next(self.vocabulary.sections(element, "OperatingSystemSection"), None)
        if section is None:
            return None
        virtualbox = next((child for child in section.each("OSType") if child.namespace == VIRTUALBOX), None)
        return OperatingSystem(
            section.line,
            integer(self.attribute(section, "id")),
            self.attribute(section, "version"),
            self.text(section, "Description"),
            (section.get("osType", VMWARE) or "").strip(),
            self.strings.text(virtualbox),
        )


def _is_vmware(element: Element, name: str) -> bool:
    return element.name == name and element.namespace == VMWARE


def _list(section: Element | None, name: str) -> tuple[str, ...]:
    if section is None:
        return ()
    return tuple((section.get(name, VMWARE, "") or "").replace(",", " ").split())
