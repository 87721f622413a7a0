"""What is told to people and to other machines."""

from __future__ import annotations

from time import sleep

from ..changes import Announce, Post
from ..deadline import Deadline
from ..errors import ChangeError, InputError, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

POST_SECONDS = 10.0
PAUSE = 3.0
# what a form says of a file that is not there
NOTHING = "N/A"


def _post(change: Post, _: Step, host: Host) -> None:
    from ..http import post

    fields = {**change.fields, **{name: _content(host, path) for name, path in change.files.items()}}
    failure: SourceError | None = None
    for left in range(change.tries - 1, -1, -1):
        try:
            post(change.url.reveal() if change.url else change.target, fields, Deadline(POST_SECONDS))
            return
        except SourceError as error:
            failure = error
        if left:
            sleep(PAUSE)
    if failure is not None:
        raise ChangeError(f"could not be told: {failure.message}", where=failure.where, remedy=failure.remedy)


def _content(host: Host, path: str) -> str:
    """What stands in a file at this moment."""
    try:
        text = host.text(path)
    except InputError:
        return NOTHING
    return NOTHING if text is None else text.rstrip("\n")


def _announce(change: Announce, _: Step, host: Host) -> None:
    from ..status import log
    from ..system.console import say

    lines = [line.replace("$TIMESTAMP", _now()).replace("$UPTIME", _uptime(host)) for line in change.lines]
    say(lines)
    log(host, lines)


def _now() -> str:
    """The time as in RFC 5322, whatever the language is."""
    from time import gmtime

    days, months = ("MonTueWedThuFriSatSun", "JanFebMarAprMayJunJulAugSepOctNovDec")
    now = gmtime()
    day, month = days[3 * now.tm_wday :][:3], months[3 * now.tm_mon - 3 :][:3]
    clock = f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
    return f"{day}, {now.tm_mday:02} {month} {now.tm_year} {clock} +0000"


def _uptime(host: Host) -> str:
    return ((host.text("/proc/uptime") or "").split() or ["0"])[0]


PERFORM: dict[str, Any] = {Post.kind: _post, Announce.kind: _announce}
