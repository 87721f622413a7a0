"""What makes this machine another than its clone: SSH host keys, the running kernel's host name."""

from __future__ import annotations

import os

from .. import atomic
from ..changes import MakeHostKey, SetHostname
from ..errors import ChangeError
from .folders import make_folders
from .tools import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step


def _make_host_key(change: MakeHostKey, _: Step, host: Host) -> None:
    tool = host.tool("ssh-keygen")
    if tool is None:
        raise ChangeError(
            "ssh-keygen is not installed", where=change.target, remedy="install the package openssh-client"
        )
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    new = atomic.candidate(real)
    for left in (new, f"{new}.pub"):
        if os.path.lexists(left):
            os.unlink(left)
    call((tool, "-q", "-t", change.type, "-N", "", "-C", f"root@{_name(host)}", "-f", new), where=change.target)
    for path in (new, f"{new}.pub"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    # the public half first: sshd looks at the private one, and finds a pair
    os.rename(f"{new}.pub", f"{real}.pub")
    atomic.commit(real)


def _name(host: Host) -> str:
    return (host.text("/etc/hostname") or "").strip() or "localhost"


def _set_hostname(change: SetHostname, _: Step, __: Host) -> None:
    from _socket import sethostname

    sethostname(change.target)


PERFORM: dict[str, Any] = {MakeHostKey.kind: _make_host_key, SetHostname.kind: _set_hostname}
