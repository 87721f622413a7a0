"""Scenes of an admin: from cloud-init to ovfinit by docs/handover.md, a purge, an upgrade of a machine in service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import inputs
from checks import Expect
from container import Container
from lab import STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

SETTINGS = "ssh:\n  host_keys: []\ndisable: [scripts]\n"
SWITCH = (
    "touch /etc/cloud/cloud-init.disabled; "
    "rm -f /etc/systemd/network/10-cloud-init-*.network /etc/network/interfaces.d/50-cloud-init; ovfinit apply"
)
STATE = "find /var/lib/ovfinit /etc/ovfinit -type f | sort | xargs sha256sum"
# dpkg's and APT's own records and logs aside
EVERYTHING = r"find / -xdev \( -path /var/lib/dpkg -o -path /var/cache/apt -o -path /var/log \) -prune -o -print | sort"
OURS = "find / -xdev -name '*ovfinit*' ! -path '/var/lib/dpkg/*' | sort"
PURGE = "DEBIAN_FRONTEND=noninteractive apt-get -qy purge"
# what a purge leaves, because the machine would be out of reach without it
MADE = ["/etc/sudoers.d/90-ovfinit", "/etc/systemd/network/10-ovfinit-lan.network"]
STARTED = "systemctl show --property=ExecMainStartTimestampMonotonic ovfinit.service"
# runs a test of debian/tests as autopkgtest does, and prints the mark with which it wants to go on after a reboot
TEST = r"""
printf '#!/bin/sh\necho "$1" > /run/mark\nkill -KILL $PPID\n' > /tmp/autopkgtest-reboot
chmod 755 /tmp/autopkgtest-reboot
rm -f /run/mark
export AUTOPKGTEST_TMP=$(mktemp -d) AUTOPKGTEST_REBOOT_MARK=%s
/run/lab/%s > /run/lab/said 2>&1 || test -s /run/mark || { cat /run/lab/said; exit 1; }
cat /run/mark 2> /dev/null || :
"""
TESTS = Path(__file__).resolve().parents[2] / "debian/tests"
CONFIG, LINE = "/etc/ovfinit/ovfinit.yaml", "# the admin was here"


def handover(stage: Stage) -> None:
    """A machine of cloud-init's is handed over and keeps its keys. ovfinit is purged before it, and long after it."""
    guest = stage.with_packages("cloud-init", installed=False)
    for name, text in inputs.seed("i-handed", "handed", stage.public).items():
        # cloud-init 22.4 does not know the destination `default`
        content = text.replace("to: default", "to: 0.0.0.0/0").encode()
        guest.put({f"/var/lib/cloud/seed/nocloud/{name}": (content, 0o600)})
    guest.put({"/etc/cloud/cloud.cfg.d/lab.cfg": (b"datasource_list: [NoCloud]\n", 0o644)})

    def hand_over() -> list[str]:
        before = guest.inside(EVERYTHING)
        said = _install(guest, stage.order.debs[-1])
        wrong = (
            [] if "/usr/share/doc/ovfinit/handover.md" in said else [f"the installation says nothing: {said[-500:]}"]
        )
        guest.inside(f"{PURGE} ovfinit")
        wrong += _changes(before, guest.inside(EVERYTHING), "after a purge")
        _install(guest, stage.order.debs[-1])
        guest.inside(f"cat > {CONFIG}.d/handover.yaml <<'END'\n{SETTINGS}END\n")
        guest.inside(SWITCH)
        return wrong

    def purge_other() -> list[str]:
        guest.inside(f"{PURGE} cloud-init")
        return []

    def purge() -> list[str]:
        known = guest.inside(STATE)
        _install(guest, stage.order.debs[-1], "--reinstall")
        wrong = _changes(known, guest.inside(STATE), "after installing it again")
        guest.inside(f"{PURGE} ovfinit")
        left = guest.inside(OURS).split()
        return wrong + ([] if left == MADE else [f"left by a purge: {left}"])

    stage.boot("cloud-init in charge", Plug(), Expect("handed", STATIC, agent=False), hand_over)
    # cloud-init's own entry stays, as the handbook says
    ours = Expect("handed", STATIC, keys="same", source="seed", listed=2)
    stage.boot("handed over", Plug(), ours, purge_other)
    stage.boot("cloud-init purged", Plug(), ours, purge)
    stage.boot("ovfinit purged", Plug(), Expect("handed", STATIC, keys="same", agent=False, listed=2))


def upgrade(stage: Stage) -> None:
    """An older package is upgraded on a machine in service: what it knows, its keys and the admin's settings stay."""
    guest = stage.with_older()
    for name, text in inputs.seed("i-old", "old1", stage.public).items():
        guest.put({f"/var/lib/ovfinit/seed/{name}": (text.encode(), 0o600)})

    def change() -> list[str]:
        guest.inside(f"echo '{LINE}' >> {CONFIG}")
        before, started = guest.inside(STATE), guest.inside(STARTED)
        _install(guest, stage.order.debs[-1])
        wrong = _changes(before, guest.inside(f"{STATE} | grep -v dpkg-dist"), "after the upgrade")
        if guest.inside(STARTED) != started:
            wrong.append("the upgrade started the daemon")
        guest.inside("ovfinit status")
        return wrong

    def settled() -> list[str]:
        steps = json.loads(guest.inside("ovfinit plan --json"))["changes"]
        due = [f"{step['handler']}: {step['action']} {step['target']}" for step in steps if step["action"] != "none"]
        kept = LINE in guest.inside(f"cat {CONFIG}")
        return [*(f"still due: {line}" for line in due), *([] if kept else ["the admin's line is gone"])]

    stage.boot("older package", Plug(), Expect("old1", STATIC, source="seed"), change)
    after = Expect("old1", STATIC, keys="same", source="seed")
    stage.boot("upgraded", Plug(), after, settled)
    stage.boot("second", Plug(), after, settled)


def autopkgtest(stage: Stage) -> None:
    """The package's own tests, debian/tests: one looks at a tree, one restarts the machine twice."""
    guest = stage.guest
    assert isinstance(guest, Container)

    def test(name: str, mark: str, due: str) -> list[str]:
        shutil.copy(TESTS / name, guest.folder / "out")
        found = guest.inside(TEST % (mark, name)).strip()
        return [] if found == due else [f"{name} wants to go on with {found!r}, not {due!r}"]

    nothing = Expect("image", None, keys="same", runs=(0, 0), login=False, usable=None)
    stage.boot("before", Plug(), nothing, lambda: test("tree", "", "") + test("reboot", "", "first"))
    expect = Expect("web1", None, runs=(0, 0), login=False, source="seed")
    stage.boot("first reboot", Plug(), expect, lambda: test("reboot", "first", "second"))
    expect = Expect("web1", None, keys="same", runs=(0, 0), login=False, source="seed")
    stage.boot("second reboot", Plug(), expect, lambda: test("reboot", "second", ""))


def _install(guest: Container, package: Path, *more: str) -> str:
    """Install a package in the running guest, as a machine without a person at it does; returns what was said."""
    shutil.copy(package, guest.folder / "out")
    words = " ".join(("-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold", *more))
    return guest.inside(f"DEBIAN_FRONTEND=noninteractive apt-get -qy {words} install /run/lab/{package.name} 2>&1")


def _changes(before: str, after: str, when: str) -> list[str]:
    """The lines that came and went, in words."""
    one, other = set(before.splitlines()), set(after.splitlines())
    return [f"{when}: + {line}" for line in sorted(other - one)] + [f"{when}: - {line}" for line in sorted(one - other)]
