"""What a person at the console sees: the host keys' fingerprints and one closing line."""

from __future__ import annotations

import os
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from ..digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..host import Host

DEVICE = "/dev/console"


def fingerprints(host: Host) -> Iterator[str]:
    """`SHA256:… (ED25519)` of each host key, in the form ssh shows when it asks."""
    for name in host.listing("/etc/ssh"):
        if name.startswith("ssh_host_") and name.endswith("_key.pub"):
            words = (host.text(f"/etc/ssh/{name}") or "").split()
            try:
                digest = sha256(a2b_base64(words[1])).digest()
            except (IndexError, Base64Error):
                continue
            kind = name.removeprefix("ssh_host_").removesuffix("_key.pub").upper()
            yield f"SHA256:{b2a_base64(digest, newline=False).decode().rstrip('=')} ({kind})"


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
