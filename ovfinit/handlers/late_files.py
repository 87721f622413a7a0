"""Files that cloud-config hands over for later: once users are there, or in the final stage after packages."""

from __future__ import annotations

from ..changes import FINAL
from . import files, roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "late_files"


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """What is deferred, and what belongs to users of this run or lies in their homes."""
    if NAME in past.done:
        return
    people = files.names(metadata, config, host, handed)
    for file in files.wanted(handed):
        if file.entry.get("defer") or people.concern(file):
            yield from files.write(NAME, host, file, FINAL if file.last else roster.stage(handed), people.homes)
