"""A machine of our own for tests that change one: this one's files under an overlay, in namespaces, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from scratch import REPO, Result, environment

# whatever is not on the root file system has to be shown by itself
_ENTER = """
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"; shift
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t tmpfs tmpfs root/run
for folder in $OVFINIT_SHOWN; do mkdir -p "root$folder"; mount --rbind "$folder" "root$folder"; done
exec chroot root "$@"
"""


class Machine:
    """Runs programs, each in a machine of its own that forgets everything; `script` is for several in one."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        scratch.mkdir(exist_ok=True)

    def run(self, *words: str | Path) -> Result:
        """Run a program there as root."""
        wanted = {str(REPO), sys.prefix, sys.base_prefix, str(self.scratch.parent)}
        shown = [folder for folder in sorted(wanted) if os.stat(folder).st_dev != os.stat("/").st_dev]
        env = environment(OVFINIT_SHOWN=" ".join(folder for folder in shown if not folder.startswith("/dev/")))
        command: Sequence[str | Path] = (
            *("unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--mount-proc"),
            *("sh", "-c", _ENTER, "enter", self.scratch, *words),
        )
        done = subprocess.run(command, capture_output=True, check=False, timeout=120, env=env)
        if done.returncode and (b"overlay" in done.stderr or b"unshare" in done.stderr):
            pytest.skip("needs namespaces and overlays")
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def script(self, text: str) -> Result:
        """Run a shell script there; `$OVFINIT` in it is the program."""
        return self.run("sh", "-euc", f"OVFINIT='{sys.executable} -m ovfinit'; cd {REPO}\n{text}")
