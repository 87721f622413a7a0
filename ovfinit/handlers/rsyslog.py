"""Rsyslog: files of the user's in its folder, and where to send what is logged."""

from __future__ import annotations

from ..changes import FINAL, NETWORK, Call, WriteFile
from ..digest import digest
from ..model import Problem
from ..packaging import choose
from ..userdata.scalars import Command, Flag, Text
from ..userdata.schema import Many, Named, OneOf, Table
from .packages import judge_name
from .service import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "rsyslog"
FOLDER, FILE = "/etc/rsyslog.d", "20-ovfinit.conf"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-[]%")


def _judge_folder(path: str) -> str | None:
    good = path.startswith("/") and ".." not in path.split("/")
    return None if good else "must be the absolute path of a folder"


def _judge_file(name: str) -> str | None:
    return None if name and name[0] not in "./" and "/" not in name else "must be the name of a file, without a folder"


def _judge_remote(text: str) -> str | None:
    return None if remote(text) else "must be [filter] [@|@@]host[:port], such as *.* @@logs.example.com:10514"


def _judge_program(word: str) -> str | None:
    return None if word and word[0] != "-" and " " not in word else "must be the name of a program"


_ONE = OneOf(
    specs=(
        Table(
            keys={
                "content": Text("Lines of rsyslog.conf(5).", lines=True),
                "filename": Text("The file in config_dir, instead of config_filename.", check=_judge_file),
            },
            required=("content",),
        ),
        Text(lines=True),
    )
)
_CONFIGS = Many(item=_ONE, single=True)
KEYS = {
    "rsyslog": OneOf(
        "Settings of rsyslog.",
        specs=(
            Table(
                keys={
                    "configs": _CONFIGS.with_(doc="Lines, or {content, filename}."),
                    "config_dir": Text(f"Where its files are, {FOLDER} by default.", check=_judge_folder),
                    "config_filename": Text(f"The file for lines without one, {FILE} by default.", check=_judge_file),
                    "remotes": Named("Where to send messages, by a name of yours.", value=Text(check=_judge_remote)),
                    "preserve_fqdn": Flag("Name this host by its full name."),
                    "service_reload_command": OneOf("A command, or auto.", specs=(Command(),)),
                    "install_rsyslog": Flag("Install it if it is not there."),
                    "check_exe": Text("The program that shows that it is there.", check=_judge_program),
                    "packages": Many("What to install.", item=Text(check=judge_name), single=True),
                }
            ),
            _CONFIGS.with_(deprecated="write rsyslog: configs:"),
        ),
    ),
    "rsyslog_dir": Text(deprecated="write rsyslog: config_dir:", check=_judge_folder),
    "rsyslog_filename": Text(deprecated="write rsyslog: config_filename:", check=_judge_file),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """The files, the package if that was asked for, and a reload when something changed."""
    del metadata, config, past
    given = handed.config.get("rsyslog", {})
    wanted: Mapping[str, Any] = given if isinstance(given, dict) else {"configs": given}
    folder = wanted.get("config_dir", handed.config.get("rsyslog_dir", FOLDER)).rstrip("/")
    usual = wanted.get("config_filename", handed.config.get("rsyslog_filename", FILE))
    files: dict[str, list[str]] = {}
    if wanted.get("preserve_fqdn", False):
        files.setdefault(usual, []).append("$PreserveFQDN on")
    for one in wanted.get("configs", ()):
        content, name = (one, usual) if isinstance(one, str) else (one["content"], one.get("filename", usual))
        files.setdefault(name, []).append(content.rstrip())
    for name, text in wanted.get("remotes", {}).items():
        label = name if name.isprintable() else repr(name)
        files.setdefault(usual, []).append(f"{remote(text)} # {label}")
    for name, rows in files.items():
        if not name.endswith(".conf"):
            yield Problem("rsyslog", f"{name} does not end in .conf, so rsyslog does not read it")
        content = "\n".join(["# Written by ovfinit.", *rows, ""])
        yield WriteFile(NAME, f"{folder}/{name}", content=content.encode())
    program = wanted.get("check_exe", "rsyslogd")
    places = [program] if "/" in program else [f"{place}/{program}" for place in ("/usr/sbin", "/usr/bin", "/sbin")]
    there = any(host.exists(place) for place in places)
    installs = wanted.get("install_rsyslog", False) and not there
    if installs:
        manager = choose(host, NAME)
        yield manager.update()
        yield manager.install([(package, None) for package in wanted.get("packages", ("rsyslog",))])
    if files and not there and not installs:
        yield Problem("rsyslog", "is not installed, so nobody reads its files: say install_rsyslog: true")
    elif files:
        stage = FINAL if installs else NETWORK
        reload = wanted.get("service_reload_command", "auto")
        mark = digest(*(f"{name}\n{rows}".encode() for name, rows in files.items()))
        if reload == "auto":
            yield from tell(NAME, host, ("try-restart", "rsyslog"), stage, mark)
            return
        command = ("sh", "-c", reload) if isinstance(reload, str) else reload
        yield Call(NAME, "reload rsyslog", stage, command=command, fingerprint=mark)


def remote(text: str) -> str | None:
    """`*.* @host:port` for `[filter] [@|@@]host[:port]` and a comment; None for anything else."""
    words = text.partition("#")[0].split()
    if not 1 <= len(words) <= 2:
        return None
    match, place = words if len(words) == 2 else ("*.*", words[0])
    host = place.lstrip("@")
    sign = place[: len(place) - len(host)] or "@"
    bare, colon, port = host.rpartition(":") if host.count(":") == 1 or "]:" in host else (host, "", "")
    plain = bare and set(bare) <= _LETTERS and (bare[0].isalnum() or bare[0] == "[" and bare[-1] == "]")
    if len(sign) > 2 or not plain or colon and not port.isdecimal() or match[0] in "$&~-":
        return None
    return f"{match} {sign}{host}"
