"""Users, groups, keys and rights that cloud-config asks for: what the duty makes of them, and what is off in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from handlers.cloudconfig import handed, typed
from scratch import KEY, OTHER_KEY

from ovfinit.changes import (
    LOCAL,
    NETWORK,
    AuthorizeKeys,
    Call,
    Change,
    EnsureGroup,
    EnsureUser,
    WriteBlock,
    WriteFile,
)
from ovfinit.config import Config, UserConfig
from ovfinit.handlers import users
from ovfinit.handlers.login_keys import CLOSED
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem, Secret
from ovfinit.state import Past
from ovfinit.userdata import Script, UserData

HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"
SETTINGS = Config(default_user=UserConfig(name="admin", groups=("adm", "sudo")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with root only."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (tmp_path / "etc/shadow").write_text("root:*:1::::::\n")
    return tmp_path


def wanted(root: Path, text: str, past: Past | None = None, **metadata: Any) -> list[Change | Problem]:
    """What the duty yields for a cloud-config in which nothing is off."""
    known = {"public_keys": [KEY], **metadata}
    return list(users.changes(Metadata(**known), SETTINGS, Host(str(root)), past or Past(), handed(users, text)))


def kinds(changes: list[Change | Problem], kind: type) -> dict[str, Any]:
    """Those of one kind by target, problems by field."""
    return {
        item.field if isinstance(item, Problem) else item.target: item for item in changes if isinstance(item, kind)
    }


def people(changes: list[Change | Problem]) -> list[str]:
    """Who is made."""
    return list(kinds(changes, EnsureUser))


def problems(changes: list[Change | Problem]) -> list[str]:
    """What had to be left out."""
    return [f"{item.field}: {item.message}" for item in changes if isinstance(item, Problem)]


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
