"""The host name: /etc/hostname, our block in /etc/hosts, the running kernel."""

from __future__ import annotations

from ..changes import SetHostname, WriteBlock, WriteFile
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "hostname"


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING) -> Iterator[Change]:
    """The short name goes to /etc/hostname (hostname(5)), the full one to the 127.0.1.1 line that Debian uses."""
    del past, handed
    name = metadata.hostname
    if name is None:
        return
    yield WriteFile(NAME, "/etc/hostname", content=f"{name}\n".encode(), ours=False)
    if config.hostname.hosts:
        names = f"{metadata.fqdn} {name}" if metadata.fqdn and metadata.fqdn != name else name
        yield WriteBlock(NAME, "/etc/hosts", lines=(f"127.0.1.1 {names}",), before="127.0.1.1")
    if host.live:
        yield SetHostname(NAME, name)
