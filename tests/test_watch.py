"""The live watch: what it follows, and what leaves the machine alone, round by round on a tree."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import KEY, OTHER_KEY, Result, make_seed, snapshot

from ovfinit.boot import Boot
from ovfinit.watch import Watch, jittered


@pytest.fixture
def watch(tree: Path, tmp_path: Path, ovfinit: Callable[..., Result], as_root: None) -> Watch:
    """A watch over a tree that was customized from the seed folder `tmp_path/seed`."""
    ovfinit("apply", "--root", tree, "--from", make_seed(tmp_path / "seed"))
    return Watch(lambda: Boot(str(tree), [("seed", str(tmp_path / "seed"))], lenient=True))


def keys(tree: Path) -> str:
    """The default user's keys."""
    return (tree / "home/debian/.ssh/authorized_keys").read_text()


def test_nothing_new(watch: Watch, tree: Path) -> None:
    """A round in which the source says what it said before touches nothing at all."""
    before = snapshot(tree)
    assert not watch.look(watch.again())
    assert snapshot(tree) == before


def test_keys_follow(watch: Watch, tree: Path, tmp_path: Path, ovfinit: Callable[..., Result]) -> None:
    """A key that was added is there, one that was taken away is gone, and the boot's status tells of both."""
    make_seed(tmp_path / "seed", public_keys=[OTHER_KEY])
    assert watch.look(watch.again())
    assert OTHER_KEY in keys(tree)
    assert KEY not in keys(tree)
    known = ovfinit("status", "--json", "--root", tree).json
    assert known["handlers"]["users"]["changed"] == [
        "/home/debian/.ssh/authorized_keys",
        "/root/.ssh/authorized_keys",
    ]
    assert known["handlers"]["ssh_keys"]["changed"]
    assert not watch.look(watch.again())


def test_others_may_work_in_between(watch: Watch, tree: Path, tmp_path: Path, ovfinit: Callable[..., Result]) -> None:
    """Between two rounds nobody is kept out of the tree."""
    make_seed(tmp_path / "seed", public_keys=[OTHER_KEY])
    watch.look(watch.again())
    ovfinit("apply", "--root", tree, "--from", f"seed:{tmp_path / 'seed'}", timeout=20.0)


def test_scripts_do_not_follow(watch: Watch, tree: Path, tmp_path: Path) -> None:
    """New user data of a running instance is not acted on."""
    make_seed(tmp_path / "seed", user_data="#!/bin/sh\nrm -rf /\n")
    watch.look(watch.again())
    scripts = (tree / "var/lib/ovfinit/instances/i-1/scripts").iterdir()
    assert [b"rm -rf" in path.read_bytes() for path in scripts] == [False]


def test_source_gone(watch: Watch, tree: Path, tmp_path: Path) -> None:
    """A source that is gone removes nothing."""
    shutil.rmtree(tmp_path / "seed")
    before = snapshot(tree)
    assert not watch.look(watch.again())
    assert snapshot(tree) == before
    assert "stays as it is" in watch.said


def test_another_instance(watch: Watch, tree: Path, tmp_path: Path) -> None:
    """Another instance id waits for the next boot: keys of a running machine never change hands."""
    make_seed(tmp_path / "seed", instance_id="i-2", public_keys=[OTHER_KEY])
    before = snapshot(tree)
    assert not watch.look(watch.again())
    assert snapshot(tree) == before


def test_rounds_are_spread() -> None:
    """No two machines need to ask at the same moment, and none more than a quarter off."""
    spread = {jittered(100.0) for _ in range(200)}
    assert len(spread) > 20
    assert min(spread) >= 75
    assert max(spread) <= 125
