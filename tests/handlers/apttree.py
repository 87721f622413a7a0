"""A Debian tree with APT's own files, what the duty plans written into it, and APT itself to judge it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import WriteFile
from ovfinit.handlers import apt

LIST = "/etc/apt/sources.list"
DEB822 = "/etc/apt/sources.list.d/debian.sources"


def tree(root: Path, version: str = "12", name: str = "bookworm", **files: str) -> Path:
    """A Debian of this version with these files (`classic`, `stanzas`) as its list."""
    for folder in ("sources.list.d", "apt.conf.d", "preferences.d"):
        (root / "etc/apt" / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text(f'ID=debian\nVERSION_CODENAME={name}\nVERSION_ID="{version}"\n')
    for target, text in ((LIST, files.get("classic")), (DEB822, files.get("stanzas"))):
        if text is not None:
            (root / target[1:]).write_text(text)
    return root


def install(root: Path, text: str) -> None:
    """Write the planned files into the tree."""
    for change in ask(apt, root, text).changes:
        if isinstance(change, WriteFile):
            path = root / change.target[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.content)


def run_apt(root: Path, *words: str) -> str:
    """What one of APT's programs says in this tree; it must have nothing to warn of."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {words[0]}")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    settings = root / "judge.conf"
    settings.write_text(f'Dir "{root}"; Dir::State::Status "{root}/var/lib/dpkg/status"; APT::Architecture "amd64";\n')
    env = {"PATH": os.environ["PATH"], "APT_CONFIG": str(settings), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
