"""The cloud-config keys of the users duty."""

from __future__ import annotations

from ...accounts import is_hash, possible_name
from ...normalize.public_keys import read as read_keys
from ...userdata.reading import UNFIT
from ...userdata.scalars import Flag, Hidden, Number, Text
from ...userdata.schema import Many, Named, OneOf, Table
from ...userdata.spec import Nothing, Spec, Unoffered
from ..ssh_import import IDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...userdata.reading import Path, Reading


class _NoRule(Spec):
    """Null, or false as it was written once: no rule."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "null"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return value is None or value is False

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if value is False:
            reading.warning(path, "is deprecated", "write null")


class _Rules(Many):
    """Sudo rules; a flag is none, though YAML's flags pass for texts elsewhere."""

    @property
    def form(self) -> str:
        """See Spec."""
        return "rules, as a text or a list"

    def takes(self, value: object) -> bool:
        """See Spec."""
        return not isinstance(value, bool) and super().takes(value)


class _Account(Table):
    """One user; an entry that is only for snap is no user here."""

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        if isinstance(value, dict) and "snapuser" in value and "name" not in value:
            _KNOWN["snapuser"].read(value["snapuser"], (*path, "snapuser"), reading)
            return UNFIT
        return super().read(value, path, reading)


def _name(text: str) -> str | None:
    return None if possible_name(text) else "is not a user name (letters, digits, . _ and -, at most 32)"


def _names(text: str) -> str | None:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return next((wrong for name in names if (wrong := _name(name))), None) if names else "names nobody"


def _group(text: str) -> str | None:
    return None if possible_name(text) else "is not the name of a group"


def _gecos(text: str) -> str | None:
    return "must not hold a colon" if ":" in text else None


def _path(text: str) -> str | None:
    usable = text.startswith("/") and ":" not in text and not {".", ".."} & set(text.split("/"))
    return None if usable else "must be an absolute path without colons"


def _day(text: str) -> str | None:
    """An empty one is useradd's word for `never`."""
    from datetime import date

    try:
        date.fromisoformat(text or "2000-01-01")
    except ValueError:
        return "must be a day such as 2030-12-31"
    return None


def _hash(text: str) -> str | None:
    usable = is_hash(text) or not text.strip("!*x")
    return None if usable else "is not in crypt(5) form; plain_text_passwd takes a plain password"


def _rule(text: str) -> str | None:
    from ..sudoers import wrong

    return wrong(text)


def _key(text: str) -> str | None:
    found = read_keys([text])
    return None if found.lines or not found.problems else found.problems[0].removeprefix("key 1 ")


_KEYS = OneOf(
    "Public keys that may log in, lines of authorized_keys.",
    specs=(
        Many(item=Text(check=_key, lines=True), single=True),
        Named(value=Text(check=_key, lines=True), deprecated="write a list"),
    ),
)
_MEMBERS = OneOf(specs=(Nothing(), Many(item=Text(check=_name), single=True, commas=True)))
_KNOWN: dict[str, Spec] = {
    "name": Text("The login name.", check=_name),
    "gecos": Text("The person's name, and what else passwd(5) has in this field.", check=_gecos),
    "homedir": Text("The home; /home/NAME without it.", check=_path),
    "primary_group": Text("The primary group; one named after the user without it.", check=_group),
    "groups": OneOf(
        "Groups besides the primary one.",
        specs=(
            Many(item=Text(check=_group), commas=True),
            Named(value=OneOf(specs=(Nothing(), Flag())), check=_group, deprecated="write a list"),
        ),
    ),
    "create_groups": Flag("Whether groups that do not exist are made; true without it."),
    "selinux_user": Text("The SELinux user to log in as."),
    "expiredate": Text("The day on which the account ends.", check=_day),
    "inactive": Number("Days after a password expired until the account is closed; -1: never.", low=-1),
    "lock_passwd": Flag("Whether logging in with a password is impossible; true without it."),
    "passwd": Hidden("A hash in crypt(5) form, for a user that is new or has no password.", lines=False, check=_hash),
    "hashed_passwd": Hidden("A hash in crypt(5) form, for an existing user too.", lines=False, check=_hash),
    "plain_text_passwd": Hidden("A plain password, for an existing user too.", lines=False),
    "no_create_home": Flag("Whether the user has no home."),
    "no_user_group": Flag("Whether no group named after the user is made."),
    "no_log_init": Flag("Whether lastlog and faillog are left alone."),
    "ssh_authorized_keys": _KEYS,
    "ssh_import_id": IDS,
    "ssh_redirect_user": OneOf(
        "Whether the platform's keys only say that one should log in as the default user.",
        specs=(Flag(), Text(choices=("default",))),
    ),
    "sudo": OneOf(
        "Rules of sudoers(5) without the user's name in front; null: none.",
        specs=(_NoRule(), _Rules(item=OneOf(specs=(Nothing(), Text(check=_rule))), single=True)),
    ),
    "doas": Many("Rules of doas.conf(5) for this user.", item=Text(), single=True),
    "shell": Text("The login shell; the system's default without it.", check=_path),
    "system": Flag("Whether this is a system user, without a home."),
    "snapuser": Unoffered("The mail address of an account for snap.", instead="call `snap create-user` in runcmd"),
    "uid": Number("The user id.", high=2**32 - 2),
}
_DASHED = {name.replace("_", "-"): name for name in _KNOWN if "_" in name}
_ACCOUNT = _Account("One user.", keys=_KNOWN, required=("name",), aliases=_DASHED)
_UNNAMED = Table("One user.", keys=_KNOWN, aliases=_DASHED)

KEYS = {
    "users": OneOf(
        "Who can log in; `default` is the default user, who is left out of a list that does not have it.",
        specs=(
            Many(item=OneOf(specs=(_ACCOUNT, Many(item=Text(check=_names)), Text(check=_names)))),
            Text(check=_names, deprecated="write a list"),
            Named(value=OneOf(specs=(_UNNAMED, Flag(), Nothing())), check=_name, deprecated="write a list"),
        ),
    ),
    "user": OneOf(
        "What is otherwise with the default user; the same keys as in users.",
        specs=(_UNNAMED, Text(check=_name, deprecated="write users, a list")),
    ),
    "groups": OneOf(
        "Groups to make: names, or a mapping of names to members.",
        specs=(
            Many(item=OneOf(specs=(Named(value=_MEMBERS, check=_group), Text(check=_group))), commas=True),
            Named(value=_MEMBERS, check=_group),
        ),
    ),
    "ssh_authorized_keys": _KEYS.with_(doc="Public keys of the default user, besides those of the platform."),
    "allow_public_ssh_keys": Flag("Whether the platform's keys are the default user's; true without it."),
    "disable_root": Flag("Whether root's keys only say whom to log in as."),
    "disable_root_opts": Text(
        "What stands before root's keys then; $USER is the default user, $DISABLE_USER is root.",
    ),
}
