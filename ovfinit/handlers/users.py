"""The default user, its keys and its sudo rule; root's keys with the rule that cloud images have."""

from __future__ import annotations

from ..accounts import is_hash, valid_name
from ..changes import AuthorizeKeys, EnsureUser, WriteFile
from ..errors import ChangeError
from ..model import Problem
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Secret
    from ..state import Past
    from ..userdata import UserData

NAME = "users"
SUDOERS = "/etc/sudoers.d/90-ovfinit"
KEY_TYPES = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """The user is made once and kept; its keys follow the metadata at every boot."""
    del handed
    wanted = config.default_user
    name = wanted.name or metadata.username or host.os_release.get("ID") or "user"
    if not valid_name(name):
        raise ChangeError(
            f"{name!r} is not a user name",
            where=metadata.origins.get("username"),
            remedy="set default_user.name in ovfinit.yaml",
        )
    password = metadata.password if NAME not in past.done else None
    if password is not None and (unusable := _unusable(password)):
        yield Problem("password", unusable, metadata.origins.get("password"))
        password = None
    accounts = host.accounts()
    if name != "root":
        gecos = wanted.gecos or _first_word(host.os_release.get("NAME", "")) or name
        yield EnsureUser(
            NAME,
            name,
            gecos=gecos,
            shell=wanted.shell,
            groups=tuple(wanted.groups),
            password=password,
            expired=password is not None and not is_hash(password.reveal()),
        )
        home = accounts[name].home if name in accounts else f"/home/{name}"
        yield AuthorizeKeys(NAME, f"{home}/.ssh/authorized_keys", user=name, lines=tuple(metadata.public_keys))
    root_home = accounts["root"].home if "root" in accounts else "/root"
    closed = config.ssh.disable_root and name != "root"
    lines = tuple(_closed(key, name) for key in metadata.public_keys) if closed else tuple(metadata.public_keys)
    yield AuthorizeKeys(NAME, f"{root_home}/.ssh/authorized_keys", user="root", lines=lines)
    if wanted.sudo and name != "root":
        rule = f"# Written by ovfinit.\n{name} {wanted.sudo}\n"
        yield WriteFile(NAME, SUDOERS, content=rule.encode(), mode=0o440, check=("visudo", "-cf"))


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


def _closed(key: str, user: str) -> str:
    """The key for root with a forced command that names the right user, as cloud images have it.

    Options of its own are dropped: an option after ours could undo it.
    """
    words = key.split()
    start = next((index for index, word in enumerate(words) if word.startswith(KEY_TYPES)), 0)
    message = f'Please login as the user \\"{user}\\" rather than the user \\"root\\".'
    rule = (
        f"no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo '{message}';echo;sleep 10;exit 142\""
    )
    return f"{rule} {' '.join(words[start:])}"
