"""`ovf show`: what is in an OVF package."""

from __future__ import annotations

from ..image.package import presentation
from ..image.package.constraint import constraint
from ..image.package.reading import open_package
from ..image.package.units import people
from .output import Output
from .ovf import chosen_option, package_arguments, painted
from .table import line_width, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator

    from ..image.package.model import Collection, Disk, Eula, Hardware, Item, Machine, Package, Product, Property

DESCRIPTION = {
    "ovf show": "Show what is in an OVF package: product, licence, deployment options, machines with their devices,\n"
    "disks, networks, and the questions that it asks. The package is read in place and never unpacked.\n\n"
    "examples:\n"
    "  ovfinit ovf show app.ova\n"
    "  ovfinit ovf show --deployment-option large --json https://example.com/app.ova"
}

SHOWN = 20


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    package_arguments(parser)
    parser.add_argument("--eula", action="store_true", help="print the licence texts")
    parser.add_argument("--secrets", action="store_true", help="show the defaults of password properties")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    with open_package(options.file, language=options.language) as opened:
        option = chosen_option(opened.package, options)
        output.warned = bool(opened.findings.of("warning"))
        # what stands behind such a place is not shown
        code = 1 if any(finding.code in ("xml-broken", "archive-damaged") for finding in opened.findings) else 0
        if output.json:
            output.document(presentation.document(opened, option, secrets=options.secrets))
            return output.code(code)
        page = _Page(output, opened.package, option, options)
        for line in page.lines():
            output.say(line)
        found = [finding for finding in opened.findings if finding.severity != "note"]
        if found:
            output.say(f"\n{output.paint('Findings', 'bold')}")
            for finding in found[:SHOWN]:
                output.say(f"  {painted(output, finding)}")
            output.say(f"  all of them, and more checks: ovfinit ovf check {options.file}")
    return output.code(code)


class _Page:
    """The package as people read it."""

    def __init__(self, output: Output, package: Package, option: str | None, options: Namespace) -> None:
        self._paint = output.paint
        self._package = package
        self._option = option
        self._secrets: bool = options.secrets
        self._eula: bool = options.eula
        self._verbose: bool = options.verbose

    def lines(self) -> Iterator[str]:
        """All of it."""
        package = self._package
        version = {"1": "OVF 1.x", "2": "OVF 2.x", "0.9": "OVF 0.9", "oVirt": "oVirt's OVF"}[package.version]
        machines, collections = len(package.machines), len(package.collections)
        kind = f"{machines} machine{'' if machines == 1 else 's'}"
        inside = f" in {collections} collection{'' if collections == 1 else 's'}" if collections else ""
        yield f"{self._paint(package.path, 'bold')}: {version}, {kind}{inside}"
        yield from self._products(package.products)
        yield from self._licences(package.eulas)
        yield from self._options()
        yield from self._files()
        if package.networks:
            yield from self._heading("Networks")
            yield from table([(network.name, network.description) for network in package.networks])
        for node in package.nodes:
            yield from self._node(node)
        yield from self._foreign()

    def _heading(self, text: str) -> Iterator[str]:
        yield ""
        yield self._paint(text, "bold")

    def _options(self) -> Iterator[str]:
        if not self._package.options:
            return
        yield from self._heading("Deployment options (* is shown here)")
        mark = {True: "*", False: " "}
        yield from table(
            [(f"{mark[one.id == self._option]} {one.id}", one.label, one.description) for one in self._package.options]
        )

    def _files(self) -> Iterator[str]:
        package = self._package
        if package.disks:
            yield from self._heading("Disks")
            rows = [("ID", "CAPACITY", "FILE", "STORED AS", "")]
            yield from table([*rows, *(self._disk(disk) for disk in package.disks)])
        behind = {disk.file for disk in package.disks}
        others = [file for file in package.files if file.id not in behind]
        if others:
            yield from self._heading("Other files")
            yield from table([(file.href, "" if file.size is None else people(file.size)) for file in others])

    def _disk(self, disk: Disk) -> tuple[str, ...]:
        file = self._package.file(disk.file)
        notes = [f"base {disk.parent}"] if disk.parent else []
        notes += ["shared"] if disk.shared else []
        notes += [f"{people(disk.populated)} used"] if disk.populated else []
        if file is not None:
            notes += [f"{people(file.size)} stored"] if file.size is not None else []
            notes += [file.compression] if file.compression else []
            notes += [f"in chunks of {people(file.chunk_size)}"] if file.chunk_size else []
        stored = disk.format.rpartition("#")[2] or disk.format.rpartition("/")[2]
        href = file.href if file is not None else f"{disk.file} (missing)" if disk.file else "(blank)"
        capacity = people(disk.capacity) if disk.capacity is not None else disk.capacity_text or "?"
        return disk.id, capacity, href, stored, ", ".join(notes)

    def _licences(self, eulas: Iterable[Eula]) -> Iterator[str]:
        for eula in eulas:
            if self._eula:
                yield from self._heading(eula.info or "Licence")
                yield eula.text
            elif eula.text:
                lines = len(eula.text.splitlines())
                yield f"  Licence: {len(eula.text)} characters in {lines} lines; --eula prints it"

    def _products(self, products: Iterable[Product]) -> Iterator[str]:
        for one in products:
            name = " ".join(part for part in (one.product, one.full_version or one.version) if part)
            by = f" by {one.vendor}" if one.vendor else ""
            if name or by:
                yield f"  Product: {name or '(without a name)'}{by}"
            for label, url in (("product", one.product_url), ("vendor", one.vendor_url), ("application", one.app_url)):
                if url:
                    yield f"    {label}: {url}"

    def _node(self, node: Machine | Collection) -> Iterator[str]:
        from ..image.package.model import Machine

        kind = "Machine" if isinstance(node, Machine) else "Collection"
        name = f" {node.name!r}" if node.name and node.name != node.id else ""
        inside = f", in {' / '.join(node.parents)}" if node.parents else ""
        yield from self._heading(f"{kind} {node.id or '(without id)'}{name}{inside}")
        yield from self._products(node.products)
        yield from self._licences(node.eulas)
        if node.annotation and self._verbose:
            yield from (f"  | {line}" for line in node.annotation.splitlines())
        if isinstance(node, Machine):
            yield from self._machine(node)
        else:
            starts = sorted(node.startup, key=lambda one: one.order)
            rows = [(f"{one.order}.", one.id, one.start_action, f"{one.start_delay} s") for one in starts]
            yield from table([("START", "ID", "ACTION", "DELAY"), *rows] if rows else [])
        yield from self._questions([question for one in node.products for question in one.properties])

    def _machine(self, machine: Machine) -> Iterator[str]:
        system = machine.system
        if system is not None:
            words = [system.description, system.version, system.vmware or system.virtualbox]
            yield f"  System: {', '.join(word for word in words if word) or f'CIM type {system.id}'}"
        for number, hardware in enumerate(machine.hardware):
            yield from self._hardware(hardware, f" {number + 1}" if len(machine.hardware) > 1 else "")
        for file in machine.environment_files:
            yield f"  File for the guest: {file.file} as /ovffiles/{file.path}"
        if machine.initial_boot_stop_delay is not None:
            yield "  Boots once to install itself, then again"

    def _hardware(self, hardware: Hardware, number: str) -> Iterator[str]:
        cpus, memory = presentation.size(hardware, self._option)
        facts = [f"{cpus} CPU{'' if cpus == 1 else 's'}"] if cpus is not None else []
        facts += [f"{people(memory)} of memory"] if memory is not None else []
        facts += [" or ".join(hardware.families)] if hardware.families else []
        firmware = hardware.settings.get("firmware")
        facts += [f"firmware {firmware}"] if firmware else []
        yield f"  Hardware{number}: {', '.join(facts) or 'nothing is said'}"
        yield f"  Environment by: {', '.join(hardware.transports) or 'no transport: the guest gets none'}"
        items = hardware.for_option(self._option)
        shown = [item for item in items if item.type not in (3, 4)]
        rows = [(item.id, item.resource, "/".join(item.subtypes), self._behind(item), item.name) for item in shown]
        yield from table([("ID", "DEVICE", "MODEL", "WITH", "NAME"), *rows] if rows else [])

    def _behind(self, item: Item) -> str:
        parts = [f"disk {item.disk}"] if item.disk else []
        file = self._package.file(item.file)
        parts += [f"file {file.href if file else item.file}"] if item.file else []
        parts += [f"network {network}" for network in item.networks]
        parts += [item.mac] if item.mac else []
        parts += [f"on {item.parent}:{item.address_on_parent or 0}"] if item.parent else []
        return ", ".join(parts)

    def _questions(self, questions: list[Property]) -> Iterator[str]:
        there = [one for question in questions if (one := question.for_option(self._option)) is not None]
        category: str | None = None
        rows: list[tuple[str, ...]] = []
        for question in there:
            if question.category != category:
                yield from table(rows, indent="    ")
                category = question.category
                rows = [("PROPERTY", "TYPE", "DEFAULT", "SET BY", "LABEL")]
                yield f"  Properties{f': {category}' if category else ''}"
            rows.append(self._question(question))
        yield from table(rows, indent="    ")

    def _question(self, question: Property) -> tuple[str, ...]:
        rule = constraint(question)
        kind = " ".join(part for part in (question.type, _short(rule.words())) if part)
        secret = presentation.is_secret(question)
        default = "(hidden)" if secret and question.default and not self._secrets else _short(question.default)
        who = "user" if question.user_configurable else "package"
        label = question.label or ("" if self._verbose else question.description)
        if self._verbose and question.description:
            label = f"{label}. {question.description}" if label else question.description
        return question.name, f"{kind}{', hidden' if secret else ''}", default, who, label

    def _foreign(self) -> Iterator[str]:
        sections = [*self._package.foreign, *(one for node in self._package.nodes for one in node.foreign)]
        if sections:
            yield from self._heading("Sections of others")
            yield from table(
                [(one.name, "required" if one.required else "optional", one.namespace) for one in sections]
            )


def _short(text: str) -> str:
    most = max(20, line_width() // 3)
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
