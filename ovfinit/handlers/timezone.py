"""The time zone: /etc/localtime and Debian's /etc/timezone."""

from __future__ import annotations

from ..changes import MakeLink, WriteFile
from ..errors import ChangeError
from ..userdata.scalars import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "timezone"
ZONES = "/usr/share/zoneinfo"


def _judge(zone: str) -> str | None:
    parts = zone.split("/")
    return None if all(part and part[0] not in ".-" for part in parts) else "is not the name of a time zone"


KEYS = {"timezone": Text("An IANA time zone, such as Europe/Vienna.", check=_judge)}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change]:
    """Raises ChangeError for a zone that this machine does not know."""
    del config, past
    zone = handed.config.get("timezone") or metadata.timezone
    if zone is None:
        return
    if host.exists("/usr/share/zoneinfo") and not host.exists(f"{ZONES}/{zone}"):
        raise ChangeError(f"there is no zone {zone}", where=ZONES, remedy="is the package tzdata installed?")
    yield MakeLink(NAME, "/etc/localtime", to=f"{ZONES}/{zone}")
    yield WriteFile(NAME, "/etc/timezone", content=f"{zone}\n".encode(), ours=False)
