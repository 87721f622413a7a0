"""What became of one place, and the folders that are empty then."""

from __future__ import annotations

import os

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host


class Undone(Record):
    """One place: `action` is restored, removed or kept, `reason` says why it was kept."""

    target: str
    action: str
    reason: str = ""


def remove_empty(host: Host, folder: str) -> None:
    """Remove a folder of the tree unless there is something in it."""
    try:
        os.rmdir(host.real(folder, follow=False))
    except OSError:
        pass  # not empty: somebody uses it
