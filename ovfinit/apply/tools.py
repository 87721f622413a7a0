"""The distribution's own tools that a change is made with."""

from __future__ import annotations

import os

from .. import accounts
from ..deadline import Deadline
from ..errors import ChangeError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..host import Host

TOOL_TIMEOUT = 30.0
TOOL_LIMIT = 256 * 1024


def account_tool(host: Host, tool: str, *words: str, accept: Sequence[int] = (0,)) -> None:
    """useradd, usermod, groupadd or the like on this tree; the last word is the account. Raises ChangeError."""
    command = accounts.command(host, tool, *words)
    if command is None:
        raise ChangeError(f"{tool} is not installed", where=words[-1], remedy="install the package passwd")
    if any(host.exists(f"{path}.lock") for path in accounts.FILES):
        from .locks import drop_stale_locks

        drop_stale_locks(host)
    call(command, accept=accept)


def call(command: Sequence[str], *, stdin: bytes = b"", accept: Sequence[int] = (0,), where: str | None = None) -> None:
    """A tool that is done in a moment. Raises ChangeError with the last line it says if it fails.

    `where`: what it is about, its last word unless given.
    """
    from ..process import run

    name = os.path.basename(command[0])
    try:
        output = run(command, Deadline(TOOL_TIMEOUT), limit=TOOL_LIMIT, stdin=stdin)
    except InputError as error:
        raise ChangeError(error.message, where=error.where) from error
    if output.status not in accept:
        said = output.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ChangeError(
            f"{name} failed with {output.status}: {said[-1] if said else 'no message'}", where=where or command[-1]
        )
