"""Programs that read configuration without touching a kernel: netplan, and NetworkManager's own library."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ovfinit.network.model import RenderedFile

SYSTEM_PYTHON = "/usr/bin/python3"
LIBNM = Path(__file__).with_name("libnm.py")
_READY: dict[str, bool] = {}


def store(files: Mapping[str, RenderedFile], tree: Path) -> None:
    """Write rendered files below `tree`, with their modes."""
    for path, file in files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
        target.chmod(file.mode)


def netplan(tree: Path) -> dict[str, Any]:
    """Let netplan make its files out of the documents in `tree`; what it understood of these."""
    if shutil.which("netplan") is None:
        pytest.skip("needs netplan (package netplan.io)")
    for words in (["generate"], ["get"]):
        done = subprocess.run(
            ["netplan", *words, "--root-dir", str(tree)], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    document = yaml.safe_load(done.stdout)
    assert isinstance(document, dict)
    return document


def libnm(files: Mapping[str, RenderedFile]) -> dict[str, dict[str, Any]]:
    """The settings of each profile as NetworkManager would take them, by the profile's name without `ovfinit-`."""
    if "libnm" not in _READY:
        asked = "import gi; gi.require_version('NM', '1.0'); from gi.repository import NM"
        try:
            _READY["libnm"] = (
                subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, check=False).returncode == 0
            )
        except OSError:
            _READY["libnm"] = False
    if not _READY["libnm"]:
        pytest.skip("needs libnm for the system's Python (packages python3-gi and gir1.2-nm-1.0)")
    profiles = {path: file.text for path, file in files.items() if path.endswith(".nmconnection")}
    done = subprocess.run(
        [SYSTEM_PYTHON, "-I", str(LIBNM)],
        input=json.dumps(profiles),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = {}
    for path, answer in json.loads(done.stdout).items():
        assert "error" not in answer, f"{path}: {answer['error']}\n{profiles[path]}"
        assert answer["warnings"] == [], f"{path}: {answer['warnings']}\n{profiles[path]}"
        name = path.rpartition("/")[2].removeprefix("ovfinit-").removesuffix(".nmconnection")
        found[name] = answer["settings"]
    return found
