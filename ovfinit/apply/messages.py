"""What is told to people and to other machines."""

from __future__ import annotations

from time import sleep

from ..changes import Announce, Post
from ..deadline import Deadline
from ..errors import ChangeError, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

POST_SECONDS = 10.0
PAUSE = 3.0


def _post(change: Post, _: Step, __: Host) -> None:
    from ..http import post

    failure: SourceError | None = None
    for left in range(change.tries - 1, -1, -1):
        try:
            post(change.target, change.fields, Deadline(POST_SECONDS))
            return
        except SourceError as error:
            failure = error
        if left:
            sleep(PAUSE)
    if failure is not None:
        raise ChangeError(f"could not be told: {failure.message}", where=failure.where, remedy=failure.remedy)


def _announce(change: Announce, _: Step, host: Host) -> None:
    from ..status import log
    from ..system.console import say

    say(change.lines)
    log(host, change.lines)


PERFORM: dict[str, Any] = {Post.kind: _post, Announce.kind: _announce}
