"""A scene for the duties of the system: a disk that grew, an empty disk, swap, mounts, what is called at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import inputs
from checks import USER, Expect
from emulated import Machine
from lab import STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

CONFIG = """#cloud-config
fs_setup: [{device: /dev/vdb, filesystem: ext4, label: data, partition: none}]
mounts:
- [LABEL=data, /data]
- [tmpfs, /scratch, tmpfs, 'size=8M']
- [LABEL=nowhere, /missing]
swap: {filename: /swapfile, size: 32M}
timezone: UTC
keyboard: {layout: de}
random_seed: {data: seed}
runcmd: [[sh, -c, 'echo "$(id -un) on $(hostname)" >> /var/lib/lab-script']]
final_message: this was $datasource after $UPTIME
"""
# prints what must be so; each line is compared
LOOK = """#!/bin/sh
echo "root fills the disk: $(findmnt --bytes --noheadings --raw --output SIZE / | awk '{print ($1 > 2.5 * 2^30)}')"
echo "data: $(findmnt --noheadings --raw --output SOURCE,FSTYPE /data)"
echo "scratch: $(findmnt --noheadings --raw --output FSTYPE /scratch)"
echo "missing: $(findmnt --noheadings --raw --output SOURCE /missing)"
echo "local file systems: $(systemctl is-active local-fs.target)"
echo "swap: $(swapon --noheadings --raw --show=NAME,SIZE)"
echo "zone: $(readlink /etc/localtime)"
echo "last words: $(grep -c 'this was seed after [0-9]' /var/log/ovfinit.log)"
"""
SEEN = """root fills the disk: 1
data: /dev/vdb ext4
scratch: tmpfs
missing:
local file systems: active
swap: /swapfile 32M
zone: /usr/share/zoneinfo/UTC
last words: {boots}
"""


def system_duties(stage: Stage) -> None:
    """A disk that grew, an empty one, swap and mounts; and the boot after that, where systemd does it all."""
    files = {**inputs.seed("i-system", "system1", stage.public), "user-data": CONFIG}
    stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600) for name, text in files.items()})
    stage.guest.put({"/usr/local/sbin/look": (LOOK.encode(), 0o755)})
    assert isinstance(stage.guest, Machine)
    stage.guest.enlarge(3 << 30)
    spare = stage.folder / "spare.img"
    with spare.open("wb") as file:
        file.truncate(64 << 20)

    def look(boots: int) -> list[str]:
        _, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "look", limit=30.0)
        seen = [line.strip() for line in said.splitlines()]
        return [line for line in SEEN.format(boots=boots).splitlines() if line.strip() not in seen] and [said]

    plug = Plug(spare=spare)
    stage.boot("first", plug, Expect("system1", STATIC, source="seed"), lambda: look(1))
    stage.boot("second", plug, Expect("system1", STATIC, keys="same", source="seed"), lambda: look(2))
