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
    if host.live and change.type != "rsa" and os.uname().nodename == _name(host):
        if change.target not in _spare:
            _spare.update(quick_pairs(tool, NEST))
        private, public = _spare.pop(change.target)
        # the public half first: sshd looks at the private one, and finds a pair
        atomic.write(f"{real}.pub", public, 0o644)
        atomic.write(real, private, 0o600)
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

    A run of ssh-keygen is two thirds the start of its cryptographic library, so they are made in one. `nest` is a
    folder for it alone, gone afterwards. Raises ChangeError or OSError.
    """
    folder = f"{nest}/etc/ssh"
    os.makedirs(nest, 0o700, exist_ok=True)
    os.makedirs(folder, exist_ok=True)
    _clear(folder)
    try:
        # a key that is there and not empty it leaves alone, and RSA takes long
        with open(f"{folder}/ssh_host_rsa_key", "xb") as file:
            file.write(b"-")
        call((tool, "-A", "-f", nest), where="/etc/ssh")
        pairs = {}
        for kind in ("ed25519", "ecdsa"):
            name = f"ssh_host_{kind}_key"
            with open(f"{folder}/{name}", "rb") as private, open(f"{folder}/{name}.pub", "rb") as public:
                pairs[f"/etc/ssh/{name}"] = private.read(), public.read()
        return pairs
    finally:
        _clear(folder)
        for empty in (folder, f"{nest}/etc", nest):
            os.rmdir(empty)


def _clear(folder: str) -> None:
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")


def _name(host: Host) -> str:
    return (host.text("/etc/hostname") or "").strip() or "localhost"


def _set_hostname(change: SetHostname, _: Step, __: Host) -> None:
    from _socket import sethostname

    sethostname(change.target)


PERFORM: dict[str, Any] = {MakeHostKey.kind: _make_host_key, SetHostname.kind: _set_hostname}
