"""Taking back what was applied for an instance, newest first, from its journal.

What somebody changed since stays and is reported. Doing it twice does no harm, so being killed half-way does none.
"""

from __future__ import annotations

import os

from ..errors import OvfinitError, StateError
from ..journal import Journal
from ..paths import INSTANCES, RUN, UNDONE
from .undone import Undone, remove_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..host import Host
    from ..state import State

__all__ = ["Undone", "finish", "undo"]
TOOL_SECONDS = 60.0
# kind of change → the module of this package that knows it, its `UNDO`; all others are files
_ROOMS = {
    **dict.fromkeys(("user", "group", "password", "keys"), "accounts"),
    **dict.fromkeys(("kernel-hostname", "run", "call", "post", "message", "network-reload", "rename"), "programs"),
}


def undo(host: Host, state: State) -> Iterator[Undone]:
    """Take the current instance back, yielding what becomes of each place; the last step forgets the instance.

    An undo that was killed while it forgot is brought to its end, and nothing else. Raises StateError if nothing was
    applied here, or if the journal is damaged; nothing is changed then.
    """
    if finish(host, state):
        return
    name = state.linked() or next(iter(host.listing(INSTANCES)), None)
    if name is None:
        raise StateError("nothing was applied here that could be taken back")
    journal = Journal(state, f"{INSTANCES}/{name}")
    records = {number: journal.record(number) for number in reversed(journal.numbers())}
    entries = [entry for record in records.values() for entry in record["changes"]]
    reloaded = next((entry for entry in entries if entry["kind"] == "network-reload"), None)
    former = {
        entry["target"]: _content(host, entry["target"])
        for entry in entries
        if reloaded is not None and entry["handler"] == reloaded["handler"] and entry["kind"] in ("file", "remove")
    }
    for number, record in records.items():
        notes = journal.notes(number)
        # what stood at each place when the run was over: several changes may have come to the same one
        last = {path: told for index in sorted(notes) for path, told in notes[index].items()}
        for index, entry in reversed(list(enumerate(record["changes"]))):
            try:
                room = __import__(f"{__name__}.{_ROOMS.get(entry['kind'], 'files')}", fromlist=["UNDO"])
                yield from room.UNDO[entry["kind"]](host, entry, {path: last[path] for path in notes.get(index, {})})
            except (OvfinitError, OSError) as error:
                yield Undone(entry["target"], "kept", str(error))
            for folder in reversed(entry["folders"]):
                remove_empty(host, folder)
    if reloaded is not None:
        yield from _network(host, reloaded["target"], former)
    os.rename(host.real(f"{INSTANCES}/{name}", follow=False), host.real(UNDONE, follow=False))
    finish(host, state)


def _network(host: Host, renderer: str, former: Mapping[str, bytes | None]) -> Iterator[Undone]:
    """The running network follows once all files are what they were."""
    from ..deadline import Deadline
    from ..network import activate
    from ..network.choose import running

    if running(host, renderer):
        try:
            activate.activate(host, renderer, Deadline(TOOL_SECONDS), former)
        except OvfinitError as error:
            yield Undone("the running network", "kept", str(error))


def _content(host: Host, path: str) -> bytes | None:
    try:
        return host.read(path)
    except OvfinitError:
        return None


def finish(host: Host, state: State) -> bool:
    """Forget the instance that was taken back; False if there is none.

    It has another name by now, so that whoever comes next takes nothing in it for granted.
    """
    if not os.path.isdir(host.real(UNDONE, follow=False)):
        return False
    from shutil import rmtree

    journal = Journal(state, UNDONE)
    oldest: Mapping[str, Any] = {"previous": None, "own": ()}
    if journal.numbers():
        oldest = journal.record(journal.numbers()[0])
    current = state.linked()
    if current is not None and not host.exists(f"{INSTANCES}/{current}"):
        state.point_to(oldest["previous"])
    for name in ("status.json", "metadata.json"):
        path = host.real(f"{RUN}/{name}")
        if os.path.lexists(path):
            os.unlink(path)
    _remove_own(host, oldest["own"])
    rmtree(host.real(UNDONE, follow=False))
    _remove_own(host, oldest["own"])
    return True


def _remove_own(host: Host, own: Sequence[str]) -> None:
    """Remove what was not there before us: files, and folders that are empty."""
    for path in reversed(own):
        real = host.real(path, follow=False)
        if os.path.isdir(real):
            remove_empty(host, path)
        elif os.path.lexists(real):
            os.unlink(real)
