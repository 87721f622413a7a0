"""What a guest finds at one boot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLATFORMS: Mapping[str, Mapping[str, str]] = {
    "": {},
    "ec2": {
        "sys_vendor": "Amazon EC2",
        "bios_vendor": "Amazon EC2",
        "product_name": "t3.small",
        "product_uuid": "ec2c1f9a-9d3b-4e0e-8c58-4d7f00c0ffee",
        "product_serial": "ec2c1f9a-9d3b-4e0e-8c58-4d7f00c0ffee",
        "chassis_asset_tag": "Amazon EC2",
    },
    "vmware": {
        "sys_vendor": "VMware, Inc.",
        "product_name": "VMware Virtual Platform",
        "product_uuid": "564d1f9a-9d3b-4e0e-8c58-4d7f00c0ffee",
        "product_serial": "VMware-56 4d 1f 9a",
    },
}


class Plug:
    """What is plugged into a guest at one boot: a CD-ROM, a disk, a platform, words on the kernel command line.

    `spare` is a disk that the guest may write to; `options` are words on QEMU's command line.
    """

    def __init__(
        self,
        cdrom: Path | None = None,
        disk: Path | None = None,
        platform: str = "",
        words: Sequence[str] = (),
        spare: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.cdrom, self.disk, self.platform, self.words, self.spare = cdrom, disk, platform, tuple(words), spare
        self.options = tuple(options)
