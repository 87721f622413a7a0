"""Passwords by cloud-config: whose, in which form, and what is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from handlers.cloudconfig import handed, typed

from ovfinit.changes import Change, EnsureUser, SetPassword
from ovfinit.config import Config, UserConfig
from ovfinit.handlers import passwords, users
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem, Secret
from ovfinit.state import Past

HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"
SETTINGS = Config(default_user=UserConfig(name="admin"))


def wanted(root: Path, text: str, *, module: Any = passwords, **more: Any) -> list[Change | Problem]:
    """What a duty yields for a cloud-config; `more` are other keys, typed already."""
    data = typed(passwords, text)[0]
    data = data.with_(config={**data.config, **more})
    metadata = Metadata(password=Secret("of the platform"))
    return list(module.changes(metadata, SETTINGS, Host(str(root)), Past(), data))


def test_the_default_users_password(tmp_path: Path) -> None:
    """It is set for the default user and to be changed at the first login, unless it is said to last."""
    text = "password: correct horse"
    assert wanted(tmp_path, text) == [SetPassword("passwords", "admin", password=Secret("correct horse"), expired=True)]
    (change,) = wanted(tmp_path, f"{text}\nchpasswd: {{expire: false}}")
    assert change == SetPassword("passwords", "admin", password=Secret("correct horse"), expired=False)


def test_passwords_of_others(tmp_path: Path) -> None:
    """Hash, text and a random one for each user; the default user's password yields to them."""
    text = f"""
password: unused
chpasswd:
  expire: false
  users:
  - {{name: one, password: {HASH}}}
  - {{name: two, password: 'a:b c', type: text}}
  - {{name: three, type: RANDOM}}
"""
    assert handed(passwords, text)
    assert wanted(tmp_path, text) == [
        SetPassword("passwords", "one", password=Secret(HASH), expired=False),
        SetPassword("passwords", "two", password=Secret("a:b c"), expired=False),
        SetPassword("passwords", "three", password=None, expired=False),
    ]


@pytest.mark.parametrize(
    "form", ["|\n    one:secret\n    two:R\n    three:RANDOM\n", "['one:secret', 'two:R', 'three:RANDOM']"]
)
def test_the_old_list(tmp_path: Path, form: str) -> None:
    """The list of old is taken in both of its forms, with a word about the new one."""
    text = f"chpasswd:\n  list: {form}"
    _, findings = typed(passwords, text)
    assert findings == ["user-data:2:9: warning: chpasswd.list: is deprecated (write users)"]
    assert [(change.target, change.password) for change in wanted(tmp_path, text)] == [
        ("one", Secret("secret")),
        ("two", None),
        ("three", None),
    ]


def test_nobody_to_give_it_to(tmp_path: Path) -> None:
    """Without a default user its password is reported."""
    (problem,) = wanted(tmp_path, "password: x", users=())
    assert problem == Problem("password", "is for the default user, whom `users` leaves out")


def test_one_word_about_a_password(tmp_path: Path) -> None:
    """Who gets a password here is neither locked nor given the platform's by the users duty."""
    (tmp_path / "etc").mkdir()
    for text in ("password: x", "chpasswd: {users: [{name: admin, type: RANDOM}]}"):
        changes = wanted(tmp_path, text, module=users)
        admin = next(change for change in changes if isinstance(change, EnsureUser))
        assert (admin.password, admin.locked) == (None, None)
    changes = wanted(tmp_path, "chpasswd: {users: [{name: bob, type: RANDOM}]}", module=users)
    assert next(change for change in changes if isinstance(change, EnsureUser)).password == Secret("of the platform")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("password: 'two\\nlines'", None),
        ('password: "a\\nroot:b"', "password: must be one line without control characters"),
        ("chpasswd: {users: [{name: 'root:x', password: y}]}", "chpasswd.users[0].name: is not a user name"),
        ("chpasswd: {users: [{password: y}]}", "chpasswd.users[0]: needs the key name"),
        ("chpasswd: {users: [{name: a, type: random}]}", "chpasswd.users[0].type: must be one of hash, text, RANDOM"),
        ("chpasswd: {list: [nonsense]}", "chpasswd.list[0]: must be USER:PASSWORD"),
        ("chpasswd: {list: 'a:b\\n'}", None),
        ("chpasswd: {expired: no}", "chpasswd.expired: is not a known key (did you mean expire?)"),
    ],
)
def test_what_is_off(text: str, message: str | None) -> None:
    """Mistakes are found with their key and never with the value."""
    errors = [text for text in typed(passwords, text)[1] if " error: " in text]
    assert len(errors) == (message is not None)
    assert not message or f"error: {message}" in errors[0]


def test_a_hash_that_is_none(tmp_path: Path) -> None:
    """A plain password is never set for one that is said to be a hash, and a missing one is reported."""
    found = wanted(tmp_path, "chpasswd: {users: [{name: a, password: plain}, {name: b, type: text}]}")
    assert [item.field for item in found] == ["chpasswd.users[0].password", "chpasswd.users[1].password"]
    assert "plain;" not in str(found[0].message)
