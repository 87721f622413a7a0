"""A network that cuts a running machine off is taken back: the real ifup, a router that answers, a wrong gateway."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scratch import REPO, environment

# the machine's own /etc, /var, /run and network are out of reach in here
MACHINE = """
set -e
for place in /etc /var /root; do
    name=$WORK/$(basename $place); mkdir -p $name/upper $name/work
    mount -t overlay overlay -o lowerdir=$place,upperdir=$name/upper,workdir=$name/work $place
done
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mkdir -p /etc/network/interfaces.d /etc/ovfinit /run/network
for hooks in if-up.d if-pre-up.d if-down.d if-post-down.d; do
    rm -rf /etc/network/$hooks
    mkdir /etc/network/$hooks
done
echo 'source /etc/network/interfaces.d/*' > /etc/network/interfaces
rm -f /etc/network/interfaces.d/* ; rm -rf /var/lib/ovfinit
printf '%s' "$SETTINGS" > /etc/ovfinit/ovfinit.yaml
ip link set lo up
unshare --net sleep 100 & OTHER=$!
until [ "$(readlink /proc/$OTHER/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add eth0 type veth peer name r0
ip link set r0 netns $OTHER
nsenter --target $OTHER --net sh -ec 'ip link set r0 up; ip addr add 10.0.0.1/24 dev r0'
network() {
    mkdir -p $WORK/seed
    echo 'instance-id: i-1' > $WORK/seed/meta-data
    echo "{version: 2, ethernets: {eth0: {addresses: [$1/24], routes: [{to: default, via: $2}]}}}" \
        > $WORK/seed/network-config
}
agent() {
    code=0
    "$PYTHON" -m ovfinit "$@" --from seed:$WORK/seed || code=$?
    echo "exit $code"
}
show() {
    echo "$(ip -4 -o addr show eth0 | awk '{print $4}') via $(ip route show default | awk '{print $3}')"
    grep -h address /etc/network/interfaces.d/50-ovfinit
}
network 10.0.0.2 10.0.0.1
agent apply --quiet
ifup --all
"""
SETTINGS = """
disable: [hostname, ssh_keys, users, scripts]
network: {renderer: ifupdown, check_seconds: 1, check: ["10.0.0.1:22"]}
"""


def play(tmp_path: Path, script: str, terminal: bytes | None = None) -> list[str]:
    """What the scene says, line by line; with `terminal` it plays on one, where these keys are pressed."""
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0 or subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make network namespaces")
    if shutil.which("ifup") is None:
        pytest.skip("needs ifup (package ifupdown)")
    words = {"WORK": str(tmp_path), "PYTHON": sys.executable, "SETTINGS": SETTINGS, "PYTHONPATH": str(REPO)}
    command = [*spaces, "bash", "-c", MACHINE + script]
    if terminal is not None:
        (tmp_path / "scene").write_text(MACHINE + script)
        command = [
            "script",
            "--quiet",
            "--return",
            "--command",
            f"{' '.join(spaces)} bash {tmp_path}/scene",
            "/dev/null",
        ]
    done = subprocess.run(
        command, input=terminal or b"", capture_output=True, env=environment(**words), timeout=100, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout.decode().replace("\r", "").splitlines()


def test_wrong_gateway(tmp_path: Path) -> None:
    """A gateway that nobody answers for: at the deadline the former address, route and file are back."""
    said = play(
        tmp_path,
        """
        show
        network 10.0.0.3 10.0.0.99
        agent apply --quiet 2>&1
        show
        agent daemon
        show
        "$PYTHON" -m ovfinit status || true
        """,
    )
    assert said[:3] == ["exit 0", "10.0.0.2/24 via 10.0.0.1", "    address 10.0.0.2/24"]
    text = "\n".join(said[3:])
    assert "cut this machine off from gateway (IPv4)" in text
    assert "10.0.0.3" not in text
    assert text.count("10.0.0.2/24 via 10.0.0.1") == 2
    assert "the former one stays" in text
    assert "exit 1" in text


def test_good_change(tmp_path: Path) -> None:
    """A change that keeps everything in reach stays, and once more there is nothing to do."""
    said = play(
        tmp_path,
        """
        network 10.0.0.3 10.0.0.1
        agent apply --quiet 2>&1
        show
        agent plan
        """,
    )
    assert said[1:4] == ["exit 0", "10.0.0.3/24 via 10.0.0.1", "    address 10.0.0.3/24"]
    assert "Nothing to do." in said


def test_undo_live(tmp_path: Path) -> None:
    """Undo takes the running network along."""
    said = play(
        tmp_path,
        """
        network 10.0.0.3 10.0.0.1
        agent apply --quiet
        "$PYTHON" -m ovfinit undo --quiet
        echo "left: $(ip -4 -o addr show eth0) $(ls /etc/network/interfaces.d)"
        """,
    )
    assert said[-1] == "left:  "


@pytest.mark.parametrize(("keys", "address"), [(b"\n", "10.0.0.3"), (b"", "10.0.0.2")])
def test_confirm(tmp_path: Path, keys: bytes, address: str) -> None:
    """With `--confirm` a key keeps the change, and silence takes it back."""
    script = """
    network 10.0.0.3 10.0.0.1
    agent apply --confirm 1 --quiet
    show
    """
    said = play(tmp_path, script, terminal=keys)
    assert f"{address}/24 via 10.0.0.1" in said
    assert f"exit {0 if keys else 1}" in said[2:]
