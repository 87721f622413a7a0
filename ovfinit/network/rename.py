"""Names of interfaces that are down, given by hardware address, without one standing in another's way.

udev gives the same names from our .link files, but only to devices that appear after those were written: on the boot
that writes them nobody would, and what is configured by name would find no interface.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..host import Host

# ioctl(2) number and request of netdevice(7)
SIOCSIFNAME = 0x8923
IFF_UP = 0x1
SPARE = "ovfinit"


class Renaming(Record):
    """One interface: from its name now to the wanted one."""

    now: str
    wanted: str


def due(host: Host, names: Mapping[str, str]) -> tuple[Renaming, ...]:
    """Which interfaces have another name than `names` (hardware address → name) gives them, and may be renamed.

    One that is up is in use, and keeps its name until the next boot; so does one whose name another that is up has.
    """
    known = {interface.name: interface.mac for interface in host.interfaces()}
    # a card that bonds or bridges has more interfaces of one address: which one is meant cannot be known
    unique = {mac: name for name, mac in known.items() if list(known.values()).count(mac) == 1}
    found = [Renaming(unique[mac], name) for mac, name in names.items() if unique.get(mac, name) != name]
    found = [one for one in found if not is_up(host, one.now)]
    while True:
        leaving = {one.now for one in found}
        free = [one for one in found if one.wanted in leaving or not host.exists(f"/sys/class/net/{one.wanted}")]
        if len(free) == len(found):
            return tuple(found)
        found = free


def rename(renamings: tuple[Renaming, ...]) -> None:
    """Give all of them their names; those that swap pass by a spare one. Raises OSError."""
    wanted = {one.wanted for one in renamings}
    waiting = []
    for index, one in enumerate(renamings):
        if one.now in wanted:
            _rename(one.now, f"{SPARE}{index}")
            waiting.append(Renaming(f"{SPARE}{index}", one.wanted))
        else:
            waiting.append(one)
    for one in waiting:
        _rename(one.now, one.wanted)


def is_up(host: Host, name: str) -> bool:
    """True if somebody brought the interface up (ip-link(8))."""
    flags = (host.text(f"/sys/class/net/{name}/flags", 64) or "").strip()
    try:
        return bool(int(flags, 16) & IFF_UP)
    except ValueError:
        return False


def _rename(old: str, new: str) -> None:
    import fcntl
    from _socket import AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, socket
    from struct import pack

    channel = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        fcntl.ioctl(channel.fileno(), SIOCSIFNAME, pack("16s16s8x", old.encode(), new.encode()))
    finally:
        channel.close()
