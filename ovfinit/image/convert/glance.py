"""OpenStack: what Glance has to be told about an image, as the command that uploads it and as a file.

Property names after Glance's metadata definitions (`hw_*`, `os_*`), which Nova and its kin understand.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .appliance import Appliance

_BUSES = {"scsi": "scsi", "virtio": "virtio", "sata": "sata", "ide": "ide"}
_GIB = 1 << 30
_MIB = 1 << 20
_ARCHITECTURES = {"i386": "i686", "arm64": "aarch64"}


def properties(appliance: Appliance) -> dict[str, str]:
    """The image's properties; nothing is claimed that is not known."""
    found = {
        "architecture": _ARCHITECTURES.get(appliance.architecture, appliance.architecture),
        "hypervisor_type": "qemu",
        "hw_firmware_type": "uefi" if appliance.firmware == "efi" else "bios",
        "hw_disk_bus": _BUSES[appliance.drives[0].controller],
        "os_type": "linux",
    }
    if found["hw_disk_bus"] == "scsi":
        found["hw_scsi_model"] = "virtio-scsi"
    models = {adapter.model for adapter in appliance.adapters}
    if len(models) == 1:
        found["hw_vif_model"] = {"pcnet32": "pcnet"}.get(model := models.pop(), model)
    for product in appliance.products:
        name = product.product.lower()
        distribution = next(
            (known for known in ("debian", "ubuntu", "fedora", "centos", "rhel") if known in name), None
        )
        if distribution and product.version:
            found["os_distro"], found["os_version"] = distribution, product.version
            break
    return found


def document(appliance: Appliance, file: str) -> dict[str, object]:
    """What the image service's API takes as the body of an image, and the name of the file that belongs to it."""
    drive = appliance.drives[0]
    return {
        "name": appliance.name,
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_disk": -(-drive.capacity // _GIB),
        "min_ram": appliance.memory // _MIB,
        "file": file,
        "properties": properties(appliance),
    }


def command(appliance: Appliance, file: str) -> str:
    """A shell script of one command of python-openstackclient."""
    known = document(appliance, file)
    words = ["openstack", "image", "create", "--disk-format", "qcow2", "--container-format", "bare"]
    words += ["--min-disk", str(known["min_disk"]), "--min-ram", str(known["min_ram"])]
    for name, value in properties(appliance).items():
        words += ["--property", f"{name}={value}"]
    quoted = " ".join(shlex.quote(word) for word in [*words, "--file"])
    return f'#!/bin/sh\nset -e\ncd "$(dirname "$0")"\nexec {quoted} {shlex.quote(file)} {shlex.quote(appliance.name)}\n'
