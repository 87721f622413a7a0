"""A VirtualHardwareSection with its devices (DSP0243 1.1, section 8; 2.1 adds StorageItem and EthernetPortItem)."""

from __future__ import annotations

from ..package import ec2image
from ..package.ec2image import Ec2Image
from ..package.model import CPU, ETHERNET, MEMORY, Hardware, Item
from ..package.units import integer
from .vocabulary import CIM, VMWARE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .context import Context
    from .xmltree import Element

KINDS = ("Item", "StorageItem", "EthernetPortItem")


def hardware(context: Context, section: Element) -> Hardware:
    """The section; devices that cannot be understood are findings, and kept as far as they can be."""
    families: list[str] = []
    for system in context.vocabulary.children(section, "System"):
        for kind in system.each("VirtualSystemType"):
            families += kind.text.replace(",", " ").split()
    return Hardware(
        section.line,
        tuple(families),
        context.words(section, "transport"),
        tuple(_item(context, child) for child in context.vocabulary.children(section, *KINDS)),
        _settings(section, "Config"),
        _settings(section, "ExtraConfig"),
        tuple(_demanded(context, section)),
        _ec2(context, section),
    )


def _ec2(context: Context, section: Element) -> Ec2Image:
    """What our own element says, of which only what can be meant is taken."""
    own = next((child for child in section.each(ec2image.ELEMENT) if child.namespace == ec2image.NAMESPACE), None)
    if own is None:
        return Ec2Image()
    texts: dict[str, list[str]] = {}
    mappings: dict[str, str] = {}
    for child in own.children:
        if child.name == "mapping":
            virtual, device = (child.get(name, "") or "" for name in ("virtual", "device"))
            if ec2image.usable(virtual) and ec2image.usable(device) and len(mappings) < ec2image.MOST:
                mappings.setdefault(virtual, device)
                continue
        elif ec2image.usable(child.text.strip()):
            texts.setdefault(child.name, []).append(child.text.strip())
            continue
        message = f"a {child.name[:40]} of EC2's that can be none, and is left out"
        context.findings.warning("bad-ec2-image", message, context.place(child), "correct it, or take it out")
    ids = (next(iter(texts.get(name, ())), None) for name in ("kernel_id", "ramdisk_id"))
    codes = ec2image.kept(texts.get("product_code", ()))
    return Ec2Image(ec2image.kept(texts.get("ancestor_ami_id", ())), mappings, codes, *ids)


def _demanded(context: Context, section: Element) -> Iterator[str]:
    """Keys of the settings, of devices too, that an importer has to know: the standard's default (DSP0243, 6.1)."""
    for element in (section, *context.vocabulary.children(section, *KINDS)):
        for child in element.each("Config"):
            if child.namespace == VMWARE and context.truth(child, "required", default=True):
                yield child.get("key", VMWARE, "") or "Config"


def _settings(element: Element, name: str) -> dict[str, str]:
    """VMware's `Config` or `ExtraConfig` children by key."""
    found: dict[str, str] = {}
    for child in element.each(name):
        key = child.get("key", VMWARE, "") if child.namespace == VMWARE else None
        if key:
            found.setdefault(key, child.get("value", VMWARE, "") or "")
    return found


def _item(context: Context, element: Element) -> Item:
    fields: dict[str, list[str]] = {}
    # CIM's own elements go before those of OVF and of vendors that have the same name
    for child in sorted(element.children, key=lambda child: not child.namespace.startswith(CIM)):
        if child.namespace != VMWARE:
            fields.setdefault(child.name, []).append(child.text.strip())

    def text(*names: str) -> str:
        return next((value for name in names for value in fields.get(name, ()) if value), "")

    kind = text("ResourceType")
    number = integer(kind)
    if number is None and kind:
        message = f"ResourceType {kind[:40]!r} is not a number: nobody knows what device this is"
        context.findings.error(
            "bad-resource-type", message, context.place(element), "see CIM_ResourceAllocationSettingData"
        )
    automatic = text("AutomaticAllocation").lower()
    return Item(
        # the 0.9 draft has InstanceId and Caption
        text("InstanceID", "InstanceId"),
        number,
        element.line,
        element.name,
        tuple(text("ResourceSubType").replace(",", " ").split()),
        text("ElementName", "Caption"),
        text("Description"),
        _quantity(context, element, text("VirtualQuantity"), number)
        if text("VirtualQuantity")
        else _cores(fields, number),
        text("AllocationUnits"),
        text("Parent") or None,
        text("Address", "BusNumber") or None,
        text("AddressOnParent") or None,
        tuple(_resource(context, value) for value in fields.get("HostResource", ()) if value),
        tuple(value for value in fields.get("Connection", ()) if value),
        automatic in ("true", "1") if automatic else None,
        integer(text("Limit")),
        integer(text("Reservation")),
        _mac(text("MACAddress") or text("Address")) if number == ETHERNET else None,
        context.truth(element, "required", default=True),
        context.words(element, "configuration"),
        context.attribute(element, "bound"),
        _settings(element, "Config"),
    )


def _cores(fields: Mapping[str, list[str]], kind: int | None) -> int | None:
    """As oVirt has it, which tells sockets and cores instead of a quantity."""
    if kind != CPU or "num_of_sockets" not in fields:
        return None
    counts = [integer(next(iter(fields.get(name, ())), "1")) for name in ("num_of_sockets", "cpu_per_socket")]
    return (counts[0] or 1) * (counts[1] or 1)


def _resource(context: Context, place: str) -> str:
    disk = context.disk_of.get(place)
    return place if disk is None else f"ovf:/disk/{disk}"


def _quantity(context: Context, element: Element, text: str, kind: int | None) -> int | None:
    value = integer(text)
    if text and (value is None or value < 0) and kind in (CPU, MEMORY):
        message = f"VirtualQuantity {text[:40]!r} is not a number, so that the machine's size is unknown"
        context.findings.error("bad-quantity", message, context.place(element), "write it in digits")
        return None
    return value


def _mac(text: str) -> str | None:
    """A MAC address in lower case with colons, None if it is none (`Address` is a slot elsewhere)."""
    digits = text.lower().replace("-", "").replace(":", "").replace(".", "")
    if len(digits) != 12 or set(digits) - set("0123456789abcdef"):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
