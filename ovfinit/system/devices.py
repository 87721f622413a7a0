"""Waiting for devices that are still coming up, and only if there is evidence that they are.

Kernel and udev announce devices over netlink (NETLINK_KOBJECT_UEVENT); each event is a reason to look again.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

KOBJECT_UEVENT = 15
KERNEL, UDEV = 1, 2
SURE, UNSURE = 10.0, 2.0
# PCI classes of controllers that an optical drive or a disk may hang on: SCSI, IDE, SATA, virtio-blk
STORAGE = ("0x0100", "0x0101", "0x0106", "0x0180")


class Pending(Record):
    """A device that is still coming up; `patience` is for how many seconds of silence the sign is believed."""

    reason: str
    patience: float


def settle(host: Host, deadline: Deadline) -> str | None:
    """Wait until no device is pending; returns what still is at the deadline, None if nothing is.

    Subscribing comes before looking, so that no event falls between the two.
    """
    if pending(host) is None:
        return None
    from .netlink import Events

    with Events(KOBJECT_UEVENT, KERNEL | UDEV) as events:
        while (found := pending(host)) is not None:
            if not events.wait(min(deadline.remaining(), found.patience)):
                return found.reason
    return None


def pending(host: Host) -> Pending | None:
    """Which device is still coming up; None if none is, or if nobody manages devices here (containers).

    A disk controller without a driver, or a drive without its node, may stay so for good in an image that lacks the
    module, hence the short patience.
    """
    if not host.exists("/run/udev/control"):
        return None
    for name in host.listing("/sys/bus/scsi/devices"):
        base = f"/sys/bus/scsi/devices/{name}"
        if _word(host, f"{base}/type") == "5" and not host.listing(f"{base}/block"):
            return Pending(f"optical drive {name} has no device yet", UNSURE)
    for name in host.listing("/sys/bus/pci/devices"):
        base = f"/sys/bus/pci/devices/{name}"
        coming = not host.exists(f"{base}/driver") and host.exists("/run/udev/queue")
        if coming and _word(host, f"{base}/class").startswith(STORAGE):
            return Pending(f"storage controller {name} has no driver yet", UNSURE)
    for name in host.listing("/sys/class/net"):
        base = f"/sys/class/net/{name}"
        if host.exists(f"{base}/device") and not host.exists(f"/run/udev/data/n{_word(host, f'{base}/ifindex')}"):
            return Pending(f"interface {name} has not got its final name yet", SURE)
    return None


def _word(host: Host, path: str) -> str:
    return (host.text(path, 64) or "").strip()
