"""Comparing a change with the machine as it is: what is to be done, and why, without doing it."""

from __future__ import annotations

from ..errors import ChangeError, InputError
from ..step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..changes import Change
    from ..host import Host
    from ..state import Past

# kind of change → the module of this package that knows it, its `COMPARE`
_ROOMS = {
    **dict.fromkeys(("file", "fetch", "block", "remove", "link", "folder"), "files"),
    **dict.fromkeys(("user", "group", "password", "keys"), "accounts"),
    **dict.fromkeys(("host-key", "kernel-hostname", "run", "call", "post", "message"), "programs"),
    "network-reload": "programs",
    "rename": "programs",
}


def compare(change: Change, host: Host, past: Past) -> Step:
    """Put a change beside the machine. What prevents it comes back as the step's `error`."""
    room = __import__(f"{__name__}.{_ROOMS[change.kind]}", fromlist=["COMPARE"])
    try:
        step: Step = room.COMPARE[change.kind](change, host, past)
    except (InputError, ChangeError) as error:
        return Step(change, "none", error=error)
    return step
