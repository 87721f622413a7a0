"""runcmd: the user's commands that run once, at the end of the first boot."""

from __future__ import annotations

from ..changes import FINAL, INSTANCE
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

NAME = "run_commands"
KEYS = {
    "runcmd": Many(
        "Commands that run once, in the final stage, before the user's scripts.",
        item=Line(),
        single=True,
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """All of them in the final stage, by one shell."""
    del host
    yield from plan(NAME, "runcmd", handed.config["runcmd"], metadata, config, past, FINAL, INSTANCE)
