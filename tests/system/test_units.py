"""The units that take part in a boot: nothing of ours holds one up for ever."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from scratch import REPO

UNITS = sorted([*(REPO / "etc/systemd").glob("*.service"), *(REPO / "debian").glob("*.service")])


def settings(unit: Path) -> list[tuple[str, str]]:
    """Names and values, in order."""
    lines = (line.partition("=") for line in unit.read_text().splitlines() if "=" in line and line[:1] not in "#;")
    return [(name.strip(), value.strip()) for name, _, value in lines]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: f"{unit.parent.name}/{unit.name}")
def test_every_unit_ends(unit: Path) -> None:
    """Each unit has a finite time to start in, and starts no other one from inside (cloud-init issue 7052)."""
    given = settings(unit)
    limits = [value for name, value in given if name == "TimeoutStartSec"]
    assert limits
    assert not set(limits) & {"0", "infinity"}
    commands = [value for name, value in given if name.startswith("Exec")]
    assert commands
    assert not [command for command in commands if "systemctl" in command or "wait-online" in command]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_durations() -> None:
    """What the units say of their time-outs is a span of time to systemd itself."""
    spans = {value for unit in UNITS for name, value in settings(unit) if name.startswith("Timeout")}
    done = subprocess.run(["systemd-analyze", "timespan", *spans], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()
