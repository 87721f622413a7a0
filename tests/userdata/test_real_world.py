"""One long real-world user data through check, plan and apply: a packed MIME document with all that people put in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import real
from scratch import Result, differences, make_seed, snapshot

Program = Callable[..., Result]


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A seed with the packed document."""
    word = make_seed(tmp_path / "seed", user_data=None)
    (tmp_path / "seed/user-data").write_bytes(gzip.compress(real()))
    return word


def test_check_has_nothing_against_it(ovfinit: Program, source: str) -> None:
    """Packed and nested as it is, check finds it in order, as a file and as a seed."""
    folder = source.removeprefix("seed:")
    assert ovfinit("check", "--strict", f"{folder}/user-data").out == f"ok {folder}/user-data: user data\n"
    ovfinit("check", "--strict", folder)


def test_plan_shows_all_of_it(ovfinit: Program, tree: Path, source: str) -> None:
    """Every duty that a key belongs to has its steps, each of a stage; nothing is touched by looking."""
    before = snapshot(tree)
    plan = ovfinit("plan", "--root", tree, "--from", source, "--json").json
    assert differences(before, snapshot(tree)) == ""
    assert plan["errors"] == []
    assert plan["findings"] == []
    handlers = {change["handler"] for change in plan["changes"]}
    assert handlers >= {
        *("hostname", "users", "passwords", "files", "late_files", "packages", "apt", "ntp", "mounts", "ca_certs"),
        *("rsyslog", "boothooks", "boot_commands", "run_commands", "scripts", "timezone", "locale", "keyboard"),
        *("phone_home", "final_message"),
    }
    runs = [change["target"].rpartition("/")[2] for change in plan["changes"] if change["kind"] == "run"]
    assert runs[0] == "part-001-hook.txt"
    assert runs[-2:] == ["part-003-setup.sh", "part-005-report.py"]
    text = ovfinit("plan", "--root", tree, "--from", source).out
    assert "» run" in text
    assert "deferred" in text
    assert "rounds=5000" not in text, "no secret in a plan"


@pytest.mark.usefixtures("as_root")
def test_apply_makes_it(ovfinit: Program, tree: Path, source: str) -> None:
    """A tree gets what can be done there, once; what needs the machine waits; undo takes all of it."""
    before = snapshot(tree, times="none")
    status = ovfinit("apply", "--root", tree, "--from", source, "--json").json
    assert status["errors"] == []
    assert {script["deferred"] for script in status["scripts"]} == {True}
    assert (tree / "etc/hostname").read_text() == "shop7\n"
    assert "server_name shop.example;" in (tree / "etc/nginx/conf.d/shop.conf").read_text()
    assert (tree / "etc/motd.d/shop").read_text() == "Shop server.\n"
    passwd = (tree / "etc/passwd").read_text()
    assert "ann:x:" in passwd
    assert "robot:x:" in passwd
    assert not (tree / "home/robot").exists()
    assert "ops@shop.example" in (tree / "home/debian/.ssh/authorized_keys").read_text()
    kept = tree / "var/lib/ovfinit/instances/i-1/scripts/part-003-setup.sh"
    assert kept.stat().st_mode & 0o777 == 0o700
    again = ovfinit("apply", "--root", tree, "--from", source, "--json").json
    assert {name: entry["changed"] for name, entry in again["handlers"].items() if entry["changed"]} == {}
    ovfinit("undo", "--root", tree)
    after = snapshot(tree, times="none")
    assert differences(before, after) == ""


def test_later_keys_are_merged(ovfinit: Program, tree: Path, source: str) -> None:
    """The second cloud-config's packages and commands are added to the first one's, as its merge rules ask."""
    plan = ovfinit("plan", "--root", tree, "--from", source).out
    assert [word for word in ("nginx", "curl", "runcmd-003") if word not in plan] == []
