"""Keys from key servers, by the program ssh-import-id, as the user whose they become."""

from __future__ import annotations

from ..changes import FINAL, Call
from ..model import Problem
from ..userdata.scalars import Text
from ..userdata.schema import Many
from . import roster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData
    from .roster import Person

NAME = "ssh_import"
PROGRAM = "ssh-import-id"
SECONDS = 120.0
TRIES = 3
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@+")


def _judge(name: str) -> str | None:
    usable = name and set(name) <= _SAFE and not name.startswith("-")
    return None if usable else "is no name at a key server (gh:NAME, lp:NAME)"


IDS = Many("Names at key servers (`gh:NAME`, `lp:NAME`).", item=Text(check=_judge), single=True, commas=True)
KEYS = {"ssh_import_id": IDS.with_(doc="Names at key servers whose keys the default user gets (`gh:NAME`, `lp:NAME`).")}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """One call for each user, in the final stage, once per instance and again for other names."""
    del past
    people = roster.read(metadata, config, host, handed)
    shared = handed.config.get("ssh_import_id", ())
    if shared and people.default is None:
        yield Problem("ssh_import_id", "is for the default user, whom `users` leaves out")
    wanted: list[tuple[Person, tuple[str, ...]]] = []
    for person in people.people:
        names = (*(shared if person.default else ()), *person.wanted.get("ssh_import_id", ()))
        if names and not person.homeless:
            wanted.append((person, tuple(dict.fromkeys(names))))
        elif names:
            yield Problem(f"users.{person.name}.ssh_import_id", "has no effect: a user without a home has no keys")
    if not wanted:
        return
    there = host.tool(PROGRAM) if host.live else host.exists(f"/usr/bin/{PROGRAM}")
    if not there and PROGRAM not in str(handed.config.get("packages", "")):
        yield Problem("ssh_import_id", f"needs a program that is not there: add `packages: [{PROGRAM}]`")
        return
    known = host.accounts()
    for person, names in wanted:
        name = person.name
        as_user = () if name == "root" else ("runuser", "-u", name, "--")
        yield Call(
            NAME,
            f"{PROGRAM}-{name}",
            FINAL,
            command=(*as_user, PROGRAM, *names),
            fingerprint=" ".join(names),
            timeout=SECONDS,
            tries=TRIES,
            environment={"HOME": person.home(known), "USER": name, "LOGNAME": name},
        )
