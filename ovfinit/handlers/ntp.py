"""Time: the servers of whichever NTP client the machine has, in files of our own that its client reads."""

from __future__ import annotations

from ..changes import FINAL, NETWORK, WriteBlock, WriteFile
from ..digest import digest
from ..errors import ChangeError
from ..model import Problem
from ..network.choose import enabled
from ..packaging import choose
from ..record import Record
from ..userdata.scalars import Flag, Text
from ..userdata.schema import Many, OneOf, Table
from ..userdata.spec import Nothing
from .packages import judge_name
from .service import tell

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

NAME = "ntp"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-%")


class Client(Record):
    """An NTP client: the program by which a tree is known to have it, its service, its package."""

    name: str
    program: str
    service: str
    package: str


# in the order in which they are taken where several are there
CLIENTS = (
    Client("chrony", "chronyd", "chrony", "chrony"),
    Client("ntpsec", "ntpd", "ntpsec", "ntpsec"),
    Client("ntp", "ntpd", "ntp", "ntp"),
    Client("openntpd", "ntpd", "openntpd", "openntpd"),
    Client("systemd-timesyncd", "systemd-timesyncd", "systemd-timesyncd", "systemd-timesyncd"),
)
_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/systemd", "/lib/systemd")
TIMESYNCD = "/etc/systemd/timesyncd.conf.d/50-ovfinit.conf"
CHRONY = "/etc/chrony/chrony.conf"
CHRONY_SOURCES, CHRONY_SETTINGS = "/etc/chrony/sources.d/50-ovfinit.sources", "/etc/chrony/conf.d/50-ovfinit.conf"
NTPSEC = "/etc/ntpsec/ntp.d/50-ovfinit.conf"
NTP, OPENNTPD = "/etc/ntp.conf", "/etc/openntpd/ntpd.conf"


def _judge(name: str) -> str | None:
    good = name[:1].isalnum() or name.startswith("::")
    return None if good and set(name) <= _LETTERS else "must be a host name or an address"


def _judge_network(name: str) -> str | None:
    address, slash, length = name.partition("/")
    good = _judge(address) is None and (length.isdecimal() or not slash)
    return None if good else "must be an address or a network such as 192.0.2.0/24"


def _judge_path(path: str) -> str | None:
    good = path.startswith("/") and ".." not in path.split("/") and not path.endswith("/")
    return None if good else "must be the absolute path of a file"


def _judge_word(word: str) -> str | None:
    return None if word[:1].isalnum() and set(word) <= _LETTERS | {"@"} else "must be one plain word"


_HOSTS = Many(item=Text(check=_judge), single=True)
KEYS = {
    "ntp": OneOf(
        "Where the time comes from.",
        specs=(
            Nothing(),
            Table(
                keys={
                    "enabled": Flag("False leaves the machine's time alone."),
                    "ntp_client": Text("auto, or the name of a client.", check=_judge_word),
                    "servers": _HOSTS.with_(doc="Servers."),
                    "pools": _HOSTS.with_(doc="Names with several servers behind them."),
                    "peers": _HOSTS.with_(doc="Peers, for chrony and ntp."),
                    "allow": Many("Networks that may ask us, for chrony.", item=Text(check=_judge_network)),
                    "config": Table(
                        "For a client that is not known here.",
                        keys={
                            "confpath": Text("The file to write.", check=_judge_path),
                            "check_exe": Text("The program that shows that it is installed.", check=_judge_word),
                            "packages": Many("What to install if it is not.", item=Text(check=judge_name)),
                            "service_name": Text("The service to restart.", check=_judge_word),
                            "template": Text("The content of the file.", lines=True),
                        },
                    ),
                }
            ),
        ),
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Files, the package if the client is not there, and a restart when something changed.

    Raises ChangeError for a client that is neither known nor described by `config`.
    """
    del metadata, config, past
    wanted: Mapping[str, Any] = handed.config.get("ntp") or {}
    if "ntp" not in handed.config or not wanted.get("enabled", True):
        return
    own: Mapping[str, Any] = wanted.get("config", {})
    client = _client(wanted.get("ntp_client", "auto"), own, host)
    there = _installed(own.get("check_exe", client.program), host)
    packages: Sequence[str] = own.get("packages", () if there else (client.package,))
    # what the client reads is there before it starts for the first time
    written = [*_own_file(own, wanted)] if "template" in own else [*_files(client, wanted, host)]
    yield from written
    service = own.get("service_name", client.service)
    stage = NETWORK
    if not there and packages:
        stage = FINAL
        manager = choose(host, NAME)
        yield manager.update()
        yield manager.install([(package, None) for package in packages])
    elif not enabled(host, service):
        yield from tell(NAME, host, ("enable", "--quiet", "--", service), stage, "")
    mark = digest(*(repr(change).encode() for change in written if not isinstance(change, Problem)))
    yield from tell(NAME, host, ("restart", "--", service), stage, mark)


def _client(name: str, own: Mapping[str, Any], host: Host) -> Client:
    if name != "auto":
        known = next((client for client in CLIENTS if client.name == name), None)
        if known is None and name == "ntpdate":
            raise ChangeError("ntpdate keeps no time: it asks once", where="ntp.ntp_client", remedy="use chrony")
        if known is None and not {"confpath", "template"} <= set(own):
            names = ", ".join(client.name for client in CLIENTS)
            raise ChangeError(
                f"{name} is not known here", where="ntp.ntp_client", remedy=f"known: {names}; or describe it in config"
            )
        return known or Client(name, own.get("check_exe", name), own.get("service_name", name), name)
    installed = [client for client in CLIENTS if _installed(client.program, host)]
    active = [client for client in installed if enabled(host, client.service)]
    if not installed:
        return CLIENTS[-1]
    return (active or installed)[0]


def _installed(program: str, host: Host) -> bool:
    return any(host.exists(f"{folder}/{program}") for folder in _FOLDERS)


def _own_file(own: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Change | Problem]:
    template: str = own["template"]
    if "confpath" not in own:
        yield Problem("ntp.config.template", "needs confpath, the file to write it to")
        return
    first, _, rest = template.partition("\n")
    content = rest if first.replace(" ", "") == "##template:jinja" else template
    if "{{" in content or "{%" in content:
        try:
            sandbox = __import__("jinja2.sandbox", fromlist=["sandbox"])
        except ImportError:
            yield Problem("ntp.config.template", "needs the Python package jinja2, which is not installed")
            return
        words = {name: list(wanted.get(name, ())) for name in ("servers", "pools", "peers", "allow")}
        try:
            content = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True).from_string(content).render(words)
        except Exception as error:
            # the user's template may fail in any way
            yield Problem("ntp.config.template", f"cannot be rendered: {error}")
            return
        content = f"{content.rstrip()}\n"
    yield WriteFile(NAME, own["confpath"], content=content.encode(), ours=False)


def _files(client: Client, wanted: Mapping[str, Any], host: Host) -> Iterator[Change | Problem]:
    servers, pools, peers, allow = (wanted.get(name, ()) for name in ("servers", "pools", "peers", "allow"))
    rows = [*(f"server {name} iburst" for name in servers), *(f"pool {name} iburst" for name in pools)]
    rows += [f"peer {name}" for name in peers]
    allowed = [f"allow {network}" for network in allow]
    if client.name != "chrony" and allow:
        yield Problem("ntp.allow", f"{client.name} has no such list: only chrony does")
    if client.name in ("systemd-timesyncd", "openntpd") and peers:
        yield Problem("ntp.peers", f"{client.name} has no peers")
    if client.name == "chrony":
        main = host.text(CHRONY)
        if main is not None and "sourcedir /etc/chrony/sources.d" not in main:
            # its own file names no folder of ours
            if rows or allowed:
                yield WriteBlock(NAME, CHRONY, lines=(*rows, *allowed))
            return
        if rows:
            yield WriteFile(NAME, CHRONY_SOURCES, content=_content(rows))
        if allowed:
            yield WriteFile(NAME, CHRONY_SETTINGS, content=_content(allowed))
    elif client.name == "systemd-timesyncd":
        if servers or pools:
            yield WriteFile(NAME, TIMESYNCD, content=_content(["[Time]", f"NTP={' '.join([*servers, *pools])}"]))
    elif client.name == "ntpsec":
        if rows:
            yield WriteFile(NAME, NTPSEC, content=_content(rows))
    elif client.name == "openntpd":
        rows = [*(f"server {name}" for name in servers), *(f"servers {name}" for name in pools)]
        if rows:
            yield WriteBlock(NAME, OPENNTPD, lines=tuple(rows))
    elif rows:
        yield WriteBlock(NAME, NTP, lines=tuple(rows))


def _content(rows: Sequence[str]) -> bytes:
    return "\n".join(["# Written by ovfinit.", *rows, ""]).encode()
