"""Which keys may log in, for the console: the fingerprints that ssh-keygen -l shows."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from ..changes import INSTANCE, LOCAL, Announce, AuthorizeKeys
from ..digest import sha256
from ..errors import ChangeError
from . import roster
from .login_keys import KEY_TYPES, LoginKeys

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


def fingerprint(line: str, digest: str = "sha256") -> str | None:
    """`SHA256:… me@here (ED25519)` of a line of authorized_keys; None for what holds no key data."""
    words = line.split()
    start = next((index for index, word in enumerate(words) if word.startswith(KEY_TYPES)), len(words))
    try:
        blob = a2b_base64(words[start + 1])
    except (IndexError, Base64Error):
        return None
    if not blob:
        return None
    if digest == "sha256":
        raw = sha256(blob).digest()
    else:
        import hashlib

        raw = hashlib.new(digest, blob, usedforsecurity=False).digest()
    # ssh shows MD5 as it did before there was a choice
    shown = raw.hex(":") if digest == "md5" else b2a_base64(raw, newline=False).decode().rstrip("=")
    kind = words[start].removeprefix("sk-").removeprefix("ssh-").partition("-")[0].partition("@")[0].upper()
    comment = " ".join(words[start + 2 :])
    return f"{digest.upper()}:{shown}{f' {comment}' if comment else ''} ({kind})"
