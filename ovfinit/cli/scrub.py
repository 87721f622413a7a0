"""What `clean` does, for the trees that become images."""

from __future__ import annotations

from ..clean import clean_changes, forget
from ..compare import compare
from ..host import Host
from ..state import Past, State


def scrub(root: str) -> list[str]:
    """Remove our files and state, logs, host keys and the machine's id from a tree; the paths that went.

    Raises OvfinitError for the first that cannot be removed.
    """
    from ..apply import perform

    host = Host(root)
    gone = []
    for change in clean_changes(host, State(host), logs=True, machine_id=True, host_keys=True):
        step = compare(change, host, Past())
        if step.error is not None:
            raise step.error
        if step.due:
            perform(step, host)
            gone.append(step.change.target)
    return gone + forget(host, dry_run=False)
