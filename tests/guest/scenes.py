"""The scenes: what a guest meets on which boot, and what must be true afterwards.

A scene is a function with one sentence; it plays on a `Stage` (run.py) and may go on although a boot went wrong.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import admin
import captured
import circle
import handed
import inputs
import live
import otherinit
import system
from checks import Expect
from lab import DHCP, STATIC
from plug import Plug

if TYPE_CHECKING:
    from collections.abc import Callable

    from run import Stage

CUTS = 20
LATE = "[Unit]\nWants=lab-late.service\nAfter=lab-late.service\n"
LATE_UNIT = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 5\n"


def ovf_cdrom(stage: Stage) -> None:
    """An OVF environment on a CD-ROM; then the CD-ROM is taken out."""
    iso = inputs.volume(stage.folder / "env.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-1", "ovf1")})
    plug = Plug(cdrom=iso)
    stage.boot("first", plug, Expect("ovf1", STATIC, source="ovf"))
    stage.boot("second", plug, Expect("ovf1", STATIC, keys="same", source="ovf", unchanged=True))
    stage.boot("CD-ROM removed", Plug(), Expect("ovf1", STATIC, keys="same"))


def ovf_late(stage: Stage) -> None:
    """The CD-ROM's drivers are not in the initrd, so its device appears while the agent is already looking."""
    iso = inputs.volume(stage.folder / "env.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-1", "late1")})
    stage.without_cd_drivers()
    stage.boot("first", Plug(cdrom=iso), Expect("late1", STATIC, source="ovf"))
    stage.boot("second", Plug(cdrom=iso), Expect("late1", STATIC, keys="same", source="ovf", unchanged=True))


def ovf_disk(stage: Stage) -> None:
    """An OVF environment on a virtio disk."""
    iso = inputs.volume(stage.folder / "env.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-2", "ovf2")})
    stage.boot("first", Plug(disk=iso), Expect("ovf2", STATIC, source="ovf"))
    stage.boot("second", Plug(disk=iso), Expect("ovf2", STATIC, keys="same", source="ovf"))


def ec2(stage: Stage) -> None:
    """An EC2 metadata service that only speaks version 2; then it is gone, and people get in all the same."""
    tree = stage.ec2("i-0123456789abcdef0", "ec2a")
    plug = Plug(platform="ec2")
    stage.lab.serve(tree, ["--v2-only"])
    stage.boot("first", plug, Expect("ec2a", DHCP, source="ec2"))
    stage.boot("second", plug, Expect("ec2a", DHCP, keys="same", source="ec2", unchanged=True))
    stage.lab.serve(None)
    # the daemon waits for five seconds; without that it would be a minute
    gone = Expect("ec2a", DHCP, keys="same", opened=20.0)
    stage.boot("service gone", plug, gone)
    stage.lab.silence()
    stage.boot("no answer at all", plug, gone)


def ec2_early(stage: Stage) -> None:
    """The metadata is read before the system has D-Bus, over which networkd is spoken to."""
    stage.guest.put({"/etc/systemd/system/sysinit.target.d/late.conf": (LATE.encode(), 0o644)})
    stage.guest.put({"/etc/systemd/system/lab-late.service": (LATE_UNIT.encode(), 0o644)})
    _served(stage, "ec2e")


def ec2_plain(stage: Stage) -> None:
    """A machine without D-Bus."""
    stage.guest.mask("dbus.socket", "dbus.service", "systemd-logind.service")
    _served(stage, "ec2p")


def _served(stage: Stage, name: str) -> None:
    stage.lab.serve(stage.ec2("i-1", name))
    stage.boot("first", Plug(platform="ec2"), Expect(name, DHCP, source="ec2"))
    stage.boot("second", Plug(platform="ec2"), Expect(name, DHCP, keys="same", source="ec2"))


def ec2_slow(stage: Stage) -> None:
    """Every answer takes half a second, and the first ones are refusals."""
    stage.lab.serve(stage.ec2("i-1", "ec2b"), ["--latency", "0.5", "--fault", "token=503x2"])
    stage.boot("first", Plug(platform="ec2"), Expect("ec2b", DHCP, source="ec2"))
    stage.boot("second", Plug(platform="ec2"), Expect("ec2b", DHCP, keys="same", source="ec2"))


def ec2_absent(stage: Stage) -> None:
    """An EC2 machine whose metadata service does not answer; it comes back for the second boot."""
    stage.boot(
        "absent", Plug(platform="ec2"), Expect("image", None, keys="same", runs=(0, 0), login=False, usable=False)
    )
    stage.lab.serve(stage.ec2("i-1", "ec2c"))
    stage.boot("back", Plug(platform="ec2"), Expect("ec2c", DHCP, source="ec2"))


def ec2_dying(stage: Stage) -> None:
    """The service dies half-way through the first boot, and is whole on the second."""
    tree = stage.ec2("i-1", "ec2d")
    stage.lab.serve(tree, ["--fault", "meta-data/public-keys=reset", "--fault", "user-data=reset"])
    stage.boot(
        "dying", Plug(platform="ec2"), Expect("image", None, keys="same", runs=(0, 0), login=False, usable=False)
    )
    stage.lab.serve(tree)
    stage.boot("whole", Plug(platform="ec2"), Expect("ec2d", DHCP, source="ec2"))


def seed(stage: Stage) -> None:
    """A seed folder in the image."""
    _seeded(stage)


def _seeded(stage: Stage) -> None:
    for name, text in inputs.seed("i-seed", "seed1", stage.public).items():
        stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600)})
    stage.boot("first", Plug(), Expect("seed1", STATIC, source="seed"))
    stage.boot("second", Plug(), Expect("seed1", STATIC, keys="same", source="seed"))


def cidata(stage: Stage) -> None:
    """A volume labelled cidata on a CD-ROM, as NoCloud has it."""
    iso = inputs.volume(stage.folder / "seed.iso", "cidata", inputs.seed("i-cidata", "cidata1", stage.public))
    stage.boot("first", Plug(cdrom=iso), Expect("cidata1", STATIC, source="seed"))
    stage.boot("second", Plug(cdrom=iso), Expect("cidata1", STATIC, keys="same", source="seed"))


def vmware(stage: Stage) -> None:
    """VMware's DMI, and an environment in guestinfo.ovfEnv."""
    stage.guest.put(inputs.rpctool({"ovfEnv": stage.environment("vm-3", "vmware1")}))
    stage.boot("first", Plug(platform="vmware"), Expect("vmware1", STATIC, source="ovf"))
    stage.boot("second", Plug(platform="vmware"), Expect("vmware1", STATIC, keys="same", source="ovf"))


def none(stage: Stage) -> None:
    """No source at all: the image boots as it is."""
    nothing = Expect("image", None, keys="same", runs=(0, 0), login=False, usable=None)
    stage.boot("first", Plug(), nothing)
    stage.boot("second", Plug(), nothing)


def off(stage: Stage) -> None:
    """`ovfinit=off` on the kernel command line, then the file, then neither."""
    iso = inputs.volume(stage.folder / "env.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-1", "on1")})
    aside = Expect("image", None, keys="same", runs=(0, 0), login=False, usable=None, agent=False)
    stage.boot("command line", Plug(cdrom=iso, words=["ovfinit=off"]), aside)
    stage.guest.put({"/etc/ovfinit/disabled": (b"", 0o644)})
    stage.boot("file", Plug(cdrom=iso), aside)


def ifupdown(stage: Stage) -> None:
    """A machine whose network is ifupdown's, with nothing of networkd."""
    stage.with_packages("ifupdown", "isc-dhcp-client", mask=["systemd-networkd.service", "systemd-networkd.socket"])
    text = b"source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n"
    stage.guest.put({"/etc/network/interfaces": (text, 0o644)})
    _seeded(stage)


def networkmanager(stage: Stage) -> None:
    """A machine whose network is NetworkManager's."""
    stage.with_packages("network-manager", mask=["systemd-networkd.service", "systemd-networkd.socket"])
    # an address that nobody else has shows only after NetworkManager has asked around for it
    patience = b"[Unit]\nWants=network-online.target\nAfter=network-online.target\n"
    stage.guest.put({"/etc/systemd/system/lab-observer.service.d/online.conf": (patience, 0o644)})
    _seeded(stage)


def clone(stage: Stage) -> None:
    """The disk of a machine that was in service boots with another instance's environment."""
    first = inputs.volume(stage.folder / "a.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-a", "original")})
    second = inputs.volume(stage.folder / "b.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-b", "copy")})
    stage.boot("original", Plug(cdrom=first), Expect("original", STATIC, source="ovf"))
    stage.boot("clone", Plug(cdrom=second), Expect("copy", STATIC, runs=(2, 2), source="ovf"))
    stage.boot("clone again", Plug(cdrom=second), Expect("copy", STATIC, keys="same", runs=(2, 2), source="ovf"))


def cut(stage: Stage) -> None:
    """The power is cut at 20 instants of the first boot; the next boot must make the machine whole."""
    iso = inputs.volume(stage.folder / "env.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-1", "cut1")})
    plug = Plug(cdrom=iso)
    whole = stage.boot("undisturbed", plug, Expect("cut1", STATIC, source="ovf"))
    if not stage.report:
        return
    instants = _instants(stage, whole)
    for number in stage.order.cuts:
        stage.new_guest()
        stage.cut(plug, instants[number - 1])
        # a script that the cut stopped half-way has not run, so it may leave its trace twice
        expect = Expect("cut1", STATIC, keys="any", runs=(1, 2), source="ovf")
        stage.boot(f"after a cut at {instants[number - 1]:.2f} s", plug, expect)


def _instants(stage: Stage, whole: float) -> list[float]:
    """A quarter of them before the agent starts, the rest from its first moment to its last, by the boot just seen."""
    units, on = stage.report["units"], stage.guest.switched_on()
    scale = whole / (stage.report["uptime"] - on)
    first, last = (
        (int(units[name][stamp]) / 1e6 - on) * scale
        for name, stamp in (
            ("ovfinit.service", "InactiveExitTimestampMonotonic"),
            ("ovfinit-final.service", "ActiveEnterTimestampMonotonic"),
        )
    )
    before, during = CUTS // 4, CUTS - CUTS // 4
    return [
        *(first * number / before for number in range(1, before + 1)),
        *(first + (last - first) * number / during for number in range(1, during + 1)),
    ]


SCENES: dict[str, Callable[[Stage], None]] = {
    name.replace("_", "-"): scene
    for module in (sys.modules[__name__], handed, live, admin, otherinit, system, captured, circle)
    for name, scene in vars(module).items()
    if inspect.isfunction(scene) and scene.__module__ == module.__name__ and not name.startswith("_")
}
EMULATED_ONLY = (
    *("captured", "ovf-late", "system-duties", "renamed", "bond-vlan"),
    *("circle", "circle-libvirt", "env-qemu", "whole-again"),
)
CONTAINER_ONLY = ("ifupdown", "networkmanager", "handover", "upgrade", "autopkgtest", "sysvinit", "openrc")
