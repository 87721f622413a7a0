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
