"""What a person at the console sees: the host keys with their fingerprints, and one closing line."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ..host import Host

DEVICE = "/dev/console"


def host_keys(host: Host, asked: Mapping[str, Any]) -> Iterator[str]:
    """The host keys' fingerprints and the keys, between the marks that programs look for in a cloud machine's console.

    `asked` is cloud-config: `ssh.emit_keys_to_console` and the two lists of types that are not to be shown.
    """
    if not asked.get("ssh", {}).get("emit_keys_to_console", True):
        return
    from ..fingerprint import fingerprint

    keys = list(_public_keys(host))
    for word, hidden, lines in (
        ("FINGERPRINTS", asked.get("ssh_fp_console_blacklist", ()), [(kind, fingerprint(key)) for kind, key in keys]),
        ("KEYS", asked.get("ssh_key_console_blacklist", ()), keys),
    ):
        shown = [line for kind, line in lines if line and not _listed(hidden, kind, line)]
        if shown:
            yield from (f"-----BEGIN SSH HOST KEY {word}-----", *shown, f"-----END SSH HOST KEY {word}-----")


def _public_keys(host: Host) -> Iterator[tuple[str, str]]:
    """Type (as in the name of its file) and line of each."""
    for name in host.listing("/etc/ssh"):
        if name.startswith("ssh_host_") and name.endswith("_key.pub"):
            kind = name.removeprefix("ssh_host_").removesuffix("_key.pub")
            yield kind, " ".join((host.text(f"/etc/ssh/{name}") or "").split())


def _listed(hidden: Sequence[str], kind: str, line: str) -> bool:
    """True if one of the words is the type (`rsa`, `ssh-rsa`), or the fingerprint itself."""
    return any(word.removeprefix("ssh-").partition("-")[0] == kind or word in line.split() for word in hidden)


def say(lines: Iterable[str]) -> bool:
    """Print lines on the console; False if there is none, or it takes nothing."""
    text = "".join(f"ovfinit: {line}\r\n" for line in lines)
    try:
        descriptor = os.open(DEVICE, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(descriptor, text.encode("utf-8", "replace"))
    except OSError:
        return False  # a serial line that nobody reads may be full
    finally:
        os.close(descriptor)
    return True
