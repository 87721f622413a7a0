"""The keyboard: Debian's keyboard(5), or localectl elsewhere."""

from __future__ import annotations

from ..changes import FINAL, Call, WriteFile
from ..digest import digest
from ..userdata.scalars import Text
from ..userdata.schema import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "keyboard"
FILE = "/etc/default/keyboard"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,:.+()-")


def _judge(text: str) -> str | None:
    return None if set(text) <= _LETTERS and not text.startswith("-") else "is not a name of xkeyboard-config(7)"


KEYS = {
    "keyboard": Table(
        "The keyboard of the console and of X.",
        keys={
            "layout": Text("XKBLAYOUT, such as de.", check=_judge),
            "model": Text("XKBMODEL, pc105 by default.", check=_judge),
            "variant": Text("XKBVARIANT, such as nodeadkeys.", check=_judge),
            "options": Text("XKBOPTIONS, such as compose:rwin.", check=_judge),
        },
        required=("layout",),
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """The file, and the console told of it; a distribution without that file has systemd-localed."""
    del metadata, config, past
    wanted = handed.config.get("keyboard")
    if wanted is None:
        return
    values = [wanted["layout"], wanted.get("model", "pc105"), wanted.get("variant", ""), wanted.get("options", "")]
    mark = digest(*(value.encode() for value in values))
    families = {host.os_release.get("ID"), *host.os_release.get("ID_LIKE", "").split()}
    if not families & {"debian", "ubuntu"} and not host.exists(FILE):
        yield Call(NAME, "localectl", FINAL, command=("localectl", "set-x11-keymap", *values), fingerprint=mark)
        return
    names = ("XKBLAYOUT", "XKBMODEL", "XKBVARIANT", "XKBOPTIONS")
    rows = [f'{name}="{value}"' for name, value in zip(names, values)]
    content = "\n".join(["# Written by ovfinit; see keyboard(5).", *rows, 'BACKSPACE="guess"', ""])
    yield WriteFile(NAME, FILE, content=content.encode(), ours=False)
    if host.exists("/usr/bin/setupcon") or host.exists("/bin/setupcon"):
        # 1: this machine has no console to set up
        command = ("setupcon", "--keyboard-only", "--save")
        yield Call(NAME, "setupcon", FINAL, command=command, fingerprint=mark, accept=(0, 1), timeout=60.0)
