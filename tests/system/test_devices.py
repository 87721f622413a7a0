"""Which devices are waited for: only those of which sysfs shows a sign that they are coming."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.system.devices import pending, settle

IDE = "sys/bus/pci/devices/0000:00:01.1"


def machine(tree: Path, *, queue: bool = False, **files: str) -> Host:
    """A tree in which udev runs, with these files of sysfs."""
    (tree / "run/udev").mkdir(parents=True)
    (tree / "run/udev/control").touch()
    if queue:
        (tree / "run/udev/queue").touch()
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Host(str(tree))


def reason(host: Host) -> str | None:
    """What is waited for, in words."""
    found = pending(host)
    return found.reason if found else None


def test_a_container_waits_for_nothing(tmp_path: Path) -> None:
    """Where no udev runs, devices are nobody's business."""
    host = machine(tmp_path, **{f"{IDE}/class": "0x010180\n", f"{IDE}/driver/module/initsize": "4096\n"})
    (tmp_path / "run/udev/control").unlink()
    assert pending(host) is None


@pytest.mark.parametrize("empty", ["0\n", ""])
def test_a_driver_that_is_through_is_not_waited_for(tmp_path: Path, empty: str) -> None:
    """A controller whose driver has looked everywhere costs nothing, whatever its slots hold; nor does a built-in."""
    host = machine(tmp_path, queue=True, **{f"{IDE}/class": "0x010180\n", f"{IDE}/driver/module/initsize": empty})
    assert pending(host) is None


def test_a_driver_that_still_looks_is_waited_for(tmp_path: Path) -> None:
    """As long as the driver's initialization is not over, a drive may appear."""
    host = machine(tmp_path, **{f"{IDE}/class": "0x010180\n", f"{IDE}/driver/module/initsize": "20480\n"})
    assert reason(host) == "the driver of storage controller 0000:00:01.1 is still looking for devices"


def test_a_controller_without_driver(tmp_path: Path) -> None:
    """It is waited for while udev is at work, since only udev can bring the driver."""
    disk = "sys/bus/virtio/devices/virtio3"
    host = machine(tmp_path, queue=True, **{f"{disk}/device": "0x0002\n"})
    assert reason(host) == "storage controller virtio3 has no driver yet"
    (tmp_path / "run/udev/queue").unlink()
    assert pending(host) is None


def test_a_driver_that_is_being_registered(tmp_path: Path) -> None:
    """It has its device before the kernel says which module it is of, and looks for what hangs there after that."""
    host = machine(tmp_path, queue=True, **{f"{IDE}/class": "0x010180\n", f"{IDE}/driver/new_id": ""})
    assert reason(host) == "storage controller 0000:00:01.1 has no driver yet"


def test_other_devices_are_not_waited_for(tmp_path: Path) -> None:
    """A graphics card or a random number generator without a driver holds no boot up."""
    files = {"sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n", "sys/bus/virtio/devices/virtio0/device": "0x0004"}
    assert pending(machine(tmp_path, queue=True, **files)) is None


def test_an_optical_drive_without_node(tmp_path: Path) -> None:
    """A drive that the bus has found and the disc driver has not taken yet."""
    host = machine(tmp_path, **{"sys/bus/scsi/devices/1:0:0:0/type": "5\n"})
    assert reason(host) == "optical drive 1:0:0:0 has no device yet"
    (tmp_path / "sys/bus/scsi/devices/1:0:0:0/block/sr0").mkdir(parents=True)
    assert pending(host) is None


def test_an_interface_without_its_name(tmp_path: Path) -> None:
    """A NIC is waited for until udev has named it."""
    files = {"sys/class/net/eth0/ifindex": "2\n", "sys/class/net/eth0/device/vendor": "0x1af4\n"}
    host = machine(tmp_path, **files)
    assert reason(host) == "interface eth0 has not got its final name yet"
    (tmp_path / "run/udev/data").mkdir()
    (tmp_path / "run/udev/data/n2").touch()
    assert pending(host) is None


def test_a_device_that_never_comes_ends_the_wait(tmp_path: Path) -> None:
    """A queue of udev's that never empties costs one short wait, not one for each device (cloud-init issue 6184)."""
    host = machine(tmp_path, queue=True)
    for name in ("virtio3", "virtio4", "virtio5"):
        (tmp_path / f"sys/bus/virtio/devices/{name}").mkdir(parents=True)
        (tmp_path / f"sys/bus/virtio/devices/{name}/device").write_text("0x0002\n")
    assert settle(host, Deadline(0.05)) == "storage controller virtio3 has no driver yet"
