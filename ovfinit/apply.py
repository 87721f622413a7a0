"""Applying: the only room of the agent that changes a machine.

Each change is made whole or not at all, so being killed at any instant leaves nothing that the next run does not see
and finish. `perform` makes one change; `boot.py` decides which and in what order.
"""

from __future__ import annotations

import os

from . import accounts, atomic, authorized_keys, passwords
from .changes import (
    AuthorizeKeys,
    EnsureUser,
    MakeHostKey,
    MakeLink,
    RemoveFile,
    Run,
    SetHostname,
    WriteBlock,
    WriteFile,
)
from .compare import Step, account_of, names_to_ids
from .deadline import Deadline
from .errors import ChangeError, InputError
from .paths import OUTPUT
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .host import Account, Host

TOOL_TIMEOUT = 30.0
TOOL_LIMIT = 256 * 1024


class Done(Record):
    """What came of a step: `deferred` to the first boot, or a script's `exit_code`."""

    deferred: bool = False
    exit_code: int | None = None


def perform(step: Step, host: Host) -> Done:
    """Make one change. Raises ChangeError with what, where, why; the machine is as before then."""
    if step.deferred:
        return Done(deferred=True)
    try:
        return _PERFORM[type(step.change)](step.change, step, host) or Done()
    except OSError as error:
        remedy = "free some space" if error.errno == 28 else None
        raise ChangeError(f"cannot be written: {error.strerror}", where=step.change.target, remedy=remedy) from error


def make_folders(host: Host, path: str) -> None:
    """Make the folders above a path of the tree that are missing, 0755 root."""
    os.makedirs(os.path.dirname(host.real(path, follow=False)), mode=0o755, exist_ok=True)


def _tool(host: Host, tool: str, *words: str, stdin: bytes = b"", accept: Sequence[int] = (0,)) -> None:
    command = accounts.command(host, tool, *words)
    if command is None:
        raise ChangeError(f"{tool} is not installed", where=words[-1], remedy="install the package passwd")
    _call(command, stdin=stdin, accept=accept)


def _call(command: Sequence[str], *, stdin: bytes = b"", accept: Sequence[int] = (0,)) -> None:
    from .process import run

    name = os.path.basename(command[0])
    try:
        output = run(command, Deadline(TOOL_TIMEOUT), limit=TOOL_LIMIT, stdin=stdin)
    except InputError as error:
        raise ChangeError(error.message, where=error.where) from error
    if output.status not in accept:
        said = output.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ChangeError(
            f"{name} failed with {output.status}: {said[-1] if said else 'no message'}", where=command[-1]
        )


def _write_file(change: WriteFile, _: Step, host: Host) -> None:
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    atomic.prepare(real, change.content, change.mode, names_to_ids(change, host))
    tool = host.tool(change.check[0]) if change.check else None
    if tool is not None:
        try:
            _call((tool, *change.check[1:], atomic.candidate(real)))
        except ChangeError as error:
            os.unlink(atomic.candidate(real))
            raise ChangeError(f"was refused: {error.message}", where=change.target) from error
    atomic.commit(real)


def _write_block(change: WriteBlock, step: Step, host: Host) -> None:
    real = host.real(change.target)
    make_folders(host, change.target)
    mode, owner = change.mode, (0, 0)
    if os.path.exists(real):
        status = os.stat(real)
        mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
    atomic.write(real, step.after or b"", mode, owner)


def _remove_file(change: RemoveFile, _: Step, host: Host) -> None:
    real = host.real(change.target, follow=False)
    os.unlink(real)
    atomic.touched(real)


def _make_link(change: MakeLink, _: Step, host: Host) -> None:
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    new = atomic.candidate(real)
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(change.to, new)
    atomic.commit(real)


def _ensure_user(change: EnsureUser, _: Step, host: Host) -> None:
    name = change.target
    if name not in host.accounts():
        # the home is made by us, so that it appears whole; 9: somebody else was quicker, which is as good
        group = ("-g", name) if name in host.groups() else ("-U",)
        home = ("-d", change.home) if change.home else ()
        groups = accounts.missing_groups(host, name, change.groups)
        more: tuple[str, ...] = ("-G", ",".join(groups)) if groups else ()
        # a tree's login.defs could name a folder outside of it for the user's mail
        more += () if host.live else ("-K", "MAIL_DIR=/var/mail")
        _tool(host, "useradd", *group, *more, "-M", *home, "-s", change.shell, "-c", change.gecos, name, accept=(0, 9))
    missing = accounts.missing_groups(host, name, change.groups)
    if missing:
        _tool(host, "usermod", "-a", "-G", ",".join(missing), name)
    account = host.accounts().get(name)
    if account is None:
        raise ChangeError("useradd did not make the user", where=name)
    if not host.exists(account.home):
        _make_home(host, account)
    if change.password is not None:
        passwords.put(host, name, change.password, _call, expired=change.expired)


def _make_home(host: Host, account: Account) -> None:
    """A copy of /etc/skel, 0700 unless login.defs has another HOME_MODE, under its real name only when it is whole."""
    from shutil import Error, copytree, rmtree

    real = host.real(account.home, follow=False)
    make_folders(host, account.home)
    new = atomic.candidate(real)
    if os.path.lexists(new):
        rmtree(new)
    skeleton = host.real("/etc/skel")
    try:
        if os.path.isdir(skeleton):
            copytree(skeleton, new, symlinks=True)
        else:
            os.mkdir(new)
        for folder, folders, files in os.walk(new):
            for entry in (".", *folders, *files):
                os.chown(os.path.join(folder, entry), account.uid, account.gid, follow_symlinks=False)
        os.chmod(new, _home_mode(host))
    except Error as error:
        # copytree goes on after what it cannot copy and lists it all
        rmtree(new)
        raise ChangeError(f"cannot be copied to {account.home}: {error.args[0][0][2]}", where="/etc/skel") from error
    except OSError:
        rmtree(new, ignore_errors=True)
        raise
    atomic.commit(real)


def _home_mode(host: Host) -> int:
    for line in (host.text("/etc/login.defs") or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "HOME_MODE":
            try:
                return int(words[1], 8) & 0o777
            except ValueError:
                break
    return 0o700


def _authorize_keys(change: AuthorizeKeys, _: Step, host: Host) -> None:
    from . import block

    account = account_of(change, host)
    if account is None:
        raise ChangeError(f"there is no user {change.user}", where=change.target)
    if change.user == "root" and not host.exists(account.home):
        make_folders(host, account.home)
        os.makedirs(host.real(account.home), mode=0o700, exist_ok=True)
    # read again: a user that was made after the plan may have keys from /etc/skel
    current = authorized_keys.read(host, account) or ""
    authorized_keys.write(host, account, block.replace(current, change.lines))


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
    _call((tool, "-q", "-t", change.type, "-N", "", "-C", f"root@{_name(host)}", "-f", new))
    for path in (new, f"{new}.pub"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    # the public half first: sshd looks at the private one, and finds a pair
    os.rename(f"{new}.pub", f"{real}.pub")
    atomic.commit(real)


def _name(host: Host) -> str:
    return (host.text("/etc/hostname") or "").strip() or "localhost"


def _set_hostname(change: SetHostname, _: Step, __: Host) -> None:
    import socket

    socket.sethostname(change.target)


def _run(change: Run, _: Step, host: Host) -> Done:
    """Run a user's script; its output goes to our output log, its exit code to the status.

    It gets a session of its own and, at its time limit, SIGTERM and then SIGKILL for all of it.
    """
    import signal
    import subprocess

    log = host.real(OUTPUT)
    make_folders(host, OUTPUT)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with open(descriptor, "ab", buffering=0) as output:
        command = [host.real(change.command[0]), *change.command[1:]]
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                env=_environment(),
            )
        except OSError as error:
            reason = "is not a program for this machine" if error.errno == 8 else error.strerror
            raise ChangeError(
                f"cannot be started: {reason}", where=change.target, remedy="is the interpreter installed?"
            ) from error
        try:
            code = child.wait(change.timeout)
        except subprocess.TimeoutExpired:
            for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
                try:
                    os.killpg(child.pid, number)
                    child.wait(patience)
                    break
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            raise ChangeError(
                f"was not done after {change.timeout:g} seconds", where=change.target, remedy="raise scripts.timeout"
            ) from None
    if code:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise ScriptFailed(f"{how}; its output is in {OUTPUT}", where=change.target, exit_code=code)
    return Done(exit_code=0)


class ScriptFailed(ChangeError):
    """Raised when a user's script ends with anything but 0."""

    code = "script-failed"

    def __init__(self, message: str, *, where: str, exit_code: int) -> None:
        super().__init__(message, where=where)
        self.script_exit_code = exit_code


def _environment() -> dict[str, str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "PATH": path,
        "HOME": "/root",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "SHELL": "/bin/sh",
        "USER": "root",
    }


_PERFORM: dict[type, Any] = {
    WriteFile: _write_file,
    WriteBlock: _write_block,
    RemoveFile: _remove_file,
    EnsureUser: _ensure_user,
    AuthorizeKeys: _authorize_keys,
    MakeHostKey: _make_host_key,
    MakeLink: _make_link,
    SetHostname: _set_hostname,
    Run: _run,
}
