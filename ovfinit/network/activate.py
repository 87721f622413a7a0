"""Making network files that changed after the network came up take effect, without restarting anything."""

from __future__ import annotations

import os

from .. import atomic
from ..errors import ChangeError, InputError
from ..paths import RUN
from .choose import IFUPDOWN, NETPLAN, NETWORKD, NETWORKMANAGER, SIGNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..deadline import Deadline
    from ..host import Host

OUTPUT_LIMIT = 64 * 1024
FORMER = f"{RUN}/interfaces.former"
BUS = "/run/dbus/system_bus_socket"


def activate(host: Host, renderer: str, deadline: Deadline, former: Mapping[str, bytes | None]) -> None:
    """Tell the renderer's own tool about changed files; `former` is what stood in them, None for a new one.

    Raises ChangeError with what the tool said.
    """
    if renderer == NETWORKD:
        _networkd(host, former, deadline)
    elif renderer == IFUPDOWN:
        _take_down(host, former, deadline)
        _call(host, ("ifup", "--all"), deadline)
    elif renderer == NETPLAN:
        # `netplan apply` would also unbind drivers, settle udev and rename adapters in use
        _call(host, ("netplan", "generate"), deadline)
        if host.exists(SIGNS[NETWORKD][0]):
            _reload_networkd(host, deadline)
        if host.exists(SIGNS[NETWORKMANAGER][0]):
            _call(host, ("nmcli", "connection", "reload"), deadline)
    elif renderer == NETWORKMANAGER:
        _profiles(host, former, deadline)


def _networkd(host: Host, former: Mapping[str, bytes | None], deadline: Deadline) -> None:
    """Networkd takes up changed files and reconfigures the links they match; addresses that stay are not touched.

    A device that it made stays when its description goes, so we take it away; other parameters of one count from the
    next boot on, since making it anew would tear down all that stands on it.
    """
    _reload_networkd(host, deadline)
    for path, text in former.items():
        if path.endswith(".netdev") and text and host.read(path) is None:
            name = _value(text.decode("utf-8", "replace"), "Name")
            if name and host.exists(f"/sys/class/net/{name}"):
                _call(host, ("networkctl", "delete", name), deadline)


def _reload_networkd(host: Host, deadline: Deadline) -> None:
    """Networkd is spoken to over D-Bus, which a boot has later than networkd: it is waited for.

    A machine that has no D-Bus at all starts networkd anew, which then reads everything.
    """
    if not host.exists(BUS):
        try:
            _call(host, ("systemctl", "start", "dbus.socket"), deadline)
        except ChangeError:
            _call(host, ("systemctl", "restart", "systemd-networkd.service"), deadline)
            return
    _call(host, ("networkctl", "reload"), deadline)


def _profiles(host: Host, former: Mapping[str, bytes | None], deadline: Deadline) -> None:
    """NetworkManager reads profiles anew but leaves what is up as it is: a changed profile is started again.

    Members come up with what they are part of. An adapter that is not there yet gets its profile when it appears.
    """
    _call(host, ("nmcli", "connection", "reload"), deadline)
    for path in former:
        text = host.text(path) if path.endswith(".nmconnection") else None
        if text is None or _value(text, "master") or _value(text, "autoconnect") == "false":
            continue
        name = _value(text, "interface-name")
        if name is None or host.exists(f"/sys/class/net/{name}") or _value(text, "type") != "ethernet":
            seconds = str(max(1, int(deadline.remaining())))
            _call(host, ("nmcli", "--wait", seconds, "connection", "up", "uuid", str(_value(text, "uuid"))), deadline)


def _value(text: str, key: str) -> str | None:
    """The first value of a key in a file of ours."""
    for line in text.splitlines():
        if line.startswith(f"{key}="):
            return line[len(key) + 1 :]
    return None


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
