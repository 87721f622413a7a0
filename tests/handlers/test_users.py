"""The users duty: who is made, with which keys, and what sudo makes of our rule."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from scratch import KEY

from ovfinit.changes import AuthorizeKeys, Change, EnsureUser, WriteFile
from ovfinit.config import Config, SshConfig, UserConfig
from ovfinit.errors import ChangeError
from ovfinit.handlers import users
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem, Secret
from ovfinit.state import Past

HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"
CLOSED = (
    "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,"
    'command="echo \'Please login as the user \\"debian\\" rather than the user \\"root\\".\';echo;sleep 10;exit 142"'
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of a Debian with root only."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nNAME="Debian GNU/Linux"\n')
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    return tmp_path


def wanted(
    root: Path, config: Config | None = None, past: Past | None = None, **metadata: Any
) -> list[Change | Problem]:
    """What the duty yields for this metadata."""
    return list(users.changes(Metadata(**metadata), config or Config(), Host(str(root)), past or Past()))


def kinds(changes: list[Change | Problem], kind: type) -> list[Any]:
    """Those of one kind."""
    return [change for change in changes if isinstance(change, kind)]


def test_default_user(root: Path) -> None:
    """The user has the distribution's name and the keys; root's only say whom to take; sudo is free."""
    changes = wanted(root, public_keys=[KEY])
    assert changes[0] == EnsureUser("users", "debian", gecos="Debian", groups=UserConfig().groups)
    assert changes[1] == AuthorizeKeys("users", "/home/debian/.ssh/authorized_keys", user="debian", lines=(KEY,))
    root_keys = AuthorizeKeys("users", "/root/.ssh/authorized_keys", user="root", lines=(f"{CLOSED} {KEY}",))
    assert changes[2] == root_keys
    assert changes[3].target == "/etc/sudoers.d/90-ovfinit"
    assert len(changes) == 4


def test_whose_name_counts(root: Path) -> None:
    """The admin's word before the metadata's before the distribution's."""
    named = Config(default_user=UserConfig(name="admin"))
    assert kinds(wanted(root, named, username="cloud"), EnsureUser)[0].target == "admin"
    assert kinds(wanted(root, username="cloud"), EnsureUser)[0].target == "cloud"
    (root / "etc/os-release").write_text("")
    assert kinds(wanted(root), EnsureUser)[0].target == "user"


@pytest.mark.parametrize("name", ["Root User", "../x", "-rf", "a" * 33, "a:b", "é", "user\n", "%sudo", "ALL=(ALL)"])
def test_names_that_are_none(root: Path, name: str) -> None:
    """What is no user name is an error of this duty, never a guess."""
    with pytest.raises(ChangeError, match="is not a user name"):
        wanted(root, username=name)


def test_root_as_the_default_user(root: Path) -> None:
    """With root as the default user nobody is made, and its keys are open."""
    changes = wanted(root, Config(default_user=UserConfig(name="root")), public_keys=[KEY])
    assert changes == [AuthorizeKeys("users", "/root/.ssh/authorized_keys", user="root", lines=(KEY,))]


def test_root_may_be_let_in(root: Path) -> None:
    """`disable_root: false` gives root the same keys."""
    changes = wanted(root, Config(ssh=SshConfig(disable_root=False)), public_keys=[KEY])
    assert [change.lines for change in kinds(changes, AuthorizeKeys)] == [(KEY,), (KEY,)]


def test_homes_of_existing_users(root: Path) -> None:
    """A user who is there keeps his home, wherever it is."""
    (root / "etc/passwd").write_text("root:x:0:0::/var/root:/bin/sh\ndebian:x:1000:1000::/srv/deb:/bin/sh\n")
    targets = [change.target for change in kinds(wanted(root, public_keys=[KEY]), AuthorizeKeys)]
    assert targets == ["/srv/deb/.ssh/authorized_keys", "/var/root/.ssh/authorized_keys"]


@pytest.mark.parametrize(
    ("key", "rest"),
    [
        (f'command="/bin/sh",pty {KEY}', KEY),
        (f'environment="A=ssh-rsa B" {KEY}', KEY),
        (f"cert-authority {KEY} with words", f"{KEY} with words"),
        ("sk-ssh-ed25519@openssh.com AAAA me", "sk-ssh-ed25519@openssh.com AAAA me"),
        ("ecdsa-sha2-nistp256 AAAA me", "ecdsa-sha2-nistp256 AAAA me"),
    ],
)
def test_options_do_not_reach_root(root: Path, key: str, rest: str) -> None:
    """A key's own options are dropped for root, where they could undo the rule, and kept for the user."""
    own, closed = kinds(wanted(root, public_keys=[key]), AuthorizeKeys)
    assert own.lines == (key,)
    assert closed.lines[0].startswith(f"{CLOSED} ")
    assert closed.lines[0] == f"{CLOSED} {rest}"


@pytest.mark.parametrize(
    ("password", "expired"),
    [("correct horse", True), (HASH, False), ("$ecret", True), ("$6$x:0:", True), ("$$$$", True)],
)
def test_passwords(root: Path, password: str, expired: bool) -> None:
    """A password in clear is to be changed at the first login, a hash is not; what only looks like one is in clear."""
    user = kinds(wanted(root, password=Secret(password)), EnsureUser)[0]
    assert user.password == Secret(password)
    assert user.expired == expired


def test_password_is_set_once(root: Path) -> None:
    """Once the duty has run the password is the user's own affair."""
    past = Past(new=False, done={"users": {}})
    assert kinds(wanted(root, past=past, password=Secret("x")), EnsureUser)[0].password is None


@pytest.mark.parametrize("password", ["RANDOM", "R", "two\nlines", "bell\a", "tab\t"])
def test_unusable_passwords(root: Path, password: str) -> None:
    """Passwords that everybody knows, or that cannot be typed, are left out and reported without being shown."""
    changes = wanted(root, password=Secret(password))
    assert kinds(changes, EnsureUser)[0].password is None
    problem = kinds(changes, Problem)[0]
    assert problem.field == "password"
    assert password not in problem.message


def test_sudo_rule(root: Path) -> None:
    """Visudo takes the rule, and looks at one out of the ordinary before it counts; without a rule there is no file."""
    file = kinds(wanted(root), WriteFile)[0]
    assert (file.mode, file.check) == (0o440, ())
    for rule in ("ALL=(root) NOPASSWD:/bin/ls", "ALL=(ALL)\nNOPASSWD:ALL"):
        assert kinds(wanted(root, Config(default_user=UserConfig(sudo=rule))), WriteFile)[0].check == ("visudo", "-cf")
    assert not kinds(wanted(root, Config(default_user=UserConfig(sudo=""))), WriteFile)
    visudo = shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin")
    if visudo is None:
        pytest.skip("sudo is not installed")
    (root / "rule").write_bytes(file.content)
    (root / "rule").chmod(0o440)
    told = subprocess.run([visudo, "-cf", root / "rule"], capture_output=True, check=False, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_wrong_sudo_rule_is_refused(tree: Path, ovfinit: Any, seed: Any) -> None:
    """A rule that visudo refuses is an error of this duty; no file is left, and the other duties are done."""
    if shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("sudo is not installed")
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("default_user: {sudo: 'ALL=(ALL NOPASSWD'}\n")
    result = ovfinit("apply", "--root", tree, "--from", seed(), code=1)
    assert "/etc/sudoers.d/90-ovfinit: was refused: visudo" in result.err
    assert list((tree / "etc/sudoers.d").iterdir()) == []
    assert (tree / "etc/hostname").read_text() == "web1\n"
