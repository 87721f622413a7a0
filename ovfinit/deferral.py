"""What only the running machine can do waits for its first boot."""

from __future__ import annotations

from . import marks
from .step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .changes import Change
    from .state import Past


def deferred(change: Change, action: str, past: Past, reason: str) -> Step:
    """What waits for the first boot is to be noted once, and nothing is left to do after that."""
    noted = past.done.get(marks.name(change), {}).get("deferred", False)
    return Step(change, "none" if noted else action, reason, deferred=True)
