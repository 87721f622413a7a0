"""Who is to be on this machine: the default user, those of cloud-config, and what is wanted of each, sorted out."""

from __future__ import annotations

from ..accounts import possible_name
from ..changes import LOCAL, NETWORK
from ..errors import ChangeError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..config import Config
    from ..host import Account, Host
    from ..model import Metadata
    from ..userdata import UserData

DEFAULT = "default"


class Person(Record):
    """One account: `wanted` are typed values by the keys of cloud-config's users.

    `joins`: groups of the default user's, where they exist.
    """

    name: str
    wanted: Mapping[str, Any] = {}
    default: bool = False
    joins: Sequence[str] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that were asked for, each once."""
        return tuple(dict.fromkeys(_groups(self.wanted)))

    @property
    def homeless(self) -> bool:
        """True for one without a home."""
        return bool(self.wanted.get("no_create_home") or self.wanted.get("system"))

    def home(self, known: Mapping[str, Account]) -> str:
        """The home that there is, or that is to be made."""
        if self.name in known:
            return known[self.name].home
        asked: str | None = self.wanted.get("homedir")
        return asked or ("/root" if self.name == "root" else f"/home/{self.name}")


class Roster(Record):
    """`people` in order, the default user first; `default` is its name, None where a list leaves it out."""

    people: Sequence[Person]
    default: str | None


def read(metadata: Metadata, config: Config, host: Host, handed: UserData) -> Roster:
    """Sort out `users` and `user`, in all forms that were ever documented.

    The first word about somebody counts, an entry for the default user's own name before one for `default`, that
    before `user`, that before ovfinit.yaml. Raises ChangeError if the default user's name is none.
    """
    listed: dict[str, dict[str, Any]] = {}
    for entry in _entries(handed.config.get("users")):
        name = entry.pop("name")
        listed[name] = {**entry, **listed.get(name, {})}
    own = handed.config.get("user")
    own = {"name": own} if isinstance(own, str) else dict(own or {})
    if DEFAULT not in listed and not own:
        return Roster(tuple(Person(name, wanted) for name, wanted in listed.items()), None)
    name = own.pop("name", None) or config.default_user.name or metadata.username
    name = name or host.os_release.get("ID") or "user"
    if not possible_name(name):
        raise ChangeError(
            f"{name!r} is not a user name",
            where=metadata.origins.get("username"),
            remedy="set default_user.name in ovfinit.yaml",
        )
    by_name, by_default = listed.pop(name, {}), listed.pop(DEFAULT, {})
    groups = tuple(group for source in (by_name, by_default, own) for group in _groups(source))
    wanted = {**own, **by_default, **by_name, "groups": groups}
    joins = () if "groups" in own else tuple(config.default_user.groups)
    default = Person(name, wanted, default=True, joins=joins)
    return Roster((default, *(Person(other, wanted) for other, wanted in listed.items())), name)


def _groups(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in whichever form they were given."""
    return tuple(wanted.get("groups", ()))


def stage(handed: UserData) -> str:
    """When accounts and files are made: after the user's own early commands, without any as early as can be."""
    return NETWORK if handed.boothooks or "bootcmd" in handed.config else LOCAL


def texts(given: Any) -> tuple[str, ...]:
    """A list's texts, or a mapping's."""
    return tuple(given.values() if isinstance(given, dict) else given)


def _entries(users: Any) -> Iterator[dict[str, Any]]:
    """Each entry as a mapping with a name; without `users` the default user alone."""
    if users is None:
        yield {"name": DEFAULT}
    elif isinstance(users, str):
        yield from _named(users)
    elif isinstance(users, dict):
        for name, wanted in users.items():
            if isinstance(wanted, dict):
                yield {**wanted, "name": name}
            elif wanted:
                yield {"name": name}
    else:
        for entry in users:
            if isinstance(entry, dict):
                yield dict(entry)
            elif isinstance(entry, str):
                yield from _named(entry)
            else:
                for names in entry:
                    yield from _named(names)


def _named(names: str) -> Iterator[dict[str, Any]]:
    for name in names.split(","):
        if name.strip():
            yield {"name": name.strip()}
