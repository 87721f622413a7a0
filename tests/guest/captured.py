"""A scene for `image capture`: a machine in service makes a package of itself, and what boots from that is another."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import inputs
from checks import USER, Expect
from emulated import Machine
from images import run
from lab import STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

REPO = Path(__file__).resolve().parents[2]
# with an emulated processor everything takes its time
LIMIT = 1500.0
MARK = "deleted with its secret in it"
# a machine in service: something writes all the time, and something is deleted with its content still on the disk
CAPTURE = """
set -e
dpkg -i /root/image.deb > /root/dpkg.log
mkfs.ext4 -q /dev/vdb
mount /dev/vdb /mnt
printf '%s%s' 'deleted with its se' 'cret in it' > /root/deleted; sync; rm /root/deleted
(while :; do date >> /var/log/busy; sync; sleep 0.3; done) &
ovfinit image capture -o /mnt/web.ova > /root/said 2>&1 || { cat /root/said; exit 1; }
kill $!
cat /root/said
umount /mnt
echo goes on > /root/after; sync
"""
SECRETS = "cat /etc/ssh/ssh_host_*_key; cat /etc/machine-id"


def captured(stage: Stage) -> None:
    """A machine in service captures itself onto another disk; a clone of that knows nothing of the first."""
    assert isinstance(stage.guest, Machine)
    package = next(stage.order.debs[0].parent.glob("ovfinit-image_*.deb"))
    stage.guest.put({"/root/image.deb": (package.read_bytes(), 0o600), "/root/capture": (CAPTURE.encode(), 0o700)})
    text = stage.environment("vm-first", "first").replace(
        "  </PropertySection>",
        '<Property oe:key="shop.port" oe:value="8081"/><Property oe:key="shop.password" oe:value="hush-42"/>\n'
        "  </PropertySection>",
    )
    first = inputs.volume(stage.folder / "a.iso", "OVF ENV", {"ovf-env.xml": text})
    second = inputs.volume(stage.folder / "b.iso", "OVF ENV", {"ovf-env.xml": stage.environment("vm-next", "next")})
    spare = stage.folder / "spare.img"
    with spare.open("wb") as file:
        file.truncate(6 << 30)
    secrets: list[str] = ["hush-42", MARK]

    def capture() -> list[str]:
        _, known = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "sh", "-c", f"'{SECRETS}'")
        # the first line of a key is the same in every key
        lines = known.splitlines()
        pairs = itertools.pairwise(lines)
        secrets.extend(line for before, line in pairs if "-----" not in line and "BEGIN" not in before)
        done, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "sh", "/root/capture", limit=LIMIT)
        print(f"    {said}")
        frozen = re.search(r"frozen for ([0-9.]+) s", said)
        wrong = [] if done and frozen else [f"it did not work: {said[-1500:]}"]
        _, now = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "sh", "-c", f"'{SECRETS}'")
        return wrong + ([] if now == known else ["the machine itself was scrubbed"])

    stage.boot("captures itself", Plug(cdrom=first, spare=spare), Expect("first", STATIC, source="ovf"), capture)
    if stage.problems:
        return
    disk, wrong = _taken(stage.folder, spare, secrets)
    stage.say("the package", 0.0, wrong)
    stage.new_guest()
    assert isinstance(stage.guest, Machine)
    disk.rename(stage.guest.disk)
    expect = Expect("next", STATIC, runs=(2, 2), source="ovf")
    stage.boot("clone", Plug(cdrom=second), expect)
    again = Expect("next", STATIC, keys="same", runs=(2, 2), source="ovf")
    stage.boot("clone again", Plug(cdrom=second), again)


def _taken(folder: Path, spare: Path, secrets: list[str]) -> tuple[Path, list[str]]:
    """The package off the spare disk, judged; its disk as a raw image, and what is wrong."""
    point = folder / "spare"
    point.mkdir()
    run("mount", "-o", "loop", spare, point)
    try:
        run("cp", point / "web.ova", folder)
    finally:
        run("umount", point)
    spare.unlink()
    package, disk = folder / "web.ova", folder / "disk.raw"
    wrong = []
    for words in (("ovf", "check", package), ("image", "convert", package, disk)):
        done = _ours(*words)
        wrong += [] if done.returncode == 0 else [done.stdout.decode() + done.stderr.decode()]
    run("tar", "-xf", package, "-C", folder)
    (stream,) = folder.glob("*.vmdk")
    run("qemu-img", "check", stream)
    shown = _ours("ovf", "show", package, "--json").stdout.decode()
    text = next(folder.glob("*.ovf")).read_text()
    wrong += ["the question shop.port is not in the package"] if "8081" not in shown else []
    wrong += ["the question of the password is not in the package"] if "shop.password" not in shown else []
    wrong += [f"the package tells {secret[:20]!r}" for secret in secrets if secret and secret in text]
    data = b""
    with disk.open("rb") as image:
        while piece := image.read(1 << 24):
            data = data[-4096:] + piece
            wrong += [f"the disk still has {secret[:20]!r}" for secret in secrets if secret and secret.encode() in data]
    stream.unlink()
    package.unlink()
    return disk, wrong


def _ours(*words: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ovfinit", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(REPO)})
