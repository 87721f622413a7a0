"""Killed at any instant: the next run finishes the work as if nothing had happened, and `undo` still takes all back."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scratch import OTHER_KEY, Result, differences, environment, make_tree, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]
SEED = int(os.environ.get("OVFINIT_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
RANDOM_FILES = ("etc/ssh/ssh_host_",)
TOLD = ("var/log/ovfinit.log", "run/ovfinit/status.json", "/journal", "/metadata.json")

# Runs the program and kills it at its Nth step: when Python is about to change something or to start a program.
STEPPER = """
import os, signal, sys
left = int(sys.argv.pop(1))
kinds = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "os.chown", "os.utime",
         "subprocess.Popen", "shutil.rmtree", "shutil.copytree"}
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def step(kind, details):
    global left
    if kind in kinds or kind == "open" and isinstance(details[2], int) and details[2] & writing:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
from ovfinit.cli import main
sys.argv[0] = "ovfinit"
code = main()
if left > 0:
    sys.exit(100 + code)
"""


def children(process: int) -> Iterator[int]:
    """All that a process has started, directly or not, and that still runs."""
    try:
        for name in os.listdir(f"/proc/{process}/task"):
            for child in Path(f"/proc/{process}/task/{name}/children").read_text().split():
                yield int(child)
                yield from children(int(child))
    except OSError:
        return


def gone(process: int) -> bool:
    """True if a process has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def kill_after(seconds: float, words: tuple[str, ...], *, whole: bool) -> bool:
    """Start the program and kill it, with `whole` all that it started too; False if it was done before."""
    child = subprocess.Popen(
        [sys.executable, "-m", "ovfinit", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGSTOP)
    others = list(children(child.pid))
    for process in (child.pid, *(others if whole else ())):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    killed = child.wait() == -signal.SIGKILL
    for process in others:
        while not gone(process):
            time.sleep(0.001)
    return killed


def kill_at_step(number: int, words: tuple[str, ...]) -> bool:
    """Run the program up to its step of this number; False if it has fewer."""
    command = [sys.executable, "-c", STEPPER, str(number), *words]
    code = subprocess.run(command, capture_output=True, check=False, env=environment()).returncode
    assert code in (-signal.SIGKILL, 100), code
    return code != 100


def settled(tree: Path) -> dict[str, Any]:
    """What two trees that were customized alike agree about: all but times, random keys and what runs tell."""
    found: dict[str, Any] = {}
    for name, facts in snapshot(tree, times="none").items():
        told = name.startswith(RANDOM_FILES) or any(part in name for part in TOLD)
        found[name] = facts[:4] if told else facts
        if name.endswith(("/metadata.json", "run/ovfinit/status.json")):
            known = json.loads((tree / name).read_text())
            known = known.get("metadata", known)
            kept = ("status", "errors", "warnings", *known) if "hostname" in known else ("status", "errors", "warnings")
            found[name] = (*facts[:4], [(key, known.get(key)) for key in kept])
    return {name: facts for name, facts in found.items() if "/journal/" not in name}


@pytest.fixture
def source(seed: Seed) -> str:
    """A seed that gives every duty something to do."""
    return seed(public_keys=[OTHER_KEY])


def prepare(root: Path) -> Path:
    """A tree in which every kind of change has something to do."""
    tree = make_tree(root)
    (tree / "etc/ssh/ssh_host_rsa_key").write_text("an image builder's key\n")
    (tree / "root/.ssh").mkdir(mode=0o700)
    (tree / "root/.ssh/authorized_keys").write_text("ssh-rsa AAAA admin\n")
    (tree / "etc/skel/.config").mkdir()
    (tree / "etc/skel/.config/deep").write_text("x" * 5000)
    return tree


def duration(words: tuple[str, ...]) -> float:
    """How long the program needs when nobody disturbs it, in seconds."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "ovfinit", *words], capture_output=True, check=True, env=environment())
    return time.monotonic() - start


def own_folders_aside(found: dict[str, Any]) -> dict[str, Any]:
    """A snapshot without our folders that may be empty: killed before the journal, nobody knows who made them."""
    return {
        name: facts for name, facts in found.items() if name not in ("var/lib/ovfinit", "var/lib/ovfinit/instances")
    }


def check_killed_applies(tmp_path: Path, ovfinit: Program, source: str, count: int) -> None:
    """Kill as many applies at random instants, finish each, take each back."""
    print(f"OVFINIT_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    reference = prepare(tmp_path / "reference")
    seconds = duration(("apply", "--root", str(reference), "--from", source))
    expected = settled(reference)
    killed = number = 0
    while killed < count:
        number += 1
        tree = prepare(tmp_path / f"tree{number}")
        before = snapshot(tree, times="files")
        words = ("apply", "--root", str(tree), "--from", source)
        instant = chance.uniform(0.25 * seconds, seconds)
        whole = chance.random() < 0.5
        if kill_after(instant, words, whole=whole):
            killed += 1
        else:
            # done before its end came: the machine is faster now than when it was measured
            seconds *= 0.9
        story = f"OVFINIT_TEST_SEED={SEED} number {number} instant {instant:.4f} whole {whole}"
        ovfinit(*words)
        changed = differences(expected, settled(tree))
        assert not changed, f"{story}\n{changed}"
        ovfinit("undo", "--root", tree)
        left = own_folders_aside(snapshot(tree, times="files"))
        changed = differences(own_folders_aside(before), left)
        assert not changed, f"{story}\n{changed}"


@pytest.mark.usefixtures("as_root")
def test_apply_killed_at_random_instants(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """An apply that was killed, alone or with all it started, and repeated gives the tree of an undisturbed one."""
    check_killed_applies(tmp_path, ovfinit, source, 6)


@pytest.mark.slow
@pytest.mark.usefixtures("as_root")
def test_apply_killed_at_fifty_random_instants(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """The same, fifty times."""
    check_killed_applies(tmp_path, ovfinit, source, 50)


def check_steps_of_apply(tmp_path: Path, ovfinit: Program, source: str, numbers: range | list[int]) -> None:
    """Kill an apply at these steps of its own, finish it, take it back."""
    reference = prepare(tmp_path / "reference")
    ovfinit("apply", "--root", reference, "--from", source)
    expected = settled(reference)
    for number in numbers:
        tree = prepare(tmp_path / f"tree{number}")
        before = snapshot(tree, times="files")
        words = ("apply", "--root", str(tree), "--from", source)
        if not kill_at_step(number, words):
            break
        ovfinit(*words)
        changed = differences(expected, settled(tree))
        assert not changed, f"step {number}\n{changed}"
        ovfinit("undo", "--root", tree)
        left = own_folders_aside(snapshot(tree, times="files"))
        changed = differences(own_folders_aside(before), left)
        assert not changed, f"step {number}\n{changed}"


@pytest.mark.usefixtures("as_root")
def test_apply_killed_at_some_steps(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """Killed right before it changes something, an apply is finished by the next one."""
    print(f"OVFINIT_TEST_SEED={SEED}")
    check_steps_of_apply(tmp_path, ovfinit, source, sorted(random.Random(SEED).sample(range(1, 60), 3)))


@pytest.mark.slow
@pytest.mark.usefixtures("as_root")
def test_apply_killed_at_every_step(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """The same at each single step there is."""
    check_steps_of_apply(tmp_path, ovfinit, source, range(1, 1000))


def check_steps_of_undo(tmp_path: Path, ovfinit: Program, source: str, numbers: range | list[int]) -> None:
    """Kill an undo at these steps of its own, and finish it."""
    for number in numbers:
        tree = prepare(tmp_path / f"tree{number}")
        before = snapshot(tree, times="files")
        ovfinit("apply", "--root", tree, "--from", source)
        if not kill_at_step(number, ("undo", "--root", str(tree))):
            break
        # all that is left may be nothing, which is an error of a second undo
        left = subprocess.run(
            [sys.executable, "-m", "ovfinit", "undo", "--root", tree],
            capture_output=True,
            check=False,
            env=environment(),
        )
        assert left.returncode == 0 or b"nothing was applied here" in left.stderr, (number, left)
        found = own_folders_aside(snapshot(tree, times="files"))
        changed = differences(own_folders_aside(before), found)
        assert not changed, f"step {number}\n{changed}"


@pytest.mark.usefixtures("as_root")
def test_undo_killed_at_some_steps(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """An undo that was killed is finished by the next one."""
    print(f"OVFINIT_TEST_SEED={SEED}")
    check_steps_of_undo(tmp_path, ovfinit, source, sorted(random.Random(SEED).sample(range(1, 60), 3)))


@pytest.mark.slow
@pytest.mark.usefixtures("as_root")
def test_undo_killed_at_every_step(tmp_path: Path, ovfinit: Program, source: str) -> None:
    """The same at each single step there is."""
    check_steps_of_undo(tmp_path, ovfinit, source, range(1, 1000))
