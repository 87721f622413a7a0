"""User names, homes and the distribution's account tools, for `/` and for a tree under `--root`."""

from __future__ import annotations

import os

from .errors import ChangeError, InputError
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .changes import EnsureUser
    from .host import Host

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
MAIL = "/var/mail"
NAME_LIMIT = 32
_FIRST = "abcdefghijklmnopqrstuvwxyz_"
_REST = _FIRST + "0123456789-"
_CRYPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./$=,-_+*")


def valid_name(name: str) -> bool:
    """True for what Debian's useradd takes by default: `[a-z_][a-z0-9_-]*`, at most 32 characters."""
    return 0 < len(name) <= NAME_LIMIT and name[0] in _FIRST and all(character in _REST for character in name)


def possible_name(name: str) -> bool:
    """True for names beyond `valid_name` that people have and some useradd takes: upper case, dots, a digit in front.

    Safe as a path component and as a field of passwd(5); not only digits, which chown(1) takes for an id.
    """
    return (
        0 < len(name) <= NAME_LIMIT
        and name.isascii()
        and name.replace(".", "").replace("-", "").replace("_", "").isalnum()
        and (name[0].isalnum() or name[0] == "_")
        and not name.isdecimal()
    ) or name == "_"


def is_hash(text: str) -> bool:
    """True for the crypt(5) form `$method$…$hash`, false for what only starts with a dollar sign."""
    parts = text.split("$")
    return len(parts) >= 4 and parts[0] == "" and parts[1].isalnum() and set(text) <= _CRYPT


def command(host: Host, tool: str, *words: str) -> Sequence[str] | None:
    """The call of useradd, usermod, groupadd or userdel for this tree; None if the tool is not installed.

    Raises ChangeError for a tree whose links would lead the tool out of it.
    """
    path = host.tool(tool)
    if path is None:
        return None
    if not host.live:
        _check_inside(host)
    return (path, *words[:-1], *(() if host.live else ("--prefix", host.root)), words[-1])


def _check_inside(host: Host) -> None:
    """The tools follow an absolute link of the tree to the running system's root: they must not meet one."""
    for path in (*FILES, MAIL):
        if os.path.realpath(os.path.join(host.root, path.lstrip("/"))) != os.path.realpath(host.real(path)):
            raise ChangeError(
                "is reached by a link that leads out of the tree",
                where=path,
                remedy="make the link a relative one, or leave accounts to the first boot: disable: [users]",
            )


def may_change() -> bool:
    """Account tools refuse anybody but root, in a tree too."""
    return os.geteuid() == 0


def missing_groups(host: Host, user: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the wanted groups that exist in the tree and do not have the user yet."""
    groups = host.groups()
    return tuple(name for name in wanted if name in groups and user not in groups[name].members)


def torn(host: Host, user: str, *, own_group: bool = True) -> tuple[str, ...]:
    """Those of shadow(5) and group(5) that lack what a line of passwd(5) says is there.

    A group is looked for only if it is the user's own: that of others is theirs to make.
    A tree without these files has its accounts otherwise, and one that is not ours to read says nothing.
    """
    lacking = []
    for line in (host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) == 7:
            if fields[1] == "x" and may_change() and host.exists("/etc/shadow") and not _shadowed(host, user):
                lacking.append("/etc/shadow")
            gids = {group.gid for group in host.groups().values()}
            if own_group and fields[3].isdecimal() and gids and int(fields[3]) not in gids:
                lacking.append("/etc/group")
            break
    return tuple(lacking)


def _shadowed(host: Host, user: str) -> bool:
    return any(line.startswith(f"{user}:") for line in (host.text("/etc/shadow") or "").splitlines())


class Ageing(Record):
    """What shadow(5) says of an account: its password field, and the days since 1970 on which it ends."""

    password: str = ""
    inactive: int | None = None
    expires: int | None = None


def shadow_of(host: Host, user: str) -> Ageing | None:
    """The account's line of shadow(5); None if there is none, or if it is not for us to read."""
    try:
        text = host.text("/etc/shadow") or ""
    except InputError:
        return None
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) == 9:
            days = [int(field) if field.isdecimal() else None for field in fields[6:8]]
            return Ageing(fields[1], *days)
    return None


def day_number(day: str) -> int:
    """YYYY-MM-DD as days since 1970, as shadow(5) counts. Raises ValueError for what is no such day."""
    from datetime import date

    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def ageing_differences(change: EnsureUser, now: Ageing | None) -> Iterator[str]:
    """What is otherwise than wanted in an account that is there, in words."""
    if now is None:
        return
    if change.expires is not None and day_number(change.expires) != now.expires:
        yield f"expires {change.expires}"
    if change.inactive is not None and change.inactive != now.inactive:
        yield f"inactive {change.inactive}"
    if change.locked and not now.password.startswith(("!", "*")):
        yield "not locked"
    if change.locked is False and now.password.startswith("!") and now.password.lstrip("!") not in ("", "*"):
        yield "locked"
