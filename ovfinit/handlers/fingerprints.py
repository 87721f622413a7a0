"""Which keys may log in, for the console: the fingerprints that ssh-keygen -l shows."""

from __future__ import annotations

from ..changes import INSTANCE, LOCAL, Announce, AuthorizeKeys
from ..errors import ChangeError
from ..fingerprint import fingerprint
from . import roster
from .login_keys import LoginKeys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..userdata import UserData


def announce(handler: str, metadata: Metadata, config: Config, host: Host, handed: UserData) -> Iterator[Change]:
    """One line a key, with the digest that cloud-config names, once per instance."""
    asked = handed.config
    try:
        people = roster.read(metadata, config, host, handed)
    except ChangeError:
        # the users duty has told
        return
    keys = LoginKeys(handler, metadata, config, host, asked, people).changes(LOCAL)
    lines = [
        f"{change.user} can log in with {shown}"
        for change in keys
        if isinstance(change, AuthorizeKeys) and change.user != "root"
        for line in change.lines
        if (shown := fingerprint(line, asked.get("authkey_hash", "sha256")))
    ]
    if lines:
        yield Announce(handler, "authorized-keys", LOCAL, lines=tuple(lines), when=INSTANCE)
