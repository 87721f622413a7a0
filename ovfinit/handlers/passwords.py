"""Passwords of users who are there: the default user's, and those of `chpasswd`, random ones among them."""

from __future__ import annotations

from ..accounts import is_hash, possible_name
from ..changes import SetPassword
from ..model import Problem, Secret
from ..record import Record
from ..userdata.scalars import Flag, Hidden, Text
from ..userdata.schema import Many, OneOf, Table
from . import roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "passwords"
# the word for a random password, and its short form in `list`
RANDOM, SHORT = "RANDOM", "R"


def _name(text: str) -> str | None:
    return None if possible_name(text) else "is not a user name (letters, digits, . _ and -, at most 32)"


def _pair(text: str) -> str | None:
    name, colon, password = text.partition(":")
    if not colon or not possible_name(name.strip()) or not password:
        return "must be USER:PASSWORD"
    return None


def _pairs(text: str) -> str | None:
    return next((wrong for line in text.splitlines() if line.strip() and (wrong := _pair(line))), None)


KEYS = {
    "password": Hidden("The default user's password; chpasswd goes before it.", lines=False),
    "chpasswd": Table(
        "Passwords of users who are there.",
        keys={
            "expire": Flag("Whether they must be changed at the first login; true without it."),
            "users": Many(
                "Users and their passwords.",
                item=Table(
                    keys={
                        "name": Text("The login name.", check=_name),
                        "password": Hidden("The password, in the form that `type` says.", lines=False),
                        "type": Text(
                            "Whether that is a hash in crypt(5) form, a plain text, or made up here.",
                            choices=("hash", "text", RANDOM),
                        ),
                    },
                    required=("name",),
                ),
            ),
            "list": OneOf(
                "Lines or a list of USER:PASSWORD; R or RANDOM is made up here.",
                deprecated="write users",
                specs=(Many(item=Hidden(check=_pair, lines=False)), Hidden(check=_pairs)),
            ),
        },
    ),
}


class _Entry(Record):
    """One password that is asked for; `secret` None is made up when it is set."""

    name: str
    secret: Secret | None


def names(asked: Mapping[str, Any], default: str | None) -> set[str]:
    """Who gets a password by this duty."""
    return {entry.name for entry in _entries(asked, default) if not isinstance(entry, Problem)}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Each is set once per instance; what the user makes of it later stays."""
    del past
    people = roster.read(metadata, config, host, handed)
    if "password" in handed.config and people.default is None and not _listed(handed.config):
        yield Problem("password", "is for the default user, whom `users` leaves out")
    expired = handed.config.get("chpasswd", {}).get("expire", True)
    for entry in _entries(handed.config, people.default):
        if isinstance(entry, Problem):
            yield entry
        else:
            yield SetPassword(NAME, entry.name, roster.stage(handed), password=entry.secret, expired=expired)


def _listed(asked: Mapping[str, Any]) -> bool:
    table = asked.get("chpasswd", {})
    return bool(table.get("users") or table.get("list"))


def _entries(asked: Mapping[str, Any], default: str | None) -> Iterator[_Entry | Problem]:
    """Users, then the old list, each name once; without both the default user's password."""
    table = asked.get("chpasswd", {})
    found: dict[str, _Entry | Problem] = {}
    for number, user in enumerate(table.get("users", ())):
        found[user["name"]] = _judged(user, f"chpasswd.users[{number}]")
    given: Sequence[Secret] | Secret = table.get("list", ())
    lines = [line for text in ((given,) if isinstance(given, Secret) else given) for line in text.reveal().splitlines()]
    for line in lines:
        name, colon, password = line.strip().partition(":")
        if colon:
            found.setdefault(name, _Entry(name, None if password in (RANDOM, SHORT) else Secret(password)))
    if not found and "password" in asked and default is not None:
        found[default] = _Entry(default, asked["password"])
    yield from found.values()


def _judged(user: Mapping[str, Any], path: str) -> _Entry | Problem:
    kind = user.get("type", "hash")
    password = user.get("password")
    if kind == RANDOM:
        return _Entry(user["name"], None)
    if password is None:
        return Problem(f"{path}.password", "is missing; `type: RANDOM` makes one up")
    if kind == "hash" and not is_hash(password.reveal()):
        return Problem(f"{path}.password", "is not in crypt(5) form; `type: text` takes a plain password")
    return _Entry(user["name"], password)
