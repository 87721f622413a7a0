"""Name servers by `resolv_conf`: in /etc/resolv.conf, or in the settings of whoever owns that file here."""

from __future__ import annotations

import os
import socket

from ..changes import NETWORK, Call, WriteBlock, WriteFile
from ..digest import digest
from ..model import Problem
from ..network.choose import enabled
from ..normalize.hostname import valid
from ..userdata.scalars import Flag, Number, Text
from ..userdata.schema import Many, Named, OneOf, Table
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

NAME = "resolv_conf"
FILE = "/etc/resolv.conf"
RESOLVED = "/etc/systemd/resolved.conf.d/50-ovfinit.conf"
MANAGER = "/etc/NetworkManager/conf.d/50-ovfinit-dns.conf"
RESOLVCONF = "/etc/resolvconf/resolv.conf.d/head"
# resolv.conf(5): MAXNS
SERVERS = 3


def _address(text: str) -> str | None:
    address = text.partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return None if " " not in text else "must be one address"
    return "must be an IPv4 or IPv6 address"


def _domain(text: str) -> str | None:
    return None if text == "." or valid(text.removesuffix(".")) else "is not a domain"


def _pair(text: str) -> str | None:
    good = text and set(text) <= set("0123456789abcdefABCDEF.:/")
    return None if good else "must be an address, or an address/mask"


def _option(name: str) -> str | None:
    return None if name and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") else "is not an option"


KEYS = {
    "manage_resolv_conf": Flag("Whether resolv_conf is acted on."),
    "resolv_conf": Table(
        "Name servers, where no network configuration gives them.",
        keys={
            "nameservers": Many("Addresses; libc asks the first three.", item=Text(check=_address), single=True),
            "searchdomains": Many("Domains to try for short names.", item=Text(check=_domain), single=True),
            "domain": Text("The local domain.", check=_domain),
            "sortlist": Many("Networks whose addresses come first.", item=Text(check=_pair), single=True),
            "options": Named(
                "Options of resolv.conf(5); true for those without a value.",
                value=OneOf(specs=(Number(), Flag(), Text(check=_option))),
                check=_option,
            ),
        },
    ),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """One file, whoever owns resolv.conf; what its owner cannot express is a problem."""
    del metadata, config, past
    wanted: Mapping[str, Any] = handed.config.get("resolv_conf", {})
    if not wanted:
        return
    if not handed.config.get("manage_resolv_conf", False):
        yield Problem("resolv_conf", "has no effect without manage_resolv_conf: true")
        return
    options = [
        name if value is True else f"{name}:{value}"
        for name, value in wanted.get("options", {}).items()
        if value is not False
    ]
    servers: Sequence[str] = wanted.get("nameservers", ())
    search = [*wanted.get("searchdomains", ())]
    domain = wanted.get("domain")
    if domain and domain not in search:
        search.insert(0, domain)
    owner = _owner(host)
    if owner in ("systemd-resolved", "NetworkManager") and "sortlist" in wanted:
        yield Problem("resolv_conf.sortlist", f"{owner} has no such setting")
    if owner == "systemd-resolved":
        if options:
            yield Problem("resolv_conf.options", "systemd-resolved has no such settings")
        rows = [
            "[Resolve]",
            f"DNS={' '.join(servers)}" if servers else "",
            f"Domains={' '.join(search)}" if search else "",
        ]
        yield from _file(RESOLVED, rows)
        yield from tell(NAME, host, ("try-restart", "systemd-resolved"), NETWORK, digest(repr(rows).encode()))
        return
    if owner == "NetworkManager":
        rows = ["[global-dns]", f"searches={','.join(search)}", f"options={','.join(options)}"]
        rows = [row for row in rows if not row.endswith("=")]
        if servers:
            rows += ["", "[global-dns-domain-*]", f"servers={','.join(servers)}"]
        yield from _file(MANAGER, rows)
        yield from tell(NAME, host, ("try-reload-or-restart", "NetworkManager"), NETWORK, digest(repr(rows).encode()))
        return
    if len(servers) > SERVERS:
        yield Problem("resolv_conf.nameservers", f"libc asks only the first {SERVERS} of {len(servers)}")
    rows = [f"nameserver {server}" for server in servers]
    rows += [f"search {' '.join(search)}"] if search else []
    rows += [f"sortlist {' '.join(wanted['sortlist'])}"] if wanted.get("sortlist") else []
    rows += [f"options {' '.join(options)}"] if options else []
    if owner == "resolvconf":
        yield WriteBlock(NAME, RESOLVCONF, lines=tuple(rows))
        mark = digest("\n".join(rows).encode())
        yield Call(NAME, "resolvconf", NETWORK, command=("resolvconf", "-u"), fingerprint=mark)
        return
    content = "\n".join(["# Written by ovfinit from resolv_conf.", *rows, ""])
    yield WriteFile(NAME, FILE, content=content.encode(), ours=False)


def _file(path: str, rows: Sequence[str]) -> Iterator[Change]:
    content = "\n".join(["# Written by ovfinit from resolv_conf.", *rows, ""])
    while "\n\n\n" in content or "]\n\n" in content:
        content = content.replace("\n\n\n", "\n\n").replace("]\n\n", "]\n")
    yield WriteFile(NAME, path, content=content.encode())


def _owner(host: Host) -> str | None:
    """Who would overwrite /etc/resolv.conf, judged by where it leads, what it says and what is enabled."""
    try:
        leads = os.readlink(host.real(FILE, follow=False))
    except OSError:
        leads = ""
    if "systemd/resolve" in leads or not leads and not host.exists(FILE) and enabled(host, "systemd-resolved"):
        return "systemd-resolved"
    if "resolvconf" in leads:
        return "resolvconf"
    if "NetworkManager" in leads or "Generated by NetworkManager" in (host.text(FILE) or ""):
        return "NetworkManager"
    return None
