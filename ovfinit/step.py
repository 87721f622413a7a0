"""A step: one change beside the machine as it is."""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .changes import Change
    from .errors import OvfinitError

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
