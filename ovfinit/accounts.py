"""User names, homes and the distribution's account tools, for `/` and for a tree under `--root`."""

from __future__ import annotations

import os

from .errors import ChangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
