"""What makes this machine another than its clone: SSH host keys, the running kernel's host name."""

from __future__ import annotations

import os

from .. import atomic
from ..changes import MakeHostKey, SetHostname
from ..errors import ChangeError
from ..paths import RUN
from .folders import make_folders
from .tools import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

NEST = f"{RUN}/host-keys"
QUICK = ("ed25519", "ecdsa")
# made and not asked for yet; not in a file, which an image could be taken with
_spare: dict[str, tuple[bytes, bytes]] = {}


def _make_host_key(change: MakeHostKey, _: Step, host: Host) -> None:
    tool = host.tool("ssh-keygen")
    if tool is None:
        raise ChangeError(
            "ssh-keygen is not installed", where=change.target, remedy="install the package openssh-client"
        )
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    # made together they get the kernel's name as their comment
    if host.live and change.type in QUICK and os.uname().nodename == _name(host):
        if change.target not in _spare:
            _spare.update(quick_pairs(tool, NEST))
        pair = _spare.pop(change.target, None)
        if pair is not None:
            # the public half first: sshd looks at the private one, and finds a pair
            atomic.write(f"{real}.pub", pair[1], 0o644)
            atomic.write(real, pair[0], 0o600)
            return
    new = atomic.candidate(real)
    for left in (new, f"{new}.pub"):
        if os.path.lexists(left):
            os.unlink(left)
    call((tool, "-q", "-t", change.type, "-N", "", "-C", f"root@{_name(host)}", "-f", new), where=change.target)
    for path in (new, f"{new}.pub"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    os.rename(f"{new}.pub", f"{real}.pub")
    atomic.commit(real)


def quick_pairs(tool: str, nest: str) -> dict[str, tuple[bytes, bytes]]:
    """Private and public halves of an ed25519 and an ecdsa key, by the paths that they are for.

    A run of ssh-keygen is two thirds the start of its cryptographic library, so they are made in one. What could not be
    made is missing. `nest` is a folder for it alone, gone afterwards. Raises OSError.
    """
    folder = f"{nest}/etc/ssh"
    os.makedirs(nest, 0o700, exist_ok=True)
    os.makedirs(folder, exist_ok=True)
    _clear(folder)
    try:
        # a key that is there and not empty it leaves alone, and RSA takes long
        with open(f"{folder}/ssh_host_rsa_key", "xb") as file:
            file.write(b"-")
        try:
            call((tool, "-A", "-f", nest), where="/etc/ssh")
        except ChangeError:
            return {}  # asked for each by itself it says which one is not to be had, and why
        names = [f"ssh_host_{kind}_key" for kind in QUICK]
        return {
            f"/etc/ssh/{name}": (_content(f"{folder}/{name}"), _content(f"{folder}/{name}.pub"))
            for name in names
            if os.path.exists(f"{folder}/{name}.pub")
        }
    finally:
        _clear(folder)
        for empty in (folder, f"{nest}/etc", nest):
            os.rmdir(empty)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _clear(folder: str) -> None:
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")


def _name(host: Host) -> str:
    return (host.text("/etc/hostname") or "").strip() or "localhost"


def _set_hostname(change: SetHostname, _: Step, __: Host) -> None:
    from _socket import sethostname

    sethostname(change.target)


PERFORM: dict[str, Any] = {MakeHostKey.kind: _make_host_key, SetHostname.kind: _set_hostname}
