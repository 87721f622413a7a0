"""Keys and rights that cloud-config gives to users: authorized_keys, root's door, sudo, doas, SELinux."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from handlers.accounts import SETTINGS, kinds, problems, wanted
from handlers.cloudconfig import typed
from scratch import KEY, OTHER_KEY

from ovfinit.changes import (
    AuthorizeKeys,
    Call,
    EnsureUser,
    WriteBlock,
    WriteFile,
)
from ovfinit.handlers import users
from ovfinit.handlers.login_keys import CLOSED
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past


def test_keys_of_everybody(root: Path) -> None:
    """The default user has the platform's keys and those of the top level, each user his own, root all closed ones."""
    text = f"ssh_authorized_keys: ['{OTHER_KEY}']\nusers: [default, {{name: bob, ssh_authorized_keys: ['{KEY}']}}]"
    keys = {path: change.lines for path, change in kinds(wanted(root, text), AuthorizeKeys).items()}
    closed = CLOSED.replace("$USER", "admin").replace("$DISABLE_USER", "root")
    assert keys == {
        "/home/admin/.ssh/authorized_keys": (KEY, OTHER_KEY),
        "/home/bob/.ssh/authorized_keys": (KEY,),
        "/root/.ssh/authorized_keys": (f"{closed} {KEY}", f"{closed} {OTHER_KEY}"),
    }


@pytest.mark.parametrize("form", ["'{}'", "['{}']", "{{a: '{}'}}", "|-\n  # mine\n  {}\n"])
def test_forms_of_keys(root: Path, form: str) -> None:
    """One text, a list, the mapping of old, lines of a file: all give the key."""
    data, _ = typed(users, f"ssh_authorized_keys: {form.format(OTHER_KEY)}")
    changes = list(users.changes(Metadata(), SETTINGS, Host(str(root)), Past(), data))
    assert kinds(changes, AuthorizeKeys)["/home/admin/.ssh/authorized_keys"].lines == (OTHER_KEY,)


def test_platform_keys_can_be_refused(root: Path) -> None:
    """`allow_public_ssh_keys: false` takes only what the user hands over."""
    changes = wanted(root, f"allow_public_ssh_keys: false\nssh_authorized_keys: ['{OTHER_KEY}']")
    assert kinds(changes, AuthorizeKeys)["/home/admin/.ssh/authorized_keys"].lines == (OTHER_KEY,)


def test_roots_door(root: Path) -> None:
    """`disable_root: false` opens root to the keys; `disable_root_opts` takes the place of the closing options."""
    path = "/root/.ssh/authorized_keys"
    assert kinds(wanted(root, "disable_root: false"), AuthorizeKeys)[path].lines == (KEY,)
    text = """disable_root_opts: 'no-pty,command="echo $DISABLE_USER is $USER"'"""
    assert kinds(wanted(root, text), AuthorizeKeys)[path].lines == (f'no-pty,command="echo root is admin" {KEY}',)


def test_root_in_the_list(root: Path) -> None:
    """Root's own keys are open, whatever the platform's are."""
    text = f"users: [default, {{name: root, ssh_authorized_keys: ['{OTHER_KEY}'], lock_passwd: false}}]"
    changes = wanted(root, text, public_keys=[KEY, OTHER_KEY])
    lines = kinds(changes, AuthorizeKeys)["/root/.ssh/authorized_keys"].lines
    assert lines[0] == OTHER_KEY
    assert [line.endswith(f" {KEY}") for line in lines[1:]] == [True]
    assert kinds(changes, EnsureUser)["root"].locked is False


def test_nobody_to_send_people_to(root: Path) -> None:
    """Without a default user root gets no closed keys, and keys for the default user are reported."""
    changes = wanted(root, f"users: [bob]\nssh_authorized_keys: ['{OTHER_KEY}']")
    assert kinds(changes, AuthorizeKeys)["/root/.ssh/authorized_keys"].lines == ()
    assert problems(changes) == ["ssh_authorized_keys: are for the default user, whom `users` leaves out"]


def test_redirected_users(root: Path) -> None:
    """The platform's keys, closed, say whom to log in as; with keys of its own, or no default user, it is reported."""
    changes = wanted(root, "users: [default, {name: old, ssh_redirect_user: true}]")
    closed = CLOSED.replace("$USER", "admin").replace("$DISABLE_USER", "old")
    assert kinds(changes, AuthorizeKeys)["/home/old/.ssh/authorized_keys"].lines == (f"{closed} {KEY}",)
    own = f"users: [default, {{name: old, ssh_redirect_user: default, ssh_authorized_keys: ['{OTHER_KEY}']}}]"
    assert "users.old.ssh_redirect_user" in kinds(wanted(root, own), Problem)
    assert "users.old.ssh_redirect_user" in kinds(
        wanted(root, "users: [{name: old, ssh_redirect_user: true}]"), Problem
    )


def test_keys_that_left(root: Path) -> None:
    """Whoever is no longer named keeps the account and loses our keys, and only ours."""
    (root / "etc/passwd").write_text("bob:x:1000:1000::/home/bob:/bin/sh\neve:x:1001:1001::/home/eve:/bin/sh\n")
    for name, text in (("bob", f"# BEGIN ovfinit\n{KEY}\n# END ovfinit\n"), ("eve", f"{KEY}\n")):
        folder = root / f"home/{name}/.ssh"
        folder.mkdir(parents=True)
        (folder / "authorized_keys").write_text(text)
    keys = kinds(wanted(root, "users: []"), AuthorizeKeys)
    assert {path: change.lines for path, change in keys.items()} == {
        "/root/.ssh/authorized_keys": (),
        "/home/bob/.ssh/authorized_keys": (),
    }


def test_rights_of_sudo(root: Path) -> None:
    """All rules stand in one file that visudo accepts, names that sudo would take for an alias in quotes."""
    text = """
users:
- default
- {name: bob, sudo: 'ALL=(ALL) NOPASSWD:ALL'}
- {name: ALL, sudo: ['ALL=(root) /bin/ls', 'ALL=(root) NOPASSWD:/bin/df']}
- {name: john.doe, sudo: [null, ALL=ALL]}
- {name: carol, sudo: null}
- {name: root, sudo: ALL=ALL}
"""
    file = kinds(wanted(root, text), WriteFile)["/etc/sudoers.d/90-ovfinit"]
    assert file.content.decode().splitlines()[1:] == [
        "admin ALL=(ALL) NOPASSWD:ALL",
        "bob ALL=(ALL) NOPASSWD:ALL",
        '"ALL" ALL=(root) /bin/ls',
        '"ALL" ALL=(root) NOPASSWD:/bin/df',
        '"john.doe" ALL=ALL',
    ]
    assert (file.mode, file.check) == (0o440, ("visudo", "-cf"))
    visudo = shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin")
    if visudo is None:
        pytest.skip("sudo is not installed")
    told = subprocess.run([visudo, "-cf", "-"], input=file.content, capture_output=True, check=False)
    assert told.returncode == 0, told


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("ALL=(ALL NOPASSWD", "is no rule that visudo accepts; see sudoers(5)"),
        ("ALL=(ALL) ALL \\", "ends in a backslash, which would take the next line in"),
        ('"ALL=(ALL) ALL\\nroot2 ALL=(ALL) ALL"', "must be one line without control characters"),
        ("true", None),
    ],
)
def test_rules_that_are_none(rule: str, message: str | None) -> None:
    """A wrong rule is found with its place, costs nobody else's, and cannot smuggle in a line."""
    if shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("sudo is not installed")
    data, findings = typed(
        users, f"users: [{{name: bob, sudo: [{rule}]}}]" if message else "users: [{name: bob, sudo: true}]"
    )
    if message:
        assert findings == [f"user-data:1:28: error: users[0].sudo[0]: {message}"]
        assert data.config["users"][0]["sudo"] == ()
    else:
        assert findings == [
            "user-data:1:27: error: users[0].sudo: must be null or rules, as a text or a list, not a flag"
        ]


def test_an_unread_folder_of_rules(root: Path) -> None:
    """A sudoers that does not include our folder is reported with the line to add."""
    (root / "etc/sudoers").write_text("root ALL=(ALL) ALL\n")
    assert problems(wanted(root, "users: [default]"))[0].startswith("sudo: does not read /etc/sudoers.d")
    (root / "etc/sudoers").write_text("#includedir /etc/sudoers.d\n")
    assert problems(wanted(root, "users: [default]")) == []


def test_rights_of_doas(root: Path) -> None:
    """Rules stand in our block, or in a file of ours where there is a folder; a wrong one costs its user all."""
    text = """
users:
- {name: bob, doas: [permit nopass bob, deny bob as root, 'permit setenv { A=1 } bob cmd ls args -l']}
- {name: eve, doas: [permit eve, permit nopass bob]}
"""
    changes = wanted(root, text)
    rules = ("permit nopass bob", "deny bob as root", "permit setenv { A=1 } bob cmd ls args -l")
    assert kinds(changes, WriteBlock)["/etc/doas.conf"].lines == rules
    assert problems(changes) == ["users.eve.doas: has a rule that is none of doas.conf(5) for eve; all left out"]
    (root / "etc/doas.d").mkdir()
    file = kinds(wanted(root, text), WriteFile)["/etc/doas.d/90-ovfinit.conf"]
    assert file.content.decode().splitlines()[1:] == list(rules)
    doas = shutil.which("doas")
    if doas is None:
        pytest.skip("doas is not installed")
    (root / "judged").write_bytes(file.content)
    assert subprocess.run([doas, "-C", root / "judged"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "rule",
    ["", "bob", "permit", "permit setenv bob", "permit bob as", "permit bob cmd", "permit :bob", "permit bob \\"],
)
def test_doas_rules_that_are_none(root: Path, rule: str) -> None:
    """What is no rule for this very user is left out."""
    changes = wanted(root, f"users: [{{name: bob, doas: ['{rule}']}}]")
    assert not kinds(changes, WriteBlock)
    assert "users.bob.doas" in kinds(changes, Problem)


def test_selinux_user(root: Path) -> None:
    """A login is mapped by semanage where SELinux is used, and reported elsewhere."""
    text = "users: [{name: bob, selinux_user: staff_u}]"
    assert problems(wanted(root, text)) == ["users.bob.selinux_user: has no effect: SELinux is not used here"]
    (root / "etc/selinux").mkdir()
    (root / "etc/selinux/config").touch()
    changes = wanted(root, text)
    call = kinds(changes, Call)["selinux-login-bob"]
    assert changes.index(call) > changes.index(kinds(changes, EnsureUser)["bob"])
    assert call.command == ("semanage", "login", "--add", "--seuser", "staff_u", "bob")
