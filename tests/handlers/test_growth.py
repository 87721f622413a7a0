"""The growth duty: facts of a disk in, programs that make it larger out; then the programs on a disk that grew."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import BOOT, FINAL, Call
from ovfinit.handlers import growth
from ovfinit.host import Host
from ovfinit.storage import filesystem
from ovfinit.storage.partition import mount_at, partition

GIB = 2 * 1024 * 1024  # sectors


def machine(root: Path, *, disk: int = 8 * GIB, size: int = 2 * GIB, options: str = "rw", kind: str = "ext4") -> Path:
    """A tree that poses as a machine with a root partition vda1 behind a small vda14, sizes in sectors."""
    blocks = root / "sys/class/block"
    for name, facts in {
        "vda": {"size": disk, "dev": "254:0"},
        "vda1": {"size": size, "start": 262144, "partition": 1, "dev": "254:1"},
        "vda14": {"size": 6144, "start": 2048, "partition": 14, "dev": "254:14"},
    }.items():
        (blocks / name).mkdir(parents=True)
        for fact, value in facts.items():
            (blocks / name / fact).write_text(f"{value}\n")
    for part in ("vda1", "vda14"):
        # the kernel shows a partition below its disk, and a link to it beside the disk
        (blocks / part).rename(blocks / "vda" / part)
        (blocks / part).symlink_to(f"vda/{part}")
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text(
        f"22 1 254:1 / / {options},relatime shared:1 - {kind} /dev/vda1 rw\n"
        "30 22 254:33 / /srv/a\\040b rw - xfs /dev/vdc1 rw\n"
    )
    return root


def test_a_larger_disk(tmp_path: Path) -> None:
    """Room behind the root partition: the partition, then the file system, at every boot that finds room."""
    answer = ask(growth, machine(tmp_path))
    assert answer.targets[0].startswith("/dev/vda1")
    assert isinstance(answer.changes[0], Call)
    assert answer.changes[0].when == BOOT
    assert answer.one("file system /").command == ("resize2fs", "/dev/vda1")


def test_no_room_no_program(tmp_path: Path) -> None:
    """A partition that fills its disk, but for what a GPT needs: nothing is started."""
    assert ask(growth, machine(tmp_path, disk=2 * GIB + 262144 + 2048)).changes == []


def test_a_partition_behind(tmp_path: Path) -> None:
    """Another partition behind it leaves no room, however large the disk."""
    root = machine(tmp_path)
    (root / "sys/class/block/vda/vda14/start").write_text(f"{4 * GIB}\n")
    assert ask(growth, root, "growpart: {devices: [/]}").changes == []


def test_read_only_root(tmp_path: Path) -> None:
    """A root that is read-only stays as it is; whoever asked for growth is told."""
    root = machine(tmp_path, options="ro")
    assert ask(growth, root).changes == []
    assert ask(growth, root, "growpart: {mode: auto}").problems == ["growpart.devices: / is read-only"]


@pytest.mark.parametrize(("uuid", "word"), [("CRYPT-LUKS2-abc", "LUKS"), ("LVM-abc", "LVM")])
def test_what_stands_between(tmp_path: Path, uuid: str, word: str) -> None:
    """LUKS and LVM are named, not touched."""
    root = machine(tmp_path)
    (root / "sys/class/block/vda1/dm").mkdir()
    (root / "sys/class/block/vda1/dm/uuid").write_text(uuid)
    answer = ask(growth, root, "growpart: {devices: [/]}")
    assert (answer.changes, answer.problems) == ([], [f"growpart.devices: / is on {word}, which is not grown"])


@pytest.mark.parametrize("off", ["growpart: {mode: off}", "growpart: {mode: false}", "growpart: {mode: 'off'}"])
def test_off(tmp_path: Path, off: str) -> None:
    """All three spellings leave partition and file system alone while neither is larger than the other."""
    assert [target for target in ask(growth, machine(tmp_path), off).targets if "vda1" in target] == []


def test_growroot_disabled(tmp_path: Path) -> None:
    """The file that stops cloud-initramfs-tools stops us, unless it is to be ignored."""
    root = machine(tmp_path)
    (root / "etc").mkdir()
    (root / "etc/growroot-disabled").touch()
    assert ask(growth, root).changes == []
    assert ask(growth, root, "growpart: {ignore_growroot_disabled: true}").changes


def test_the_file_system_alone(tmp_path: Path) -> None:
    """`resize_rootfs: false` grows the partition only; `noblock` does the file system late in the boot."""
    root = machine(tmp_path)
    assert "file system /" not in ask(growth, root, "resize_rootfs: false").targets
    assert ask(growth, root, "resize_rootfs: noblock").one("file system /").stage == FINAL


def test_named_devices(tmp_path: Path) -> None:
    """What is not there, not mounted or of the BSDs is said by name; options cannot be smuggled in as devices."""
    answer = ask(growth, machine(tmp_path), "growpart: {devices: [/, /mnt, /dev/vdz1, --help]}")
    assert answer.problems == [
        "growpart.devices: /mnt is not mounted",
        "growpart.devices: /dev/vdz1 does not exist",
    ]
    assert "must be a mount point or a device" in answer.said[0]
    assert ask(growth, tmp_path, "growpart: {mode: gpart}").problems[0] == "growpart.mode: gpart is of the BSDs"
    assert "one of auto, growpart" in ask(growth, tmp_path, "growpart: {mode: parted}").said[0]


def test_offline(tmp_path: Path) -> None:
    """A tree on which nobody runs cannot tell its disk: that is left to the first boot, if it was asked for."""
    assert ask(growth, tmp_path).changes == []
    assert ask(growth, tmp_path, "growpart: {devices: [/]}").targets == ["/"]
    assert ask(growth, tmp_path, "growpart: {mode: off}\nresize_rootfs: false\n").changes == []


def test_mountinfo_escapes(tmp_path: Path) -> None:
    """A mount point with a space is found under its real name."""
    mount = mount_at(Host(str(machine(tmp_path))), "/srv/a b")
    assert mount is not None
    assert (mount.source, mount.type, mount.numbers, mount.writable) == ("/dev/vdc1", "xfs", "254:33", True)


@pytest.fixture
def disk(tmp_path: Path, as_root: None) -> Iterator[str]:
    """A loop device of 320 MiB with one partition in a GPT, which then grows to 640 MiB; the partition is empty."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run(["sfdisk", "--quiet", image], input=b"label: gpt\n,\n", check=True)
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs loop devices")
    device = made.stdout.decode().strip()
    try:
        # partx: this kernel may not know the kind of table
        subprocess.run(["partx", "--update", device], check=True)
        with image.open("r+b") as file:
            file.truncate(640 << 20)
        subprocess.run(["losetup", "--set-capacity", device], check=True)
        yield device
    finally:
        subprocess.run(["partx", "--delete", device], check=False)
        subprocess.run(["losetup", "--detach", device], check=False)


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs"])
def test_a_disk_that_grew(disk: str, tmp_path: Path, kind: str) -> None:
    """The planned programs, run on a real disk: partition and file system fill it, and nothing is planned after."""
    if shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        pytest.skip(f"needs mkfs.{kind}")
    mount = tmp_path / "mnt"
    mount.mkdir()
    subprocess.run([f"mkfs.{kind}", "-q", f"{disk}p1"], check=True)
    subprocess.run(["mount", f"{disk}p1", mount], check=True)
    try:
        wanted = f"growpart: {{devices: [{mount}]}}"
        answer = ask(growth, "/", wanted)
        assert answer.problems == []
        for change in answer.changes:
            assert isinstance(change, Call)
            stdin = change.hidden.reveal().encode() if change.hidden else b""
            done = subprocess.run(change.command, input=stdin, capture_output=True, check=False)
            if b"Permission denied to resize" in done.stderr:
                pytest.skip("needs CAP_SYS_RESOURCE to resize what is mounted")
            assert done.returncode in change.accept, done
        part = partition(Host(), f"{os.path.basename(disk)}p1")
        assert part is not None
        assert part.size > 600 << 20
        assert filesystem.size(Host(), f"{disk}p1", kind, str(mount)) == part.size // 4096 * 4096
        assert ask(growth, "/", wanted).changes == []
    finally:
        subprocess.run(["umount", mount], check=True)


@pytest.mark.parametrize("tool", ["mkfs.ext4", "mkfs.btrfs"])
def test_size_in_the_superblock(tmp_path: Path, tool: str) -> None:
    """The size read from a superblock is that of the image that mkfs filled."""
    if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip(f"needs {tool}")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run([tool, "-q", image], check=True, capture_output=True)
    kind = tool.removeprefix("mkfs.")
    assert filesystem.size(Host(), str(image), kind) == 256 << 20
    assert filesystem.size(Host(), str(image), "xfs") is None
