"""A machine in service goes from cloud-init to ovfinit by the steps of docs/handover.md, and ovfinit is purged at last.

The guest is a container with both packages; the layer with cloud-init comes from the network once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import images
import inputs
from lab import STATIC, Lab
from machines import Container, Plug

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

LIMIT = 300.0
SETTINGS = "ssh:\n  host_keys: []\ndisable: [scripts]\n"
SWITCH = (
    "touch /etc/cloud/cloud-init.disabled; "
    "rm -f /etc/systemd/network/10-cloud-init-*.network /etc/network/interfaces.d/50-cloud-init; ovfinit apply"
)
STATE = "find /var/lib/ovfinit /etc/ovfinit -type f | sort | xargs sha256sum"
LEFT = "find / -xdev -name '*ovfinit*' ! -path '/proc/*' ! -path '/run/lab/*' | sort"


def play(suite: str, debs: Sequence[Path], folder: Path) -> bool:
    """Play it; True if nothing was wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wrong: list[str] = []
    with Lab(folder, container=True) as lab:
        guest = _Guest(suite, debs, lab, folder)
        try:
            _steps(guest, lab, debs, wrong)
        finally:
            guest.close()
    for line in wrong:
        print(f"    {line}", flush=True)
    return not wrong


def _steps(guest: _Guest, lab: Lab, debs: Sequence[Path], wrong: list[str]) -> None:
    key, public = inputs.user_key(guest.folder)
    for name, text in inputs.seed("i-handed", "handed", public).items():
        # cloud-init 22.4 does not know the destination `default`
        content = text.replace("to: default", "to: 0.0.0.0/0").encode()
        guest.put({f"/var/lib/cloud/seed/nocloud/{name}": (content, 0o600)})
    guest.put({"/etc/cloud/cloud.cfg.d/lab.cfg": (b"datasource_list: [NoCloud]\n", 0o644)})

    def same(label: str, report: dict[str, Any], before: dict[str, Any], *, ours: str) -> None:
        # a unit that was skipped is forgotten, and is then not in the report
        active = report["units"].get("ovfinit.service", {}).get("ActiveState", "inactive")
        facts = {
            "host keys": (report["host_keys"], before["host_keys"]),
            "script": (report["script"], before["script"]),
            "host name": (report["hostname"], "handed"),
            "ovfinit.service": (active, ours),
            "failed units": (report["failed"], ""),
            "login": (lab.ssh(STATIC, "debian", key, "sudo", "-n", "id", "-un"), (True, "root")),
        }
        found = [f"{label}: {name} {now!r}, not {due!r}" for name, (now, due) in facts.items() if now != due]
        wrong.extend(found)
        print(f"{guest.suite:9} container  handover    {label:40} {'WRONG' if found else 'ok'}", flush=True)

    first = guest.start()
    same("cloud-init in charge", first, first, ours="inactive")
    guest.put_live("/etc/ovfinit/ovfinit.yaml.d/handover.yaml", SETTINGS)
    guest.inside(SWITCH)
    guest.power_off()
    same("handed over", guest.start(), first, ours="active")
    guest.inside("DEBIAN_FRONTEND=noninteractive apt-get -qy purge cloud-init")
    guest.power_off()
    same("cloud-init purged", guest.start(), first, ours="active")
    known = guest.inside(STATE)
    shutil.copy(debs[-1], guest.folder / "out/again.deb")
    guest.inside("dpkg -i /run/lab/again.deb")
    if guest.inside(STATE) != known:
        wrong.append("an upgrade changed the state")
    guest.inside("DEBIAN_FRONTEND=noninteractive apt-get -qy purge ovfinit")
    left = guest.inside(LEFT).split()
    if left != ["/etc/sudoers.d/90-ovfinit", "/etc/systemd/network/10-ovfinit-lan.network"]:
        wrong.append(f"left by a purge: {left}")
    guest.power_off()
    same("ovfinit purged", guest.start(), first, ours="inactive")
    guest.power_off()


class _Guest(Container):
    """A container with cloud-init and ovfinit."""

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path) -> None:
        super().__init__(suite, debs, lab, folder)
        self.lowers = ":".join(map(str, images.beside(suite, debs, "handover", ["cloud-init"])))

    def start(self) -> dict[str, Any]:
        """Boot; returns the observer's report."""
        self.boot(Plug())
        report = self.report(LIMIT)
        if report is None:
            raise RuntimeError("the guest did not finish its boot")
        (self.folder / f"boot-{self.boots}.journal").write_text(report["journal"])
        return report

    def inside(self, script: str) -> str:
        """What a shell in the running guest says. Raises RuntimeError if it fails."""
        command = ["nsenter", "--all", "--target", str(self._first()), "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, env=_environment())
        if done.returncode:
            raise RuntimeError(f"{script}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
        return done.stdout

    def put_live(self, path: str, text: str) -> None:
        """Write a file in the running guest."""
        self.inside(f"cat > {path} <<'END'\n{text}END\n")


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
