"""The packages duty: names in, calls of the package manager out; and what these calls do when a name is wrong."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import FINAL, Call
from ovfinit.errors import ChangeError
from ovfinit.handlers import packages


def debian(root: Path) -> Path:
    """A tree that says in os-release that it is a Debian."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n')
    return root


def test_update_upgrade_install(tmp_path: Path) -> None:
    """In that order, in the final stage, without questions; a version is pinned, a name stands once."""
    text = "package_upgrade: true\npackages: [nginx, [curl, 7.88.1-10], nginx, {apt: [jq, [mg, '1']]}]\n"
    answer = ask(packages, debian(tmp_path), text)
    assert answer.targets == [
        "apt-get update",
        "apt-get dist-upgrade",
        "apt-get install nginx curl=7.88.1-10 jq mg=1",
    ]
    for change in answer.changes:
        assert isinstance(change, Call)
        assert (change.handler, change.stage) == ("packages", FINAL)
        assert change.environment["DEBIAN_FRONTEND"] == "noninteractive"
    assert answer.changes[2].command[-5:] == ("install", "nginx", "curl=7.88.1-10", "jq", "mg=1")  # type: ignore[attr-defined]
    assert answer.said == []


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    """`package_update` alone updates; false and an empty list do nothing."""
    debian(tmp_path)
    assert ask(packages, tmp_path, "package_update: true").targets == ["apt-get update"]
    assert ask(packages, tmp_path, "package_update: false\npackages: []\n").targets == []


def test_old_names(tmp_path: Path) -> None:
    """`apt_update` and `apt_upgrade` do what they did, and say what to write."""
    answer = ask(packages, debian(tmp_path), "apt_update: true\napt_upgrade: true\n")
    assert answer.targets == ["apt-get update", "apt-get dist-upgrade"]
    assert answer.said == [
        "warning: apt_update: is deprecated (write package_update)",
        "warning: apt_upgrade: is deprecated (write package_upgrade)",
    ]


@pytest.mark.parametrize("name", ["-oAPT::Update::Pre-Invoke=id", "a b", "nginx-", "", "$(id)", "a;id", "../x"])
def test_hostile_names(tmp_path: Path, name: str) -> None:
    """What is no name of a package is left out by itself: no option, no removal, nothing for a shell."""
    answer = ask(packages, debian(tmp_path), f"packages: [jq, '{name}']")
    assert answer.targets == ["apt-get update", "apt-get install jq"]
    assert answer.said == ["error: packages[1]: is not the name of a package"]


def test_snaps_are_reported(tmp_path: Path) -> None:
    """Snaps are known and not offered; the rest of the same item is."""
    answer = ask(packages, debian(tmp_path), "packages: [{snap: [certbot], apt: [mg]}]")
    assert answer.targets[1] == "apt-get install mg"
    assert answer.said == ["warning: packages[0].snap: is known, but not offered (use runcmd: snap install …)"]


def test_an_unknown_distribution(tmp_path: Path) -> None:
    """A tree without a package manager that we know says so."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=plan9\n")
    assert isinstance(ask(packages, tmp_path, "packages: [jq]").error, ChangeError)


def run_install(root: Path, *, bad: str) -> tuple[int, str, list[str]]:
    """Run the planned call with an apt-get that knows every package but one; exit code, errors, lines of calls."""
    tool = root / "bin/apt-get"
    tool.parent.mkdir()
    log = root / "log"
    tool.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\n'
        f'echo "$@" >> {log}\nfor package do [ "$package" != {bad} ] || exit 100; done\n'
    )
    tool.chmod(0o755)
    call = ask(packages, debian(root), "packages: [one, two, three]").changes[1]
    assert isinstance(call, Call)
    env = {"PATH": f"{tool.parent}:{os.environ['PATH']}"}
    done = subprocess.run(call.command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, log.read_text().splitlines()


def test_all_at_once(tmp_path: Path) -> None:
    """Where every name is known, apt-get is started once."""
    assert run_install(tmp_path, bad="none") == (0, "", ["one two three"])


def test_one_bad_name_costs_only_itself(tmp_path: Path) -> None:
    """Where one is not, the others are installed one by one, and the bad one is named."""
    assert run_install(tmp_path, bad="two") == (1, "not installed: two\n", ["one two three", "one", "two", "three"])
