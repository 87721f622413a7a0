"""Users that a power cut left half made are finished, and locks of nobody do not stop that."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scratch import KEY, make_seed, make_tree, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts are made by root")
FILES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")


@pytest.mark.parametrize("written", range(len(FILES)))
def test_useradd_was_cut_short(tmp_path: Path, written: int) -> None:
    """However many of its files useradd had written, the user is whole after the next run."""
    tree = make_tree(tmp_path / "tree")
    source = make_seed(tmp_path / "seed", network=False)
    before = {name: (tree / "etc" / name).read_bytes() for name in FILES if (tree / "etc" / name).exists()}
    assert run("apply", "--root", tree, "--from", source).code == 0
    whole = {name: (tree / "etc" / name).read_text() for name in FILES[:3]}
    for name in FILES[written + 1 :]:
        if name in before:
            (tree / "etc" / name).write_bytes(before[name])
    assert run("apply", "--root", tree, "--from", source).code == 0
    for name in FILES[:3]:
        lines = (tree / "etc" / name).read_text().splitlines()
        assert [line.split(":")[0] for line in lines].count("debian") == whole[name].count("\ndebian:"), name
    owner = (tree / "etc/passwd").read_text().split("\ndebian:")[1].split(":")[2]
    assert f":{owner}:" in (tree / "etc/group").read_text().split("\ndebian:")[1].splitlines()[0] + ":"
    assert KEY in (tree / "home/debian/.ssh/authorized_keys").read_text()
    again = run("plan", "--root", tree, "--from", source, "--json").json
    assert {change["action"] for change in again["changes"] if change["handler"] == "users"} == {"none"}


@pytest.mark.parametrize("content", [f"{os.getpid()}\0", ""], ids=["in use again", "empty"])
def test_a_lock_of_nobody(tmp_path: Path, content: str) -> None:
    """A lock whose process id is in use again, by somebody who writes no accounts, or that is empty, is nobody's."""
    tree = make_tree(tmp_path / "tree")
    (tree / "etc/passwd.lock").write_text(content)
    assert run("apply", "--root", tree, "--from", make_seed(tmp_path / "seed", network=False)).code == 0
    assert "\ndebian:" in (tree / "etc/passwd").read_text()


@pytest.mark.slow
def test_a_lock_of_somebody(tmp_path: Path) -> None:
    """A lock that one of the account tools holds is respected."""
    tree = make_tree(tmp_path / "tree")
    tool = shutil.copy("/bin/sleep", tmp_path / "vipw")
    with subprocess.Popen([tool, "60"]) as holder:
        (tree / "etc/passwd.lock").write_text(f"{holder.pid}\0")
        done = run("apply", "--root", tree, "--from", make_seed(tmp_path / "seed", network=False))
        holder.kill()
    assert done.code == 1
    assert "useradd failed" in done.err
