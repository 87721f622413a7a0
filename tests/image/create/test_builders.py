"""The examples for image builders do what they say, with the real vmdb2 where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from image.bake.test_bake import system as system  # a fixture
from image.images import MIB, make_disk
from scratch import REPO, environment, run

EXAMPLES = REPO / "docs/examples"
# what vmdb2's application does with a plugin, for one step after the other, then taking down in reverse
DRIVER = """
import importlib.util, sys, types
import vmdb
spec = importlib.util.spec_from_file_location("ovfinit_plugin", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
app = types.SimpleNamespace(step_runners=vmdb.StepRunnerList())
module.OvfinitPlugin(app).enable()
state = vmdb.State()
state.tags = vmdb.Tags()
state.tags.append("rootfs")
state.tags.set_builder_mount_point("rootfs", sys.argv[2])
settings = {"output": sys.argv[3]}
steps = [{"ovfinit-package": sys.argv[4], "arguments": "--memory 512M"}, {"ovfinit": "rootfs"}]
for step in steps:
    runner = app.step_runners.find(step)
    runner.run(runner.get_values(step), settings, state)
for step in reversed(steps):
    runner = app.step_runners.find(step)
    runner.teardown(runner.get_values(step), settings, state)
"""


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `ovfinit` is this checkout's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ovfinit").write_text(f'#!/bin/sh\nPYTHONPATH={REPO} exec {sys.executable} -m ovfinit "$@"\n')
    (folder / "ovfinit").chmod(0o755)
    return {**environment(), "PATH": f"{folder}:{os.environ['PATH']}"}


def test_vmdb2_steps(system: Path, program: dict[str, str], tmp_path: Path) -> None:
    """The agent is in the tree, and the package is made of the image once everything is taken down."""
    python = Path("/usr/bin/python3")
    if (
        not python.exists()
        or subprocess.run([python, "-c", "import vmdb"], capture_output=True, check=False).returncode
    ):
        pytest.skip("vmdb2 is not here")
    disk = make_disk(tmp_path / "disk.img", 4 * MIB)
    words = [python, "-c", DRIVER, EXAMPLES / "ovfinit_plugin.py", system, disk, tmp_path / "shop.ova"]

    done = subprocess.run(words, env={**program, "PYTHONPATH": ""}, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    assert (system / "usr/bin/ovfinit").exists()
    shown = run("ovf", "show", tmp_path / "shop.ova", "--json").json
    assert shown["machines"][0]["memory"] == 512 * MIB


def test_post_build_script(system: Path, program: dict[str, str], tmp_path: Path) -> None:
    """A tree is baked and the disk that belongs to it is packed; a failure fails the build."""
    disk = make_disk(tmp_path / "disk.img", 4 * MIB)
    settings = {"OVFINIT_DISK": str(disk), "OVFINIT_OVA": str(tmp_path / "app.ova"), "OVFINIT_CREATE": "--cpus 2"}

    done = subprocess.run(
        [EXAMPLES / "post-build", system], env={**program, **settings}, capture_output=True, check=False
    )
    failed = subprocess.run([EXAMPLES / "post-build", tmp_path / "none"], env=program, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    assert (system / "usr/bin/ovfinit").exists()
    assert run("ovf", "show", tmp_path / "app.ova", "--json").json["machines"][0]["cpus"] == 2
    assert failed.returncode == 1
