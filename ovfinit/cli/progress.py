"""`status`: how far the boot has come, and waiting for its end."""

from __future__ import annotations

from time import sleep

from .. import status
from ..deadline import Deadline
from ..host import Host
from ..standby import switched_off
from .argument import seconds
from .output import RESULTS, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from typing import Any

DESCRIPTION = {
    "status": "Show how far the boot has come. Exit code 0: the machine is usable; 1: it is not;\n"
    "3: usable, with warnings, and --strict was given; 5: --wait timed out."
}
POLL_SECONDS = 0.1
TIMED_OUT = 5


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("--wait", action="store_true", help="wait until the boot's work is done")
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", default=600.0, help="wait at most S seconds (default 600)"
    )


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    host = Host(options.root)
    known = _known(host)
    if options.wait:
        deadline = Deadline(options.timeout)
        while known["status"] in (status.RUNNING, status.NEVER):
            if deadline.expired():
                _show(known, output)
                return TIMED_OUT
            # the status is replaced by renaming; a look ten times a second costs nothing and needs no inotify
            sleep(min(POLL_SECONDS, deadline.remaining()))
            known = _known(host)
    _show(known, output)
    output.warned = known["status"] == status.WARNED
    return output.code(0 if known["status"] in status.USABLE else 1)


def _known(host: Host) -> dict[str, Any]:
    known = status.read(host)
    reason = switched_off(host) if known["status"] == status.NEVER else None
    return {**known, "status": status.DISABLED, "reason": reason} if reason else known


def _show(known: dict[str, Any], output: Output) -> None:
    if output.json:
        output.document(known)
        return
    colour = "green" if known["status"] in status.USABLE else "red"
    reason = f" ({known['reason']})" if known.get("reason") else ""
    output.say(f"status: {output.paint(known['status'], colour)}{reason}")
    for warning in known.get("warnings", []):
        output.say(f"  {output.paint('warning', 'yellow')}: {warning}")
    for error in known.get("errors", []):
        where = f"{error['where']}: " if error.get("where") else ""
        output.say(f"  {output.paint('error', 'red')}: {where}{error['message']}")
    if known.get("datasource"):
        place = f"{known['datasource']}:{known['location']}" if known.get("location") else known["datasource"]
        output.say(f"source: {place}\ninstance: {known['instance_id']}")
    if known.get("unchanged"):
        output.say("nothing has changed since the boot before")
    longest = max(map(len, known.get("handlers", {})), default=0)
    for name, entry in known.get("handlers", {}).items():
        output.say(f"  {name:<{longest}} {RESULTS.get(entry['result'], entry['result'])}")
    for script in known.get("scripts", []):
        output.say(f"script {script['name']}: {_end(script)}")
    if known.get("running"):
        output.say(f"script {known['running']['name']}: runs since {known['running']['since']}")


def _end(script: Mapping[str, Any]) -> str:
    if script.get("deferred"):
        return "waits for the first boot"
    if script["exit_code"] is None:
        return "has no exit code"
    took = f" after {script['seconds']:.1f} s" if script.get("seconds") is not None else ""
    return f"exit code {script['exit_code']}{took}"
