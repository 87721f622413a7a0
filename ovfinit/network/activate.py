"""Making network files that changed after the network came up take effect, without restarting anything."""

from __future__ import annotations

from ..errors import ChangeError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deadline import Deadline
    from ..host import Host

NETWORKD = "/etc/systemd/network/"
IFUPDOWN = "/etc/network/interfaces.d/"
OUTPUT_LIMIT = 64 * 1024


def activate(host: Host, changed: Sequence[str], deadline: Deadline) -> None:
    """Tell the renderer's own tool about changed files. Raises ChangeError with what the tool said."""
    if any(path.startswith(NETWORKD) for path in changed):
        # networkd takes up changed files and reconfigures the links they match; addresses that stay are not touched
        _call(host, ("networkctl", "reload"), deadline)
    if any(path.startswith(IFUPDOWN) for path in changed):
        _call(host, ("ifup", "--all"), deadline)


def _call(host: Host, command: tuple[str, ...], deadline: Deadline) -> None:
    from ..process import run

    tool = host.tool(command[0])
    if tool is None:
        raise ChangeError(f"{command[0]} is not installed, so the network files only count from the next boot on")
    try:
        output = run((tool, *command[1:]), deadline, limit=OUTPUT_LIMIT)
    except InputError as error:
        raise ChangeError(error.message, where=error.where) from error
    if output.status:
        said = output.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ChangeError(f"failed: {said[-1] if said else output.status}", where=" ".join(command))
