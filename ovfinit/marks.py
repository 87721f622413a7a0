"""Marks of what was done and is not to be done again: what they are called, and how long they hold.

They lie in `Past.done`. Those of what runs once in the life of a machine begin with `ONCE_PREFIX` and outlive the
instance. A boot is known by the kernel's boot id and the start of process 1, so that a container that starts again on
the same kernel has a boot of its own.
"""

from __future__ import annotations

from .changes import BOOT, INSTANCE, ONCE
from .digest import sha256
from .state import ONCE_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .changes import Change
    from .host import Host
    from .state import Past

# the mark of the network configuration that is not tried again before somebody asks for it
NETWORK_REFUSED = "network-reload/refused"
# a program that was started so often and whose end nobody saw ends the machine, or us
ATTEMPTS = 3
_BOOT_ID, _FIRST_PROCESS = "/proc/sys/kernel/random/boot_id", "/proc/1/stat"
_START_TIME = 19
# the kernel makes room for all that is asked for, and refuses megabytes
_FACT_LIMIT = 4096


def name(change: Change) -> str:
    """The mark of a change, unique among all duties'."""
    if change.kind == "file":
        return f"append/{sha256(getattr(change, 'content', b'')).hexdigest()[:16]}{change.target}"
    own = change.target
    if change.kind in ("call", "post", "message", "network-reload"):
        own = f"{change.kind}/{change.handler}/{change.target}"
    elif change.kind in ("password", "user", "group", "fetch"):
        own = f"{change.kind}/{change.target}"
    if getattr(change, "when", INSTANCE) == ONCE:
        # the folder of a script is its instance's
        return ONCE_PREFIX + (own.rpartition("/")[2] if change.kind == "run" else own)
    return own


def hold(change: Change, host: Host, past: Past) -> bool:
    """True if the change was made as often as it may be."""
    mark = past.done.get(name(change))
    if mark is None or mark.get("deferred") or "begun" in mark:
        return False
    if mark.get("fingerprint", "") != getattr(change, "fingerprint", ""):
        return False
    return getattr(change, "when", INSTANCE) != BOOT or mark.get("boot") == this_boot(host)


def begun(change: Change, done: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The mark of a program that is about to be started."""
    return {"begun": done.get(name(change), {}).get("begun", 0) + 1}


def made(change: Change, host: Host, **facts: Any) -> dict[str, Any]:
    """The mark of a change that was made; `facts` that are None are left out."""
    mark: dict[str, Any] = {fact: value for fact, value in facts.items() if value is not None}
    if getattr(change, "fingerprint", ""):
        mark["fingerprint"] = change.fingerprint  # type: ignore[attr-defined]
    if getattr(change, "when", INSTANCE) == BOOT:
        mark["boot"] = this_boot(host)
    return mark


def this_boot(host: Host) -> str:
    """A text that is another one at each boot of the machine or of the container."""
    fields = (host.text(_FIRST_PROCESS, _FACT_LIMIT) or "").rpartition(")")[2].split()
    start = fields[_START_TIME] if len(fields) > _START_TIME else ""
    return f"{(host.text(_BOOT_ID, _FACT_LIMIT) or '').strip()}/{start}"
