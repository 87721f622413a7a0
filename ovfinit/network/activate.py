"""Making network files that changed after the network came up take effect, without restarting anything."""

from __future__ import annotations

import os

from .. import atomic
from ..errors import ChangeError, InputError
from ..paths import RUN
from .choose import IFUPDOWN, NETPLAN, NETWORKD, NETWORKMANAGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..deadline import Deadline
    from ..host import Host

OUTPUT_LIMIT = 64 * 1024
FORMER = f"{RUN}/interfaces.former"
# what each renderer's own service leaves under /run once it is up
SIGNS = {
    NETWORKD: ("/run/systemd/netif/state",),
    IFUPDOWN: ("/run/network/ifstate",),
    NETWORKMANAGER: ("/run/NetworkManager/NetworkManager.pid",),
    NETPLAN: ("/run/systemd/netif/state", "/run/NetworkManager/NetworkManager.pid"),
}


def running(host: Host, renderer: str) -> bool:
    """True if whoever reads the renderer's files has read them already, and must be told of new ones."""
    return host.live and any(host.exists(sign) for sign in SIGNS[renderer])


def activate(host: Host, renderer: str, deadline: Deadline, former: Mapping[str, bytes | None]) -> None:
    """Tell the renderer's own tool about changed files; `former` is what stood in them, None for a new one.

    Raises ChangeError with what the tool said.
    """
    if renderer == NETWORKD:
        # networkd takes up changed files and reconfigures the links they match; addresses that stay are not touched
        _call(host, ("networkctl", "reload"), deadline)
    elif renderer == IFUPDOWN:
        _take_down(host, former, deadline)
        _call(host, ("ifup", "--all"), deadline)
    elif renderer == NETPLAN:
        _call(host, ("netplan", "apply"), deadline)
    elif renderer == NETWORKMANAGER:
        _call(host, ("nmcli", "connection", "reload"), deadline)


def _take_down(host: Host, former: Mapping[str, bytes | None], deadline: Deadline) -> None:
    """What is up is left alone by ifup, and only the words by which an interface came up take it down again."""
    for text in former.values():
        if not text:
            continue
        real = host.real(FORMER)
        os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
        atomic.write(real, text, 0o600)
        try:
            _call(host, ("ifdown", "--all", "--interfaces", real), deadline)
        finally:
            os.unlink(real)


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
