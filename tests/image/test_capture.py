"""`image capture`: a disk in use becomes a package, still, whole, scrubbed, and only of blocks in use."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.images import MIB, make_ext, make_partitioned, make_root
from scratch import run

from ovfinit.image import capture
from ovfinit.image.disk.blocks import RawFile, Window
from ovfinit.image.rootfs.ext import Ext

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A tree with what has to be scrubbed."""
    root = make_root(tmp_path / "root", boot=False)
    (root / "etc/ssh").mkdir()
    (root / "etc/ssh/ssh_host_rsa_key").write_text("secret")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "var/lib/ovfinit/instances/i-1").mkdir(parents=True)
    (root / "data").write_bytes(random.Random(3).randbytes(5 * MIB))
    return root


@pytest.mark.parametrize(
    "options", [(), ("-b", "1024"), ("-O", "^flex_bg,^64bit"), ("-O", "^uninit_bg,^metadata_csum")]
)
def test_only_blocks_in_use_are_copied(options: tuple[str, ...], system: Path, tmp_path: Path) -> None:
    """e2fsck finds no fault with the copy, files are the same, and free space full of old data is left out."""
    image = make_ext(tmp_path / "root.img", system, size="300M", options=options)
    mounted = subprocess.run(["/usr/sbin/debugfs", "-R", "ffb 1000 1000", image], capture_output=True, check=True)
    free = [int(word) for word in mounted.stdout.split(b":")[1].split()]
    told = subprocess.run(["/usr/sbin/dumpe2fs", "-h", image], capture_output=True, check=True).stdout.decode()
    size = int(told.partition("Block size:")[2].split()[0])
    with image.open("r+b") as file:
        for block in free:
            file.seek(block * size)
            file.write(b"old secret" * 20)
    copy = tmp_path / "copy.img"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT)
    try:
        with RawFile(str(image)) as blocks:
            capture.copy(blocks, descriptor, lambda _: None)
    finally:
        os.close(descriptor)

    checked = subprocess.run(["/usr/sbin/e2fsck", "-fn", copy], capture_output=True, check=False)

    assert checked.returncode == 0, checked
    with RawFile(str(copy)) as blocks:
        assert Ext(blocks).read("/data") == (system / "data").read_bytes()
    assert b"old secret" not in copy.read_bytes()
    assert copy.stat().st_blocks * 512 < 80 * MIB


def test_swap_and_gaps(system: Path, tmp_path: Path) -> None:
    """Of a swap partition only the header goes along, of everything before and between the partitions all."""
    swap = tmp_path / "swap.img"
    swap.write_bytes(b"h" * 4096 + b"memory" * 100_000)
    os.truncate(swap, MIB)
    disk = make_partitioned(tmp_path / "disk", [("82", swap), ("83", make_ext(tmp_path / "r.img", system))])
    with disk.open("r+b") as file:
        file.seek(4096)
        file.write(b"boot loader")
    copy = tmp_path / "copy"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT)
    try:
        with RawFile(str(disk)) as blocks:
            capture.copy(blocks, descriptor, lambda _: None)
    finally:
        os.close(descriptor)

    data = copy.read_bytes()

    assert data[: MIB + 4096] == disk.read_bytes()[: MIB + 4096]
    assert b"memory" not in data
    assert len(data) == disk.stat().st_size


@pytest.fixture
def mounted(system: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loop device with a mounted file system, and where it is mounted."""
    image = make_ext(tmp_path / "live.img", system, size="64M")
    made = subprocess.run(["/usr/sbin/losetup", "--find", "--show", image], capture_output=True, check=True)
    device = made.stdout.decode().strip()
    point = tmp_path / "mnt"
    point.mkdir()
    try:
        subprocess.run(["mount", device, point], check=True)
        try:
            yield device, point
        finally:
            subprocess.run(["umount", point], check=True)
    finally:
        subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)


@ROOT
def test_a_mounted_disk_is_frozen_captured_scrubbed_and_thawed(mounted: tuple[str, Path], tmp_path: Path) -> None:
    """What was written a moment before is in the package, ids and keys are not, and the disk goes on afterwards."""
    device, point = mounted
    (point / "late").write_text("just now")
    assert capture.mount_points(device) == [str(point)]

    done = run("image", "capture", device, "-o", tmp_path / "live.ova", "--memory", "512M")

    assert done.code == 0, done
    (point / "after").write_text("not frozen any more")
    assert run("image", "convert", tmp_path / "live.ova", tmp_path / "live.raw").code == 0
    with RawFile(str(tmp_path / "live.raw")) as blocks:
        files = Ext(Window(blocks, MIB, 64 * MIB))
        assert files.read("/late") == b"just now"
        assert files.read("/etc/machine-id") == b""
        assert not files.exists("/etc/ssh/ssh_host_rsa_key")
        assert not files.exists("/var/lib/ovfinit/instances")
        assert not files.exists("/after")
    assert (point / "etc/ssh/ssh_host_rsa_key").exists()


@ROOT
def test_a_failure_thaws(mounted: tuple[str, Path]) -> None:
    """Whatever happens while file systems are frozen, they are not afterwards."""
    _, point = mounted

    with pytest.raises(ZeroDivisionError), capture.frozen([str(point)]):
        raise ZeroDivisionError

    (point / "file").write_text("goes on")


@ROOT
def test_the_destination_must_not_freeze_too(mounted: tuple[str, Path]) -> None:
    """A package that would lie on the frozen file system is refused before anything is frozen."""
    device, point = mounted

    done = run("image", "capture", device, "-o", point / "self.ova")

    assert done.code == 1
    assert "another disk" in done.err
    assert not list(point.glob(".ovfinit*"))
