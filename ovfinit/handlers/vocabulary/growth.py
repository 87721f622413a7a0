"""Growth in cloud-config."""

from __future__ import annotations

from ...userdata.scalars import Flag, Text
from ...userdata.schema import Many, OneOf, Table

MODES = ("auto", "growpart", "gpart", "off")


def _place(text: str) -> str | None:
    return None if text.startswith("/") else "must be a mount point or a device, such as / or /dev/vda1"


KEYS = {
    "growpart": Table(
        "Which partitions take the room behind them, at every boot.",
        keys={
            "mode": OneOf(
                "The tool; `auto` takes growpart or else sfdisk, `off` or false leaves partitions alone.",
                specs=(Flag(), Text(choices=MODES)),
            ),
            "devices": Many("Mount points or partitions; by default `/`.", item=Text(check=_place)),
            "ignore_growroot_disabled": Flag("Grow even if the image has /etc/growroot-disabled."),
        },
    ),
    "resize_rootfs": OneOf(
        "Whether the root file system fills its partition: true, false, or `noblock` for late in the boot.",
        specs=(Flag(), Text(choices=("noblock",))),
    ),
}
