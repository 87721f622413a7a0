"""Our settings of sshd(8): one file, and what may keep it from having its effect."""

from __future__ import annotations

from ..changes import Call, WriteFile
from ..errors import InputError
from ..model import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..changes import Change
    from ..host import Host

FOLDER = "/etc/ssh/sshd_config.d"
FILE = f"{FOLDER}/50-ovfinit.conf"
MAIN = "/etc/ssh/sshd_config"
RUNNING = "/run/sshd.pid"


def settle(handler: str, host: Host, settings: Sequence[tuple[str, str]]) -> Iterator[Change | Problem]:
    """The file with these settings (name, value), nothing without any; a running sshd is told to read it.

    sshd takes the first value that it meets (sshd_config(5)), in the order of the names of files.
    """
    if not settings:
        return
    content = "".join(
        f"{line}\n" for line in ("# Written by ovfinit.", *(" ".join(pair) for pair in settings))
    ).encode()
    stale = host.exists(RUNNING) and _text(host, FILE) != content.decode()
    yield WriteFile(handler, FILE, content=content, mode=0o600)
    if stale and host.live and not host.exists("/run/systemd/system"):
        yield Problem("sshd", "is running, and reads what is new when somebody starts it again", FILE)
    elif stale:
        unit = "ssh.service" if host.exists("/lib/systemd/system/ssh.service") else "sshd.service"
        yield Call(handler, "sshd", command=("systemctl", "try-reload-or-restart", unit), fingerprint=content.decode())
    main = _text(host, MAIN)
    if main is not None and not any(
        line.split()[:1] and line.split()[0].lower() == "include" and FOLDER in line for line in main.splitlines()
    ):
        yield Problem("sshd", f"does not read {FOLDER}: add `Include {FOLDER}/*.conf` as its first line", MAIN)
    names = {name.lower() for name, _ in settings if name != "HostCertificate"}
    for other in host.listing(FOLDER):
        path = f"{FOLDER}/{other}"
        if not other.endswith(".conf") or path >= FILE:
            continue
        for line in (_text(host, path) or "").splitlines():
            words = line.replace("=", " ").split()
            if words and words[0].lower() in names:
                yield Problem("sshd", f"has {words[0]} as well, and comes first: remove it there", path)


def _text(host: Host, path: str) -> str | None:
    try:
        return host.text(path)
    except InputError:
        # only root may look
        return None
