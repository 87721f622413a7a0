"""Disk images for the tests, and the words that open and make bundles."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

DATA = Path(__file__).parents[1] / "data/bundles"
KEYS = DATA / "keys"
MIB = 1 << 20
OPEN = ("--privatekey", str(KEYS / "user.key.der"), "--cert", str(KEYS / "user.pem"))
OWN = (*OPEN, "--ec2cert", str(KEYS / "cloud.pem"), "--user", "1234-5678-9012")


def make_disk(path: Path, size: int = 40 * MIB + 512) -> Path:
    """A sparse raw disk with something that compresses, something that does not, and its last sector in use."""
    with path.open("wb") as file:
        file.truncate(size)
        for offset, data in (
            (3 * MIB + 512, random.Random(7).randbytes(3 * MIB + 77)),
            (20 * MIB, b"text that repeats " * 60_000),
            (size - 512, b"end" * 100),
        ):
            if 0 <= offset < size:
                file.seek(offset)
                file.write(data[: size - offset])
    return path


def identical(one: Path, other: Path) -> bool:
    """True if qemu-img says that two images of any format hold the same disk."""
    done = subprocess.run(["qemu-img", "compare", one, other], capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.returncode == 0


def leftovers(folder: Path) -> list[str]:
    """Names of what a run that failed should not have left."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".ovfinit")]


def make_root(folder: Path, *, boot: bool = True) -> Path:
    """A tree that passes for a Debian's root: two kernels, of which 6.10 is the newer one, and links to it."""
    for name in ("etc", "sbin", "boot", "usr/lib"):
        (folder / name).mkdir(parents=True)
    (folder / "etc/os-release").write_text("ID=debian\n")
    (folder / "etc/fstab").write_text(
        "UUID=1 / ext4 defaults 0 1\nUUID=2 /boot ext4 defaults 0 2\n/dev/sdb /srv ext4 nofail 0 0\n"
    )
    if boot:
        make_kernels(folder / "boot")
        (folder / "vmlinuz").symlink_to("boot/vmlinuz-6.10.0-1-amd64")
        (folder / "initrd.img").symlink_to("/boot/initrd.img-6.10.0-1-amd64")
    return folder


def make_kernels(folder: Path) -> None:
    """Kernels and ramdisks of two versions; only the newer one's are large."""
    for version, size in (("6.9.0-1-amd64", 1000), ("6.10.0-1-amd64", 3 * MIB + 5)):
        (folder / f"vmlinuz-{version}").write_bytes(random.Random(version).randbytes(size))
        (folder / f"initrd.img-{version}").write_bytes(random.Random(version + "i").randbytes(size * 2))


def make_ext(path: Path, folder: Path, *, size: str = "24M", kind: str = "ext4", options: tuple[str, ...] = ()) -> Path:
    """A file system image with the content of a folder."""
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", kind, *options, "-d", folder, path, size], check=True)
    return path


def used(path: Path) -> Iterator[tuple[int, int]]:
    """Where a sparse file has content: start and end of every piece."""
    with path.open("rb") as file:
        size, end = path.stat().st_size, 0
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, end


def write_used(file: BinaryIO, offset: int, image: Path) -> None:
    """Write an image into a new file at an offset; its holes stay holes."""
    with image.open("rb") as source:
        for start, end in used(image):
            source.seek(start)
            file.seek(offset + start)
            file.write(source.read(end - start))


def make_partitioned(path: Path, parts: list[tuple[str, Path]], label: str = "dos") -> Path:
    """A disk with these (type, image) as partitions, by sfdisk."""
    start, rows = 2048, [f"label: {label}"]
    with path.open("wb") as file:
        for kind, image in parts:
            size = image.stat().st_size // 512
            rows.append(f"start={start}, size={size}, type={kind}")
            write_used(file, start * 512, image)
            start += size
        file.truncate((start + 2048) * 512)
    subprocess.run(["/usr/sbin/sfdisk", "-q", path], input="\n".join(rows).encode(), check=True)
    return path


def make_volumes(path: Path, volumes: dict[str, Path]) -> Path:
    """A physical volume of LVM, by its own tools, with these images; the first lies in two pieces around the others."""
    with path.open("wb") as file:
        file.truncate(sum(image.stat().st_size for image in volumes.values()) + 64 * MIB)
    device = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, check=True).stdout.decode()
    device = device.strip()
    settings = (
        f'devices{{scan="/dev" use_devicesfile=0 filter=["a|{device}$|","r|.*|"]}} backup{{backup=0 archive=0}}'
        " activation{udev_sync=0 udev_rules=0} global{activation=0 event_activation=0}"
    )

    def lvm(verb: str, *words: str | Path) -> str:
        command = ["lvm", verb, "--config", settings, *map(str, words)]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode()

    try:
        lvm("pvcreate", "-ff", "-y", device)
        lvm("vgcreate", "sys", device)
        first = next(iter(volumes))
        for name, image in volumes.items():
            size = image.stat().st_size // (2 if name == first else 1)
            lvm("lvcreate", "-an", "-Zn", "-Wn", "-y", "-L", f"{size}b", "-n", name, "sys")
        lvm("lvextend", "-L", f"{volumes[first].stat().st_size}b", f"sys/{first}")
        names = "lv_name,seg_start,seg_size,seg_pe_ranges"
        rows = lvm("lvs", "--segments", "--noheadings", "--nosuffix", "--units", "b", "-o", names).splitlines()
        start = int(lvm("pvs", "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start"))
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    with path.open("r+b") as file:
        for name, offset, size, extents in (row.split() for row in rows):
            file.seek(start + int(extents.rpartition(":")[2].partition("-")[0]) * 4 * MIB)
            file.write(volumes[name].read_bytes()[int(offset) : int(offset) + int(size)])
    return path
