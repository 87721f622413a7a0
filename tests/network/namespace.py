"""The real judges: systemd-networkd and ifup, run on rendered files in namespaces of their own; the kernel's answer as JSON.

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

NETWORKD = next((path for path in ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd") if Path(path).exists()), "")
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
        routes = [
            json.loads((tree / f"{family}routeshowtableall").read_text() or "[]")
            for family in (4, 6)
        ]
        made = [route for route in routes[0] + routes[1] if route.get("protocol") != "kernel" and route.get("table") != "local"]
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
        for route in self.routes:
            if route["dst"] == to and route.get("table") == (str(table) if table else None):
                if all(route.get(word) == value for word, value in words.items()):
                    return route
        return None


def networkd(tree: Path, nics: dict[str, str], expect: tuple[str, ...]) -> Kernel:
    """Run the real systemd-networkd on `tree`/etc/systemd/network until the links in `expect` are configured."""
    if not NETWORKD:
        pytest.skip("needs systemd-networkd (package systemd)")
    return _run(tree, nics, PREPARE + WITH_NETWORKD + REPORT, EXPECT=" ".join(expect), NETWORKD=NETWORKD)


def ifup(tree: Path, nics: dict[str, str], *, down: bool = False) -> Kernel:
    """Run the real `ifup --all` on our file under `tree`, and `ifdown --all` after it if asked."""
    if shutil.which("ifup") is None:
        pytest.skip("needs ifup (package ifupdown)")
    return _run(tree, nics, PREPARE + WITH_IFUP + (IFDOWN if down else "") + REPORT)


def _run(tree: Path, nics: dict[str, str], script: str, **environment: str) -> Kernel:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make network namespaces")
    given = {**os.environ, "TREE": str(tree), "NICS": " ".join(f"{name}={mac}" for name, mac in nics.items()), **environment}
    done = subprocess.run([*spaces, "bash", "-c", script], env=given, capture_output=True, text=True, timeout=SECONDS * 4, check=False)
    assert done.returncode == 0, done.stderr
    return Kernel(tree)
