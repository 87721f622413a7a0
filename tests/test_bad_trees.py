"""Trees that are full, unwritable, odd or full of links that lead out: nothing half-written, nothing outside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scratch import KEY, Result, differences, give_away, run, run_as_nobody, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]


@pytest.mark.usefixtures("as_root")
def test_unwritable_root(tree: Path, seed: Seed) -> None:
    """A tree that the caller may not write is an error that names the place; nothing is changed."""
    before = snapshot(tree)
    result = run_as_nobody("apply", "--root", tree, "--from", seed())
    assert result.code == 1
    assert "Permission denied" in result.err
    assert "/var/lib/ovfinit" in result.err
    assert len(result.err.splitlines()) <= 3
    assert differences(before, snapshot(tree)) == ""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of a few KiB, or gives the one there another size."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    place = tmp_path / "small"
    place.mkdir()

    def mount(kib: int) -> Path:
        remount = "remount," if os.path.ismount(place) else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{remount}size={kib}k,mode=0755", "ovfinit-test", place]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", place], check=True)


def test_full_disk(small: Callable[[int], Path], tree: Path, seed: Seed) -> None:
    """On a disk that gets full everything is said, nothing is half-written, and with more room it is completed."""
    check_full_disk(small, tree, seed, (0, 24))


@pytest.mark.slow
def test_disk_full_at_many_places(small: Callable[[int], Path], tree: Path, seed: Seed) -> None:
    """The same, with the room ending at other places; useradd alone waits a quarter of a minute for its locks."""
    check_full_disk(small, tree, seed, (0, 4, 8, 12, 16, 24, 28, 32, 44, 56, 60, 64, 80, 92, 96, 112))


def check_full_disk(small: Callable[[int], Path], tree: Path, seed: Seed, sizes: tuple[int, ...]) -> None:
    """Apply with so many KiB of room, one after the other, then with enough."""
    place = small(4096)
    room = place / "tree"
    shutil.copytree(tree, room, symlinks=True)
    (room / "etc/skel/large").write_bytes(b"x" * 20_000)
    before = snapshot(room, times="files")
    used = os.statvfs(place)
    taken = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
    source = seed(user_data="#!/bin/sh\n" + "# much\n" * 2000)
    # tmpfs gives whole pages; each size stops the work somewhere else
    for extra in sizes:
        small(taken + extra)
        result = run("apply", "--root", room, "--from", source)
        assert "Traceback" not in result.err
        assert "fault of ovfinit" not in result.err, result
        assert result.code in (0, 1)
        if result.code:
            assert "space" in result.err.lower(), result
        left = [name for name in snapshot(room) if ".ovfinit-new." in name]
        assert left == [], (extra, left)
    small(4096)
    result = run("apply", "--root", room, "--from", source)
    assert result.code == 0, result
    assert "Nothing to do." in run("plan", "--root", room, "--from", source).out
    assert (room / "home/debian/large").stat().st_size == 20_000
    assert run("undo", "--root", room).code == 0
    after = snapshot(room, times="files")
    ours = {
        name: facts for name, facts in after.items() if name not in ("var/lib/ovfinit", "var/lib/ovfinit/instances")
    }
    assert differences(before, ours) == ""


def outside_of(tree: Path) -> dict[str, object]:
    """What lies beside a tree."""
    return {
        name: facts
        for name, facts in snapshot(tree.parent).items()
        if not (name + "/").startswith("tree/") and name != "."
    }


LINKS: dict[str, str] = {
    "etc/hostname": "{outside}/hostname",
    "etc/hosts": "{outside}/hosts",
    "etc/ssh": "{outside}",
    "etc/sudoers.d": "{outside}",
    "etc/systemd/network": "{outside}",
    "etc/passwd": "{outside}/passwd",
    "etc/group": "{outside}/group",
    "etc/shadow": "../../outside/shadow",
    "etc": "{outside}/etc",
    "home": "{outside}",
    "home/debian": "{outside}",
    "root": "{outside}",
    "root/.ssh": "{outside}",
    "root/.ssh/authorized_keys": "{outside}/keys",
    "var": "{outside}",
    "var/lib": "../../outside",
    "var/lib/ovfinit": "{outside}",
    "var/lib/ovfinit/instances": "{outside}",
    "var/lib/ovfinit/instances/i-1": "{outside}",
    "var/lib/ovfinit/instance": "{outside}",
    "var/log": "{outside}",
    "var/log/ovfinit.log": "{outside}/log",
    "run": "{outside}",
    "run/ovfinit": "{outside}",
    "run/ovfinit/status.json": "{outside}/status",
    "etc/hostname.": "loop",
    "etc/skel/link": "{outside}/hosts",
}


PLAIN = ("etc", "etc/hosts", "etc/passwd", "home", "root/.ssh", "var/lib/ovfinit", "var/log/ovfinit.log", "run/ovfinit")


@pytest.mark.parametrize("where", PLAIN)
def test_links_that_lead_out(tree: Path, tmp_path: Path, seed: Seed, where: str) -> None:
    """A link in the tree leads nowhere but into the tree: nothing beside it is read into it, made or changed."""
    check_link(tree, tmp_path, seed(), where, ("apply", "undo"))


@pytest.mark.slow
@pytest.mark.parametrize("where", LINKS)
def test_every_link_that_leads_out(tree: Path, tmp_path: Path, seed: Seed, where: str) -> None:
    """The same for all places of ours, and more commands."""
    check_link(tree, tmp_path, seed(), where, ("plan", "apply", "apply", "show", "undo", "apply", "clean"))


def check_link(tree: Path, tmp_path: Path, source: str, where: str, commands: tuple[str, ...]) -> None:
    """Put a link there, run the commands, and look at what lies beside the tree after each."""
    outside = tmp_path / "outside"
    (outside / "etc").mkdir(parents=True)
    for name in ("hostname", "hosts", "group", "keys", "log", "status", "etc/group", "etc/hosts"):
        (outside / name).write_text("# not yours\n")
    for name in ("passwd", "etc/passwd"):
        (outside / name).write_text("root:x:0:0:root:/root:/bin/bash\n")
    (outside / "shadow").write_text("root:*:20000:0:99999:7:::\n")
    place = tree / where
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(LINKS[where].format(outside=outside))
    before = outside_of(tree)
    for command in commands:
        words = ("--from", source) if command in ("plan", "apply") else ()
        result = run(command, "--root", tree, *words)
        assert "fault of ovfinit" not in result.err, (command, result)
        assert result.code in (0, 1, 4), (command, result)
        changed = differences(before, outside_of(tree))
        assert not changed, f"{command}\n{changed}\n{result}"


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("where", [".ssh", ".ssh/authorized_keys"])
def test_users_links_are_not_followed(tree: Path, ovfinit: Program, seed: Seed, where: str) -> None:
    """A link that a user made in his home is an error of his keys; what it points to, in the tree too, stays."""
    ovfinit("apply", "--root", tree, "--from", seed(public_keys=None))
    home = tree / "home/debian"
    (home / ".ssh").mkdir(exist_ok=True)
    give_away(home / ".ssh")
    os.chown(home / ".ssh", 1000, 1000)
    place = home / where
    if where == ".ssh":
        place.rmdir()
        place.symlink_to("/etc")
    else:
        place.symlink_to("/etc/shadow")
    before = snapshot(tree / "etc")
    result = run("apply", "--root", tree, "--from", seed())
    assert result.code == 1
    assert "is not a plain" in result.err
    assert differences(before, snapshot(tree / "etc")) == ""
    assert place.is_symlink()
    assert KEY in (tree / "root/.ssh/authorized_keys").read_text()


def test_odd_account_files(tree: Path, seed: Seed) -> None:
    """Account files with lines that are none, and without any, are no reason to fail with more than an error."""
    source = seed()
    for text in (
        "",
        "\n\n:::\nroot\n",
        "root:x:0:0:root:/root:/bin/bash\nbroken:x:y:z\n",
        "é" * 100,
        "root:x:0:0::/root",
    ):
        (tree / "etc/passwd").write_text(text)
        result = run("plan", "--root", tree, "--from", source)
        assert result.code in (0, 1)
        assert "fault of ovfinit" not in result.err
    for text in (
        'ID=""\nNAME=""\n',
        "ID=Two Words\nNAME='  '\n",
        "NAME=\n",
        "",
        "ID=../x\n",
        'NAME="A\x01B:C\x00D"\nID=debian\n',
    ):
        (tree / "etc/os-release").write_text(text)
        result = run("plan", "--root", tree, "--from", source)
        assert "fault of ovfinit" not in result.err, (text, result)
        assert result.code in (0, 1)


@pytest.mark.usefixtures("as_root")
def test_tree_without_anything(tmp_path: Path, seed: Seed) -> None:
    """An empty folder as the tree: what can be done is done, what cannot is said, and undo leaves an empty folder."""
    tree = tmp_path / "empty"
    tree.mkdir()
    result = run("apply", "--root", tree, "--from", seed())
    assert result.code in (0, 1), result
    assert "fault of ovfinit" not in result.err
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert "fault of ovfinit" not in run("undo", "--root", tree).err
    assert [str(path) for path in tree.rglob("*") if path.is_file()] == []
