"""libvirt domains: the XML that `virsh define` takes, written and read (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from ...errors import InputError
from ..descriptor import xmltree
from ..disk import imagefile
from ..package import units
from ..package.finding import Findings
from ..rootfs.location import is_bare
from .appliance import ADAPTER_MODELS, MEMORY, Adapter, Appliance, Drive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..descriptor.xmltree import Element
    from .loading import Loading

_MODELS = {"pcnet32": "pcnet"}
# a disk on VMware's SCSI controllers is /dev/sda to the guest; on SATA it still is, and every kernel has the driver
_BUSES = {"scsi": "sata"}
_PREFIXES = {"virtio": "vd", "ide": "hd"}
_CONTROLLERS = {"virtio": "virtio", "ide": "ide", "sata": "sata", "scsi": "scsi"}


def compose(appliance: Appliance, disks: Sequence[tuple[str, str]], bus: str | None = None) -> bytes:
    """The domain; `disks` are (absolute file name, format) in the order of the drives, `bus` replaces theirs."""
    buses = [bus or _BUSES.get(drive.controller, drive.controller) for drive in appliance.drives]
    with_cd = "iso" in appliance.transports
    machine = "pc" if "ide" in buses else "q35"
    lines = [
        '<domain type="kvm">',
        f"  <name>{escape(_name(appliance.name))}</name>",
        *([f"  <description>{escape(appliance.annotation)}</description>"] if appliance.annotation else []),
        f'  <memory unit="KiB">{-(-appliance.memory // 1024)}</memory>',
        f"  <vcpu>{appliance.cpus}</vcpu>",
        '  <os firmware="efi">' if appliance.firmware == "efi" else "  <os>",
        f'    <type arch="{_architecture(appliance.architecture)}" machine="{machine}">hvm</type>',
    ]
    for name, text in (
        ("kernel", appliance.kernel),
        ("initrd", appliance.ramdisk),
        ("cmdline", appliance.command_line if appliance.kernel else ""),
    ):
        if text:
            lines.append(f"    <{name}>{escape(text)}</{name}>")
    if not appliance.kernel:
        lines.append('    <boot dev="hd"/>')
    lines += [
        "  </os>",
        "  <features><acpi/><apic/></features>",
        '  <cpu mode="host-model"/>',
        '  <clock offset="utc"/>',
    ]
    lines.append("  <devices>")
    used: dict[str, int] = {}
    for (path, kind), place in zip(disks, buses):
        lines += _disk("disk", path, kind, _target(place, used), place)
    if with_cd:
        place = "ide" if machine == "pc" else "sata"
        lines += _disk("cdrom", None, "raw", _target(place, used), place)
    for adapter in appliance.adapters:
        lines += ['    <interface type="network">']
        if adapter.mac:
            lines.append(f"      <mac address={quoteattr(adapter.mac)}/>")
        lines.append(f"      <source network={quoteattr(adapter.network)}/>")
        lines.append(f"      <model type={quoteattr(_MODELS.get(adapter.model, adapter.model))}/>")
        lines.append("    </interface>")
    lines += ['    <serial type="pty"/>', '    <console type="pty"/>', '    <graphics type="vnc" autoport="yes"/>']
    return ("\n".join([*lines, "  </devices>", "</domain>"]) + "\n").encode()


def _name(name: str) -> str:
    """Libvirt's names have no slash and no line end."""
    return " ".join(name.replace("/", "-").split()) or "machine"


def _architecture(name: str) -> str:
    return {"i386": "i686", "arm64": "aarch64"}.get(name, name)


def _target(bus: str, used: dict[str, int]) -> str:
    prefix = _PREFIXES.get(bus, "sd")
    number = used.get(prefix, 0)
    used[prefix] = number + 1
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return prefix + letters


def _disk(device: str, path: str | None, kind: str, target: str, bus: str) -> list[str]:
    source = [f"      <source file={quoteattr(path)}/>"] if path else []
    end = ["      <readonly/>"] if device == "cdrom" else []
    return [
        f'    <disk type="file" device="{device}">',
        f'      <driver name="qemu" type="{kind}"/>',
        *source,
        f'      <target dev="{target}" bus="{bus}"/>',
        *end,
        "    </disk>",
    ]


def load(path: str, loading: Loading) -> Appliance:
    """The machine of a domain. Raises InputError for what is no domain or lacks its disks."""
    if os.path.isdir(path):
        names = sorted(name for name in os.listdir(path) if name.endswith(".xml"))
        if len(names) != 1:
            raise InputError("holds several domains", where=path, remedy=f"name one: {', '.join(names[:5])}")
        path = os.path.join(path, names[0])
    try:
        with open(path, "rb") as file:
            data = file.read(xmltree.LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    domain = xmltree.parse(data, path, Findings())
    if domain.name != "domain":
        raise InputError(f"is no libvirt domain but <{domain.name}>", where=path)
    system = domain.first("os")
    devices = domain.first("devices")
    drives = tuple(_drives(devices, path, loading)) if devices is not None else ()
    kind = system.first("type") if system is not None else None
    architecture = (kind.get("arch", "") if kind is not None else None) or "x86_64"
    loader = system.first("loader") if system is not None else None
    efi = system is not None and (system.get("firmware", "") == "efi" or loader is not None)
    return Appliance(
        _text(domain, "name") or os.path.splitext(os.path.basename(path))[0],
        drives,
        memory=_memory(domain),
        cpus=max(1, units.integer(_text(domain, "vcpu")) or 1),
        architecture={"i686": "i386", "aarch64": "arm64"}.get(architecture, architecture),
        firmware="efi" if efi else "bios",
        adapters=tuple(_adapters(devices)) if devices is not None else (),
        annotation=_text(domain, "description"),
        kernel=_file(system, "kernel", path),
        ramdisk=_file(system, "initrd", path),
        command_line=_text(system, "cmdline") if system is not None else "",
        partition=bool(drives) and drives[0].image is not None and is_bare(drives[0].image),
    )


def _text(element: Element, name: str) -> str:
    child = element.first(name)
    return child.text.strip() if child is not None else ""


def _file(system: Element | None, name: str, path: str) -> str | None:
    text = _text(system, name) if system is not None else ""
    return _beside(path, text) if text else None


def _beside(path: str, name: str) -> str:
    return os.path.join(os.path.dirname(os.path.abspath(path)), name)


def _memory(domain: Element) -> int:
    child = domain.first("memory")
    if child is None:
        return MEMORY
    words = (child.get("unit", "") or "KiB").lower()
    one = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}.get(words) or units.factor(words) or 1 << 10
    return (units.integer(child.text) or 0) * one or MEMORY


def _drives(devices: Element, path: str, loading: Loading) -> Iterator[Drive]:
    number = 0
    for element in devices.each("disk"):
        source, driver, target = element.first("source"), element.first("driver"), element.first("target")
        device = element.get("device", "") or "disk"
        name = (source.get("file", "") or source.get("dev", "")) if source is not None else None
        if device != "disk":
            if name:
                loading.warn(f"{path}:{element.line}: the {device} {name} is not taken along")
            continue
        if not name:
            raise InputError("names a disk that is neither a file nor a device", where=f"{path}:{element.line}")
        kind = driver.get("type", "") if driver is not None else None
        image = imagefile.probe(_beside(path, name), kind=kind)
        bus = (target.get("bus", "") if target is not None else None) or "virtio"
        number += 1
        yield Drive(f"disk{number}", image, image.capacity, _CONTROLLERS.get(bus, "scsi"))


def _adapters(devices: Element) -> Iterator[Adapter]:
    for element in devices.each("interface"):
        source, model, mac = element.first("source"), element.first("model"), element.first("mac")
        network = None
        if source is not None:
            network = source.get("network", "") or source.get("bridge", "") or source.get("dev", "")
        kind = (model.get("type", "") if model is not None else None) or "e1000"
        kind = {"pcnet": "pcnet32", "virtio-net-pci": "virtio"}.get(kind, kind)
        address = mac.get("address", "") if mac is not None else None
        yield Adapter(network or "default", address, kind if kind in ADAPTER_MODELS else "e1000")
