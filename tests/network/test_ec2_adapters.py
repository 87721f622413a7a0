"""A machine with two adapters on EC2, from its metadata to packets: who is asked on an address answers from it.

Three namespaces in one: the machine with systemd-networkd; a router that gives each adapter its address by DHCP and
refuses what comes in by another way than it would send it back, as a cloud does; behind the router somebody who asks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from metadata_server import MetadataServer
from namespace import NETWORKD
from scratch import REPO, make_tree, run

MACS = ("0a:00:00:00:00:01", "0a:00:00:00:00:02")
ADDRESSES = ("172.31.16.10", "172.31.32.20")
SECOND = "172.31.32.21"

SCRIPT = """
set -e
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /etc/systemd/network
ip link set lo up
ip netns add router
sysctl -q -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2
for number in 0 1; do
    ip link add "eth$number" type veth peer name "peer$number" netns router
    ip link set "eth$number" address "0a:00:00:00:00:0$((number + 1))"
done
run_networkd() {
    mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
    chown -R systemd-network: /run/systemd/netif
    mount --bind "$1" /etc/systemd/network
    SYSTEMD_LOG_TARGET=console "$NETWORKD" >"$2" 2>&1 &
}
export -f run_networkd
mkdir -p /run/systemd
# networkd waits for udev unless sysfs is read-only
ip netns exec router bash -c '
    mount -o remount,ro /sys
    mount -t tmpfs tmpfs /run/systemd
    ip link set lo up
    ip addr add 203.0.113.9/32 dev lo
    sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1
    sysctl -q -w net.ipv4.conf.peer0.rp_filter=1 net.ipv4.conf.peer1.rp_filter=1
    run_networkd "$TREE/router" "$TREE/router.log"
'
run_networkd "$TREE/etc/systemd/network" "$TREE/log"
for attempt in $(seq 400); do
    known=$(ip -4 -o addr; ip rule)
    [[ $known == *172.31.16.10/* && $known == *172.31.32.20/* && $known == *"from 172.31.32.21"* ]] && break
    sleep 0.05
done
"$PYTHON" -m http.server --bind 0.0.0.0 8000 --directory "$TREE/router" >/dev/null 2>&1 &
ip netns exec router "$PYTHON" -c "$ASK" $WHOM >"$TREE/answers"
ip -j -4 rule >"$TREE/rules"
ip -j -4 route >"$TREE/routes"
"""
ASK = """
import json, socket, sys, time
answers = {}
for address in sys.argv[1:]:
    for attempt in range(40):
        try:
            with socket.create_connection((address, 8000), 2, ("203.0.113.9", 0)) as connection:
                connection.sendall(b"HEAD / HTTP/1.0\\r\\n\\r\\n")
                answers[address] = connection.recv(8).decode()
            break
        except OSError as error:
            answers[address] = str(error)
            if not isinstance(error, ConnectionRefusedError):
                break
            time.sleep(0.05)
print(json.dumps(answers))
"""
ROUTER = """\
[Match]
Name=peer{number}

[Network]
Address={gateway}/20
DHCPServer=yes

[DHCPServer]
PoolOffset={last}
PoolSize=1
"""


def metadata() -> dict[str, object]:
    """Amazon's tree with two adapters, the second of which has two addresses; no IPv6."""
    tree: dict[str, object] = json.loads((REPO / "tests/data/ec2/aws-three-nics.json").read_text())
    macs = tree["meta-data"]["network"]["interfaces"]["macs"]  # type: ignore[index]
    del macs["0a:00:00:00:00:03"]
    for leaves in macs.values():
        leaves.pop("ipv6s")
        leaves.pop("subnet-ipv6-cidr-blocks")
    return tree


def answers(tree: Path) -> dict[str, str]:
    """What each address answered to somebody behind the router, once the machine is configured as in `tree`."""
    if os.geteuid() != 0 or not NETWORKD or not shutil.which("unshare"):
        pytest.skip("needs root, systemd-networkd and unshare")
    (tree / "router").mkdir(exist_ok=True)
    for number, address in enumerate(ADDRESSES):
        subnet, _, last = address.rpartition(".")
        text = ROUTER.format(number=number, gateway=f"{subnet}.1", last=last)
        (tree / f"router/peer{number}.network").write_text(text)
    given = {"TREE": str(tree), "NETWORKD": NETWORKD, "ASK": ASK, "PYTHON": sys.executable}
    given["WHOM"] = " ".join((*ADDRESSES, SECOND))
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*spaces, "bash", "-c", SCRIPT], env={**os.environ, **given}, capture_output=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads((tree / "answers").read_text())
    return found


def test_both_adapters_answer_on_all_their_addresses(tmp_path: Path) -> None:
    """From the metadata of two adapters to a machine that answers a foreigner on each address by its own adapter."""
    tree = make_tree(tmp_path / "tree")
    with MetadataServer(metadata()) as server:
        assert run("apply", "--root", tree, "--from", f"ec2:{server.url}").code == 0
    assert answers(tree) == dict.fromkeys((*ADDRESSES, SECOND), "HTTP/1.0")
    defaults = [route for route in json.loads((tree / "routes").read_text()) if route["dst"] == "default"]
    assert [(route["gateway"], route["metric"]) for route in defaults] == [("172.31.16.1", 100), ("172.31.32.1", 200)]


@pytest.mark.slow
def test_without_rules_the_second_adapter_is_mute(tmp_path: Path) -> None:
    """The same machine without its rules answers on the first adapter only: the router refuses the rest."""
    folder = tmp_path / "etc/systemd/network"
    folder.mkdir(parents=True)
    for number, mac in enumerate(MACS):
        more = f"Address={SECOND}/20\n" if number else ""
        metric = f"[DHCPv4]\nRouteMetric={100 * (number + 1)}\n"
        rule = f"\n[RoutingPolicyRule]\nFrom={SECOND}\nTable=254\nPriority=9\n" if number else ""
        text = f"[Match]\nMACAddress={mac}\n\n[Network]\nDHCP=ipv4\n{more}\n{metric}{rule}"
        (folder / f"eth{number}.network").write_text(text)
    found = answers(tmp_path)
    assert found[ADDRESSES[0]] == "HTTP/1.0"
    assert "timed out" in found[ADDRESSES[1]]
    assert "timed out" in found[SECOND]
