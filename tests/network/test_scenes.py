"""Whole machines in network namespaces: from what a platform says, through the agent, to packets that arrive."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import namespace
import pytest
from metadata_server import MetadataServer
from scratch import make_ovf, make_tree, run

SAMPLE = Path(__file__).resolve().parents[1] / "data/ec2/aws-one-nic.json"
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
# the cloud: two routers in a namespace of their own that serve one address each, drop what comes from a foreign source,
# and lead to a client; both sides have a web server that says who asks
CLOUD = """
unshare --net sleep 100 & CLOUD=$!
until [ "$(readlink /proc/$CLOUD/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link set lo up
mkdir -p /run/web
cat >/run/web.py <<'END'
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode() + b" asked")
    def log_message(self, *words):
        pass
http.server.HTTPServer(("", 80), Handler).serve_forever()
END
for n in 0 1; do
    ip link add eth$n type veth peer name r$n
    ip link set r$n netns $CLOUD
done
ip link set eth0 address 02:00:00:00:00:01
ip link set eth1 address 02:00:00:00:00:02
nsenter --target $CLOUD --net bash -ec '
    ip link set lo up
    ip addr add 203.0.113.9/32 dev lo
    for n in 0 1; do
        ip addr add 10.0.$n.1/24 dev r$n
        ip link set r$n up
    done
    sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.r0.rp_filter=1 net.ipv4.conf.r1.rp_filter=1
    dnsmasq --port=0 --interface=r0 --interface=r1 --bind-interfaces --pid-file= --leasefile-ro --user=root \\
        --dhcp-range=10.0.0.5,10.0.0.5 --dhcp-range=10.0.1.5,10.0.1.5 --dhcp-authoritative --keep-in-foreground \\
        >/dev/null 2>&1 &
    python3 /run/web.py &
'
python3 /run/web.py &
"""
ASK = """
up() { ip -4 -o addr show "$1" | grep -q inet; }
for attempt in $(seq 100); do
    up eth0 && up eth1 && ip rule | grep -q 10.0.1.5 && break
    sleep 0.1
done
ask() { $INSIDE curl --silent --max-time 5 --interface "$1" "http://$2/" || echo "no answer"; echo; }
{
    ask 10.0.0.5 203.0.113.9
    ask 10.0.1.5 203.0.113.9
    INSIDE="nsenter --target $CLOUD --net"
    ask 203.0.113.9 10.0.0.5
    ask 203.0.113.9 10.0.1.5
} >"$TREE/answers"
"""
# addresses come over DHCP, so the two NICs are awaited by what they have, not by what networkd says
NETWORKD = namespace.WITH_NETWORKD.replace("seq 300", "seq 1")


def ec2_with_two_nics() -> dict[str, Any]:
    """A metadata tree of one adapter more than the sample has."""
    tree: dict[str, Any] = json.loads(SAMPLE.read_text())
    macs = tree["meta-data"]["network"]["interfaces"]["macs"]
    sample = next(iter(macs.values()))
    macs.clear()
    for number, mac in enumerate(MACS):
        block = f"10.0.{number}.0/24"
        facts = {"mac": mac, "device-number": str(number), "local-ipv4s": f"10.0.{number}.5"}
        macs[f"{mac}/" if mac.endswith("/") else mac] = {**sample, **facts, "subnet-ipv4-cidr-block": block}
    return tree


@pytest.mark.parametrize("renderer", ["networkd", "networkmanager"])
def test_ec2_with_two_adapters_answers_on_both(tmp_path: Path, renderer: str) -> None:
    """#4862: what comes in by an adapter is answered by it, and what is sent from its address leaves by it."""
    for tool, package in (("dnsmasq", "dnsmasq-base"), ("curl", "curl")):
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            pytest.skip(f"needs {tool} (package {package})")
    tree = make_tree(tmp_path / "tree")
    settings = tree / "etc/ovfinit/ovfinit.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"network: {{renderer: {renderer}}}\ndisable: [users, ssh_keys, hostname]\n")
    with MetadataServer(ec2_with_two_nics()) as server:
        result = run("apply", "--root", tree, "--from", f"ec2:{server.url}")
    assert result.code == 0, result
    start = NETWORKD if renderer == "networkd" else namespace.WITH_NETWORKMANAGER
    namespace.play(tree, {}, namespace.PREPARE + CLOUD + start + ASK + namespace.REPORT, NETWORKD=namespace.NETWORKD)
    assert (tree / "answers").read_text().split("\n") == [
        *("10.0.0.5 asked", "10.0.1.5 asked", "203.0.113.9 asked", "203.0.113.9 asked", ""),
    ]


@pytest.mark.parametrize("renderer", ["networkd", "ifupdown", "networkmanager"])
def test_ovf_iso_with_two_fixed_adapters(tmp_path: Path, renderer: str) -> None:
    """From an OVF environment on a disc: both adapters have their addresses, one has the way out."""
    properties = {
        "guestinfo.interface.0.name": "eth0",
        "guestinfo.interface.0.ip.0.address": "10.1.0.5/24",
        "guestinfo.interface.0.route.0.gateway": "10.1.0.1",
        "guestinfo.interface.1.name": "eth1",
        "guestinfo.interface.1.ip.0.address": "10.2.0.5/24",
    }
    tree = make_tree(tmp_path / "tree")
    settings = tree / "etc/ovfinit/ovfinit.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"network: {{renderer: {renderer}}}\ndisable: [users, ssh_keys, hostname]\n")
    main = tree / "etc/network/interfaces"
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text("source /etc/network/interfaces.d/*\n")
    result = run("apply", "--root", tree, "--from", make_ovf(tmp_path / "env.iso", **properties))
    assert result.code == 0, result
    nics = {"eth0": MACS[0], "eth1": MACS[1]}
    runs = {
        "networkd": lambda: namespace.networkd(tree, nics, ("eth0", "eth1")),
        "ifupdown": lambda: namespace.ifup(tree, nics),
        "networkmanager": lambda: namespace.networkmanager(tree, nics),
    }
    kernel = runs[renderer]()
    assert (kernel.addresses("eth0"), kernel.addresses("eth1")) == ({"10.1.0.5/24"}, {"10.2.0.5/24"})
    assert kernel.route("default", gateway="10.1.0.1", dev="eth0") is not None
