"""A boot that finds its plan's witness unchanged makes no plan; anything that a plan would notice is noticed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import OTHER_KEY, Result, differences, snapshot

from ovfinit.host import Host
from ovfinit.state import State
from ovfinit.witness import TICK_SECONDS, Witness, unchanged

Program = Callable[..., Result]
Seed = Callable[..., str]
# the log tells the time, the state how a boot was spared
VOLATILE = ("var/log/ovfinit.log", "run", "var/lib/ovfinit")


def let_age(tree: Path) -> None:
    """Until the files are no newer than what looks at them; those of a machine are of another day when it boots."""
    newest = max(path.lstat().st_ctime for path in tree.rglob("*"))
    while time.time() <= newest + 2 * TICK_SECONDS:
        time.sleep(TICK_SECONDS)


@pytest.fixture
def settled(tree: Path, ovfinit: Program, seed: Seed) -> Callable[..., dict[str, Any]]:
    """A tree whose first boot is over; gives what boots it once more and hands out the status."""

    def boot(where: Path = tree) -> dict[str, Any]:
        # as after a reboot
        shutil.rmtree(where / "run/ovfinit", ignore_errors=True)
        ovfinit("daemon", "--root", where, "--from", source)
        return dict(json.loads((where / "run/ovfinit/status.json").read_text()))

    source = seed(user_data=None)
    let_age(tree)
    assert boot()["unchanged"] is False
    return boot


def test_second_boot_is_spared(settled: Callable[..., dict[str, Any]], tree: Path) -> None:
    """On the second and third boot nothing is planned and nothing written, and the status tells of every duty."""
    before = _lasting(tree)
    for _ in range(2):
        status = settled()
        assert status["unchanged"] is True
        assert status["status"] == "done"
        assert {entry["result"] for entry in status["handlers"].values()} == {"nothing"}
        assert {"hostname", "network", "ssh_keys", "users"} <= set(status["handlers"])
    assert differences(_lasting(tree), before) == ""


def _remove(name: str) -> Callable[[Path], None]:
    return lambda tree: (tree / name).unlink()


def _append(name: str, text: str) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    return change


def _enable(unit: str) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")

    return change


def _restamped(tree: Path) -> None:
    """Other content of the same size, with the times of before."""
    path = tree / "etc/hostname"
    old = path.stat()
    path.write_text("x" * (old.st_size - 1) + "\n")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def _linked(tree: Path) -> None:
    (tree / "etc/hosts").rename(tree / "etc/hosts.real")
    (tree / "etc/hosts").symlink_to("hosts.real")


CHANGES: dict[str, Callable[[Path], None]] = {
    "a file of ours is gone": _remove("etc/hostname"),
    "a network file of ours is gone": _remove("etc/systemd/network/10-ovfinit-eth0.network"),
    "somebody wrote into a file of ours": _append("etc/hostname", "mine\n"),
    "other content with the old times": _restamped,
    "a key was added by hand": _append("root/.ssh/authorized_keys", f"{OTHER_KEY}\n"),
    "the keys are gone": _remove("root/.ssh/authorized_keys"),
    "a host key is gone": _remove("etc/ssh/ssh_host_ed25519_key"),
    "another mode": lambda tree: (tree / "etc/hosts").chmod(0o600),
    "another owner": lambda tree: os.chown(tree / "etc/hosts", 7, 7),
    "the hosts lost our block": lambda tree: (tree / "etc/hosts").write_text("127.0.0.1 localhost\n"),
    "another account": _append("etc/passwd", "eve:x:1234:1234::/home/eve:/bin/sh\n"),
    "another renderer is enabled": _enable("NetworkManager.service"),
    "a drop-in of the admin's": _append("etc/ovfinit/ovfinit.yaml.d/50-mine.yaml", "ssh: {disable_root: false}\n"),
    "the settings": _append("etc/ovfinit/ovfinit.yaml", "hostname: {manage_etc_hosts: false}\n"),
    "the kernel command line": _append("proc/cmdline", "quiet\n"),
    "a file became a link": _linked,
    "our state": _append("var/lib/ovfinit/instances/i-1/applied.json", " "),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.skipif(os.geteuid() != 0, reason="accounts are root's to make, so that nothing is ever settled")
def test_whatever_changed_is_noticed(
    what: str, settled: Callable[..., dict[str, Any]], tree: Path, tmp_path: Path
) -> None:
    """After a change a boot plans, and leaves the very tree that one leaves which never had a witness."""
    CHANGES[what](tree)
    other = tmp_path / "other"
    shutil.copytree(tree, other, symlinks=True)
    for path in tree.rglob("*"):
        status = path.lstat()
        os.chown(other / path.relative_to(tree), status.st_uid, status.st_gid, follow_symlinks=False)
        if not path.is_symlink():
            os.chmod(other / path.relative_to(tree), status.st_mode & 0o7777)
    for witness in other.glob("var/lib/ovfinit/instances/*/witness.json"):
        witness.unlink()
    mine, theirs = settled(), settled(other)
    assert mine["unchanged"] is False
    assert theirs["unchanged"] is False
    assert differences(_lasting(tree), _lasting(other)) == ""
    assert [mine["status"], mine["warnings"]] == [theirs["status"], theirs["warnings"]]
    told = [{name: entry["result"] for name, entry in one["handlers"].items()} for one in (mine, theirs)]
    assert told[0] == told[1]


@pytest.mark.usefixtures("as_root")
def test_a_node_without_its_group_is_the_same_device(tmp_path: Path) -> None:
    """Whether udev was there before us does not count, another device under the name does."""
    node = tmp_path / "dev/vda"
    node.parent.mkdir()
    (tmp_path / "var/lib/ovfinit/instances/i-1").mkdir(parents=True)
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    host = Host(str(tmp_path))
    witness, state = Witness(host), State(host)
    with witness:
        host.exists("/dev/vda")
    witness.keep(state, "i-1", {"findings": []})
    node.chmod(0o660)
    os.chown(node, 0, 6)
    assert unchanged(host, state, "i-1") == {"findings": []}
    node.unlink()
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    assert unchanged(host, state, "i-1") is None


def test_damaged_witness_is_no_witness(settled: Callable[..., dict[str, Any]], tree: Path) -> None:
    """Whatever stands in place of a witness, the machine is planned as if there were none, and gets a new one."""
    witness = next(tree.glob("var/lib/ovfinit/instances/*/witness.json"))
    halves = (b'{"version": 1}', b'{"version": 1, "circumstances": [], "seen": 7}')
    for content in (b"", b"{}", b"[]", *halves, b"\xff" * 99):
        witness.write_bytes(content)
        assert settled()["unchanged"] is False
        assert settled()["unchanged"] is True


def test_another_configuration_is_not_spared(
    settled: Callable[..., dict[str, Any]], tree: Path, tmp_path: Path, ovfinit: Program
) -> None:
    """A configuration named by --config is followed, whatever the witness says of the machine's own."""
    del settled
    other = tmp_path / "other.yaml"
    other.write_text("hostname: {hosts: false}\n")
    assert "web1" in (tree / "etc/hosts").read_text()
    ovfinit("daemon", "--root", tree, "--config", other, "--from", f"seed:{tmp_path / 'seed'}")
    assert json.loads((tree / "run/ovfinit/status.json").read_text())["unchanged"] is False
    assert "web1" not in (tree / "etc/hosts").read_text()


def test_witness_holds_no_secret(settled: Callable[..., dict[str, Any]], tree: Path) -> None:
    """A witness is for root alone, and knows paths, sizes and times, but no content."""
    del settled
    witness = next(tree.glob("var/lib/ovfinit/instances/*/witness.json"))
    assert witness.stat().st_mode & 0o777 == 0o600
    assert "ssh-ed25519" not in witness.read_text()


def test_new_instance_is_not_spared(
    settled: Callable[..., dict[str, Any]], tree: Path, ovfinit: Program, seed: Seed
) -> None:
    """Another instance is customized from the start, whatever the witness of the former one says."""
    del settled
    keys = (tree / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    ovfinit("daemon", "--root", tree, "--from", seed("clone", instance_id="i-2", user_data=None))
    assert json.loads((tree / "run/ovfinit/status.json").read_text())["unchanged"] is False
    assert (tree / "etc/ssh/ssh_host_ed25519_key").read_bytes() != keys


def test_what_a_template_looks_at_counts(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """User data that names the distribution follows when it is another one by then."""
    text = "## template: jinja\n#cloud-config\nhostname: web{{ v1.distro_version }}\n"
    # nobody else asks for the distribution then
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("disable: [users]\n")
    source = seed(user_data=text)
    let_age(tree)

    def boot() -> bool:
        ovfinit("daemon", "--root", tree, "--from", source)
        return bool(json.loads((tree / "run/ovfinit/status.json").read_text())["unchanged"])

    assert boot() is False
    # a clock that stood still while the first one worked makes it doubt, and the next one certain
    assert any(boot() for _ in range(3))
    release = tree / "etc/os-release"
    release.write_text(release.read_text() + '\nVERSION_ID="99"\n')
    assert boot() is False
    assert (tree / "etc/hostname").read_text() == "web99\n"


def test_a_configuration_from_elsewhere(tree: Path, tmp_path: Path, ovfinit: Program, seed: Seed) -> None:
    """With --config every boot makes its plan: that file is not of the tree."""
    file, source = tmp_path / "own.yaml", seed(user_data=None)
    file.write_text("hostname: {hosts: false}\n")
    let_age(tree)
    for _ in range(2):
        ovfinit("daemon", "--root", tree, "--from", source, "--config", file)
    file.write_text("hostname: {hosts: true}\n")
    ovfinit("daemon", "--root", tree, "--from", source, "--config", file)
    assert "127.0.1.1 web1.example.com web1" in (tree / "etc/hosts").read_text()


def _lasting(tree: Path) -> dict[str, Any]:
    """The tree without what each boot writes anew, and without key pairs, which are random."""
    found = snapshot(tree, times="none")
    return {
        path: facts
        for path, facts in found.items()
        if not path.startswith(VOLATILE) and "ssh_host_" not in path and path != "."
    }
