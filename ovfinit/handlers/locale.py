"""The locale: the file that logins read, and the locale itself where it has to be made first."""

from __future__ import annotations

import os

from ..block import find
from ..changes import FINAL, Call, WriteBlock, WriteFile
from ..model import Problem
from ..userdata.scalars import Flag, Text
from ..userdata.schema import OneOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "locale"
DEBIAN, COMMON = "/etc/default/locale", "/etc/locale.conf"
GENERATED, SUPPORTED = "/etc/locale.gen", "/usr/share/i18n/SUPPORTED"
SECONDS = 600.0
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-")
_IS_THERE = 'locale --all-locales | grep --fixed-strings --line-regexp --ignore-case --quiet -e "$1"'


def _judge(name: str) -> str | None:
    good = name[:1].isalpha() and set(name) <= _LETTERS and ".." not in name
    return None if good else "is not the name of a locale, such as de_AT.UTF-8"


def _judge_file(path: str) -> str | None:
    good = path.startswith("/") and ".." not in path.split("/") and not path.endswith("/")
    return None if good else "must be the absolute path of a file"


KEYS = {
    "locale": OneOf("A locale such as de_AT.UTF-8; false leaves it alone.", specs=(Flag(), Text(check=_judge))),
    "locale_configfile": Text("The file to write, instead of the distribution's own.", check=_judge_file),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """LANG in the file; on Debian and Ubuntu the locale is made, unless it is one of libc's own (C.UTF-8)."""
    del config, past
    wanted = handed.config.get("locale", metadata.locale)
    if isinstance(wanted, bool) or wanted is None:
        return
    if wrong := _judge(wanted):
        yield Problem("locale", wrong, metadata.origins.get("locale"))
        return
    name, charset = _full(wanted, host)
    path = handed.config.get("locale_configfile") or _own_file(host)
    rows = [row for row in (host.text(path) or "").splitlines() if not row.strip().startswith(("LANG=", "LC_ALL="))]
    yield WriteFile(NAME, path, content="\n".join([*rows, f"LANG={name}", ""]).encode(), ours=False)
    if name.partition(".")[0] in ("C", "POSIX"):
        return
    if host.exists("/usr/sbin/locale-gen"):
        entry = f"{name} {charset}"
        current = host.text(GENERATED) or ""
        if entry not in current.splitlines() or find(current):
            yield WriteBlock(NAME, GENERATED, lines=(entry,))
        stem, dot, tail = name.partition(".")
        coded = f"{stem}.{tail.replace('-', '').lower()}" if dot else stem
        yield Call(
            NAME,
            "locale-gen",
            FINAL,
            command=("locale-gen",),
            fingerprint=name,
            unless=("sh", "-c", _IS_THERE, "is-there", coded),
            timeout=SECONDS,
        )
    elif _debian(host):
        yield Problem("locale", f"{name} cannot be made: the package locales is not installed")


def _debian(host: Host) -> bool:
    return bool({host.os_release.get("ID"), *host.os_release.get("ID_LIKE", "").split()} & {"debian", "ubuntu"})


def _own_file(host: Host) -> str:
    """Debian's own place, unless it is a link to the one of everybody else (Debian 13)."""
    return DEBIAN if _debian(host) and not os.path.islink(host.real(DEBIAN, follow=False)) else COMMON


def _full(name: str, host: Host) -> tuple[str, str]:
    """The full name and its character set as locale.gen(5) has them; `de_AT` alone means UTF-8."""
    stem, dot, tail = name.partition(".")
    if not dot and stem not in ("C", "POSIX") and "@" not in stem:
        return f"{stem}.UTF-8", "UTF-8"
    for row in (host.text(SUPPORTED) or "").splitlines():
        known, _, charset = row.partition(" ")
        if known == name:
            return name, charset.strip()
    return name, tail.partition("@")[0] or "UTF-8"
