"""What a program did, and what was told, cannot be taken back; the kernel's host name can."""

from __future__ import annotations

import os

from ..changes import Announce, Call, Post, ReloadNetwork, RenameInterfaces, Run, SetHostname
from .undone import Undone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..host import Host


def _hostname(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    from _socket import sethostname

    if host.live and os.uname().nodename == entry["target"]:
        sethostname(entry["hostname"])
        yield Undone(entry["target"], "restored", f"the host is called {entry['hostname']} again")


def _gone(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    if host.live and entry["kind"] in _KEPT:
        yield Undone(entry["target"], "kept", f"{_KEPT[entry['kind']]} cannot be taken back")


_KEPT = {Run.kind: "what a script did", Call.kind: "what a program did", Post.kind: "what was told"}
UNDO: dict[str, Any] = {
    SetHostname.kind: _hostname,
    **dict.fromkeys((Run.kind, Call.kind, Post.kind, Announce.kind, ReloadNetwork.kind, RenameInterfaces.kind), _gone),
}
