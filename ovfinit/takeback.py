"""Taking a network configuration back that cut this machine off: the former files, and the former network."""

from __future__ import annotations

from . import atomic
from .deadline import Deadline
from .errors import OvfinitError
from .journal import put_back
from .network import activate
from .network.choose import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .host import Host
    from .journal import Journal
    from .step import Step

TOOL_SECONDS = 60.0


def take_back(host: Host, journal: Journal, number: int, steps: Sequence[Step], reload: Step) -> list[str]:
    """Put back, newest first, the files that the steps of the duty changed, and have the renderer follow.

    `number` is the journal's record of these steps. Returns the targets that are as before. Raises OSError or
    ChangeError if a file cannot be put back; a renderer's tool that complains is not worth more than the files.
    """
    entries: Sequence[Mapping[str, Any]] = journal.record(number)["changes"]
    handler = reload.change.handler
    # not a block in a text of the admin's, whose other lines are not ours to take down
    written = {step.change.target: step.after for step in steps if step.writes(handler)}
    restored = []
    for step, entry in reversed(list(zip(steps, entries))):
        is_block = step.due and step.change.handler == handler and step.change.kind == "block"
        if is_block or step.writes(handler):
            for path, before in entry["before"].items():
                put_back(host, path, before)
            restored.append(step.change.target)
    atomic.flush()
    try:
        if running(host, reload.change.target):
            activate.activate(host, reload.change.target, Deadline(TOOL_SECONDS), written)
    except OvfinitError:
        pass  # the error that led here is the one to tell
    return restored
