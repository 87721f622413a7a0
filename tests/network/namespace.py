"""The real judges: systemd-networkd and ifup, run on rendered files in namespaces of their own, and what became of it.

Each adapter is one end of a veth pair whose other end is up. Nothing outside the namespaces is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NETWORKD = next(
    (path for path in ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd") if Path(path).exists()), ""
)
SECONDS = 15

# sysfs is mounted anew to show this namespace's adapters, read-only so that networkd does not wait for a udevd
PREPARE = """
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
    net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
ip link set lo up
for nic in $NICS; do
    ip link add "${nic%%=*}" type veth peer name "peer-${nic%%=*}"
    ip link set "${nic%%=*}" address "${nic#*=}"
    ip link set "peer-${nic%%=*}" up
done
"""
WITH_NETWORKD = """
mkdir -p /etc/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
mount --bind "$TREE/etc/systemd/network" /etc/systemd/network
chown -R systemd-network: /run/systemd/netif
SYSTEMD_LOG_TARGET=console "$NETWORKD" >"$TREE/log" 2>&1 &
for attempt in $(seq 300); do
    done=yes
    for name in $EXPECT; do
        state=/run/systemd/netif/links/$(cat "/sys/class/net/$name/ifindex" 2>/dev/null)
        grep -q -s -x -E 'ADMIN_STATE=(configured|failed)' "$state" || done=no
    done
    [ $done = yes ] && break
    sleep 0.05
done
"""
WITH_IFUP = """
mkdir -p /run/state
ifup --all --no-scripts --state-dir /run/state -i "$TREE/etc/network/interfaces.d/50-ovfinit" >"$TREE/log" 2>&1
"""
# a D-Bus of its own; without a writable /sys NetworkManager does not wait for a udevd
WITH_NETWORKMANAGER = """
mount -t tmpfs tmpfs /var/lib/NetworkManager
mkdir -p /run/dbus /run/none
cat >/run/bus.conf <<END
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
END
cat >/run/nm.conf <<END
[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
dns=none
no-auto-default=*
[keyfile]
path=$TREE/etc/NetworkManager/system-connections
END
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile >"$TREE/bus" 2>&1 &
for attempt in $(seq 100); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.05; done
NetworkManager --no-daemon --config=/run/nm.conf --config-dir=/run/none --system-config-dir=/run/none \
    --log-level=WARN >"$TREE/log" 2>&1 &
for attempt in $(seq 150); do
    [ "$(nmcli -t -f RUNNING,STARTUP general 2>/dev/null)" = running:started ] && break
    sleep 0.1
done
"""
REPORT = """
for what in "addr" "-4 route show table all" "-6 route show table all" "-4 rule" "-6 rule"; do
    ip -j -d $what >"$TREE/$(echo "$what" | tr -d ' -')"
done
for file in /sys/class/net/*/bridge/*; do
    [ -f "$file" ] && echo "$file $(cat "$file" 2>/dev/null)"
done >"$TREE/bridges"
true
"""
IFDOWN = """
ifdown --all --no-scripts --state-dir /run/state -i "$TREE/etc/network/interfaces.d/50-ovfinit" >>"$TREE/log" 2>&1
"""


class Kernel:
    """What the kernel says after a renderer's own program did its work; `log` is what that program said."""

    def __init__(self, tree: Path) -> None:
        read = {name: json.loads((tree / name).read_text() or "[]") for name in ("addr", "4rule", "6rule")}
        self.links: dict[str, Any] = {link["ifname"]: link for link in read["addr"]}
        routes = [json.loads((tree / f"{family}routeshowtableall").read_text() or "[]") for family in (4, 6)]
        made = [
            route
            for route in routes[0] + routes[1]
            if route.get("protocol") != "kernel" and route.get("table") != "local"
        ]
        self.routes: list[dict[str, Any]] = made
        self.rules = [rule for rule in read["4rule"] + read["6rule"] if rule["priority"] not in (0, 32766, 32767)]
        self.log = (tree / "log").read_text()
        self.bridges = dict(
            (line.removeprefix("/sys/class/net/").split(" ", 1)) for line in (tree / "bridges").read_text().splitlines()
        )

    def addresses(self, name: str) -> set[str]:
        """The global addresses of an interface, with prefix length."""
        found = self.links.get(name, {}).get("addr_info", ())
        return {f"{one['local']}/{one['prefixlen']}" for one in found if one.get("scope") == "global"}

    def route(self, to: str, table: int | None = None, **words: Any) -> dict[str, Any] | None:
        """The route to a network that has these words."""
        words.update(dst=to, table=str(table or "main"))
        for route in self.routes:
            if all(route.get(word) == value for word, value in words.items()):
                return route
        return None


def networkd(tree: Path, nics: dict[str, str], expect: tuple[str, ...]) -> Kernel:
    """Run the real systemd-networkd on `tree`/etc/systemd/network until the links in `expect` are configured."""
    if not NETWORKD:
        pytest.skip("needs systemd-networkd (package systemd)")
    return _run(tree, nics, PREPARE + WITH_NETWORKD + REPORT, EXPECT=" ".join(expect), NETWORKD=NETWORKD)


def networkmanager(tree: Path, nics: dict[str, str]) -> Kernel:
    """Run the real NetworkManager on the profiles under `tree` until it has started them all."""
    needs_networkmanager()
    return _run(tree, nics, PREPARE + WITH_NETWORKMANAGER + REPORT)


def needs_networkmanager() -> None:
    """Skip the test where a program is missing that NetworkManager needs."""
    for program, package in (("NetworkManager", "network-manager"), ("dbus-daemon", "dbus")):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            pytest.skip(f"needs {program} (package {package})")


def ifup(tree: Path, nics: dict[str, str], *, down: bool = False) -> Kernel:
    """Run the real `ifup --all` on our file under `tree`, and `ifdown --all` after it if asked."""
    if shutil.which("ifup") is None:
        pytest.skip("needs ifup (package ifupdown)")
    return _run(tree, nics, PREPARE + WITH_IFUP + (IFDOWN if down else "") + REPORT)


def kinds() -> set[str]:
    """The sections of a document whose devices the kernel of this machine can make."""
    tries = {
        "bonds": "ip link add name x type bond",
        "vlans": "ip link add name v type veth peer name w && ip link add link v name v.5 type vlan id 5",
        "vrfs": "ip link add name x type vrf table 5",
        "dummy-devices": "ip link add name x type dummy",
    }
    if not _KINDS:
        _KINDS.add("bridges")
        for kind, command in tries.items():
            done = subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True, check=False)
            _KINDS.update([kind] if done.returncode == 0 else [])
    return _KINDS


_KINDS: set[str] = set()


def _run(tree: Path, nics: dict[str, str], script: str, **environment: str) -> Kernel:
    play(tree, nics, script, **environment)
    return Kernel(tree)


def play(tree: Path, nics: dict[str, str], script: str, **environment: str) -> None:
    """Run a script in namespaces of its own, with these adapters if it is one that prepares them."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make network namespaces")
    given = {
        **os.environ,
        "TREE": str(tree),
        "NICS": " ".join(f"{name}={mac}" for name, mac in nics.items()),
        **environment,
    }
    done = subprocess.run(
        [*spaces, "bash", "-c", script], env=given, capture_output=True, text=True, timeout=SECONDS * 4, check=False
    )
    assert done.returncode == 0, done.stderr


def assert_routing(kernel: Kernel) -> None:
    """The kernel has what tests/data/network/routing.yaml says, whoever put it there."""
    assert kernel.addresses("eth0") == {"192.0.2.10/32", "10.1.0.5/24", "10.1.0.6/24", "2001:db8:1::5/64"}
    assert kernel.addresses("br0") == {"10.2.0.1/24"}
    assert (kernel.links["eth0"]["mtu"], kernel.links["br0"]["mtu"]) == (1400, 1450)
    old = next(one for one in kernel.links["eth0"]["addr_info"] if one["local"] == "10.1.0.6")
    assert (old["label"], old["deprecated"]) == ("eth0:x", True)
    outside = kernel.route("default", gateway="203.0.113.1", metric=50)
    assert outside is not None
    assert outside["flags"] == ["onlink"]
    assert kernel.route("default", gateway="10.1.0.1", metric=150) is not None
    assert kernel.route("default", gateway="2001:db8:1::1", metric=70) is not None
    assert kernel.route("default", gateway="fe80::1", metric=90) is not None
    other = kernel.route("10.9.0.0/16", 101, gateway="10.1.0.9", prefsrc="10.1.0.5")
    assert other is not None
    assert other["metrics"] == [{"mtu": 1300, "initcwnd": 20}]
    assert kernel.route("2001:db8:9::/48", 101, gateway="2001:db8:1::9") is not None
    assert kernel.route("10.8.0.0/16", dev="eth0", scope="link") is not None
    assert kernel.route("10.7.0.0/16", type="blackhole") is not None
    [v4, v6] = kernel.rules
    assert (v4["priority"], v4["src"], v4["table"], v4["fwmark"]) == (30, "10.1.0.5", "101", "0x7")
    assert (v6["priority"], v6["dst"], v6["dstlen"], v6["table"]) == (31, "2001:db8:9::", 48, "101")
    assert kernel.links["eth1"]["master"] == "br0"
    timers = {name: int(kernel.bridges[f"br0/bridge/{name}"]) for name in ("forward_delay", "hello_time", "max_age")}
    assert timers == {"forward_delay": 400, "hello_time": 100, "max_age": 1200}
    assert kernel.bridges["br0/bridge/priority"] == "8192"
    port = kernel.links["eth1"]["linkinfo"]["info_slave_data"]
    assert (port["cost"], port["priority"]) == (9, 5)
