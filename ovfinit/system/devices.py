"""Waiting for devices that are still coming up, and only if there is evidence that they are.

Kernel and udev announce devices over netlink (NETLINK_KOBJECT_UEVENT); each event is a reason to look again.
"""

from __future__ import annotations

import os
import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..deadline import Deadline
    from ..host import Host

KERNEL, UDEV = 1, 2
PROTOCOL = 15
# PCI classes of controllers that an optical drive or a disk may hang on: SCSI, IDE, SATA, virtio-blk
STORAGE = ("0x0100", "0x0101", "0x0106", "0x0180")


def settle(host: Host, deadline: Deadline) -> str | None:
    """Wait until no device is pending; returns what is still pending at the deadline, None if nothing is.

    Subscribing comes before looking, so that no event falls between the two.
    """
    if pending(host) is None:
        return None
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, PROTOCOL) as events:
        events.bind((0, KERNEL | UDEV))
        while (reason := pending(host)) is not None:
            ready, _, _ = select.select([events], [], [], deadline.remaining())
            if not ready:
                return reason
            events.recv(8192)
    return None


def pending(host: Host) -> str | None:
    """Which device is still coming up, in words; None if none is, or if nobody manages devices here (containers)."""
    if not host.exists("/run/udev/control"):
        return None
    for name in host.listing("/sys/bus/pci/devices"):
        base = f"/sys/bus/pci/devices/{name}"
        kind = (host.text(f"{base}/class", 64) or "").strip()
        if kind.startswith(STORAGE) and not host.exists(f"{base}/driver") and host.exists("/run/udev/queue"):
            return f"storage controller {name} has no driver yet"
    for name in host.listing("/sys/bus/scsi/devices"):
        base = f"/sys/bus/scsi/devices/{name}"
        if (host.text(f"{base}/type", 64) or "").strip() == "5" and not host.listing(f"{base}/block"):
            return f"optical drive {name} has no device yet"
    for name in host.listing("/sys/class/net"):
        base = f"/sys/class/net/{name}"
        index = (host.text(f"{base}/ifindex", 64) or "").strip()
        if host.exists(f"{base}/device") and not os.path.exists(host.real(f"/run/udev/data/n{index}")):
            return f"interface {name} has not got its final name yet"
    return None
