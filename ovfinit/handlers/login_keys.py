"""Who may log in with which SSH key: the users duty's authorized_keys."""

from __future__ import annotations

from ..changes import AuthorizeKeys
from ..errors import OvfinitError
from ..fingerprint import KEY_TYPES
from ..model import Problem
from .roster import Person, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Account, Host
    from ..model import Metadata
    from .roster import Roster

CLOSED = (
    'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo '
    '\'Please login as the user \\"$USER\\" rather than the user \\"$DISABLE_USER\\".\';echo;sleep 10;exit 142"'
)
# the first id of people, and that of `nobody`, on Debian as elsewhere
FIRST_UID, NOBODY = 1000, 65534


class LoginKeys:
    """Everybody's keys; root's only say whom to log in as, unless root is opened or is the default user.

    With `keep` none of ours that stands there goes.
    """

    def __init__(
        self,
        handler: str,
        metadata: Metadata,
        config: Config,
        host: Host,
        asked: Mapping[str, Any],
        roster: Roster,
        *,
        keep: bool = False,
    ) -> None:
        self.keep = keep
        self.handler, self.host, self.asked, self.roster = handler, host, asked, roster
        self.known: Mapping[str, Account] = host.accounts()
        self.platform = tuple(metadata.public_keys) if asked.get("allow_public_ssh_keys", True) else ()
        self.closed = bool(asked.get("disable_root", config.ssh.disable_root)) and roster.default != "root"
        self.problems: list[Problem] = []

    def changes(self, stage: str) -> Iterator[Change | Problem]:
        """A block for each, an empty one for whoever has none any more."""
        for change in self._blocks(stage):
            yield change.with_(lines=self._with_former(change)) if self.keep else change
        yield from self.problems

    def _blocks(self, stage: str) -> Iterator[AuthorizeKeys]:
        shared = [*self.platform, *self._read("ssh_authorized_keys", self.asked.get("ssh_authorized_keys", ()))]
        if self.roster.default is None and self.closed and len(shared) > len(self.platform):
            self._problem("ssh_authorized_keys", "are for the default user, whom `users` leaves out")
        roots: Sequence[str] = ()
        handled = {"root"}
        for person in self.roster.people:
            own = self._own(person)
            if person.name == "root":
                roots = own
            elif not person.homeless:
                handled.add(person.name)
                lines = tuple(dict.fromkeys((*(shared if person.default else ()), *own)))
                yield AuthorizeKeys(
                    self.handler,
                    f"{person.home(self.known)}/.ssh/authorized_keys",
                    stage,
                    user=person.name,
                    lines=lines,
                )
        lines = tuple(dict.fromkeys((*roots, *self._for_root(shared, roots))))
        home = self.known["root"].home if "root" in self.known else "/root"
        yield AuthorizeKeys(self.handler, f"{home}/.ssh/authorized_keys", stage, user="root", lines=lines)
        for account in self._left(handled):
            yield AuthorizeKeys(self.handler, f"{account.home}/.ssh/authorized_keys", stage, user=account.name)

    def _with_former(self, change: AuthorizeKeys) -> tuple[str, ...]:
        """Its lines, and those of ours that stand there."""
        from .. import authorized_keys, block

        try:
            account = self.known.get(change.user)
            text = authorized_keys.read(self.host, account) if account is not None else None
        except (OvfinitError, OSError):
            # comparing tells
            text = None
        return tuple(dict.fromkeys((*(block.find(text or "") or ()), *change.lines)))

    def _problem(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _read(self, path: str, given: Any) -> list[str]:
        """The keys in what was given; each that is off is reported."""
        if not given:
            return []
        from ..normalize.public_keys import read

        found = read(texts(given))
        for problem in found.problems:
            self._problem(path, problem)
        return list(found.lines)

    def _own(self, person: Person) -> list[str]:
        """The keys that are a person's own."""
        path = f"users.{person.name}.ssh_authorized_keys"
        keys = self._read(path, person.wanted.get("ssh_authorized_keys"))
        if person.wanted.get("ssh_redirect_user"):
            keys += self._redirected(person)
        if person.homeless and keys:
            self._problem(path, "has no effect: a user without a home has no keys")
        return keys

    def _redirected(self, person: Person) -> list[str]:
        """The platform's keys, closed, for a name that people no longer log in with."""
        wrong = None
        if "ssh_authorized_keys" in person.wanted or "ssh_import_id" in person.wanted:
            wrong = "does not go with keys of the user's own; left out"
        elif self.roster.default is None:
            wrong = "has no default user to send people to: `users` leaves it out"
        elif not self.platform:
            wrong = "has no effect: the platform gives no keys"
        if wrong is not None or self.roster.default is None:
            self._problem(f"users.{person.name}.ssh_redirect_user", wrong or "")
            return []
        return [_closed(key, CLOSED, self.roster.default, person.name) for key in self.platform]

    def _for_root(self, shared: Sequence[str], own: Sequence[str]) -> Sequence[str]:
        """Keys that root has because the default user has them."""
        default = self.roster.default
        if not self.closed:
            return shared
        if default is None:
            # there is nobody to send people to, and refusing says as much
            return ()
        rule = self.asked.get("disable_root_opts", CLOSED)
        return [_closed(key, rule, default, "root") for key in shared if key not in own]

    def _left(self, handled: set[str]) -> Iterator[Account]:
        """People who are not on the roster and have keys of ours: of an earlier word, or of the image's past."""
        from .. import authorized_keys, block

        for account in self.known.values():
            if account.name in handled or not FIRST_UID <= account.uid != NOBODY:
                continue
            try:
                text = authorized_keys.read(self.host, account)
            except (OvfinitError, OSError):
                continue
            if text and block.find(text) is not None:
                yield account


def _closed(key: str, rule: str, user: str, disabled: str) -> str:
    """The key behind the options that close it, with the right names in them, as cloud images have it.

    Options of its own are dropped: an option after ours could undo it.
    """
    words = key.split()
    start = next((index for index, word in enumerate(words) if word.startswith(KEY_TYPES)), 0)
    return f"{rule.replace('$USER', user).replace('$DISABLE_USER', disabled)} {' '.join(words[start:])}".lstrip()
