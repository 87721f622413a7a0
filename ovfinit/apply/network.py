"""The running network: made to follow our files, and watched for what it cuts off."""

from __future__ import annotations

from ..changes import ReloadNetwork, RenameInterfaces
from ..deadline import Deadline
from ..errors import NetworkLost
from ..network.choose import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

LOOK_SECONDS, TOOL_SECONDS = 5.0, 60.0


def _reload(change: ReloadNetwork, _: Step, host: Host) -> None:
    """Raises ChangeError if the renderer's tool fails, NetworkLost if something is out of reach now that was not."""
    if not running(host, change.target):
        return
    from ..network import activate, reach

    before = reach.look(host, change.targets, Deadline(LOOK_SECONDS))
    activate.activate(host, change.target, Deadline(TOOL_SECONDS), change.former)
    lost = reach.wait(host, before, change.targets, Deadline(change.seconds))
    if lost:
        raise NetworkLost(
            f"cut this machine off from {', '.join(lost)} and was taken back after {change.seconds:g} seconds",
            where=change.target,
            remedy="`ovfinit apply` tries it again",
        )


def _rename(change: RenameInterfaces, _: Step, host: Host) -> None:
    from ..network.rename import due, rename

    rename(due(host, change.names))


PERFORM: dict[str, Any] = {ReloadNetwork.kind: _reload, RenameInterfaces.kind: _rename}
