"""Users, groups and passwords that cloud-config asks for: what the duty makes of them, and what is off in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from handlers.accounts import SETTINGS, kinds, problems, wanted
from handlers.cloudconfig import handed, typed
from scratch import KEY

from ovfinit.changes import (
    LOCAL,
    NETWORK,
    AuthorizeKeys,
    Change,
    EnsureGroup,
    EnsureUser,
    WriteFile,
)
from ovfinit.handlers import users
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem, Secret
from ovfinit.state import Past
from ovfinit.userdata import Script, UserData

HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"


def people(changes: list[Change | Problem]) -> list[str]:
    """Who is made."""
    return list(kinds(changes, EnsureUser))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("users: [default]", ["admin"]),
        ("users: [default, bob, alice]", ["admin", "bob", "alice"]),
        ("users: [bob]", ["bob"]),
        ("users: []", []),
        ("users: [[bob, alice], 'carol, dave']", ["bob", "alice", "carol", "dave"]),
        ("users: [{name: bob, shell: /bin/sh}, {name: default}]", ["admin", "bob"]),
        ("users: [{name: admin, shell: /bin/zsh}, default]", ["admin"]),
        ("user: {name: chief}", ["chief"]),
        ("user: {name: chief}\nusers: [bob]", ["chief", "bob"]),
    ],
)
def test_who_is_made(root: Path, text: str, names: list[str]) -> None:
    """The default user is made if it is named, if `user` describes it, or if there is no list; others as named."""
    assert people(wanted(root, text)) == names


@pytest.mark.parametrize(
    ("text", "names", "finding"),
    [
        ("users: bob, alice", ["bob", "alice"], "user-data:1:8: warning: users: is deprecated (write a list)"),
        (
            "users: {bob: true, carol: false, dave: {uid: 5}}",
            ["bob", "dave"],
            "user-data:1:8: warning: users: is deprecated (write a list)",
        ),
        ("user: chief", ["chief"], "user-data:1:7: warning: user: is deprecated (write users, a list)"),
    ],
)
def test_forms_of_old(root: Path, text: str, names: list[str], finding: str) -> None:
    """Forms that were documented once are taken, with a word about the new one."""
    data, findings = typed(users, text)
    assert findings == [finding]
    changes = list(users.changes(Metadata(), SETTINGS, Host(str(root)), Past(), data))
    assert people(changes) == names


def test_every_key_of_a_user(root: Path) -> None:
    """Each key lands in the change that useradd or usermod is called for."""
    text = f"""
users:
- name: bob
  gecos: Bob B. Bobson
  homedir: /srv/bob
  primary_group: staff
  groups: docker, adm
  expiredate: 2030-12-31
  inactive: '5'
  lock_passwd: false
  hashed_passwd: {HASH}
  no_log_init: true
  shell: /bin/zsh
  uid: 1500
"""
    changes = wanted(root, text)
    assert kinds(changes, EnsureUser)["bob"] == EnsureUser(
        "users",
        "bob",
        LOCAL,
        gecos="Bob B. Bobson",
        shell="/bin/zsh",
        groups=("docker", "adm"),
        home="/srv/bob",
        password=Secret(HASH),
        uid=1500,
        primary_group="staff",
        user_group=False,
        log_init=False,
        expires="2030-12-31",
        inactive=5,
        locked=False,
    )
    assert list(kinds(changes, EnsureGroup)) == ["docker", "adm", "staff"]
    assert changes.index(kinds(changes, EnsureGroup)["staff"]) < changes.index(kinds(changes, EnsureUser)["bob"])
    assert kinds(changes, AuthorizeKeys)["/srv/bob/.ssh/authorized_keys"].lines == ()


def test_dashes_are_taken(root: Path) -> None:
    """The spellings with dashes do the same, each with the one to write."""
    keys = ("primary-group: staff", "lock-passwd: true", "no-user-group: true", "ssh-authorized-keys: []")
    data, findings = typed(users, f"users: [{{name: bob, {', '.join(keys)}}}]")
    assert [text.partition("warning: ")[2] for text in findings] == [
        f"users[0].{key.partition(':')[0]}: is deprecated (write {key.partition(':')[0].replace('-', '_')})"
        for key in keys
    ]
    (bob,) = data.config["users"]
    assert (bob["primary_group"], bob["lock_passwd"], bob["no_user_group"]) == ("staff", True, True)


@pytest.mark.parametrize(
    ("groups", "names"),
    [("'a, b'", ["a", "b"]), ("[a, b]", ["a", "b"]), ("{a: null, b: null}", ["a", "b"]), ("[]", [])],
)
def test_forms_of_a_users_groups(root: Path, groups: str, names: list[str]) -> None:
    """Text with commas, list, and the mapping of old."""
    data, _ = typed(users, f"users: [{{name: bob, groups: {groups}}}]")
    changes = list(users.changes(Metadata(), SETTINGS, Host(str(root)), Past(), data))
    assert list(kinds(changes, EnsureUser)["bob"].groups) == names
    assert list(kinds(changes, EnsureGroup)) == names


def test_groups_that_must_be_there(root: Path) -> None:
    """`create_groups: false` makes none, and the default user of the image joins only what there is."""
    assert not kinds(wanted(root, "users: [{name: bob, groups: [a], create_groups: false}, default]"), EnsureGroup)


def test_groups_with_members(root: Path) -> None:
    """Groups of their own: members who are there join them, those of the list are made so, others reported."""
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nsys:x:3:3::/dev:/bin/false\n")
    text = "groups: [{admingroup: [root, sys]}, cloud-users, {more: bob}, {some: 'bob,nobody-there'}]\nusers: [bob]"
    changes = wanted(root, text)
    assert {name: group.members for name, group in kinds(changes, EnsureGroup).items()} == {
        "admingroup": ("root", "sys"),
        "cloud-users": (),
        "more": (),
        "some": (),
    }
    assert kinds(changes, EnsureUser)["bob"].groups == ("more", "some")
    assert problems(changes) == ["groups.some: has a member who is none of the users: nobody-there"]
    for text in ("groups: a, b", "groups: [a, b]", "groups: {a: , b: []}"):
        assert list(kinds(wanted(root, text), EnsureGroup)) == ["a", "b"]


def test_system_users_have_no_home(root: Path) -> None:
    """A system user, and one with no_create_home, has no home, and keys for it are reported."""
    for key in ("system", "no_create_home"):
        changes = wanted(root, f"users: [{{name: bob, {key}: true, ssh_authorized_keys: ['{KEY}']}}]")
        assert kinds(changes, EnsureUser)["bob"].create_home is False
        assert [item.user for item in kinds(changes, AuthorizeKeys).values()] == ["root"]
        assert problems(changes) == ["users.bob.ssh_authorized_keys: has no effect: a user without a home has no keys"]


def test_the_default_user_is_changed_by_user(root: Path) -> None:
    """`user` takes sudo away, and its groups take the place of the image's; an entry in the list adds to them."""
    changes = wanted(root, "user: {name: chief, sudo: null, groups: [wheel]}\nusers: [{name: default, groups: [dev]}]")
    chief = kinds(changes, EnsureUser)["chief"]
    assert (chief.groups, chief.shell, chief.locked) == (("dev", "wheel"), "/bin/bash", None)
    assert not kinds(changes, WriteFile)


@pytest.mark.parametrize(
    ("keys", "password", "locked"),
    [
        ("", None, True),
        (f"passwd: {HASH}", HASH, True),
        (f"passwd: {HASH}, lock_passwd: false", HASH, False),
        ("plain_text_passwd: s3cret word, lock_passwd: false", "s3cret word", False),
        (f"hashed_passwd: {HASH}, passwd: $1$a$b", HASH, True),
        ("hashed_passwd: '!'", None, True),
        ("hashed_passwd: '*', lock_passwd: false", None, True),
    ],
)
def test_passwords_and_locks(root: Path, keys: str, password: str | None, locked: bool) -> None:
    """A password is set as it is given; whoever is not said to be open is locked."""
    bob = kinds(wanted(root, f"users: [{{name: bob, {keys}}}]"), EnsureUser)["bob"]
    assert (bob.password, bob.locked) == (password and Secret(password), locked)
    assert (bob.expired, bob.shell) == (False, "")


def test_passwd_is_for_who_has_none(root: Path) -> None:
    """`passwd` leaves the password of somebody who has one alone; the two others do not."""
    (root / "etc/passwd").write_text("bob:x:1000:1000::/home/bob:/bin/sh\neve:x:1001:1001::/home/eve:/bin/sh\n")
    (root / "etc/shadow").write_text(f"bob:{HASH}:1::::::\neve:!:1::::::\n")
    for name, key, given in (("bob", "passwd", False), ("bob", "hashed_passwd", True), ("eve", "passwd", True)):
        user = kinds(wanted(root, f"users: [{{name: {name}, {key}: {HASH}}}]"), EnsureUser)[name]
        assert (user.password is not None) is given


def test_passwords_and_locks_once(root: Path) -> None:
    """Once the duty has run, password and lock are the user's own affair."""
    past = Past(new=False, done={"users": {}})
    bob = kinds(wanted(root, f"users: [{{name: bob, passwd: {HASH}}}]", past), EnsureUser)["bob"]
    assert (bob.password, bob.locked) == (None, None)


def test_nothing_to_unlock(root: Path) -> None:
    """`lock_passwd: false` without a password is reported."""
    changes = wanted(root, "users: [{name: bob, lock_passwd: false}]")
    assert problems(changes) == ["users.bob.lock_passwd: has nothing to unlock: no password is given"]


@pytest.mark.parametrize(("entry", "left"), [("name: joe, snapuser: j@a.example", 1), ("snapuser: j@a.example", 0)])
def test_snap_users_are_known(entry: str, left: int) -> None:
    """A snap user is named as what is not offered, with what to do, and is no mistake."""
    data, findings = typed(users, f"users: [{{{entry}}}]")
    (finding,) = findings
    assert " warning: users[0].snapuser: is known, but not offered (call `snap create-user` in runcmd)" in finding
    assert len(data.config["users"]) == left


@pytest.mark.parametrize("early", [{"config": {"bootcmd": ("true",)}}, {"boothooks": (Script("x", b""),)}])
def test_after_the_users_own_early_commands(root: Path, early: dict[str, Any]) -> None:
    """Where a command of the user's comes first, accounts are made after it, in the network stage."""
    config = {**handed(users, "users: [bob]").config, **early.get("config", {})}
    data = UserData(config=config, boothooks=early.get("boothooks", ()))
    changes = list(users.changes(Metadata(), SETTINGS, Host(str(root)), Past(), data))
    assert {change.stage for change in changes if isinstance(change, Change)} == {NETWORK}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: 'a:b'}", "users[0].name: is not a user name (letters, digits, . _ and -, at most 32)"),
        ('{name: "bob\\nroot"}', "users[0].name: must be one line without control characters"),
        ("{name: ../x}", "users[0].name: is not a user name (letters, digits, . _ and -, at most 32)"),
        ("{name: -rf}", "users[0].name: is not a user name (letters, digits, . _ and -, at most 32)"),
        ("{name: 1000}", "users[0].name: is not a user name (letters, digits, . _ and -, at most 32)"),
        ("{shell: /bin/sh}", "users[0]: needs the key name"),
        ("{name: bob, gecos: 'x:0:0'}", "users[0].gecos: must not hold a colon"),
        ("{name: bob, homedir: ../../etc}", "users[0].homedir: must be an absolute path without colons"),
        ("{name: bob, homedir: /home/../etc}", "users[0].homedir: must be an absolute path without colons"),
        ("{name: bob, shell: 'sh'}", "users[0].shell: must be an absolute path without colons"),
        ("{name: bob, groups: 'a:b'}", "users[0].groups: is not the name of a group"),
        ("{name: bob, expiredate: tomorrow}", "users[0].expiredate: must be a day such as 2030-12-31"),
        ("{name: bob, inactive: true}", "users[0].inactive: must be a whole number from -1 to 2147483647, not a flag"),
        (
            "{name: bob, passwd: secret}",
            "users[0].passwd: is not in crypt(5) form; plain_text_passwd takes a plain password",
        ),
        (
            '{name: bob, plain_text_passwd: "a\\nroot:b"}',
            "users[0].plain_text_passwd: must be one line without control characters",
        ),
        (
            "{name: bob, ssh_authorized_keys: [nonsense]}",
            "users[0].ssh_authorized_keys[0]: is not an OpenSSH public key and was left out",
        ),
        ("{name: bob, lok_passwd: true}", "users[0].lok_passwd: is not a known key (did you mean lock_passwd?)"),
    ],
)
def test_what_is_off(entry: str, message: str) -> None:
    """Hostile and mistaken values are found, with their key and never with the value."""
    _, findings = typed(users, f"users: [{entry}]")
    assert [text.partition("error: ")[2] for text in findings] == [message]
