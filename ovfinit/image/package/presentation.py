"""A package as a JSON document: the model's fields under their own names, and what can be derived from them.

The keys are documented in docs/image.md.
"""

from __future__ import annotations

from ...normalize.properties import secret
from ...record import Record
from .constraint import constraint
from .model import CPU, MEMORY, Hardware, Item, Machine, Property
from .units import factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .finding import Finding, Findings
    from .reading import OpenPackage

VERSION = 1
HIDDEN = "<redacted>"
# a memory item without units is in MiB, as everybody reads it
MEMORY_UNITS = "byte * 2^20"


def document(opened: OpenPackage, option: str | None, *, secrets: bool = False) -> dict[str, Any]:
    """The whole package, its hardware and properties as that deployment option has them.

    Defaults of password properties are hidden unless `secrets`.
    """
    package = opened.package
    plain = _Plain(option, secrets)
    manifest = opened.manifest
    return {
        "version": VERSION,
        "file": package.path,
        "ovf_version": package.version,
        "namespace": package.namespace,
        "language": package.language,
        "languages": list(package.languages),
        "deployment_option": option,
        "deployment_options": plain.of(package.options),
        "products": plain.of(package.products),
        "eulas": [{"of": None, **plain.of(eula)} for eula in package.eulas]
        + [{"of": node.id, **plain.of(eula)} for node in package.nodes for eula in node.eulas],
        "files": plain.of(package.files),
        "disks": plain.of(package.disks),
        "networks": plain.of(package.networks),
        "machines": [plain.machine(machine) for machine in package.machines],
        "collections": [
            {
                **{key: value for key, value in plain.of(node).items() if key != "members"},
                "members": [one.id for one in node.members],
            }
            for node in package.collections
        ],
        "ip_assignment": {"schemes": list(package.ip_schemes), "protocols": list(package.ip_protocols)},
        "foreign": plain.of(package.foreign),
        "manifest": manifest
        and {
            "file": manifest.name,
            "algorithms": sorted({digest.algorithm for digest in manifest.digests}),
            "entries": len(manifest.digests),
        },
        "findings": findings(opened.findings),
    }


def findings(found: Findings) -> list[dict[str, Any]]:
    """All findings as JSON has them."""
    return [finding(one) for one in found]


def finding(one: Finding) -> dict[str, Any]:
    """One finding."""
    return dict(one.as_dict())


class _Plain:
    def __init__(self, option: str | None, secrets: bool) -> None:
        self._option = option
        self._secrets = secrets

    def of(self, value: Any) -> Any:
        """A value of the model in JSON's types."""
        if isinstance(value, Property):
            return self._property(value)
        if isinstance(value, Item):
            return self._item(value)
        if isinstance(value, Record):
            return {_KEYS.get(name, name): self.of(one) for name, one in value.as_dict().items()}
        if isinstance(value, tuple):
            kept = (one for one in value if not isinstance(one, Property) or one.for_option(self._option) is not None)
            return [self.of(one) for one in kept]
        return dict(value) if isinstance(value, dict) else value

    def machine(self, machine: Machine) -> dict[str, Any]:
        """A machine, with what its first hardware section makes of it."""
        plain: dict[str, Any] = self.of(machine)
        first = machine.hardware[0] if machine.hardware else None
        plain["cpus"], plain["memory"] = size(first, self._option) if first else (None, None)
        plain["transports"] = list(first.transports) if first else []
        for section, shown in zip(machine.hardware, plain["hardware"]):
            shown["items"] = [self._item(item) for item in section.for_option(self._option)]
        return plain

    def _item(self, item: Item) -> dict[str, Any]:
        plain = {name: self.of(value) for name, value in item.as_dict().items()}
        return {**plain, "resource": item.resource, "disk": item.disk, "file": item.file}

    def _property(self, question: Property) -> dict[str, Any]:
        chosen = question.for_option(self._option) or question
        plain = {_KEYS.get(name, name): self.of(value) for name, value in chosen.as_dict().items()}
        if is_secret(question) and not self._secrets:
            plain["default"] = plain["default"] and HIDDEN
            plain["values"] = dict.fromkeys(plain["values"], HIDDEN)
        rule = constraint(question)
        plain["choices"] = None if rule.choices is None else list(rule.choices)
        return {"name": question.name, **plain, "password": is_secret(question)}


_KEYS = {"class_name": "class"}


def is_secret(question: Property) -> bool:
    """True for a property whose value must not be shown: it is marked so, of VMware's type `password`, or called so.

    Not every maker marks what the standard has a mark for only since 1.1.
    """
    marked = question.password or question.type.strip().lower().startswith("password")
    return marked or (question.type.strip().lower() != "boolean" and secret(question.name, ""))


def size(hardware: Hardware, option: str | None) -> tuple[int | None, int | None]:
    """How many CPUs and how many bytes of memory, None for what is not said."""
    cpus: int | None = None
    memory: int | None = None
    for item in hardware.for_option(option):
        if item.type == CPU and item.quantity is not None:
            cpus = (cpus or 0) + item.quantity
        elif item.type == MEMORY and item.quantity is not None:
            memory = (memory or 0) + item.quantity * (factor(item.units or MEMORY_UNITS) or 1 << 20)
    return cpus, memory
