"""A Debian disk that boots by itself, as images come that know nothing of the agent; made without any part of it.

appliance-bookworm/     over the suite's base: its kernel where a kernel belongs, and GRUB
appliance-bookworm.img  a disk with a partition table, GRUB in front and that root; 2 GiB and sparse
debs-bookworm/          the Debian packages that the agent needs there
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import images
from images import CACHE, run

if TYPE_CHECKING:
    from pathlib import Path

SUITE = images.KERNEL_SUITE
NEEDED = ["python3-yaml", "python3-requests", "python3-pycdlib", "python3-netifaces"]
GRUB = "usr/lib/grub/i386-pc"
MODULES = ["biosdisk", "part_msdos", "ext2", "normal", "configfile", "linux"]
SECTOR, MIB = 512, 1 << 20
SIZE = 2 << 30


def disk() -> Path:
    """The disk."""
    image = CACHE / f"appliance-{SUITE}.img"
    if image.exists():
        return image
    with images.overlay([_layer(), images.base(SUITE)], CACHE / "appliance-settings") as root:
        uuid = _configure(root)
        new = image.with_suffix(".new")
        new.unlink(missing_ok=True)
        with new.open("wb") as file:
            file.truncate(SIZE)
        table = f"label: dos\nstart={MIB // SECTOR}, type=83, bootable\n"
        subprocess.run(["sfdisk", "-q", new], input=table.encode(), check=True)
        core = _boot_loader(root)
        run("umount", root / "proc")
        options = f"lazy_itable_init=0,lazy_journal_init=0,offset={MIB}"
        words = ("mke2fs", "-q", "-t", "ext4", "-L", "appliance", "-U", uuid, "-E", options, "-d", root, new)
        run(*words, f"{(SIZE - MIB) >> 10}k")
        with new.open("r+b") as file:
            # the first 440 bytes are code, the table behind them stays (GRUB manual, "BIOS installation")
            file.write((root / GRUB / "boot.img").read_bytes()[:440])
            file.seek(SECTOR)
            file.write(core)
        new.rename(image)
    shutil.rmtree(CACHE / "appliance-settings")
    return image


def stream() -> Path:
    """The same as people ship it: a stream-optimized VMDK, by QEMU's tool."""
    path = CACHE / f"appliance-{SUITE}.vmdk"
    if not path.exists():
        options = "subformat=streamOptimized,adapter_type=lsilogic"
        new = path.with_suffix(".new")
        run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", options, disk(), new)
        new.rename(path)
    return path


def _layer() -> Path:
    path = CACHE / f"appliance-{SUITE}"
    if not path.exists():
        with images.overlay([images.base(SUITE)], path) as root:
            version = next((root / "usr/lib/modules").iterdir()).name
            images.install(root, ["grub-pc", "--reinstall", f"linux-image-{version}"])
    return path


def _configure(root: Path) -> str:
    """What an installer leaves: the root by its UUID in fstab and in GRUB's configuration; returns the UUID."""
    shutil.rmtree(root / "var/lib/apt/lists")
    uuid = "0f0c1f9a-9d3b-4e0e-8c58-4d7f00c0ffee"
    (root / "etc/fstab").write_text(f"UUID={uuid} / ext4 errors=remount-ro 0 1\n")
    (root / "boot/grub").mkdir(exist_ok=True)
    kernel = max(path.name for path in (root / "boot").glob("vmlinuz-*"))
    (root / "boot/grub/grub.cfg").write_text(
        "set timeout=0\nmenuentry 'Debian GNU/Linux' {\n"
        f"\tlinux\t/boot/{kernel} root=UUID={uuid} ro console=ttyS0 quiet panic=1 ipv6.disable=1\n"
        f"\tinitrd\t/boot/{kernel.replace('vmlinuz', 'initrd.img')}\n}}\n"
    )
    return uuid


def _boot_loader(root: Path) -> bytes:
    """What GRUB has in the gap before the first partition; it reads its configuration there."""
    core = root / "tmp/core.img"
    words = ("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", "/tmp/core.img", *MODULES)
    run("chroot", root, *words)
    made = core.read_bytes()
    core.unlink()
    return made


def needed() -> list[Path]:
    """The packages that the agent needs in such a disk, with all that they need."""
    folder = CACHE / f"debs-{SUITE}"
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        with images.overlay([images.base(SUITE)], CACHE / "debs-layer") as root:
            images.install(root, NEEDED, only_fetch=True)
            for path in (root / "var/cache/apt/archives").glob("*.deb"):
                shutil.copy(path, new)
        shutil.rmtree(CACHE / "debs-layer")
        new.rename(folder)
    return sorted(folder.glob("*.deb"))
