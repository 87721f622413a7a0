"""bootcmd: the user's commands that run early on every boot."""

from __future__ import annotations

from ..changes import BOOT, NETWORK
from ..userdata.schema import Many
from .commands import Line, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "boot_commands"
KEYS = {
    "bootcmd": Many(
        "Commands that run at every boot, before logins and before most of what else cloud-config asks for.",
        item=Line(),
        single=True,
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """All of them in the network stage, by one shell."""
    del host
    yield from plan(NAME, "bootcmd", handed.config["bootcmd"], metadata, config, past, NETWORK, BOOT)
