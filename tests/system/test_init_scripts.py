"""What the scripts for sysvinit and OpenRC rely on: the local stage of a machine that only a network knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import Machine

# no disk is asked, and the service is one that nobody has
START = """
mount -t tmpfs none /sys/class/block
mkdir -p /etc/ovfinit; rm -rf /var/lib/ovfinit /run/ovfinit
echo 'ec2: {metadata_urls: ["http://192.0.2.1/"], timeout: 1}' > /etc/ovfinit/ovfinit.yaml
"""


@pytest.fixture
def machine(tmp_path: Path, as_root: None) -> Machine:
    """A machine without any network."""
    return Machine(tmp_path / "machine")


def test_the_network_is_asked_when_it_is_its_turn(machine: Machine) -> None:
    """Before any link is up a source of the network has its turn later, and `status` still waits for the boot."""
    result = machine.script(f"{START}\n$OVFINIT apply --stage local || echo code $?; $OVFINIT status || echo code $?")
    assert result.out == "code 4\nstatus: not run\ncode 1\n"
    assert "ec2: is asked once there is a network" in result.err


def test_a_link_is_enough_to_ask(machine: Machine) -> None:
    """Once a link is up the source is asked in any stage, and one that does not answer is not absent."""
    link = "ip link add one type veth peer name two; ip link set one up"
    result = machine.script(f"{START}\n{link}\n$OVFINIT apply --stage local || echo code $?")
    assert result.out == "code 1\n"
    assert "http://192.0.2.1: could not be read" in result.err


def test_what_is_wrong_is_said_where_no_journal_runs(machine: Machine) -> None:
    """The daemon of a machine without a journal names on standard error what keeps it from its work."""
    broken = "echo 'datasources: [ovf]' > /etc/ovfinit/ovfinit.yaml; mkdir -p /var/lib/ovfinit/seed"
    broken += "; echo '<oops' > /var/lib/ovfinit/seed/ovf-env.xml"
    result = machine.script(f"{START}\n{broken}\n$OVFINIT daemon || echo code $?")
    assert result.out == "code 1\n"
    assert "ovfinit: /var/lib/ovfinit/seed/ovf-env.xml:1:1: is not well-formed XML" in result.err


def test_a_tree_has_no_journal(machine: Machine) -> None:
    """What goes wrong in a tree is said on standard error, and not in the journal of the machine that works on it."""
    journal = """
mkdir -p /run/systemd/journal /tmp/tree/var/lib/ovfinit/seed; echo '<oops' > /tmp/tree/var/lib/ovfinit/seed/ovf-env.xml
python3 -c "
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
    heard.bind('/run/systemd/journal/socket')
    heard.settimeout(0.1)
    for words in ('--root /tmp/tree', ''):
        os.system(f'$OVFINIT daemon {words} > /dev/null')
        try:
            print(heard.recv(9999).decode().splitlines()[0])
        except TimeoutError:
            print('nothing')
"
"""
    result = machine.script(f"{START}\n{journal.replace('python3 -c', '${OVFINIT% -m*} -c')}")
    assert result.out.splitlines()[0] == "nothing"
    assert "ovf-env.xml:1:1: is not well-formed XML" in result.err
    assert result.out.splitlines()[1].startswith("MESSAGE=")


def test_a_running_sshd_without_systemd(machine: Machine) -> None:
    """Where nobody can tell sshd of its new settings that is said, and the duty has not failed."""
    seed = "mkdir -p /var/lib/ovfinit/seed; echo 'instance-id: i-1' > /var/lib/ovfinit/seed/meta-data"
    seed += "; printf '#cloud-config\\nssh_pwauth: false\\n' > /var/lib/ovfinit/seed/user-data"
    settings = "echo 'disable: [growth, network, users]' > /etc/ovfinit/ovfinit.yaml; echo 1 > /run/sshd.pid"
    result = machine.script(f"{START}\n{seed}\n{settings}\n$OVFINIT apply --stage local || echo code $?")
    assert "code" not in result.out.splitlines()[-1]
    assert "50-ovfinit.conf: sshd: is running" in result.err
