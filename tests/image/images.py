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
