"""Users' programs and the distribution's."""

from __future__ import annotations

import os
from time import monotonic, sleep

from ..changes import Call, Run
from ..deadline import Deadline
from ..errors import ChangeError, InputError, ScriptFailed
from ..paths import OUTPUT
from .done import Done
from .keeper import environment, keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

LOOK_SECONDS = 30.0
LOOK_LIMIT = 1024 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


def _run(change: Run, _: Step, host: Host) -> Done:
    start = monotonic()
    path = host.real(change.command[0])
    if change.shell:
        from .shell import source

        code = source(change.shell, path, host, change.environment, change.timeout, change.target)
    else:
        command = (path, *change.command[1:])
        code = keep(command, host, timeout=change.timeout, variables=change.environment, where=change.target)
    seconds = round(monotonic() - start, 3)
    if code:
        raise ScriptFailed(
            f"{_how(code)}; its output is in {OUTPUT}", where=change.target, exit_code=code, took=seconds
        )
    return Done(exit_code=0, seconds=seconds)


def _call(change: Call, _: Step, host: Host) -> Done:
    if _needless(change, host):
        return Done()
    name = change.command[0]
    path = name if name.startswith("/") else host.tool(name)
    if path is None:
        raise ChangeError(f"{name} is not installed", where=change.target)
    start, pause, code = monotonic(), FIRST_PAUSE, 0
    stdin = change.hidden.reveal().encode("utf-8", "surrogateescape") if change.hidden else b""
    for left in range(change.tries - 1, -1, -1):
        code = keep(
            (path, *change.command[1:]),
            host,
            timeout=change.timeout,
            variables=change.environment,
            stdin=stdin,
            where=change.target,
        )
        if code in change.accept:
            return Done(exit_code=code, seconds=round(monotonic() - start, 3))
        if left:
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    times = f" {change.tries} times" if change.tries > 1 else ""
    raise ChangeError(f"{os.path.basename(name)} {_how(code)}{times}; its output is in {OUTPUT}", where=change.target)


def _needless(change: Call, host: Host) -> bool:
    """What the program says that only looks; one that is not there says nothing."""
    if not change.unless:
        return False
    path = host.tool(change.unless[0])
    if path is None:
        return False
    from ..process import run

    try:
        output = run(
            (path, *change.unless[1:]), Deadline(LOOK_SECONDS), limit=LOOK_LIMIT, env=environment(change.environment)
        )
    except InputError:
        return False
    return output.status == 0


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by signal {-code}"
    # sh(1), "Exit status"
    return f"ended with exit code {code}" + (" (a program was not found)" if code == 127 else "")


PERFORM: dict[str, Any] = {Run.kind: _run, Call.kind: _call}
