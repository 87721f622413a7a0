"""Users and groups: who is there, with which keys and rights; root's keys with the rule that cloud images have."""

from __future__ import annotations

from ..accounts import is_hash
from ..changes import Call, EnsureGroup, EnsureUser
from ..errors import OvfinitError
from ..model import Problem, Secret
from ..userdata import NOTHING
from . import roster
from .login_keys import LoginKeys
from .roster import Person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Account, Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData
    from .roster import Roster

NAME = "users"
PASSWORDS = ("hashed_passwd", "plain_text_passwd", "passwd")


def __getattr__(name: str) -> Any:
    """`KEYS`, for whoever reads cloud-config; most boots read none."""
    if name != "KEYS":
        raise AttributeError(name)
    from .vocabulary.users import KEYS

    return KEYS


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """Users are made once and kept; their keys and rights follow what was handed over at every boot.

    Where a part of that cannot be used on a later boot, it is not known who was to lose what, and nobody does.
    """
    duty = _Duty(metadata, config, host, past, handed)
    yield from duty.accounts()
    unsure = not past.new and (NAME in handed.broken or _lost_keys(metadata))
    keys = LoginKeys(NAME, metadata, config, host, handed.config, duty.roster, keep=unsure)
    yield from keys.changes(duty.stage)
    if not unsure:
        yield from duty.rights()


class _Duty:
    """One planning of the duty: what several of its parts must know."""

    def __init__(self, metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> None:
        self.metadata, self.config, self.host, self.asked = metadata, config, host, handed.config
        self.roster: Roster = roster.read(metadata, config, host, handed)
        self.known: Mapping[str, Account] = host.accounts()
        self.done = past.done
        self.stage = roster.stage(handed)
        self.memberships: dict[str, list[str]] = {}

    def accounts(self) -> Iterator[Change | Problem]:
        """Groups before the users that are to be in them."""
        made: dict[str, EnsureGroup] = {}
        people = {person.name for person in self.roster.people}
        for name, members in group_members(self.asked.get("groups", ())).items():
            for member in members:
                if member in people:
                    self.memberships.setdefault(member, []).append(name)
                elif member not in self.known:
                    yield Problem(f"groups.{name}", f"has a member who is none of the users: {member}")
            there = tuple(member for member in members if member in self.known and member not in people)
            made[name] = EnsureGroup(NAME, name, self.stage, members=there)
        for person in self.roster.people:
            if person.wanted.get("create_groups", True):
                primary = person.wanted.get("primary_group")
                for name in (*person.groups, *((primary,) if primary else ())):
                    made.setdefault(name, EnsureGroup(NAME, name, self.stage))
        yield from made.values()
        for person in self.roster.people:
            # root is made by nobody, and its password is nobody's by default
            if person.name != "root" or not person.default:
                yield from self.account(person)
        if self.roster.default is None and self.metadata.password is not None:
            yield Problem("password", "is for the default user, whom `users` leaves out", self.origin("password"))

    def account(self, person: Person) -> Iterator[Change | Problem]:
        """One user."""
        wanted, name = person.wanted, person.name
        settings = self.config.default_user
        password, locked, expired = None, None, False
        if self.fresh(person):
            password, locked = self.password(person)
            if person.default and not _has_password(person):
                given = self.metadata_password()
                if isinstance(given, Problem):
                    yield given
                elif given is not None:
                    password, expired = given, not is_hash(given.reveal())
            if locked is False and password is None and not self.gets_password(person):
                yield Problem(f"users.{name}.lock_passwd", "has nothing to unlock: no password is given")
        primary = wanted.get("primary_group")
        gecos = settings.gecos or _first_word(self.host.os_release.get("NAME", "")) or name
        yield EnsureUser(
            NAME,
            name,
            self.stage,
            gecos=wanted.get("gecos", gecos if person.default else ""),
            shell=wanted.get("shell", settings.shell if person.default else ""),
            groups=tuple(dict.fromkeys((*person.joins, *person.groups, *self.memberships.get(name, ())))),
            home=wanted.get("homedir"),
            password=password,
            expired=expired,
            uid=wanted.get("uid"),
            primary_group=primary,
            system=wanted.get("system", False),
            create_home=not person.homeless,
            user_group=not wanted.get("no_user_group", False) and primary is None,
            log_init=not wanted.get("no_log_init", False),
            expires=wanted.get("expiredate"),
            inactive=wanted.get("inactive"),
            locked=locked,
        )
        if "selinux_user" in wanted:
            yield from self.selinux(name, wanted["selinux_user"])

    def fresh(self, person: Person) -> bool:
        """True until the user was made for this instance, whatever else of this duty fails."""
        mark = self.done.get(f"user/{person.name}", {"deferred": True})
        return NAME not in self.done and bool(mark.get("deferred"))

    def password(self, person: Person) -> tuple[Secret | None, bool | None]:
        """What is set as a password, and whether it is locked; None leaves each alone.

        A bare `passwd` is for a user who has none yet. Whoever is not said to be open is closed, the default user too
        if cloud-config gives it a password; who gets a password by chpasswd as well is left to that.
        """
        wanted, given = person.wanted, None
        for key in PASSWORDS:
            if key in wanted and (key != "passwd" or not self.has_password(person.name)):
                given = wanted[key]
                break
        locked = wanted.get("lock_passwd", True if _has_password(person) or not person.default else None)
        if given is not None and not given.reveal().strip("!*x") and given.reveal():
            given, locked = None, True
        return given, None if self.gets_password(person) else locked

    def has_password(self, name: str) -> bool:
        """True if shadow(5) holds one for this user; what only root may read counts as one."""
        try:
            lines = (self.host.text("/etc/shadow") or "").splitlines()
        except OvfinitError:
            return name in self.known
        return any(line.startswith(f"{name}:") and line.split(":")[1].strip("!*") for line in lines)

    def gets_password(self, person: Person) -> bool:
        """True if the passwords duty sets one, after this duty."""
        if "password" not in self.asked and "chpasswd" not in self.asked:
            return False
        from .passwords import names

        return person.name in names(self.asked, self.roster.default)

    def metadata_password(self) -> Secret | Problem | None:
        """The platform's password for the default user, unless cloud-config has another."""
        password = self.metadata.password
        if password is None or self.roster.default is None or self.gets_password(Person(self.roster.default)):
            return None
        unusable = _unusable(password)
        return Problem("password", unusable, self.origin("password")) if unusable else password

    def selinux(self, name: str, login: str) -> Iterator[Change | Problem]:
        """The login's SELinux user, by the tool that keeps the mapping."""
        if not self.host.exists("/etc/selinux/config"):
            yield Problem(f"users.{name}.selinux_user", "has no effect: SELinux is not used here")
            return
        command = ("semanage", "login", "--add", "--seuser", login, name)
        yield Call(NAME, f"selinux-login-{name}", self.stage, command=command, fingerprint=login)

    def rights(self) -> Iterator[Change | Problem]:
        """What sudo and doas allow to whom."""
        rules = [(person.name, rule) for person in self.roster.people for rule in self.sudo(person)]
        if rules:
            from .sudoers import grant

            yield from grant(NAME, self.host, rules, self.stage)
        doas = {person.name: person.wanted["doas"] for person in self.roster.people if person.wanted.get("doas")}
        if doas:
            from .doas import grant as permit

            yield from permit(NAME, self.host, doas, self.stage)

    def sudo(self, person: Person) -> Sequence[str]:
        """A user's rules; root needs none."""
        if person.name == "root":
            return ()
        if "sudo" in person.wanted:
            return tuple(rule for rule in person.wanted["sudo"] or () if rule)
        return (self.config.default_user.sudo,) if person.default and self.config.default_user.sudo else ()

    def origin(self, field: str) -> str | None:
        """Where the source said so."""
        return self.metadata.origins.get(field)


def _lost_keys(metadata: Metadata) -> bool:
    """True if the source gave keys and not one of them can be used."""
    return not metadata.public_keys and any(problem.field == "public_keys" for problem in metadata.problems)


def group_members(given: Any) -> dict[str, Sequence[str]]:
    """Groups and their members, from a list of names and mappings or from one mapping."""
    found: dict[str, Sequence[str]] = {}
    for entry in (given,) if isinstance(given, dict) else given:
        for name, members in entry.items() if isinstance(entry, dict) else ((entry, ()),):
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *(members or ()))))
    return found


def _has_password(person: Person) -> bool:
    return any(key in person.wanted for key in PASSWORDS)


def _first_word(text: str) -> str:
    """`Debian` of `Debian GNU/Linux`, without what passwd(5) cannot hold."""
    words = "".join(character for character in text if character.isprintable() and character not in ":,").split()
    return words[0] if words else ""


def _unusable(password: Secret) -> str | None:
    """Why a password must not be set; Ubuntu's OVAs ship `RANDOM` as a default that everybody knows."""
    text = password.reveal()
    if text.upper() in {"RANDOM", "R"}:
        return "asks for a random password, which is not made: log in with a key"
    return None if text.isprintable() and ":" not in text[:1] else "has characters that no password may have"
