"""What tests of duties share: a machine of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import environment

# A machine of its own: other names, an own root that reads through to ours and keeps what is written apart.
MACHINE = """
set -e
mount -t tmpfs none {place}
mkdir {place}/up {place}/work {place}/root
mount -t overlay overlay -o lowerdir=/,upperdir={place}/up,workdir={place}/work {place}/root
mount -t proc proc {place}/root/proc
mount --rbind /dev {place}/root/dev
exec chroot {place}/root /bin/sh -c '{command}'
"""


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a shell command as root of a machine that has a host name, a file system and processes of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")

    def call(command: str) -> subprocess.CompletedProcess[str]:
        place = tmp_path / "machine"
        place.mkdir(exist_ok=True)
        words = [
            "unshare",
            "--mount",
            "--uts",
            "--pid",
            "--fork",
            "sh",
            "-c",
            MACHINE.format(place=place, command=command),
        ]
        return subprocess.run(words, capture_output=True, check=False, text=True, env=environment(), timeout=60)

    if call("true").returncode != 0:
        pytest.skip("machines cannot be made here")
    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree whose only account is root."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (tmp_path / "etc/shadow").write_text("root:*:1::::::\n")
    return tmp_path
