"""Scenes without systemd: the scripts of etc/sysvinit and etc/openrc on machines that boot by them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import inputs
from checks import USER
from container import Container
from lab import STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

ETC = Path(__file__).resolve().parents[2] / "etc"
LIMIT = 100.0
# the hyphen takes a package away
IN_PLACE = ("systemd-sysv-", "sysvinit-core")
INTERFACES = b"source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n"
NAME = "plain1"
# prints what must be so once the boot is over
LOOK = """
pgrep -x sshd > /dev/null || exit 0
echo "name: $(hostname) $(cat /etc/hostname)"
echo "status: $(ovfinit status | head -n 1)"
echo "script: $(cat /var/lib/lab-script 2> /dev/null)"
echo "nologin: $(ls /run/nologin 2> /dev/null)"
"""
UNTOUCHED = "name: image image\nstatus: status: not run\nscript: \nnologin: \n"
CUSTOMIZED = f"name: {NAME} {NAME}\nstatus: status: done\nscript: root on {NAME}\nnologin: \n"


def sysvinit(stage: Stage) -> None:
    """Debian with sysvinit and ifupdown."""
    guest = stage.with_packages(*IN_PLACE, "sysv-rc", "ifupdown")
    _play(stage, guest, "sysvinit", "update-rc.d ovfinit defaults")


def openrc(stage: Stage) -> None:
    """Debian with OpenRC and ifupdown."""
    guest = stage.with_packages(*IN_PLACE, "openrc", "ifupdown")
    enable = "rc-update add ovfinit sysinit; rc-update add ovfinit-network default"
    _play(stage, guest, "openrc", f"ln -s ovfinit /etc/init.d/ovfinit-network; {enable}")


def _play(stage: Stage, guest: Container, kind: str, enable: str) -> None:
    """The script is enabled on a running machine, as an admin does it; the two boots after that are looked at."""
    for name, text in inputs.seed("i-plain", NAME, stage.public).items():
        guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600)})
    guest.put({"/etc/network/interfaces": (INTERFACES, 0o644)})
    guest.put({"/etc/init.d/ovfinit": ((ETC / kind / "ovfinit").read_bytes(), 0o755)})
    before = _boot(stage, guest, "not enabled", UNTOUCHED, enable)
    first = _boot(stage, guest, "first", CUSTOMIZED)
    second = _boot(stage, guest, "second", CUSTOMIZED)
    wrong = [] if first.isdisjoint(before) else ["host keys of the image were kept"]
    stage.say("host keys", 0.0, wrong + ([] if second == first else ["host keys changed"]))


def _boot(stage: Stage, guest: Container, label: str, due: str, enable: str = "") -> set[str]:
    """Boot, look until all is as due or time is up, log in from outside; returns the host keys."""
    start = time.monotonic()
    guest.boot(Plug())
    said = ""
    while said != due and time.monotonic() < start + LIMIT * stage.lab.patience:
        time.sleep(0.5)
        try:
            said = guest.inside(LOOK)
        except RuntimeError:
            continue  # its first process is not there yet
    seconds = time.monotonic() - start
    wrong = [] if said == due else [f"it says {said!r}"]
    if due == CUSTOMIZED:
        login = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "id", "-un")
        wrong += [] if login[0] else [f"login as {USER} did not work: {login[1][-300:]}"]
    keys = set(guest.inside("cat /etc/ssh/ssh_host_*_key.pub").splitlines())
    if enable:
        guest.inside(enable)
    guest.inside("sync")
    guest.cut()
    stage.say(label, seconds, wrong)
    return keys
