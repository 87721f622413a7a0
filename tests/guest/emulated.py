"""A guest that is a virtual machine: QEMU, a real boot."""

from __future__ import annotations

import functools
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import images
from guest import Guest, place
from images import run
from lab import MAC, Lab, reach
from plug import PLATFORMS, Plug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# the emulator's page tables of five levels, which a kernel turns on that is booted by its own loader, lose mounts
EMULATED = "max,-svm,-la57"
# which SMBIOS structure and field QEMU wants for each of them
SMBIOS = {
    "bios_vendor": (0, "vendor"),
    "sys_vendor": (1, "manufacturer"),
    "product_name": (1, "product"),
    "product_serial": (1, "serial"),
    "product_uuid": (1, "uuid"),
    "chassis_asset_tag": (3, "asset"),
}


class Machine(Guest):
    """A virtual machine: kernel, udev, DMI, drives, NIC. What its kernel had not written is lost when the power is cut.

    `clock`: "threads" for two processors as fast as the host has them, "counted" for one that runs an instruction in a
    nanosecond of the guest's time.
    """

    format = "raw"

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path, clock: str = "threads") -> None:
        super().__init__(suite, debs, lab, folder)
        self.clock = clock
        self.late = False

    @functools.cached_property
    def disk(self) -> Path:
        """Its own copy of the image."""
        path = self.folder / "disk.ext4"
        run("cp", "--sparse=always", "--reflink=auto", images.disk(self.suite, self.debs), path)
        return path

    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Write into the image through a loop device."""
        if not files:
            return
        root = self.folder / "mounted"
        root.mkdir(exist_ok=True)
        run("mount", "-o", "loop", self.disk, root)
        try:
            for path, (content, mode) in files.items():
                place(root, path, content, mode)
        finally:
            run("umount", root)

    def enlarge(self, size: int) -> None:
        """Give the guest a disk of so many bytes, with what is on it."""
        with self.disk.open("r+b") as file:
            file.truncate(size)

    def boot(self, plug: Plug) -> None:
        """Start QEMU."""
        kvm = os.access("/dev/kvm", os.W_OK) and not Path("/sys/module/kvm_pvm").exists()
        if self.clock == "counted":
            # neither figures nor time limits in the guest depend on the host's load
            speed = ["-accel", "tcg", "-icount", "shift=0", "-smp", "1"]
        else:
            speed = ["-accel", "kvm" if kvm else "tcg,thread=multi", "-smp", "2"]
        (self.folder / "port").unlink(missing_ok=True)
        command: list[object] = [
            *("qemu-system-x86_64", "-machine", "pc", *speed, "-cpu", "host" if kvm else EMULATED, "-m", "1024"),
            *("-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"),
            *self._boots(plug),
            # what the guest has not written is lost with it; what it has written is the host's, whose own disk is
            # neither tested nor part of what is measured
            *("-drive", f"file={self.disk},format={self.format},if=virtio,cache=unsafe"),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=lab,path={self.folder}/port,server=on,wait=off"),
            *("-device", "virtserialport,chardev=lab,name=lab"),
            *("-netdev", "tap,id=net,ifname=cable,script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net,mac={MAC}"),
        ]
        if plug.cdrom:
            command += ["-drive", f"file={plug.cdrom},media=cdrom,if=ide,readonly=on"]
        if plug.disk:
            command += ["-drive", f"file={plug.disk},format=raw,if=virtio,readonly=on"]
        if plug.spare:
            command += ["-drive", f"file={plug.spare},format=raw,if=virtio"]
        structures: dict[int, list[str]] = {}
        for fact, value in PLATFORMS[plug.platform].items():
            kind, field = SMBIOS[fact]
            structures.setdefault(kind, []).append(f"{field}={value.replace(',', ',,')}")
        for kind, fields in structures.items():
            command += ["-smbios", f"type={kind},{','.join(fields)}"]
        self._launch(["nsenter", f"--net=/run/netns/{self.lab.inside}", *command, *plug.options])

    def _boots(self, plug: Plug) -> list[object]:
        """What is booted: the lab's kernel."""
        words = ["root=LABEL=guest", "rw", "console=ttyS0", "quiet", "panic=1", "ipv6.disable=1", *plug.words]
        return [
            *("-kernel", images.CACHE / "kernel/vmlinux"),
            *("-initrd", images.CACHE / ("kernel/initrd-late" if self.late else "kernel/initrd")),
            *("-append", " ".join(words)),
        ]

    def switched_on(self) -> float:
        """The clock begins with the machine."""
        return 0.0

    def report(self, limit: float) -> dict[str, Any] | None:
        """The line that the observer writes to the virtio port."""
        assert self.process is not None
        stop = time.monotonic() + limit
        self.channel = reach(self.folder / "port", self.process, 20)
        if self.channel is None:
            return None
        data = b""
        while not data.endswith(b"\n"):
            self.channel.settimeout(max(0.1, stop - time.monotonic()))
            try:
                part = self.channel.recv(1 << 16)
            except OSError:
                return None
            if not part:
                return None
            data += part
        return json.loads(data)  # type: ignore[no-any-return]

    def power_off(self) -> None:
        """Tell the observer, which tells systemd."""
        if self.channel is not None:
            self.channel.sendall(b"off\n")
        self._wait(120)
