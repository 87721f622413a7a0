"""The two kinds of guest: a container (systemd in name spaces, seconds) and a virtual machine (QEMU, a real boot).

Both keep their disk between boots, can have their power cut, and hand over the observer's report.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import images
from images import run
from lab import MAC, Lab, end, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HERE = Path(__file__).resolve().parent
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


class Guest(ABC):
    """One guest with a disk of its own, which it keeps from boot to boot."""

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path) -> None:
        self.suite, self.debs, self.lab, self.folder = suite, debs, lab, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.boots = 0

    @abstractmethod
    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Put files on the disk while the guest is off: path → content and mode."""

    def mask(self, *units: str) -> None:
        """Take units away while the guest is off."""
        # an empty file is what systemd takes for a link to /dev/null
        self.put({f"/etc/systemd/system/{unit}": (b"", 0o644) for unit in units})

    @abstractmethod
    def boot(self, plug: Plug) -> None:
        """Switch on."""

    @abstractmethod
    def switched_on(self) -> float:
        """What the guest's monotonic clock showed at that moment, in seconds."""

    @abstractmethod
    def report(self, limit: float) -> dict[str, Any] | None:
        """Wait for the observer's report; None if it does not come in time."""

    @abstractmethod
    def power_off(self) -> None:
        """Shut down in order; the power goes after a minute."""

    def cut(self) -> None:
        """Take the power away."""
        if self.process is not None:
            end(self.process)
            self.process = None

    def close(self) -> None:
        """Give back what the guest holds."""
        self.cut()

    def _launch(self, command: Sequence[object], more: Callable[[], None] | None = None) -> None:
        self.boots += 1
        self.started = time.monotonic()
        with (self.folder / f"console-{self.boots}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=more,  # noqa: PLW1509
            )

    def _wait(self, limit: float) -> None:
        assert self.process is not None
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.cut()
        self.process = None


class Container(Guest):
    """systemd as PID 1 over an overlay file system. What it writes survives a power cut: no page cache is lost."""

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path) -> None:
        super().__init__(suite, debs, lab, folder)
        self.lowers = ":".join(str(path) for path in images.lowers(suite, debs))
        self._loops: list[str] = []
        mounted = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        top = next(words[1] for words in mounted if words[2] == "cgroup2")
        self.cgroup = Path(top) / lab.name
        (folder / "upper/etc").mkdir(parents=True)

    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Write into the overlay's upper folder."""
        for path, (content, mode) in files.items():
            place(self.folder / "upper", path, content, mode)

    def boot(self, plug: Plug) -> None:
        """Start systemd in name spaces of its own, with what it is to see posed under /sys and /dev."""
        self._pose(plug)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        self.lab.plug()
        self.cgroup.mkdir(exist_ok=True)
        self._launch(
            [
                *("nsenter", f"--net=/run/netns/{self.lab.inside}", "unshare", "--mount", "--uts", "--ipc", "--pid"),
                *("--cgroup", "--fork", "--kill-child", "--", "sh", HERE / "container-init.sh", self.folder),
                *(self.lowers, *plug.words),
            ],
            lambda: (self.cgroup / "cgroup.procs").write_text("0") and None,
        )

    def switched_on(self) -> float:
        """The clock is the host's own."""
        return self.started

    def report(self, limit: float) -> dict[str, Any] | None:
        """The file that the observer leaves."""
        path = self.folder / "out/report.json"
        stop = time.monotonic() + limit
        while time.monotonic() < stop and self.process is not None and self.process.poll() is None:
            if path.exists():
                return json.loads(path.read_text())  # type: ignore[no-any-return]
            time.sleep(0.02)
        return None

    def power_off(self) -> None:
        """Send PID 1 the signal that means poweroff.target."""
        first = self._first()
        if first is not None:
            os.kill(first, signal.SIGRTMIN + 4)
        self._wait(60)
        self._clear()

    def cut(self) -> None:
        """Kill PID 1, and with it everything in its name space."""
        first = self._first()
        if first is not None:
            os.kill(first, signal.SIGKILL)
        super().cut()
        self._clear()

    def inside(self, script: str) -> str:
        """What a shell in the running guest says. Raises RuntimeError if it fails."""
        command = ["nsenter", "--all", "--target", str(self._first()), "sh", "-c", script]
        plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=plain)
        if done.returncode:
            raise RuntimeError(f"{script}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
        return done.stdout

    def _first(self) -> int | None:
        """The process id, outside, of the guest's PID 1: the only child of unshare."""
        if self.process is None:
            return None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None

    def _clear(self) -> None:
        stop = time.monotonic() + 10
        folders = sorted(self.cgroup.glob("**/"), reverse=True)
        while folders and time.monotonic() < stop:
            try:
                folders[0].rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                time.sleep(0.02)
                continue
            del folders[0]
        for device in self._loops:
            run("losetup", "--detach", device, check=False)
        self._loops = []

    def _pose(self, plug: Plug) -> None:
        pose = self.folder / "pose"
        shutil.rmtree(pose, ignore_errors=True)
        (pose / "block").mkdir(parents=True)
        nodes = []
        for name, path, kind in (("sr0", plug.cdrom, "5"), ("vdb", plug.disk, "")):
            if path is None:
                continue
            device = run("losetup", "--find", "--show", "--read-only", path).stdout.decode().strip()
            self._loops.append(device)
            number = os.stat(device).st_rdev
            nodes.append(f"{name} {os.major(number)} {os.minor(number)}\n")
            facts = {"size": str(path.stat().st_size // 512), "removable": str(int(bool(kind))), "device/type": kind}
            for fact, value in facts.items():
                if value:
                    place(pose / "block", f"{name}/{fact}", f"{value}\n".encode(), 0o644)
        (pose / "nodes").write_text("".join(nodes))
        for fact, value in PLATFORMS[plug.platform].items():
            place(pose / "dmi", fact, f"{value}\n".encode(), 0o644)
        (pose / "cmdline").write_text(" ".join(["root=LABEL=guest", *plug.words]) + "\n")


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


class Appliance(Machine):
    """A virtual machine that is given its disk, and boots what the first sector of that says."""

    def __init__(self, disk: Path, kind: str, before: Machine) -> None:
        super().__init__(before.suite, before.debs, before.lab, before.folder, before.clock)
        self.disk, self.format = disk, kind

    def _boots(self, plug: Plug) -> list[object]:
        assert not plug.words, "the disk's own boot loader says what is on the command line"
        return []


class Domain(Machine):
    """A virtual machine that libvirt starts, by its driver for QEMU alone: no service of it runs on this machine.

    What the lab has otherwise than the domain is changed: there is no KVM, and the network is the lab's cable.
    """

    def __init__(self, path: Path, elements: str, before: Machine) -> None:
        super().__init__(before.suite, before.debs, before.lab, before.folder, before.clock)
        domain = ElementTree.fromstring(path.read_text())
        domain.set("type", "qemu")
        domain.remove(_one(domain, "cpu"))
        domain.append(_one(ElementTree.fromstring(f"<x>{elements}</x>"), "sysinfo"))
        devices = _one(domain, "devices")
        adapter = _one(devices, "interface")
        adapter.set("type", "ethernet")
        adapter.remove(_one(adapter, "source"))
        ElementTree.SubElement(adapter, "mac", address=MAC)
        ElementTree.SubElement(adapter, "target", dev="cable", managed="no")
        channel = ElementTree.SubElement(devices, "channel", type="unix")
        ElementTree.SubElement(channel, "source", mode="bind", path=str(self.folder / "port"))
        ElementTree.SubElement(channel, "target", type="virtio", name="lab")
        (self.folder / "domain.xml").write_text(ElementTree.tostring(domain, encoding="unicode"))

    def boot(self, plug: Plug) -> None:
        """Start libvirt's driver, which starts QEMU; see domain.sh."""
        assert not any(vars(plug).values()), "the domain says what it has"
        command = ["unshare", "--mount", "sh", HERE / "domain.sh", self.folder]
        self._launch(["nsenter", f"--net=/run/netns/{self.lab.inside}", *command])

    def cut(self) -> None:
        """The driver takes the machine with it when it is told to go, and not when it is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self._wait(30)
        super().cut()


def _one(element: ElementTree.Element, name: str) -> ElementTree.Element:
    found = element.find(name)
    assert found is not None, f"no <{name}> in <{element.tag}>"
    return found


def place(root: Path, path: str, content: bytes, mode: int) -> None:
    """Write a file of a guest's tree, with the folders above it."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(mode)
