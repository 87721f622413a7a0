"""Packages for tests: descriptors around a body, archives around files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

OVF1 = "http://schemas.dmtf.org/ovf/envelope/1"
OVF2 = "http://schemas.dmtf.org/ovf/envelope/2"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
VMW = "http://www.vmware.com/schema/ovf"
# a sparse VMDK's first sector: magic, version, flags, capacity of 2 MiB in sectors
DISK = b"KDMV" + (1).to_bytes(4, "little") + (0x30001).to_bytes(4, "little") + (4096).to_bytes(8, "little")
# its directory is at the end, as in a stream
DISK += bytes(36) + b"\xff" * 8 + bytes(448)
HARDWARE = (
    '<VirtualHardwareSection ovf:transport="iso"><Info/>'
    "<Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:InstanceID>1</rasd:InstanceID>"
    "<rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>"
    "<Item><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>"
    "<rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>"
    "<Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>"
    "<rasd:ResourceType>6</rasd:ResourceType></Item>"
    "<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>"
    "<rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>"
    "<Item><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceType>15</rasd:ResourceType></Item>"
    "</VirtualHardwareSection>"
)
SYSTEM = '<OperatingSystemSection ovf:id="96"><Info/><Description>Debian</Description></OperatingSystemSection>'


def envelope(
    body: str = "", *, namespace: str = OVF1, hardware: str = HARDWARE, files: str = "", sections: str = ""
) -> str:
    """A sound descriptor with one machine, disk.vmdk behind its disk, and this body inside the machine."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Envelope xmlns="{namespace}" xmlns:ovf="{namespace}"'
        f' xmlns:rasd="{RASD}" xmlns:vmw="{VMW}">\n<References>\n'
        f'<File ovf:id="f1" ovf:href="disk.vmdk" ovf:size="{len(DISK)}"/>{files}</References>\n<DiskSection><Info/>\n'
        '<Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="2" ovf:capacityAllocationUnits="byte * 2^20"'
        ' ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>\n'
        f'</DiskSection>{sections}<VirtualSystem ovf:id="web"><Info/>\n{body}{SYSTEM}{hardware}</VirtualSystem>'
        "</Envelope>\n"
    )


def product(*properties: str, **attributes: str) -> str:
    """A ProductSection with these properties, each the attributes of one."""
    own = "".join(f' ovf:{name.rstrip("_")}="{value}"' for name, value in attributes.items())
    rows = "\n".join(f"<Property {one}/>" for one in properties)
    return f"<ProductSection{own}><Info/>\n{rows}\n</ProductSection>"


def manifest(files: Mapping[str, bytes], algorithm: str = "sha256") -> bytes:
    """The manifest of these files."""
    return "".join(
        f"{algorithm.upper()}({name})= {hashlib.new(algorithm, content).hexdigest()}\n"
        for name, content in files.items()
    ).encode()


def folder(path: Path, descriptor: str, **more: bytes) -> Path:
    """A package as a folder; the descriptor's path comes back. A keyword's `_` is a dot."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "app.ovf").write_text(descriptor)
    for name, content in {"disk_vmdk": DISK, **more}.items():
        (path / name.replace("_", ".")).write_bytes(content)
    return path / "app.ovf"


def ova(path: Path, files: Mapping[str, bytes], *, format: int = tarfile.USTAR_FORMAT) -> Path:  # noqa: A002
    """An archive of these files, in order."""
    with tarfile.open(path, "w", format=format) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sound(path: Path, descriptor: str | None = None) -> Path:
    """A whole OVA in which nothing is wrong."""
    files = {"app.ovf": (descriptor or envelope()).encode(), "disk.vmdk": DISK}
    ordered = {"app.ovf": files["app.ovf"], "app.mf": manifest(files), "disk.vmdk": DISK}
    return ova(path, ordered)
