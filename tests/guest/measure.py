"""What the agent costs: virtual machines that count instructions, with and without it, asked for the same.

Figures are seconds of an emulated machine that runs one instruction in a nanosecond, about five times slower than a
real one; they repeat within a percent whatever else the host does. Flushing the disk takes no time there. The floor is
the same image without the agent, with the lab's address and its host keys in it.

    CPU          of all ovfinit units, the children of the daemon included
    own CPU      of the daemon alone
    + multi-user multi-user.target's time since PID 1 started, over the floor's
    peak MB      the largest resident set of a process of the daemon's, and its control group's peak (this and the own
                 CPU in a boot of its own, because looking costs)
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import inputs
from emulated import Machine
from lab import DHCP, STATIC, Lab
from plug import Plug

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIMIT = 900.0
# the floors first: the others are compared with them
SCENES = ("floor", "floor-dhcp", "none", "ovf", "ec2")
FLOOR_NETWORK = f"[Match]\nType=ether\n[Network]\nAddress={STATIC}/24\nGateway=10.77.0.1\n"
DHCP_NETWORK = "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"
PEAK = """[Service]
NotifyAccess=all
ExecStart=
ExecStart=/usr/local/sbin/lab-peak
"""
PEAK_PROGRAM = """#!/usr/bin/python3 -IS
import os, resource, time
child = os.posix_spawn("/usr/libexec/ovfinit/daemon", ["daemon"], os.environ)
# a zombie's process clock tells what it spent itself, without the programs that it started
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
own = time.clock_gettime(~child << 3 | 2)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
os.makedirs("/run/lab-peak", exist_ok=True)
open("/run/lab-peak/own-seconds", "w").write(str(own))
open("/run/lab-peak/process-kB", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
open("/run/lab-peak/unit-bytes", "w").write(open("/sys/fs/cgroup/system.slice/ovfinit.service/memory.peak").read())
raise SystemExit(status)
"""


def measure(suites: Sequence[str], debs: Sequence[Path], top: Path, runs: int, scenes: Sequence[str]) -> int:
    """Print the table; 1 if a guest did not come up."""
    print(
        "suite     scene      boot   n   agent CPU  own CPU   multi-user  + multi-user   process MB   unit MB",
        flush=True,
    )
    good = True
    for suite in suites:
        floor: dict[str, float] = {}
        for scene in (scene for scene in SCENES if scene in scenes):
            folder = top / f"measure-{suite}-{scene}"
            folder.mkdir(parents=True, exist_ok=True)
            with Lab(folder, container=False) as lab:
                series = [_pair(suite, debs, lab, folder, scene=scene, number=number) for number in range(runs + 1)]
                peaks = (
                    [{}, {}] if scene.startswith("floor") else _pair(suite, debs, lab, folder, scene=scene, number=-1)
                )
            # the first pair warms the host's caches
            for boot in (0, 1):
                reports = [pair[boot] for pair in series[1:] if pair[boot]]
                good &= len(reports) == runs
                if not reports:
                    continue
                cpu = statistics.median(_cpu(report) for report in reports)
                ready = statistics.median(_ready(report) for report in reports)
                if scene.startswith("floor"):
                    floor[f"{scene}-{boot}"] = ready
                below = floor.get(f"floor{'-dhcp' if scene == 'ec2' else ''}-{boot}", ready)
                peak = (peaks[boot] or {}).get("peaks", {})
                own = float(peak.get("own-seconds", 0))
                megabytes = float(peak.get("process-kB", 0)) / 1024, float(peak.get("unit-bytes", 0)) / 2**20
                print(
                    f"{suite:9} {scene:10} {boot + 1:4} {len(reports):3} {cpu:11.3f} {own:8.3f} {ready:12.3f}"
                    f" {ready - below:+13.3f} {megabytes[0]:12.1f} {megabytes[1]:9.1f}",
                    flush=True,
                )
    return 0 if good else 1


def _pair(
    suite: str, debs: Sequence[Path], lab: Lab, folder: Path, *, scene: str, number: int
) -> list[dict[str, Any] | None]:
    """A first and a second boot of one disk. Number -1 looks at memory."""
    place = folder / f"pair-{number}"
    place.mkdir()
    key, public = inputs.user_key(folder)
    del key
    guest = Machine(suite, [] if scene.startswith("floor") else debs, lab, place, clock="counted")
    plug = Plug()
    if scene == "floor":
        guest.put({"/etc/systemd/network/10-floor.network": (FLOOR_NETWORK.encode(), 0o644)})
    elif scene == "floor-dhcp":
        guest.put({"/etc/systemd/network/10-floor.network": (DHCP_NETWORK.encode(), 0o644)})
    elif scene == "ovf":
        image = folder / "env.iso"
        if not image.exists():
            inputs.volume(image, "OVF ENV", {"ovf-env.xml": inputs.environment("vm-1", "measured", public)})
        plug = Plug(cdrom=image, platform="vmware")
    elif scene == "ec2":
        lab.serve(inputs.ec2(folder / "tree.json", "i-1", "measured", public))
        plug = Plug(platform="ec2")
    if number == -1:
        drop_in = "/etc/systemd/system/ovfinit.service.d/peak.conf"
        guest.put({drop_in: (PEAK.encode(), 0o644), "/usr/local/sbin/lab-peak": (PEAK_PROGRAM.encode(), 0o755)})
    reports = []
    for _ in range(2):
        guest.boot(plug)
        report = guest.report(LIMIT)
        if report is None:
            guest.cut()
        else:
            guest.power_off()
            if scene in ("ovf", "ec2") and not _customized(report, STATIC if scene == "ovf" else DHCP):
                report = None
        reports.append(report)
    guest.close()
    guest.disk.unlink()
    return reports


def _customized(report: dict[str, Any], address: str) -> bool:
    """Whether the boot did what is measured."""
    there = any(f" {address}/" in line for line in report["addresses"])
    return report["hostname"] == "measured" and there and len(report["script"]) == 1


def _cpu(report: dict[str, Any]) -> float:
    spent = [int(unit.get("CPUUsageNSec", 0)) for name, unit in report["units"].items() if name.startswith("ovfinit")]
    return sum(value for value in spent if value < 2**63) / 1e9


def _ready(report: dict[str, Any]) -> float:
    reached = int(report["units"]["multi-user.target"]["ActiveEnterTimestampMonotonic"])
    return (reached - int(report["manager"]["UserspaceTimestampMonotonic"])) / 1e6
