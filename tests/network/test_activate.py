"""Files that changed while the network was up take effect: the real programs, told by us."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import consumers
import namespace
from scratch import REPO

from ovfinit.network import networkmanager, v2

NICS = {"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:00:02"}
MOUNT = """
mkdir -p "$PLACE"
mount --bind "$TREE$PLACE" "$PLACE"
"""
# the new files lie beside the old ones; what is told is which of them differ, and what stood there
CHANGE = """
cat >/run/change.py <<'END'
import os, sys
from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.network.activate import activate
place, new = sys.argv[2:]
read = lambda folder: {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}
before, after = read(place), read(new)
for name in {*before, *after}:
    if name not in after:
        os.unlink(f"{place}/{name}")
    elif before.get(name) != after[name]:
        with open(os.open(f"{place}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(after[name])
        os.chmod(f"{place}/{name}", 0o644 if sys.argv[1] == "networkd" else 0o600)
changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
activate(Host("/"), sys.argv[1], Deadline(40), {f"{place}/{name}": before.get(name) for name in changed})
END
"$PYTHON" /run/change.py $RENDERER "$PLACE" "$NEW" >"$TREE/said" 2>&1 || echo "exit $?" >>"$TREE/said"
"""
SETTLE = """
for attempt in $(seq 100); do
    ip -4 -o addr show | grep -q 10.1.0.6 && break
    sleep 0.1
done
"""


def document(address: str, priority: int) -> dict[str, Any]:
    """An adapter and a bridge with one port."""
    off = {"accept-ra": False}
    bridge = {"interfaces": ["eth1"], "parameters": {"priority": priority, "stp": False}, "addresses": ["10.2.0.1/24"]}
    return {
        "version": 2,
        "ethernets": {"eth0": {"addresses": [address], **off}, "eth1": off},
        "bridges": {"br0": {**bridge, **off}},
    }


def test_networkmanager_follows(tmp_path: Path) -> None:
    """A new address and another setting of a bridge are there at once; what was there before is gone."""
    for folder, (address, priority) in {"old": ("10.1.0.5/24", 8192), "new": ("10.1.0.6/24", 4096)}.items():
        network = v2.parse(document(address, priority)).network
        consumers.store(networkmanager.render(network).files, tmp_path / folder)
    place = networkmanager.FOLDER
    script = namespace.PREPARE + MOUNT + namespace.WITH_NETWORKMANAGER + CHANGE + SETTLE + namespace.REPORT
    words = {"PLACE": place, "NEW": f"{tmp_path}/new{place}", "RENDERER": "networkmanager", "PYTHON": sys.executable}
    namespace.needs_networkmanager()
    namespace.play(tmp_path / "old", NICS, script, PYTHONPATH=str(REPO), **words)
    assert (tmp_path / "old/said").read_text() == ""
    kernel = namespace.Kernel(tmp_path / "old")
    assert kernel.addresses("eth0") == {"10.1.0.6/24"}
    assert kernel.addresses("br0") == {"10.2.0.1/24"}
    assert kernel.bridges["br0/bridge/priority"] == "4096"


def test_no_network_waits_for_udev_to_settle() -> None:
    """#6184: the network's part never asks udev to settle, which blocks for minutes where one device is slow."""
    files = [
        *(REPO / "ovfinit/network").glob("*.py"),
        *(REPO / "ovfinit/system").glob("*.py"),
        REPO / "ovfinit/daemon.py",
    ]
    assert len(files) > 20
    assert [path.name for path in files if '"settle"' in path.read_text() or "udevadm" in path.read_text()] == []
