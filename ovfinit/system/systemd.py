"""What a service tells systemd: sd_notify(3) and the journal's native protocol, two datagrams without a library."""

from __future__ import annotations

import os
import sys

# the class of the C module: `socket` imports selectors, enum and re besides
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, socket

JOURNAL = "/run/systemd/journal/socket"
# stable ids, so that `journalctl MESSAGE_ID=…` finds the same event on every machine; see ovfinit(8)
APPLIED = "1d1ae1d9a1c44d9a8d5d0a3b6c1f2e02"
FAILED = "1d1ae1d9a1c44d9a8d5d0a3b6c1f2e03"
NO_SOURCE = "1d1ae1d9a1c44d9a8d5d0a3b6c1f2e04"
READY = "1d1ae1d9a1c44d9a8d5d0a3b6c1f2e05"
INFO, WARNING, ERROR = 6, 4, 3


def notify(text: str) -> bool:
    """Send `READY=1`, `STATUS=…`, `WATCHDOG=1` to whoever started us; False if nobody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    return _send(address, text.encode("utf-8", "replace"))


def journal(message: str, message_id: str, priority: int = INFO, **fields: str) -> bool:
    """One entry with fields of our own; False where no journal runs, and standard error has to do for what is wrong."""
    entry = {"MESSAGE": message, "MESSAGE_ID": message_id, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "ovfinit"}
    entry |= {f"OVFINIT_{name.upper()}": value for name, value in fields.items()}
    lines = (f"{name}={' '.join(value.splitlines())}\n" for name, value in entry.items())
    return _send(JOURNAL, "".join(lines).encode("utf-8", "replace")) or complain(message, message_id, priority)


def complain(message: str, message_id: str, priority: int = INFO, **fields: str) -> bool:
    """The same for a tree, which is another machine's: only what is wrong, and on standard error. Always False."""
    del message_id, fields
    if priority <= WARNING:
        sys.stderr.write(f"ovfinit: {message}\n")
    return False


def _send(address: str, data: bytes) -> bool:
    channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        channel.sendto(data, address)
    except OSError:
        return False
    finally:
        channel.close()
    return True
