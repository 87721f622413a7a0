"""What is run or told, and what the running machine only has in memory."""

from __future__ import annotations

import os

from .. import marks
from ..changes import Announce, Call, MakeHostKey, Post, ReloadNetwork, RenameInterfaces, Run, SetHostname
from ..errors import ChangeError
from ..step import Step, deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..state import Past


def _make_host_key(change: MakeHostKey, host: Host, past: Past) -> Step:
    there = host.exists(change.target) and host.exists(f"{change.target}.pub")
    if not there:
        return Step(change, "create")
    return Step(change, "none") if change.target in past.done else Step(change, "update", "of another instance")


def _set_hostname(change: SetHostname, _: Host, __: Past) -> Step:
    current = os.uname().nodename
    return Step(
        change, "none" if current == change.target else "update", before=current.encode(), after=change.target.encode()
    )


def _run(change: Run | Call | Post | Announce, host: Host, past: Past) -> Step:
    if marks.hold(change, host, past):
        return Step(change, "none", _HAPPENED[change.kind])
    if not host.live:
        return deferred(change, "run", past, f"{_HAPPENS[change.kind]} at the first boot")
    attempts = past.done.get(marks.name(change), {}).get("begun", 0)
    if attempts >= marks.ATTEMPTS:
        raise ChangeError(
            f"was started {attempts} times and its end was never seen: it ended this program, or the machine",
            where=change.target,
            remedy="mend it; a new instance runs it again",
        )
    return Step(change, "run", "only if it is needed" if getattr(change, "unless", ()) else "")


def _reload_network(change: ReloadNetwork, host: Host, past: Past) -> Step:
    if marks.hold(change, host, past):
        return Step(change, "none")
    return Step(change, "run", "the running network follows, and is taken back if it cuts this machine off")


def _rename_interfaces(change: RenameInterfaces, host: Host, _: Past) -> Step:
    from ..network.rename import due

    found = due(host, change.names)
    reason = ", ".join(f"{one.now} becomes {one.wanted}" for one in found)
    return Step(change, "update" if found else "none", reason)


_HAPPENED = {
    Run.kind: "has run",
    Call.kind: "was called",
    Post.kind: "was told",
    Announce.kind: "was said",
}
_HAPPENS = {Run.kind: "runs", Call.kind: "is called", Post.kind: "is told", Announce.kind: "is said"}
COMPARE: dict[str, Any] = {
    MakeHostKey.kind: _make_host_key,
    SetHostname.kind: _set_hostname,
    ReloadNetwork.kind: _reload_network,
    RenameInterfaces.kind: _rename_interfaces,
    **dict.fromkeys((Run.kind, Call.kind, Post.kind, Announce.kind), _run),
}
