"""Waiting for a way out, in trees that pose as machines and in a network namespace of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scratch import environment

from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.system.uplink import wait

ROUTES = "Iface\tDestination\tGateway\tFlags\nens3\t00000000\t0100000A\t0003\n"
LATE = """
import subprocess, sys
from threading import Timer
from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.system.uplink import wait
subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
def appear():
    for words in ("link add late0 type veth peer name late1", "link set late1 up", "link set late0 up",
                  "addr add 192.0.2.2/24 dev late0", "route add default via 192.0.2.1"):
        subprocess.run(["ip", *words.split()], check=True)
Timer(0.3, appear).start()
sys.exit(0 if wait(Host(), Deadline(20), patience=5) else 1)
"""


def test_a_machine_without_an_adapter_waits_for_none(tmp_path: Path) -> None:
    """Without any adapter the wait ends long before the deadline of those who have one (cloud-init issue 5511)."""
    (tmp_path / "sys/class/net/lo").mkdir(parents=True)
    (tmp_path / "sys/class/net/lo/ifindex").write_text("1\n")
    (tmp_path / "sys/class/net/bonding_masters").touch()
    deadline = Deadline(3600)
    assert wait(Host(str(tmp_path)), deadline, patience=0.05) is False
    assert not deadline.expired()


def test_a_route_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    """A default route that is up is enough, whatever the deadline."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES)
    assert wait(Host(str(tmp_path)), Deadline(0.0)) is True


@pytest.mark.parametrize(
    ("route", "ipv6_route", "out", "near"),
    [
        ("ens3\t00000000\t0100000A\t0003", "", True, True),
        # a network without a way to the world: DHCP's option 121 leads to the metadata service alone
        ("ens3\tFEA9FEA9\t0200000A\t0007", "", True, True),
        ("ens3\t0000000A\t00000000\t0001", "", False, True),
        ("ens3\t0000000A\t00000000\t0000", "", False, False),
        ("ens3\t0000FEA9\t00000000\t0001", "", False, False),
        ("lo\t0000007F\t00000000\t0001", "", False, False),
        ("", f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 1 0 00450003 ens3", True, True),
        ("", f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 1 0 00200200 lo", False, False),
        ("", f"20010db8{'0' * 24} 40 {'0' * 32} 00 {'0' * 32} 00000100 1 0 00000001 ens3", False, True),
        ("", f"20010db8{'0' * 23}2 80 {'0' * 32} 00 {'0' * 32} 00000000 1 0 80200001 ens3", False, False),
        ("", f"fe80{'0' * 28} 40 {'0' * 32} 00 {'0' * 32} 00000100 1 0 00000001 ens3", False, False),
        ("ens3\t00000000\tnonsense\tnonsense", "nonsense", False, False),
    ],
)
def test_what_leads_out_of_a_machine(tmp_path: Path, route: str, ipv6_route: str, *, out: bool, near: bool) -> None:
    """A default route, or one through a router; a network that an adapter is in is as near as its neighbours."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(f"Iface\tDestination\tGateway\tFlags\n{route}\n")
    (tmp_path / "proc/net/ipv6_route").write_text(f"{ipv6_route}\n")
    host = Host(str(tmp_path))
    assert (host.routed(), host.routed(near=True)) == (out, near)


def test_an_adapter_without_a_route_ends_at_the_deadline(tmp_path: Path) -> None:
    """An adapter is there and nobody gives it a route: the deadline holds."""
    (tmp_path / "sys/class/net/ens3").mkdir(parents=True)
    (tmp_path / "sys/class/net/ens3/ifindex").write_text("2\n")
    assert wait(Host(str(tmp_path)), Deadline(0.05), patience=0.01) is False


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
def test_an_adapter_that_appears_is_waited_for() -> None:
    """A driver that comes late, and the route that follows, are told by the kernel's events (cloud-init issue 6697)."""
    command = ["unshare", "--net", "--mount", sys.executable, "-c", LATE]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
