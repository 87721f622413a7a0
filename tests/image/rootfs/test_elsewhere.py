"""Roots that are not ext on a partition: LVM, XFS, Btrfs; and what a root misses without the rest of its disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from image.images import MIB, OWN, make_ext, make_kernels, make_partitioned, make_root, make_volumes
from scratch import run

from ovfinit.errors import InputError
from ovfinit.image.disk import lvm
from ovfinit.image.disk.blocks import RawFile, Window
from ovfinit.image.rootfs import kernel, location

NEWER = "6.10.0-1-amd64"
BOOTED = {"vmlinuz": "vmlinuz", "initrd": "initrd.img"}


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """A file system image, mounted."""
    folder.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, check=False).returncode:
        pytest.skip("this kernel does not mount it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """A disk with /boot on a partition, and on LVM a root in two pieces and swap."""
    if os.geteuid():
        pytest.skip("LVM's tools want a device")
    tree = make_root(tmp_path / "root", boot=False)
    (tree / "etc/fstab").write_text(
        "/dev/mapper/sys-root / ext4 defaults 0 1\nUUID=2 /boot ext4 defaults 0 2\n/dev/sys/swap none swap sw 0 0\n"
    )
    root = make_ext(tmp_path / "root.img", tree)
    (tmp_path / "boot").mkdir()
    make_kernels(tmp_path / "boot")
    (tmp_path / "boot/grub").mkdir()
    (tmp_path / "boot/grub/grub.cfg").write_text(
        f"  linux /vmlinuz-{NEWER} root=/dev/mapper/sys-root ro rd.lvm.lv=sys/root quiet\n"
    )
    boot = make_ext(tmp_path / "boot.img", tmp_path / "boot", size="16M")
    (tmp_path / "swap.img").write_bytes(bytes(8 * MIB))
    make_volumes(tmp_path / "pv", {"root": root, "swap": tmp_path / "swap.img"})
    return make_partitioned(tmp_path / "web.raw", [("83", boot), ("8e", tmp_path / "pv")])


def test_a_root_on_lvm_is_taken_out(volumes: Path, tmp_path: Path) -> None:
    """A volume in two pieces comes out to the byte, without root's help; kernel from /boot, and what fstab misses."""
    done = run("image", "convert", volumes, tmp_path / "web.tgz", "--to", "uec")

    assert done.code == 0, done
    with tarfile.open(tmp_path / "web.tgz") as archive:
        assert archive.extractfile("web.img").read() == (tmp_path / "root.img").read_bytes()
        linux = archive.extractfile("web-vmlinuz-virtual").read()
    assert linux == (tmp_path / f"boot/vmlinuz-{NEWER}").read_bytes()
    assert "/boot, swap: a partition of its own" in done.err
    assert "names the root as /dev/mapper/sys-root, a logical volume no more: write UUID=" in done.err


def test_the_command_line_forgets_the_volume(volumes: Path, tmp_path: Path) -> None:
    """What boots the root that was taken out names it by its UUID, and activates no volume."""
    with RawFile(str(volumes)) as blocks:
        root = location.root(blocks)
        found = kernel.find(blocks, root, "web")
        identity = root.uuid

    assert root.volume == "sys/root"
    assert found.command_line == f"root=UUID={identity} ro quiet"
    assert found.beside_root


def test_damaged_metadata_of_lvm_is_an_error(volumes: Path, tmp_path: Path) -> None:
    """Whichever byte of the metadata is wrong, it is read as something, or an InputError says so; never more."""
    whole = (tmp_path / "pv").read_bytes()[: 2 * MIB]
    size = (tmp_path / "pv").stat().st_size
    text = whole.index(b"extent_size")
    damaged = tmp_path / "damaged"
    for at in (512, 536, 544, 600, 640, 4096 + 8, 4096 + 32, 4096 + 40, 4096 + 48, text, text + 14, text + 300):
        for value in (0, 0x22, 0x7B, 0xFF):
            data = bytearray(whole)
            data[at : at + 4] = bytes([value]) * 4
            damaged.write_bytes(data)
            os.truncate(damaged, size)
            with RawFile(str(damaged)) as blocks, suppress(InputError):
                assert len(lvm.volumes(Window(blocks, 0, blocks.size))) <= 2


def archived(archive: Path, members: dict[str, Path], folder: Path) -> bool:
    """True if a compressed archive holds these files and no other, in one go, since unpacking a disk takes seconds."""
    folder.mkdir()
    for name, path in members.items():
        (folder / name).symlink_to(path)
    words = ["tar", "-xvzf", archive, "--to-command", 'cmp - "$TAR_FILENAME"']
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    return done.returncode == 0 and sorted(done.stdout.decode().split()) == sorted(members)


# the smallest that mkfs makes; XFS goes the way of Btrfs and takes thrice as long
@pytest.mark.parametrize(("kind", "size"), [pytest.param("xfs", 300, marks=pytest.mark.slow), ("btrfs", 112)])
def test_other_file_systems_are_read_by_the_kernel(kind: str, size: int, tmp_path: Path) -> None:
    """The root partition comes out to the byte with its kernel; from a qcow2 the way through a raw image is named."""
    if os.geteuid() or shutil.which(f"mkfs.{kind}") is None:
        pytest.skip("needs root and mkfs")
    image, tree = tmp_path / "root.img", make_root(tmp_path / "root")
    with image.open("wb") as file:
        file.truncate(size * MIB)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    with mounted(image, tmp_path / "mnt") as folder:
        shutil.copytree(tree, folder, symlinks=True, dirs_exist_ok=True)
    make_partitioned(tmp_path / "web.raw", [("83", image)])

    done = run("image", "convert", tmp_path / "web.raw", tmp_path / "web.tar", "--to", "uec")

    assert done.code == 0, done
    assert "/boot: a partition of its own" in done.err
    expected = {"web.img": image}
    expected |= {f"web-{name}-virtual": tree / f"boot/{file}-{NEWER}" for name, file in BOOTED.items()}
    assert archived(tmp_path / "web.tar", expected, tmp_path / "expected")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "web.raw", tmp_path / "web.qcow2"], check=True)
    packed = run("image", "convert", tmp_path / "web.qcow2", tmp_path / "two.tar", "--to", "uec")
    assert packed.code == 1
    assert "only a raw image" in packed.err
    assert "image convert" in packed.err
    assert not (tmp_path / "two.tar").exists()
    # the file system alone, and back to a disk that boots it
    whole = run("image", "convert", tmp_path / "web.tar", tmp_path / "again.ova")
    assert whole.code == 0, whole
    devices = subprocess.run(["losetup", "--all"], capture_output=True, check=True).stdout.decode()
    assert str(tmp_path) not in devices


def test_a_root_without_its_usr_is_refused(tmp_path: Path) -> None:
    """/usr on another partition is more than a warning: without it nothing boots."""
    tree = make_root(tmp_path / "root")
    (tree / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\nUUID=3 /usr ext4 ro 0 0\n")
    make_partitioned(tmp_path / "web.raw", [("83", make_ext(tmp_path / "root.img", tree))])

    done = run("image", "convert", tmp_path / "web.raw", f"{tmp_path}/bundle/", *OWN)

    assert done.code == 1
    assert "has /usr on a partition of its own" in done.err
    assert "--full-disk" in done.err
    assert not (tmp_path / "bundle").exists()
    assert run("image", "convert", tmp_path / "web.raw", f"{tmp_path}/bundle/", "--full-disk", *OWN).code == 0
