"""What a machine reaches, asked in a network name space of its own with a router that answers, and one that is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from scratch import environment

from ovfinit.network import reach

SETUP = """
set -e
ip link set lo up
unshare --net sleep 60 & export OTHER=$!
until [ "$(readlink /proc/$OTHER/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add eth0 type veth peer name r0
ip link set r0 netns $OTHER
nsenter --target $OTHER --net sh -ec '
ip link set lo up; ip link set r0 up
ip addr add 10.0.0.1/24 dev r0; ip addr add 2001:db8::1/64 dev r0 nodad'
sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0
ip link set eth0 up
ip addr add 10.0.0.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad
ip route add default via 10.0.0.1; ip -6 route add default via 2001:db8::1
exec "$@"
"""
LOOK = """
import json, os, subprocess, sys
from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.network import reach

host, cut, targets = Host("/"), sys.argv[1], sys.argv[2:]
before = reach.look(host, targets, Deadline(10))
if cut:
    subprocess.run(["nsenter", "--target", os.environ["OTHER"], "--net", "sh", "-c", cut], check=True)
lost = reach.wait(host, before, targets, Deadline(0.6))
routers = [one.address for one in reach.routers(host)]
print(json.dumps({"routers": routers, "before": sorted(before.answering), "lost": lost}))
"""
GATEWAYS = ["gateway (IPv4)", "gateway (IPv6)"]


def looked(*targets: str, cut: str = "") -> Any:
    """What was there, and what was lost once the router did `cut`."""
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0 or subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make network namespaces")
    done = subprocess.run(
        [*spaces, "bash", "-c", SETUP, "-", sys.executable, "-c", LOOK, cut, *targets],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_answers() -> None:
    """Routers answer on the link, addresses to an echo, ports with a connection or a refusal."""
    targets = ["10.0.0.1", "2001:db8::1", "10.0.0.1:22", "[2001:db8::1]:80"]
    seen = looked(*targets, "10.0.0.77", "10.0.0.77:9")
    assert seen["routers"] == ["10.0.0.1", "2001:db8::1"]
    assert seen["before"] == sorted([*GATEWAYS, *targets])
    assert seen["lost"] == []


def test_the_cable_is_cut() -> None:
    """What answered before and does not any more is named."""
    seen = looked("10.0.0.1:22", cut="ip link set r0 down")
    assert seen["lost"] == sorted(["10.0.0.1:22", *GATEWAYS])


def test_half_is_cut() -> None:
    """A router that only speaks one family any more is lost for the other."""
    assert looked(cut="ip addr flush dev r0 scope global; ip addr add 10.0.0.1/24 dev r0")["lost"] == ["gateway (IPv6)"]


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("2001:DB8::1", ("2001:db8::1", None)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("[::1]", ("::1", None)),
    ],
)
def test_targets(target: str, parts: tuple[str, int | None]) -> None:
    """An address stands alone or with a port, an IPv6 one in brackets then."""
    assert reach.split(target) == parts


@pytest.mark.parametrize(
    "target", ["example.com", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:99999", "[::1", "[::1]x", ""]
)
def test_what_is_no_target(target: str) -> None:
    """Names are not looked up, and nothing is guessed."""
    with pytest.raises(ValueError, match=r".*"):
        reach.split(target)
