"""Interfaces get their names by hardware address before anything configures them: on a kernel, in a name space."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scratch import environment

from ovfinit.host import Host
from ovfinit.network import rename

MACS = {name: f"52:54:00:00:00:0{index}" for index, name in enumerate(("ens3", "eth0", "eth1", "up0"))}
SETUP = """
set -e
mount -t sysfs -o ro sysfs /sys
for pair in $PAIRS; do
    name=${pair%%=*}
    ip link add $name type veth peer name p-$name
    ip link set $name address ${pair#*=}
done
ip link set up0 up
exec "$@"
"""
RENAME = """
import json, subprocess, sys
from ovfinit.host import Host, Interface
from ovfinit.network import rename

class Bare(Host):
    def interfaces(self):
        links = json.loads(subprocess.check_output(["ip", "-j", "link"]))
        # a veth has no hardware behind it, which is all that is different here
        return [Interface(one["ifname"], one["address"]) for one in links if one["address"].startswith("52:54")]

host, names = Bare("/"), json.loads(sys.argv[1])
rename.rename(rename.due(host, names))
print(json.dumps({one.mac: one.name for one in host.interfaces()}))
print(json.dumps([one.as_dict() for one in rename.due(host, names)]))
"""


def renamed(**names: str) -> Any:
    """What the interfaces are called afterwards, by the names they had; what is still due is nothing."""
    spaces = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0 or subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make network namespaces")
    wanted = json.dumps({MACS[old]: new for old, new in names.items()})
    done = subprocess.run(
        [*spaces, "bash", "-c", SETUP, "-", sys.executable, "-c", RENAME, wanted],
        capture_output=True,
        text=True,
        env=environment(PAIRS=" ".join(f"{name}={mac}" for name, mac in MACS.items())),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    now, left = map(json.loads, done.stdout.splitlines())
    assert left == []
    return {old: now[mac] for old, mac in MACS.items()}


def test_a_name() -> None:
    """An interface gets the name that goes with its address, and the others keep theirs."""
    assert renamed(ens3="lan0") == {"ens3": "lan0", "eth0": "eth0", "eth1": "eth1", "up0": "up0"}


def test_a_swap() -> None:
    """Two interfaces change names, and a third takes one that becomes free."""
    assert renamed(eth0="eth1", eth1="ens3", ens3="eth0") == {
        "eth0": "eth1",
        "eth1": "ens3",
        "ens3": "eth0",
        "up0": "up0",
    }


def test_what_is_in_use() -> None:
    """An interface that is up keeps its name, and nobody takes it."""
    assert renamed(up0="eth0", ens3="up0") == {"ens3": "ens3", "eth0": "eth0", "eth1": "eth1", "up0": "up0"}


def test_an_address_of_two(tmp_path: Path) -> None:
    """Where two interfaces have one address, nobody knows which is meant."""
    for name in ("a", "b"):
        folder = tmp_path / "sys/class/net" / name
        (folder / "device").mkdir(parents=True)
        (folder / "address").write_text("52:54:00:00:00:01\n")
    assert rename.due(Host(str(tmp_path)), {"52:54:00:00:00:01": "c"}) == ()
