"""Keys from key servers: for whom the program is called, as whom, and when it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from handlers.cloudconfig import handed, typed

from ovfinit.changes import FINAL, Call, Change
from ovfinit.config import Config, UserConfig
from ovfinit.handlers import ssh_import
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past

SETTINGS = Config(default_user=UserConfig(name="admin"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree in which the program is installed, and somebody has a home elsewhere."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/ssh-import-id").touch()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("eve:x:1000:1000::/srv/eve:/bin/sh\n")
    return tmp_path


def wanted(root: Path, text: str, **more: Any) -> list[Change | Problem]:
    """What the duty yields for a cloud-config in which nothing is off; `more` are other keys, typed already."""
    data = handed(ssh_import, text) if text else handed(ssh_import, "ssh_import_id: []")
    data = data.with_(config={**data.config, **more})
    return list(ssh_import.changes(Metadata(), SETTINGS, Host(str(root)), Past(), data))


def test_each_users_own_call(root: Path) -> None:
    """The program is called as the user, with the user's home, for the default user with the names of the top level."""
    people = ("default", {"name": "eve", "ssh_import_id": ("gh:eve",)}, {"name": "root", "ssh_import_id": ("lp:r",)})
    admin, eve, superuser = wanted(root, "ssh_import_id: [gh:me, 'lp:me']", users=people)
    assert admin == Call(
        "ssh_import",
        "ssh-import-id-admin",
        FINAL,
        command=("runuser", "-u", "admin", "--", "ssh-import-id", "gh:me", "lp:me"),
        fingerprint="gh:me lp:me",
        timeout=120.0,
        tries=3,
        environment={"HOME": "/home/admin", "USER": "admin", "LOGNAME": "admin"},
    )
    assert isinstance(eve, Call)
    assert isinstance(superuser, Call)
    assert eve.environment["HOME"] == "/srv/eve"
    assert superuser.command == ("ssh-import-id", "lp:r")


def test_a_program_that_is_missing(root: Path) -> None:
    """Without the program it is said what to install, unless cloud-config does so already."""
    (root / "usr/bin/ssh-import-id").unlink()
    assert wanted(root, "ssh_import_id: gh:me") == [
        Problem("ssh_import_id", "needs a program that is not there: add `packages: [ssh-import-id]`")
    ]
    (call,) = wanted(root, "ssh_import_id: gh:me", packages=("ssh-import-id",))
    assert isinstance(call, Call)


def test_nobody_to_give_them_to(root: Path) -> None:
    """Names for a default user who is left out, or for somebody without a home, are reported."""
    people = ({"name": "bob", "system": True, "ssh_import_id": ("gh:bob",)},)
    assert [item.field for item in wanted(root, "ssh_import_id: gh:me", users=people) if isinstance(item, Problem)] == [
        "ssh_import_id",
        "users.bob.ssh_import_id",
    ]


def test_nothing_to_do(root: Path) -> None:
    """Users without names at key servers need no program."""
    assert wanted(root, "", users=("default", "bob")) == []


@pytest.mark.parametrize("name", ["--output=/etc/passwd", "a b", "gh:$(id)", "''", "[a]", "gh:é"])
def test_names_that_are_none(name: str) -> None:
    """What the program could take for an option, or a shell for something else, is no name."""
    data, findings = typed(ssh_import, f"ssh_import_id: [{name}]")
    assert data.config["ssh_import_id"] == ()
    assert len(findings) == 1
