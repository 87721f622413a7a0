"""Writing an OVF descriptor (DMTF DSP0243 1.1): one machine, in the order and spelling that importers want.

Valid by the schema of DSP8023 1.0 too: elements of an Item stand in the alphabet's order, Property attributes of 1.1
(`ovf:password`) are allowed there by its wildcard. VMware's firmware setting is marked as not required.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from ...errors import InputError
from ...record import Record
from ..package import ec2image
from ..package.model import CD, CPU, DISK, ETHERNET, IDE, MEMORY, OTHER_STORAGE, SCSI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..convert.appliance import Adapter, Appliance
    from ..package.model import Product, Property

CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2"
STREAM_OPTIMIZED = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
# what the disks' format is called; for raw nobody has ever fixed a URI
FORMATS = {
    "vmdk": STREAM_OPTIMIZED,
    "qcow2": "http://www.gnome.org/~markmc/qcow-image-format.html",
    "vpc": "http://www.microsoft.com/technet/virtualserver/downloads/vhdspec.mspx",
    "raw": "raw",
}
_CONTROLLERS = {
    "scsi": (SCSI, "lsilogic", "SCSI controller"),
    "virtio": (SCSI, "virtio", "VirtIO disk controller"),
    "sata": (OTHER_STORAGE, "AHCI", "SATA controller"),
    "ide": (IDE, "PIIX4", "IDE controller"),
}
_MODELS = {"e1000": "E1000", "e1000e": "E1000e", "vmxnet3": "VmxNet3", "virtio": "virtio", "pcnet32": "PCNet32"}
# CIM_OperatingSystem.OSType for what `OperatingSystemSection` says when nobody knows better: Linux, 64-bit or not
LINUX = {"x86_64": 101, "arm64": 101, "aarch64": 101}
OTHER_LINUX = 36
FAMILIES = "vmx-10 virtualbox-2.2 qemu-pc"
FAMILIES_EFI = "vmx-13 virtualbox-2.2 qemu-pc"
MIB = 1 << 20


class StoredDisk(Record):
    """A disk as it lies in the package: file name, size as stored; both None for a blank one. Capacity in bytes."""

    href: str | None
    size: int | None
    capacity: int
    format: str
    controller: str = "scsi"
    populated: int | None = None


def compose(appliance: Appliance, disks: Sequence[StoredDisk]) -> bytes:
    """The document, UTF-8. Raises InputError for characters that XML cannot carry."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"',
        f'    xmlns:rasd="{CIM}/CIM_ResourceAllocationSettingData"',
        f'    xmlns:vssd="{CIM}/CIM_VirtualSystemSettingData"',
        '    xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        "  <References>",
        *(
            f'    <File ovf:href={_attribute(disk.href)} ovf:id="file{number}" ovf:size="{disk.size}"/>'
            for number, disk in enumerate(disks, 1)
            if disk.href is not None
        ),
        "  </References>",
        "  <DiskSection>",
        "    <Info>Virtual disks</Info>",
        *(_disk(number, disk) for number, disk in enumerate(disks, 1)),
        "  </DiskSection>",
    ]
    networks = dict.fromkeys((*appliance.networks, *(adapter.network for adapter in appliance.adapters)))
    if networks:
        lines += ["  <NetworkSection>", "    <Info>Networks</Info>"]
        for name in networks:
            description = appliance.networks.get(name) or f"The {name} network"
            lines.append(f"    <Network ovf:name={_attribute(name)}>")
            lines += [f"      {_element('Description', description)}", "    </Network>"]
        lines.append("  </NetworkSection>")
    lines += [f"  <VirtualSystem ovf:id={_attribute(_identifier(appliance.name))}>"]
    lines += ["    <Info>A virtual machine</Info>", f"    {_element('Name', appliance.name)}"]
    lines += _system(appliance)
    lines += _hardware(appliance, disks)
    for product in appliance.products:
        lines += _product(product)
    for text in appliance.eulas:
        lines += ["    <EulaSection>", "      <Info>Licence agreement</Info>"]
        lines += [f"      {_element('License', text)}", "    </EulaSection>"]
    if appliance.annotation:
        lines += ["    <AnnotationSection>", "      <Info>Description</Info>"]
        lines += [f"      {_element('Annotation', appliance.annotation)}", "    </AnnotationSection>"]
    return ("\n".join([*lines, "  </VirtualSystem>", "</Envelope>"]) + "\n").encode()


def _disk(number: int, disk: StoredDisk) -> str:
    words = [f'ovf:capacity="{disk.capacity}"', 'ovf:capacityAllocationUnits="byte"', f'ovf:diskId="vmdisk{number}"']
    if disk.href is not None:
        words.append(f'ovf:fileRef="file{number}"')
    words.append(f"ovf:format={_attribute(FORMATS.get(disk.format, disk.format))}")
    if disk.populated is not None:
        words.append(f'ovf:populatedSize="{disk.populated}"')
    return f"    <Disk {' '.join(words)}/>"


def _system(appliance: Appliance) -> list[str]:
    system = appliance.system
    number = (
        system.id if system is not None and system.id is not None else LINUX.get(appliance.architecture, OTHER_LINUX)
    )
    vmware = f" vmw:osType={_attribute(system.vmware)}" if system is not None and system.vmware else ""
    described = system.description if system is not None else ""
    lines = [f'    <OperatingSystemSection ovf:id="{number}"{vmware}>', "      <Info>The guest operating system</Info>"]
    if described:
        lines.append(f"      {_element('Description', described)}")
    return [*lines, "    </OperatingSystemSection>"]


def _hardware(appliance: Appliance, disks: Sequence[StoredDisk]) -> Iterator[str]:
    transport = f" ovf:transport={_attribute(' '.join(appliance.transports))}" if appliance.transports else ""
    yield f"    <VirtualHardwareSection{transport}>"
    yield "      <Info>Virtual hardware</Info>"
    yield "      <System>"
    yield "        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>"
    yield "        <vssd:InstanceID>0</vssd:InstanceID>"
    yield f"        {_element('vssd:VirtualSystemIdentifier', _identifier(appliance.name))}"
    families = FAMILIES_EFI if appliance.firmware == "efi" else FAMILIES
    yield f"        {_element('vssd:VirtualSystemType', families)}"
    yield "      </System>"
    for item in _items(appliance, disks):
        yield from item
    if appliance.firmware == "efi":
        yield '      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>'
    yield from _ec2(appliance)
    yield "    </VirtualHardwareSection>"


def _ec2(appliance: Appliance) -> Iterator[str]:
    """Our own element, see ec2image.py."""
    ids = {name: getattr(appliance, name) for name in ("kernel_id", "ramdisk_id")}
    rows = [
        *(_element("ovfinit:ancestor_ami_id", text) for text in appliance.ancestors),
        *(
            f"<ovfinit:mapping virtual={_attribute(name)} device={_attribute(device)}/>"
            for name, device in appliance.mappings.items()
        ),
        *(_element("ovfinit:product_code", text) for text in appliance.product_codes),
        *(_element(f"ovfinit:{name}", text) for name, text in ids.items() if text and text not in ec2image.NO_IDS),
    ]
    if rows:
        yield f'      <ovfinit:{ec2image.ELEMENT} xmlns:ovfinit="{ec2image.NAMESPACE}" ovf:required="false">'
        yield from (f"        {row}" for row in rows)
        yield f"      </ovfinit:{ec2image.ELEMENT}>"


def _items(appliance: Appliance, disks: Sequence[StoredDisk]) -> Iterator[list[str]]:
    memory = -(-appliance.memory // MIB)
    yield _item(
        AllocationUnits="hertz * 10^6",
        Description="Number of virtual CPUs",
        ElementName=f"{appliance.cpus} virtual CPU(s)",
        InstanceID=1,
        ResourceType=CPU,
        VirtualQuantity=appliance.cpus,
    )
    yield _item(
        AllocationUnits="byte * 2^20",
        Description="Memory size",
        ElementName=f"{memory} MB of memory",
        InstanceID=2,
        ResourceType=MEMORY,
        VirtualQuantity=memory,
    )
    instance = 3
    parents: dict[str, int] = {}
    used: dict[str, int] = {}
    with_cd = "iso" in appliance.transports
    for kind in dict.fromkeys([*(disk.controller for disk in disks), *(["ide"] if with_cd else [])]):
        number, subtype, words = _CONTROLLERS[kind]
        yield _item(
            Address=0,
            Description=words,
            ElementName=f"{words} 0",
            InstanceID=instance,
            ResourceSubType=subtype,
            ResourceType=number,
        )
        parents[kind], instance = instance, instance + 1
    for number, disk in enumerate(disks, 1):
        place = used.get(disk.controller, 0)
        # VMware's SCSI controllers have the address 7 themselves
        used[disk.controller] = place + (2 if disk.controller == "scsi" and place == 6 else 1)
        yield _item(
            AddressOnParent=place,
            ElementName=f"Hard disk {number}",
            HostResource=f"ovf:/disk/vmdisk{number}",
            InstanceID=instance,
            Parent=parents[disk.controller],
            ResourceType=DISK,
        )
        instance += 1
    if with_cd:
        # the drive through which the environment comes: DSP0243 1.1, section 11.2
        yield _item(
            required=False,
            AddressOnParent=used.get("ide", 0),
            AutomaticAllocation="false",
            ElementName="CD-ROM 1",
            InstanceID=instance,
            Parent=parents["ide"],
            ResourceSubType="vmware.cdrom.remotepassthrough",
            ResourceType=CD,
        )
        instance += 1
    for number, adapter in enumerate(appliance.adapters, 1):
        yield _adapter(number, adapter, instance)
        instance += 1


def _adapter(number: int, adapter: Adapter, instance: int) -> list[str]:
    return _item(
        Address=adapter.mac,
        AddressOnParent=6 + number,
        AutomaticAllocation="true",
        Connection=adapter.network,
        Description=f"{_MODELS[adapter.model]} adapter on {adapter.network}",
        ElementName=f"Network adapter {number}",
        InstanceID=instance,
        ResourceSubType=_MODELS[adapter.model],
        ResourceType=ETHERNET,
    )


def _item(*, required: bool = True, **fields: object) -> list[str]:
    """One device; the fields must come in the alphabet's order, which is the schema's."""
    head = "      <Item>" if required else '      <Item ovf:required="false">'
    rows = (f"        {_element(f'rasd:{name}', str(value))}" for name, value in fields.items() if value is not None)
    return [head, *rows, "      </Item>"]


def _product(product: Product) -> Iterator[str]:
    names = (("class", product.class_name), ("instance", product.instance))
    words = "".join(f" ovf:{name}={_attribute(text)}" for name, text in names if text)
    yield f"    <ProductSection{words}>"
    yield f"      {_element('Info', product.info or 'Information about the installed software')}"
    for name, text in (
        ("Product", product.product),
        ("Vendor", product.vendor),
        ("Version", product.version),
        ("FullVersion", product.full_version),
        ("ProductUrl", product.product_url),
        ("VendorUrl", product.vendor_url),
        ("AppUrl", product.app_url),
    ):
        if text:
            yield f"      {_element(name, text)}"
    category = ""
    for question in product.properties:
        if question.category and question.category != category:
            category = question.category
            yield f"      {_element('Category', category)}"
        yield from _property(question)
    yield "    </ProductSection>"


def _property(question: Property) -> Iterable[str]:
    words = [f"ovf:key={_attribute(question.key)}", f"ovf:type={_attribute(question.type)}"]
    if question.qualifiers:
        words.append(f"ovf:qualifiers={_attribute(question.qualifiers)}")
    if question.platform_qualifiers:
        words.append(f"vmw:qualifiers={_attribute(question.platform_qualifiers)}")
    words.append(f'ovf:userConfigurable="{"true" if question.user_configurable else "false"}"')
    words.append(f"ovf:value={_attribute(question.default)}")
    if question.password:
        words.append('ovf:password="true"')
    head = f"      <Property {' '.join(words)}"
    if not question.label and not question.description:
        return [f"{head}/>"]
    texts = (("Label", question.label), ("Description", question.description))
    rows = (f"        {_element(name, text)}" for name, text in texts if text)
    return [f"{head}>", *rows, "      </Property>"]


def _identifier(name: str) -> str:
    """The name as an id, which must not be empty."""
    return name.strip() or "machine"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(_carried(text))}</{name}>"


def _attribute(text: str | None) -> str:
    return quoteattr(_carried(text or ""), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _carried(text: str) -> str:
    for character in text:
        if character < " " and character not in "\t\n\r" or character in "\ufffe\uffff":
            raise InputError(f"{text[:40]!r} has the character {character!r}, which XML cannot carry")
    return text
