"""What must be true of a guest after a boot: from its own report, and from outside over ssh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab import Lab

USER = "debian"
USABLE = ("done", "done with warnings")
# what systemd says when units wait for each other in a circle, and when one had to be given up
CYCLE = re.compile(r"Found ordering cycle|ordering cycle on|Job .*/start deleted to break")


class Expect:
    """The state that a boot must leave.

    `name`: host name, "image" if nobody gave one. `address`: the guest's, None for no network. `keys`: "new" (all made
    since the last boot), "same", or "any". `runs`: how often the script may have run, lowest and highest. `source`: the
    datasource in the status, None if none answered. `login`: whether the person's key lets them in. `usable`: whether
    `status` must call the machine usable; None does not ask. `agent`: whether ovfinit.service ran at all. `stays`:
    whether the daemon is still there after the boot. `listed`: how often the key must stand in authorized_keys.
    `unchanged`: whether the boot found nothing changed, and was spared its plan.
    `opened`: how many seconds after the local stage logins must be let in at the latest, by the units' own time stamps.
    """

    def __init__(
        self,
        name: str,
        address: str | None,
        *,
        keys: str = "new",
        runs: tuple[int, int] = (1, 1),
        source: str | None = None,
        login: bool = True,
        usable: bool | None = True,
        agent: bool = True,
        stays: bool = False,
        listed: int = 1,
        opened: float | None = None,
        unchanged: bool = False,
    ) -> None:
        self.name, self.address, self.keys, self.runs = name, address, keys, runs
        self.source, self.login, self.usable, self.agent, self.stays = source, login, usable, agent, stays
        self.listed, self.opened, self.unchanged = listed, opened, unchanged


def check(
    expect: Expect, report: Mapping[str, Any], before: Mapping[str, str], *, lab: Lab, key: Path, public: str
) -> list[str]:
    """Everything that is not as expected, in words. `before`: the host keys of the boot before, or of the image."""
    wrong = [*_identity(expect, report, before), *_units(expect, report)]
    status = report["status"] or {}
    if expect.agent:
        if expect.usable is not None and (status.get("status") in USABLE) != expect.usable:
            wrong.append(f"status is {status.get('status')!r}: {status.get('errors')} {status.get('warnings')}")
        if expect.unchanged and not status.get("unchanged"):
            wrong.append("nothing has changed, and it was planned again")
        if expect.source and status.get("datasource") != expect.source:
            wrong.append(f"status names datasource {status.get('datasource')!r}, not {expect.source!r}")
    keys = report["users"].get(USER)
    if expect.login:
        listed = [line for line in (keys or "").splitlines() if line == public]
        if len(listed) != expect.listed:
            wrong.append(f"{USER}'s authorized_keys has the key {len(listed)} times: {keys!r}")
    elif keys and public in keys:
        wrong.append(f"{USER} has a key that nobody gave")
    if expect.address:
        wrong += _outside(expect, report, lab, key)
    return wrong


def _identity(expect: Expect, report: Mapping[str, Any], before: Mapping[str, str]) -> list[str]:
    wrong = []
    for fact in ("hostname", "hostname_file"):
        if report[fact] != expect.name:
            wrong.append(f"{fact} is {report[fact]!r}, not {expect.name!r}")
    if expect.address and not any(f" {expect.address}/" in line for line in report["addresses"]):
        wrong.append(f"no address {expect.address}: {report['addresses']}")
    if expect.address and not report["route"].startswith("default via "):
        wrong.append("no default route")
    low, high = expect.runs
    if not low <= len(report["script"]) <= high:
        wrong.append(f"the script ran {len(report['script'])} times, not {low} to {high}: {report['script']}")
    if not all(line == f"root on {expect.name}" for line in report["script"][-1:]):
        wrong.append(f"the script ran as {report['script']}")
    now = report["host_keys"]
    if not now:
        wrong.append("no host keys")
    kept = sorted(set(now.values()) & set(before.values()))
    if expect.keys == "new" and kept:
        wrong.append(f"host keys were kept: {[line.split()[0] for line in kept]}")
    if expect.keys == "same" and now != dict(before):
        wrong.append(f"host keys changed: {sorted(before)} before, {sorted(now)} now")
    return wrong


def _units(expect: Expect, report: Mapping[str, Any]) -> list[str]:
    wrong = []
    failed = [line.split()[0] for line in report["failed"].splitlines() if line.strip()]
    if failed and expect.usable:
        wrong.append(f"failed units: {failed}")
    if CYCLE.search(report["journal"]):
        wrong.append("systemd found an ordering cycle")
    if report["left"]:
        wrong.append(f"left in /run/ovfinit: {report['left']}")
    left = bool(report["processes"]) and not report["processes"].startswith("(")
    if left != expect.stays:
        wrong.append(f"still running: {report['processes']}")
    if "Traceback (most recent call last)" in report["journal"]:
        wrong.append("a traceback in the journal")
    units = report["units"]
    ran = int(units.get("ovfinit.service", {}).get("InactiveExitTimestampMonotonic", 0)) > 0
    if ran != expect.agent:
        wrong.append(f"ovfinit.service {'ran' if ran else 'did not run'}")
    local, ready, sshd = (
        int(units.get(name, {}).get(stamp) or 0)
        for name, stamp in (
            ("ovfinit.service", "ActiveEnterTimestampMonotonic"),
            ("ovfinit.target", "ActiveEnterTimestampMonotonic"),
            ("ssh.service", "InactiveExitTimestampMonotonic"),
        )
    )
    if expect.agent and sshd and not 0 < ready <= sshd:
        wrong.append(f"sshd started at {sshd} µs, before ovfinit.target at {ready} µs")
    if expect.opened is not None and not 0 < local <= sshd <= local + expect.opened * 1e6:
        wrong.append(f"sshd started {(sshd - local) / 1e6:.1f} s after the local stage, not within {expect.opened} s")
    return wrong


def _outside(expect: Expect, report: Mapping[str, Any], lab: Lab, key: Path) -> list[str]:
    wrong = []
    address = expect.address or ""
    inside, said = lab.ssh(address, USER, key, "sudo", "-n", "id", "-un")
    if inside != expect.login or (inside and "root" not in said.splitlines()):
        wrong.append(f"login as {USER} {'worked' if inside else 'did not work'}: {said[-300:]}")
    # root may be answered with a word and a pause, so only what the command says counts
    root = lab.ssh(address, "root", key, "id", "-un", limit=3.0)[1]
    if "root" in root.splitlines():
        wrong.append("root can log in")
    shown = lab.host_keys(address)
    known = {" ".join(line.split()[:2]) for line in report["host_keys"].values()}
    if expect.login and not (shown and shown <= known):
        wrong.append("sshd shows other host keys than those on the disk")
    return wrong
