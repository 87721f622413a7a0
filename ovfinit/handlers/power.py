"""Power: the last thing of a first boot, if the user wants it to end there or to begin anew."""

from __future__ import annotations

from ..changes import FINAL, Call
from ..shell import joined
from ..userdata.scalars import Command, Flag, Number, Text
from ..userdata.schema import OneOf, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "power"
REQUIRED = "/run/reboot-required"
_MODES = {"poweroff": "-P", "reboot": "-r", "halt": "-H"}
# a condition is asked once, when the mark is written already: no machine is switched off by it years later
_IF = 'condition=$1; shift; if sh -c "$condition"; then exec "$@"; fi'


def _judge_delay(text: str) -> str | None:
    hours, colon, minutes = text.partition(":")
    if colon:
        good = hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60
    else:
        digits = text.removeprefix("+")
        good = text == "now" or digits.isascii() and digits.isdecimal() and len(digits) < 8
    return None if good else "must be now, minutes such as 5 or +5, or a time such as 23:30"


KEYS = {
    "power_state": Table(
        "What happens when everything else of a first boot is done.",
        keys={
            "mode": Text("What to do.", choices=tuple(_MODES)),
            "delay": Text("When: now, +minutes or hh:mm.", check=_judge_delay),
            "message": Text("What people who are logged in are told.", lines=True),
            "timeout": Number("Seconds; nothing has to be waited for here, as this comes last."),
            "condition": OneOf("A command that must succeed, or true or false.", specs=(Flag(), Command())),
        },
        required=("mode",),
    ),
    "package_reboot_if_required": Flag("Reboot at the end if an installed package asks for it."),
    "apt_reboot_if_required": Flag(deprecated="write package_reboot_if_required"),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """One call of shutdown(8), marked before it is made, so that no reboot leads to another."""
    del metadata, config, host, past
    required = handed.config.get("package_reboot_if_required", handed.config.get("apt_reboot_if_required", False))
    if required:
        yield _call(
            "reboot if required", f"test -e {REQUIRED}", "-r", "now", "A package that was installed asks for it"
        )
    wanted: Mapping[str, Any] | None = handed.config.get("power_state")
    if wanted is None or wanted.get("condition") is False:
        return
    delay = wanted.get("delay", "now")
    delay = f"+{delay}" if delay.isdecimal() else delay
    condition = wanted.get("condition", True)
    if isinstance(condition, tuple):
        condition = joined(condition)
    message = " ".join(wanted.get("message", "").split())
    yield _call(wanted["mode"], condition, _MODES[wanted["mode"]], delay, message)


def _call(target: str, condition: str | bool, mode: str, delay: str, message: str) -> Call:
    command: tuple[str, ...] = ("shutdown", mode, "--", delay, *([message] if message else []))
    if isinstance(condition, str):
        command = ("sh", "-c", _IF, "if", condition, *command)
    return Call(NAME, target, FINAL, command=command, marked_first=True)
