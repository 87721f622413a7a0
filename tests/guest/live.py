"""Scenes on a machine that is up: a network that is taken back, and metadata that changes while it is watched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import inputs
from checks import USER, Expect
from lab import DHCP, MAC, ROUTER, STATIC
from plug import Plug

if TYPE_CHECKING:
    from collections.abc import Callable

    from run import Stage

NOWHERE = "10.77.0.99"
WATCH = "watch: {interval: 10}\n"
WATCH_LIMIT = 45.0


def take_back(stage: Stage) -> None:
    """A gateway that nobody answers for, applied over ssh: the machine is cut off, comes back by itself and says so."""
    for name, text in inputs.seed("i-live", "live1", stage.public).items():
        stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600)})
    settings = f"network: {{check_seconds: 3, check: [{ROUTER}]}}\n"
    stage.guest.put({"/etc/ovfinit/ovfinit.yaml.d/check.yaml": (settings.encode(), 0o644)})

    def change() -> list[str]:
        text = inputs.NETWORK.replace(STATIC, "10.77.1.60").replace(ROUTER, NOWHERE)
        script = (
            f"cat > /var/lib/ovfinit/seed/network-config <<'END'\n{text}END\nsetsid ovfinit apply > /root/said 2>&1\n"
        )
        stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "sh", "-c", f"'{script}'", limit=40.0)
        stop = time.monotonic() + 30
        while time.monotonic() < stop:
            back, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "cat", "/root/said", limit=10.0)
            if back and "taken back" in said:
                break
        else:
            return [f"the machine did not come back, or does not say why: {said[-400:]}"]
        again, told = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "ovfinit", "status", limit=20.0)
        return [] if not again and "taken back" in told else [f"status does not tell: {told[-400:]}"]

    expect = Expect("live1", STATIC, source="seed")
    stage.boot("wrong gateway", Plug(), expect, change)
    # the same configuration is not tried again by a boot, and the machine says that it is not what was asked for
    stage.boot("boot after it", Plug(), Expect("live1", STATIC, keys="same", source="seed", usable=False))


def watch(stage: Stage) -> None:
    """Keys that come and go in the metadata of a watched machine; then the service goes, and nothing happens."""
    stage.guest.put({"/etc/ovfinit/ovfinit.yaml.d/watch.yaml": (WATCH.encode(), 0o644)})
    stage.lab.serve(stage.ec2("i-watch", "watch1"))
    other = stage.folder / "other"
    other.mkdir()
    key, public = inputs.user_key(other)

    def change() -> list[str]:
        stage.lab.serve(inputs.ec2(stage.folder / "other.json", "i-watch", "watch1", public))
        if not _until(lambda: stage.lab.ssh(DHCP, USER, key, "true", limit=10.0)[0]):
            _, said = stage.lab.ssh(DHCP, USER, stage.key, "sudo", "-n", "journalctl", "-t", "ovfinit", "-n", "8")
            return [f"the new key did not come: {said}"]
        wrong = ["the old key is still there"] if stage.lab.ssh(DHCP, USER, stage.key, "true", limit=10.0)[0] else []
        stage.lab.serve(None)
        time.sleep(15)
        return wrong + (
            [] if stage.lab.ssh(DHCP, USER, key, "true", limit=10.0)[0] else ["the key went with the service"]
        )

    stage.boot("keys change", Plug(platform="ec2"), Expect("watch1", DHCP, source="ec2", stays=True), change)


def renamed(stage: Stage) -> None:
    """An adapter that is to be called by another name has it on the very first boot, and keeps it."""
    named = inputs.NETWORK.replace("    addresses:", "    set-name: uplink0\n    addresses:")
    for name, text in {**inputs.seed("i-name", "name1", stage.public), "network-config": named}.items():
        stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600)})

    def name() -> list[str]:
        there, said = stage.lab.ssh(STATIC, USER, stage.key, "cat", "/sys/class/net/uplink0/address")
        return [] if there else [f"no interface has the name: {said[-200:]}"]

    stage.boot("first", Plug(), Expect("name1", STATIC, source="seed"), name)
    stage.boot("second", Plug(), Expect("name1", STATIC, keys="same", source="seed"), name)


def bond_vlan(stage: Stage) -> None:
    """cloud-init's version 1 with a bond and a VLAN on it, which only a kernel of the guest's own can make."""
    text = f"""version: 1
config:
  - {{type: physical, name: port0, mac_address: "{MAC}"}}
  - type: bond
    name: bond0
    bond_interfaces: [port0]
    params: {{bond-mode: active-backup, bond-miimon: 100}}
    subnets: [{{type: static, address: {STATIC}/24, gateway: {ROUTER}}}]
  - type: vlan
    name: bond0.10
    vlan_link: bond0
    vlan_id: 10
    subnets:
      - type: static
        address: 10.78.0.5/24
        routes: [{{network: 10.79.0.0/16, gateway: 10.78.0.1, metric: 50}}]
"""
    for name, content in {**inputs.seed("i-bond", "bond1", stage.public), "network-config": text}.items():
        stage.guest.put({f"/var/lib/ovfinit/seed/{name}": (content.encode(), 0o600)})

    def kernel() -> list[str]:
        facts = "/sys/class/net/bond0/bonding/"
        command = f"ip -d addr show bond0.10; cat {facts}mode {facts}slaves; ip route"
        _, said = stage.lab.ssh(STATIC, USER, stage.key, command)
        wanted = ("vlan protocol 802.1Q id 10", "10.78.0.5/24", "active-backup 1\nport0", "10.79.0.0/16 via 10.78.0.1")
        return [f"the kernel does not have {word!r}: {said}" for word in wanted if word not in said]

    stage.boot("first", Plug(), Expect("bond1", STATIC, source="seed"), kernel)
    stage.boot("second", Plug(), Expect("bond1", STATIC, keys="same", source="seed"), kernel)


def _until(true: Callable[[], bool]) -> bool:
    stop = time.monotonic() + WATCH_LIMIT
    while time.monotonic() < stop:
        if true():
            return True
        time.sleep(1)
    return False
