"""`image bake` of trees that boot without systemd: the agent's script is started where the init's own tools put it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scratch import REPO, environment, run, snapshot

MODULES = "usr/lib/python3/dist-packages"
# the program makes bytecode for its own version only, and that takes longer than all the rest
OURS, OTHER = (f"usr/bin/python3.{number}" for number in (sys.version_info[1], sys.version_info[1] + 1))
# Debian 12's rcS.d as insserv numbers it: (number, script, provides, what it waits for)
DEBIAN = (
    (1, "mountkernfs.sh", "mountkernfs", ""),
    (1, "hostname.sh", "hostname", ""),
    (2, "udev", "udev", "mountkernfs.sh"),
    (7, "mountall.sh", "mountall", "udev"),
    (8, "mountall-bootclean.sh", "mountall-bootclean", "mountall.sh"),
    (9, "procps", "procps", "mountall-bootclean.sh"),
    (10, "networking", "networking ifupdown", "procps"),
    (13, "bootmisc.sh", "bootmisc", "networking"),
)
VIRTUAL = "# what facilities are\n$local_fs\t+mountall +mountall-bootclean +umountfs\n$network\t+networking\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with Python and nothing that boots it; whatever of it is run tells so and fails."""
    root = tmp_path / "root"
    for name in ("etc/init.d", "usr/bin", "usr/sbin", "var/log", MODULES):
        (root / name).mkdir(parents=True)
    for name in ("yaml", "requests", "pycdlib", "netifaces"):
        (root / MODULES / name).mkdir()
    for name in (OTHER, "usr/sbin/useradd", "usr/sbin/update-rc.d", "usr/sbin/rc-update"):
        (root / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        (root / name).chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return root


def sysvinit(root: Path, scripts: tuple[tuple[int, str, str, str], ...] = DEBIAN) -> list[str]:
    """Let it boot by sysvinit; the scripts in their order."""
    (root / "sbin").mkdir(exist_ok=True)
    (root / "sbin/init").write_text("")
    (root / "lib/init").mkdir(parents=True)
    (root / "lib/init/rc").write_text("")
    (root / "etc/rcS.d").mkdir()
    (root / "etc/insserv.conf").write_text(VIRTUAL)
    lines = [f"TARGETS = {' '.join(name for _, name, _, _ in scripts)}"]
    for number, name, provides, waits in scripts:
        text = f"#!/bin/sh\n### BEGIN INIT INFO\n# Provides: {provides}\n### END INIT INFO\n"
        (root / "etc/init.d" / name).write_text(text)
        (root / f"etc/rcS.d/S{number:02}{name}").symlink_to(f"../init.d/{name}")
        lines += [f"{name}: {waits}"] if waits else []
    (root / "etc/init.d/.depend.boot").write_text("\n".join(lines) + "\n")
    return order(root)


def order(root: Path) -> list[str]:
    """The scripts of rcS.d in the order in which they start."""
    return [name[3:] for name in sorted(os.listdir(root / "etc/rcS.d"))]


def openrc(root: Path, level: str, script: str) -> None:
    """Let it boot by OpenRC, with a script of the early boot in a runlevel."""
    (root / "sbin").mkdir(exist_ok=True)
    (root / "sbin/openrc-run").write_text("")
    for name in ("boot", "default", "sysinit"):
        (root / "etc/runlevels" / name).mkdir(parents=True)
    (root / "etc/runlevels" / level / script).symlink_to(f"/etc/init.d/{script}")


def test_sysvinit_starts_it_between_file_systems_and_network(tree: Path, tmp_path: Path) -> None:
    """The link stands where insserv puts it, startpar's notes have it too, nobody else moved, nothing was run."""
    before = sysvinit(tree)

    done = run("image", "bake", tree, "--strict")

    assert done.code == 0, done
    assert (tree / "etc/init.d/ovfinit").read_bytes() == (REPO / "etc/sysvinit/ovfinit").read_bytes()
    assert os.access(tree / "etc/init.d/ovfinit", os.X_OK)
    after = order(tree)
    assert [name for name in after if name != "ovfinit"] == before
    assert after.index("mountall-bootclean.sh") < after.index("ovfinit") < after.index("networking")
    link = next((tree / "etc/rcS.d").glob("S??ovfinit"))
    assert os.readlink(link) == "../init.d/ovfinit"
    notes = (tree / "etc/init.d/.depend.boot").read_text().splitlines()
    targets = notes[0].split()
    assert targets.index("mountall-bootclean.sh") < targets.index("ovfinit") < targets.index("networking")
    assert "networking: procps ovfinit" in notes
    assert notes[-1] == "ovfinit: mountall-bootclean.sh mountall.sh udev"
    assert not (tmp_path / "ran").exists()


def test_where_no_number_is_free_the_later_ones_move_up(tree: Path) -> None:
    """The order of all others stays, and a second run moves nothing."""
    before = sysvinit(tree, ((1, "udev", "udev", ""), (2, "zfs", "mountall", "udev"), (2, "zz", "networking", "zfs")))

    assert run("image", "bake", tree, "--strict").code == 0

    assert order(tree) == [*before[:2], "ovfinit", before[2]]
    once = snapshot(tree, times="none")
    assert run("image", "bake", tree, "--strict").code == 0
    assert snapshot(tree, times="none") == once


def test_an_order_that_cannot_be_met_is_said(tree: Path) -> None:
    """A network that comes up before the file systems leaves no place for the agent."""
    sysvinit(tree, ((1, "networking", "networking", ""), (2, "mountall.sh", "mountall", "")))

    done = run("image", "bake", tree)

    assert done.code == 1
    assert "starts networking before mountall.sh" in done.err


@pytest.mark.parametrize(("level", "early"), [("boot", "localmount"), ("sysinit", "mountall.sh")])
def test_openrc_starts_both_of_its_services(level: str, early: str, tree: Path, tmp_path: Path) -> None:
    """The local one in the runlevel of the early boot, which distributions name differently; the other in default."""
    openrc(tree, level, early)

    assert run("image", "bake", tree, "--strict").code == 0
    once = snapshot(tree, times="none")
    assert run("image", "bake", tree, "--strict").code == 0

    assert snapshot(tree, times="none") == once
    assert (tree / "etc/init.d/ovfinit").read_bytes() == (REPO / "etc/openrc/ovfinit").read_bytes()
    assert os.readlink(tree / "etc/init.d/ovfinit-network") == "ovfinit"
    assert os.readlink(tree / f"etc/runlevels/{level}/ovfinit") == "/etc/init.d/ovfinit"
    assert os.readlink(tree / "etc/runlevels/default/ovfinit-network") == "/etc/init.d/ovfinit-network"
    assert not (tmp_path / "ran").exists()


def test_an_unknown_init_is_said(tree: Path) -> None:
    """A tree that boots by something else gets the files, and a warning says what is missing."""
    done = run("image", "bake", tree, "--strict")

    assert done.code == 3
    assert "ovfinit daemon" in done.err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_bake_that_was_stopped_is_completed_by_the_next(sign: signal.Signals, tree: Path, tmp_path: Path) -> None:
    """Stopped at any instant, a second run makes the tree what an undisturbed one would have made it."""
    sysvinit(tree)
    (tree / OTHER).rename(tree / OURS)
    calm = tmp_path / "calm"
    subprocess.run(["cp", "-a", tree, calm], check=True)
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed/meta-data").write_text("instance-id: i-7\n")
    words = ("--seed", tmp_path / "seed")
    assert run("image", "bake", calm, *words).code == 0
    for place in (chance.uniform(0.1, 1.5) for chance in [random.Random(sign)] for _ in range(2)):
        command = [sys.executable, "-m", "ovfinit", "image", "bake", str(tree), "--seed", str(tmp_path / "seed")]
        child = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(place)
        child.send_signal(sign)
        child.wait()

    assert run("image", "bake", tree, *words).code == 0

    assert snapshot(tree, times="none") == snapshot(calm, times="none")
