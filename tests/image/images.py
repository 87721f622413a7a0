"""Disk images for the tests, and the words that open and make bundles."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

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


def make_partitioned(path: Path, parts: list[tuple[str, Path]], label: str = "dos") -> Path:
    """A disk with these (type, image) as partitions, by sfdisk."""
    start, rows = 2048, [f"label: {label}"]
    with path.open("wb") as file:
        for kind, image in parts:
            size = image.stat().st_size // 512
            rows.append(f"start={start}, size={size}, type={kind}")
            file.seek(start * 512)
            file.write(image.read_bytes())
            start += size
        file.truncate((start + 2048) * 512)
    subprocess.run(["/usr/sbin/sfdisk", "-q", path], input="\n".join(rows).encode(), check=True)
    return path
