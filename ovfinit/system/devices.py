"""Waiting for devices that are still coming up, and only if there is evidence that they are.

Kernel and udev announce devices over netlink (NETLINK_KOBJECT_UEVENT); each event is a reason to look again.

What tells "not looked yet" from "nothing there" is the size of a driver's initialization code. The kernel frees it when
a module's initialization is over, and that is after everything it started to look for devices asynchronously, such as
the ports of an ATA controller (kernel/module: do_init_module). An empty slot thus costs a boot nothing.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..deadline import Deadline
    from ..host import Host

KOBJECT_UEVENT = 15
KERNEL, UDEV = 1, 2
SURE, UNSURE = 10.0, 2.0
QUEUE = "/run/udev/queue"
# PCI classes of controllers that an optical drive or a disk may hang on: SCSI, IDE, SATA, other
STORAGE = ("0x0100", "0x0101", "0x0106", "0x0180")
# of virtio: block device and SCSI host
VIRTIO_STORAGE = ("0x0002", "0x0008")
OPTICAL = "5"


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
    for base in _controllers(host):
        name = base.rpartition("/")[2]
        # while a driver is being registered it has a device already, and no module yet
        if not host.exists(f"{base}/driver/module"):
            if host.exists(QUEUE):
                return Pending(f"storage controller {name} has no driver yet", UNSURE)
        # after that question: a module that comes between the two has its answer here
        elif _word(host, f"{base}/driver/module/initsize").strip("0"):
            return Pending(f"the driver of storage controller {name} is still looking for devices", SURE)
    for name in host.listing("/sys/bus/scsi/devices"):
        base = f"/sys/bus/scsi/devices/{name}"
        if _word(host, f"{base}/type") == OPTICAL and not host.listing(f"{base}/block"):
            return Pending(f"optical drive {name} has no device yet", UNSURE)
    for name in host.listing("/sys/class/net"):
        base = f"/sys/class/net/{name}"
        if host.exists(f"{base}/device") and not host.exists(f"/run/udev/data/n{_word(host, f'{base}/ifindex')}"):
            return Pending(f"interface {name} has not got its final name yet", SURE)
    return None


def _controllers(host: Host) -> Iterator[str]:
    """Where sysfs has what a drive or a disk may hang on."""
    for bus, attribute, kinds in (("pci", "class", STORAGE), ("virtio", "device", VIRTIO_STORAGE)):
        for name in host.listing(f"/sys/bus/{bus}/devices"):
            if _word(host, f"/sys/bus/{bus}/devices/{name}/{attribute}").startswith(kinds):
                yield f"/sys/bus/{bus}/devices/{name}"
    for name in host.listing("/sys/bus/xen/devices"):
        if name.startswith("vbd-"):
            yield f"/sys/bus/xen/devices/{name}"


def _word(host: Host, path: str) -> str:
    return (host.text(path, 64) or "").strip()
