"""The host name: /etc/hostname, /etc/hosts, the running kernel."""

from __future__ import annotations

from ..changes import SetHostname, WriteBlock, WriteFile
from ..normalize.hostname import HostName, settle
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "hostname"
FILE = "/etc/hostname"
HOSTS = "/etc/hosts"


def __getattr__(name: str) -> Any:
    """`KEYS`, for whoever reads cloud-config; most boots read none."""
    if name != "KEYS":
        raise AttributeError(name)
    from .vocabulary.hostname import KEYS

    return KEYS


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """The short name goes to /etc/hostname (hostname(5)), the full one to the 127.0.1.1 line that Debian uses.

    What cloud-config says goes before the metadata.
    """
    del past
    asked = handed.config
    name = _name(metadata, asked.get("hostname"), asked.get("fqdn"))
    if name.short is None:
        return
    own = name.full if name.full and asked.get("prefer_fqdn_over_hostname") else name.short
    preserved = asked.get("preserve_hostname", False)
    if not preserved and (asked.get("create_hostname_file", True) or host.exists(FILE)):
        yield WriteFile(NAME, FILE, content=f"{own}\n".encode(), ours=False)
    manage = asked.get("manage_etc_hosts", "localhost" if config.hostname.hosts and not preserved else False)
    if manage == "localhost":
        names = f"{name.full} {name.short}" if name.full and name.full != name.short else name.short
        yield WriteBlock(NAME, HOSTS, lines=(f"127.0.1.1 {names}",), before="127.0.1.1")
    elif manage:
        from .hosts import render

        yield from render(NAME, host, name.short, name.full or name.short)
    if host.live and not preserved:
        yield SetHostname(NAME, own)


def _name(metadata: Metadata, short: str | None, full: str | None) -> HostName:
    """A name without a domain of its own is in the domain that the platform told."""
    if short is None and full is None:
        return HostName(metadata.hostname, metadata.fqdn, ())
    domain = (metadata.fqdn or "").partition(".")[2] or None
    return settle(short, full, domain)
