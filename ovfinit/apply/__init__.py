"""Applying: the only room of the agent that changes a machine.

Each change is made whole or not at all, so being killed at any instant leaves nothing that the next run does not see
and finish. `perform` makes one change; `execution.py` decides which and in what order.
"""

from __future__ import annotations

from ..errors import ChangeError
from .done import Done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host
    from ..step import Step

__all__ = ["Done", "finish", "perform"]
# kind of change → the module of this package that knows it, its `PERFORM`
_ROOMS = {
    **dict.fromkeys(("file", "block", "remove", "link", "folder"), "files"),
    **dict.fromkeys(("user", "group", "password", "keys"), "accounts"),
    "fetch": "fetched",
    **dict.fromkeys(("run", "call"), "programs"),
    **dict.fromkeys(("host-key", "kernel-hostname"), "identity"),
    **dict.fromkeys(("post", "message"), "messages"),
    "network-reload": "network",
    "rename": "network",
}


def finish() -> None:
    """End what is kept running between changes."""
    import sys

    shells = sys.modules.get(f"{__name__}.shell")
    if shells is not None:
        shells.close()


def perform(step: Step, host: Host) -> Done:
    """Make one change. Raises ChangeError with what, where, why; the machine is as before then."""
    if step.deferred:
        return Done(deferred=True)
    change = step.change
    room = __import__(f"{__name__}.{_ROOMS[change.kind]}", fromlist=["PERFORM"])
    try:
        return room.PERFORM[change.kind](change, step, host) or Done()
    except OSError as error:
        remedy = "free some space" if error.errno == 28 else None
        raise ChangeError(f"cannot be written: {error.strerror}", where=change.target, remedy=remedy) from error
