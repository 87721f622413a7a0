"""What bundling, unbundling and checking an image cost, beside the tools that people would pipe together for it.

    python tests/bench/image.py [ROUNDS] [MIB]

Both sides of a row run in turn in every round, on the same image of MIB mebibytes (2048): two thirds files of /usr, one
third zeros. Printed are medians of the wall time, of their ratio in the same round, and our peak of resident memory,
as wait4(2) tells it. On a machine with other work the ratio of CPU times is the figure to trust; it is printed too.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
KEYS = os.path.join(CHECKOUT, "tests/data/bundles/keys")
KEY = "00112233445566778899aabbccddeeff"
AES = f"openssl enc -aes-128-cbc -K {KEY} -iv {KEY}"
OPEN = f"--privatekey {KEYS}/user.key.der --cert {KEYS}/user.pem"
OWN = f"--user 1 {OPEN} --ec2cert {KEYS}/cloud.pem"
OVFINIT = f"{sys.executable} -m ovfinit image"
# what it is → (ours, theirs, most)
ROWS = {
    "bundle": (
        f"rm -rf out && {OVFINIT} convert disk.img out/ --full-disk --from-format raw {OWN}",
        f"rm -f enc && tar cf - disk.img | $(command -v pigz || echo gzip) | {AES} -out enc",
        1.2,
    ),
    "unbundle": (
        f"{OVFINIT} unbundle out -o back.img --force {OPEN}",
        f"rm -rf back && mkdir back && {AES} -d -in enc | gzip -dc | tar xf - -C back",
        1.2,
    ),
    "OVA from raw": (
        f"{OVFINIT} convert disk.img app.ova --force --from-format raw",
        "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.img app.vmdk && sha256sum app.vmdk",
        None,
    ),
}


def make_image(path: str, size: int) -> None:
    """Files of /usr, then zeros."""
    words = f"tar cf - /usr 2>/dev/null | head -c {size * 2 // 3} > {path}"
    subprocess.run(["sh", "-c", words], check=False)
    os.truncate(path, size)


def run(command: str) -> tuple[float, float, int]:
    """Wall time and CPU time in seconds, and the largest process's peak in KiB."""
    begun = time.monotonic()
    child = subprocess.Popen(
        ["sh", "-c", command], stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": CHECKOUT}
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"bench: failed: {command}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main() -> int:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    size = (int(sys.argv[2]) if len(sys.argv) > 2 else 2048) << 20
    folder = tempfile.mkdtemp(prefix="ovfinit-bench-")
    try:
        os.chdir(folder)
        make_image("disk.img", size)
        print("| case | ours, s | theirs, s | ratio of wall | ratio of CPU | our peak, MiB | target |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, (ours, theirs, most) in ROWS.items():
            pairs = [(run(theirs), run(ours)) for _ in range(rounds)]
            wall = statistics.median(one[0] / other[0] for other, one in pairs)
            processor = statistics.median(one[1] / other[1] for other, one in pairs)
            cells = [
                name,
                f"{statistics.median(one[0] for _, one in pairs):.1f}",
                f"{statistics.median(other[0] for other, _ in pairs):.1f}",
                f"{wall:.2f}",
                f"{processor:.2f}",
                f"{max(one[2] for _, one in pairs) / 1024:.0f}",
                f"≤ {most}" if most else "",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
