"""User names, homes and the distribution's account tools, for `/` and for a tree under `--root`."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .host import Host

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
NAME_LIMIT = 32
_FIRST = "abcdefghijklmnopqrstuvwxyz_"
_REST = _FIRST + "0123456789-"


def valid_name(name: str) -> bool:
    """True for what Debian's useradd takes by default: `[a-z_][a-z0-9_-]*`, at most 32 characters."""
    return 0 < len(name) <= NAME_LIMIT and name[0] in _FIRST and all(character in _REST for character in name)


def command(host: Host, tool: str, *words: str) -> Sequence[str] | None:
    """The call of useradd, usermod, groupadd or userdel for this tree; None if the tool is not installed."""
    path = host.tool(tool)
    if path is None:
        return None
    return (path, *words[:-1], *(() if host.live else ("--prefix", host.root)), words[-1])


def may_change() -> bool:
    """Account tools refuse anybody but root, in a tree too."""
    return os.geteuid() == 0


def missing_groups(host: Host, user: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the wanted groups that exist in the tree and do not have the user yet."""
    groups = host.groups()
    return tuple(name for name in wanted if name in groups and user not in groups[name].members)
