"""`make bench`: `ovf check` of an OVA beside `sha256sum` of the same bytes.

Both run in turn, in the same minute, on a file that lies in the page cache; told are medians. The digests of a package
must be compared at no less than 0.8 times the speed of sha256sum (issue 6), in memory that does not grow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SIZE = 512 << 20
ROUNDS = 5
TARGET = 0.8
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "image")]


def make(folder: Path) -> Path:
    """An OVA with one disk of that size and a manifest."""
    from packages import DISK, envelope

    disk, piece = folder / "disk.vmdk", os.urandom(1 << 20)
    with disk.open("wb") as file:
        file.write(DISK)
        for _ in range(SIZE >> 20):
            file.write(piece)
    descriptor = envelope().replace(f'ovf:size="{len(DISK)}"', f'ovf:size="{disk.stat().st_size}"')
    (folder / "app.ovf").write_text(descriptor)
    said = subprocess.run(["sha256sum", "app.ovf", "disk.vmdk"], cwd=folder, capture_output=True, check=True)
    rows = (line.split() for line in said.stdout.decode().splitlines())
    (folder / "app.mf").write_text("".join(f"SHA256({name})= {digest}\n" for digest, name in rows))
    names = ["app.ovf", "app.mf", "disk.vmdk"]
    subprocess.run(["tar", "--format=ustar", "-cf", "app.ova", *names], cwd=folder, check=True)
    disk.unlink()
    return folder / "app.ova"


def seconds(words: list[str]) -> tuple[float, int]:
    """Wall time of a program and its peak of memory in KiB; it must succeed."""
    began = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd=TESTS.parent)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"bench: {' '.join(words)} ended with {child.returncode}")
    return time.monotonic() - began, usage.ru_maxrss


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="ovfinit-bench-") as folder:
        ova = str(make(Path(folder)))
        pairs = [
            (seconds(["sha256sum", ova])[0], *seconds([sys.executable, "-m", "ovfinit", "ovf", "check", ova]))
            for _ in range(ROUNDS)
        ]
    plain, ours = (sorted(pair[column] for pair in pairs)[ROUNDS // 2] for column in (0, 1))
    ratio = plain / ours
    print(f"\n| {SIZE >> 20} MiB OVA | MiB/s |\n| --- | --- |")
    print(f"| `sha256sum` | {(SIZE >> 20) / plain:.0f} |\n| `ovf check` | {(SIZE >> 20) / ours:.0f} |")
    verdict = "" if ratio >= TARGET else ", missed"
    peak = max(pair[2] for pair in pairs) / 1024
    print(
        f"\n`ovf check` has {ratio:.2f} times the speed of sha256sum (≥ {TARGET}{verdict}), peak memory {peak:.0f} MiB."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
