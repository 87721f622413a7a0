"""Changes: what a handler wants of the machine, as plain data out of a small closed set.

A change says what should be; comparing it with the machine is `compare.py`, making it so is `apply.py`. Targets are
paths of the tree (`/etc/hostname`), whatever `--root` says.
"""

from __future__ import annotations

from .record import Record
from .stages import FINAL as FINAL
from .stages import LOCAL as LOCAL
from .stages import NETWORK as NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from .model import Secret


class LeaveAlone(Exception):
    """Raised by a duty that was told to keep its hands off: what it wrote on an earlier boot stays as it is."""


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
    new content before it takes its place (`visudo -cf`); the path of the candidate is appended. With `append` the
    content is added, once per instance, to what stands there, which keeps its mode and owner.
    """

    kind = "file"
    content: bytes = b""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    ours: bool = True
    secret: bool = False
    check: Sequence[str] = ()
    append: bool = False


class FetchFile(Change):
    """A regular file with what a URL gives, once per instance and never under `--root`; mode and owner as WriteFile.

    `headers` go with the request. `fallback` is the content if the URL gives none in time; None: that is a failure.
    """

    kind = "fetch"
    url: str = ""
    headers: Mapping[str, Secret] = {}
    fallback: bytes | None = None
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


class WriteBlock(Change):
    """Lines of ours between `# BEGIN ovfinit` and `# END ovfinit` in a file that belongs to others.

    No lines: the block goes. A new block stands at the end, or before the first line that starts with `before`.
    """

    kind = "block"
    lines: Sequence[str] = ()
    before: str = ""
    mode: int = 0o644


class RemoveFile(Change):
    """No file or link at `target`; with `folder` no folder either, if it holds only `inside`, which goes before it."""

    kind = "remove"
    folder: bool = False
    inside: Sequence[str] = ()


class MakeLink(Change):
    """A symbolic link at `target` to `to`, in place of a file or another link.

    One that stands where nothing was before is ours: it goes when nobody wants it any more.
    """

    kind = "link"
    to: str = ""


class MakeFolder(Change):
    """A folder at `target`; one that is there keeps its mode and owner, one we made goes when it is empty."""

    kind = "folder"
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


class EnsureGroup(Change):
    """A group named `target` exists and has these members besides those it has."""

    kind = "group"
    gid: int | None = None
    system: bool = False
    members: Sequence[str] = ()


class EnsureUser(Change):
    """A user named `target` exists, is a member of those `groups` that exist, and has a home.

    What is None or empty is left to useradd's own defaults. An existing user keeps all but `groups`, `locked`,
    `expires` and `inactive`. `password` is in crypt(5) form or plain; None leaves it alone (locked for a new user);
    `expired` asks for a new one at first login. `expires` is a day (YYYY-MM-DD), `inactive` days. `locked` True locks
    the password, False unlocks one that is there.
    """

    kind = "user"
    gecos: str = ""
    shell: str = "/bin/bash"
    groups: Sequence[str] = ()
    home: str | None = None
    password: Secret | None = None
    expired: bool = False
    uid: int | None = None
    primary_group: str | None = None
    system: bool = False
    create_home: bool = True
    user_group: bool = True
    log_init: bool = True
    expires: str | None = None
    inactive: int | None = None
    locked: bool | None = None


class SetPassword(Change):
    """The password of the existing user `target`, once per instance; in crypt(5) form or plain.

    None: a random one is made when it is applied and shown on the console, nowhere else.
    """

    kind = "password"
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


# how often something runs: at every boot, once per instance, once in the life of the machine
BOOT, INSTANCE, ONCE = "boot", "instance", "once"


class Run(Change):
    """Run a user's program, never under `--root`; its output goes to the output log, its exit code to the status.

    `target` is the file, or a name for what has none; `command` what is executed (the first word a path of the tree);
    `timeout` in seconds, None for none; `environment` is added to the documented one. With `shell` the command is one
    file that is read by the shell of that name, which has read those before it (`cd` lasts). `if_well`: not if an
    earlier one of its duty failed in this run.
    """

    kind = "run"
    command: Sequence[str] = ()
    shell: str = ""
    if_well: bool = False
    timeout: float | None = None
    when: str = INSTANCE
    environment: Mapping[str, str] = {}


class Call(Change):
    """Call a program of the distribution (apt-get, locale-gen, growpart …), never under `--root`: deferred there.

    `target` names it in plans and marks. It is called once per instance, or at every boot by `when`, and again when
    `fingerprint` is another than at the last successful call. `unless` is a program that only looks: exit 0 means that
    there is nothing to do. `accept`: exit codes that are a success. `tries` with growing pauses in between, for what
    can pass. `hidden` is given on standard input, what is not text in it by surrogates. `marked_first`: the mark is
    written before the call, for what ends this boot.
    """

    kind = "call"
    command: Sequence[str] = ()
    when: str = INSTANCE
    fingerprint: str = ""
    unless: Sequence[str] = ()
    accept: Sequence[int] = (0,)
    timeout: float = 300.0
    tries: int = 1
    environment: Mapping[str, str] = {}
    hidden: Secret | None = None
    marked_first: bool = False


class Post(Change):
    """Tell a URL by an HTTP POST of these form fields, once per instance or at every boot.

    `target` is the URL, or what may be shown of `url` where that has a secret in it.
    `files`: fields whose value is what stands in this file of the tree when it is posted; `N/A` if there is none.
    """

    kind = "post"
    url: Secret | None = None
    fields: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    tries: int = 10
    when: str = INSTANCE


class Announce(Change):
    """Lines on the console and in the log; `target` names the message.

    `$TIMESTAMP` (RFC 5322, UTC) and `$UPTIME` (seconds) in them are of the moment when they are shown.
    """

    kind = "message"
    lines: Sequence[str] = ()
    when: str = BOOT


class RenameInterfaces(Change):
    """The interfaces with these hardware addresses have these names, as far as they are down; see network/rename.py."""

    kind = "rename"
    names: Mapping[str, str] = {}


class ReloadNetwork(Change):
    """The running network follows our files, read by the renderer `target`; where it is not running yet, nothing.

    `fingerprint` stands for the files. What is reached before (the routers, and `targets`: see network/reach.py) must
    be reached again after `seconds`, or the files of before are put back. `former`: what stood in the files that
    changed, filled in when it is applied.
    """

    kind = "network-reload"
    fingerprint: str = ""
    targets: Sequence[str] = ()
    seconds: float = 30.0
    former: Mapping[str, bytes | None] = {}
