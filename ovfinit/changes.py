"""Changes: what a handler wants of the machine, as plain data out of a small closed set.

A change says what should be; comparing it with the machine is `compare.py`, making it so is `apply.py`. Targets are
paths of the tree (`/etc/hostname`), whatever `--root` says.
"""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from .model import Secret

LOCAL, NETWORK, FINAL = STAGES = ("local", "network", "final")


class Change(Record):
    """Base: which duty wants it (`handler`), in which stage of the boot, and what it is about (`target`)."""

    handler: str
    target: str
    stage: str = LOCAL
    kind: ClassVar[str] = ""


class WriteFile(Change):
    """A regular file with exactly this content, mode and owner; missing parent folders are made, 0755 root.

    With `ours` the file is ours alone: it goes when nobody wants it any more, and stays untouched when somebody
    changed it since we wrote it. `secret` keeps its content out of diffs. `check` is a command that must accept the
    new content before it takes its place (`visudo -cf`); the path of the candidate is appended.
    """

    kind = "file"
    content: bytes = b""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    ours: bool = True
    secret: bool = False
    check: Sequence[str] = ()


class WriteBlock(Change):
    """Lines of ours between `# BEGIN ovfinit` and `# END ovfinit` in a file that belongs to others.

    No lines: the block goes. A new block stands at the end, or before the first line that starts with `before`.
    """

    kind = "block"
    lines: Sequence[str] = ()
    before: str = ""
    mode: int = 0o644


class RemoveFile(Change):
    """No file at `target`; a folder is never removed by this."""

    kind = "remove"


class EnsureUser(Change):
    """A user named `target` exists, with a home, is a member of those `groups` that exist, and has this shell.

    An existing user keeps all else. `password` is in crypt(5) form or plain; None leaves it alone (locked for a new
    user). `expired` asks for a new one at first login.
    """

    kind = "user"
    gecos: str = ""
    shell: str = "/bin/bash"
    groups: Sequence[str] = ()
    home: str | None = None
    password: Secret | None = None
    expired: bool = False


class AuthorizeKeys(Change):
    """Our block of the `user`'s authorized_keys holds exactly these lines; `target` is the file."""

    kind = "keys"
    user: str = ""
    lines: Sequence[str] = ()


class MakeHostKey(Change):
    """An SSH host key pair of `type` at `target` (private) and `target`.pub, made for this instance."""

    kind = "host-key"
    type: str = "ed25519"


class SetHostname(Change):
    """The running kernel's host name is `target`."""

    kind = "kernel-hostname"


class Run(Change):
    """Run a user's program of the tree, once per instance, never under `--root`.

    `target` is the file, `command` what is executed, `timeout` in seconds.
    """

    kind = "run"
    command: Sequence[str] = ()
    timeout: float = 0.0
