"""A step: one change beside the machine as it is."""

from __future__ import annotations

from . import marks
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .changes import Change
    from .errors import OvfinitError
    from .state import Past

# attributes of a change that `plan --json` shows as they are
_SHOWN = ("owner", "group", "when")


class Step(Record):
    """One change beside the machine as it is.

    `action`: create, update, remove, run or none. `kept`: somebody changed our file, so it stays. `deferred`: it can
    only be done at the first boot. `before` and `after` are contents, where the change has such.
    """

    change: Change
    action: str
    reason: str = ""
    kept: bool = False
    deferred: bool = False
    before: bytes | None = None
    after: bytes | None = None
    error: OvfinitError | None = None

    @property
    def due(self) -> bool:
        """True if there is something to do."""
        return self.action != "none" and self.error is None

    def writes(self, handler: str) -> bool:
        """True if it makes, replaces or takes away a whole file of a duty's."""
        return self.due and self.change.handler == handler and self.change.kind in ("file", "remove")

    def shown(self) -> dict[str, Any]:
        """As in `plan --json`."""
        change = self.change
        told: dict[str, Any] = {
            "handler": change.handler,
            "stage": change.stage,
            "kind": change.kind,
            "target": change.target,
            "action": self.action,
        }
        if hasattr(change, "mode"):
            told["mode"] = f"{change.mode:04o}"
        told |= {name: getattr(change, name) for name in _SHOWN if getattr(change, name, None) is not None}
        if hasattr(change, "command"):
            told["command"] = list(change.command)
        told |= {"deferred": self.deferred, "kept": self.kept}
        if self.reason:
            told["reason"] = self.reason
        if self.error is not None:
            told["error"] = self.error.as_dict()
        return told


def deferred(change: Change, action: str, past: Past, reason: str) -> Step:
    """What waits for the first boot, since only the running machine can do it; once noted, nothing is left to do."""
    noted = past.done.get(marks.name(change), {}).get("deferred", False)
    return Step(change, "none" if noted else action, reason, deferred=True)
