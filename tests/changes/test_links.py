"""Nothing is written through a link in a place that a user controls."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import Result, snapshot

from ovfinit.apply.folders import Place
from ovfinit.errors import ChangeError
from ovfinit.host import Host

Program = Callable[..., Result]
Seed = Callable[..., str]
BOB = "#cloud-config\nusers: [default, {name: bob}]\n"


@pytest.fixture
def home(tree: Path, ovfinit: Program, seed: Seed, as_root: None) -> Path:
    """The home of a user of an image, in which that user has made a link to a folder of root's."""
    ovfinit("apply", "--root", tree, "--from", seed(user_data=BOB))
    (tree / "etc/cron.d").mkdir()
    home = tree / "home/bob"
    (home / "link").symlink_to("/etc/cron.d")
    return home


@pytest.mark.parametrize(
    "wanted",
    [
        "write_files: [{path: /home/bob/link/job, content: x, owner: 'bob:bob'}]",
        "write_files: [{path: /home/bob/link/job, content: x, owner: 'bob:bob', defer: true}]",
        "write_files: [{path: /home/bob/link/deep/job, content: x, owner: 'bob:bob'}]",
        "write_files: [{path: /home/bob/link/job, content: x, append: true}]",
        "write_files: [{path: /home/bob/link/job, source: {uri: 'http://127.0.0.1/'}}]",
        "mounts: [[tmpfs, /home/bob/link/point, tmpfs]]",
    ],
)
def test_a_link_of_a_users(tree: Path, home: Path, ovfinit: Program, seed: Seed, wanted: str) -> None:
    """The next instance's files, folders and mount points do not end up where the link leads; the plan says why."""
    words = ("--root", tree, "--from", seed(instance_id="i-2", user_data=f"{BOB}{wanted}\n"))
    assert "a link in a place that a user controls" in ovfinit("plan", *words, code=1).err
    before = snapshot(tree / "etc/cron.d")
    ovfinit("apply", *words, code=1)
    assert snapshot(tree / "etc/cron.d") == before
    assert os.readlink(home / "link") == "/etc/cron.d"


@pytest.mark.parametrize("path", ["/home/bob/link/job", "/home/bob/link/deep/job"])
def test_a_link_that_was_made_meanwhile(tree: Path, home: Path, path: str) -> None:
    """When it comes to it, no link is followed either, whatever the plan saw there."""
    with pytest.raises(ChangeError, match="without following a link"):
        Place(Host(str(tree)), path)
    assert os.listdir(tree / "etc/cron.d") == []


def test_what_is_a_users(tree: Path, home: Path, ovfinit: Program, seed: Seed) -> None:
    """Files of a user's are made in folders of the user's, added to and replaced, and a link in a file's place goes."""
    (home / "notes").write_text("a\n")
    os.chown(home / "notes", 1, 2)
    (home / "config").symlink_to("/etc/hostname")
    entries = "{path: /home/bob/new/deep/file, content: x, owner: 'bob:bob', permissions: '0640'}"
    entries += ", {path: /home/bob/notes, content: b, append: true}, {path: /home/bob/config, content: c}"
    text = f"{BOB}write_files: [{entries}]\nmounts: [[tmpfs, /home/bob/point, tmpfs]]\n"
    ovfinit("apply", "--root", tree, "--from", seed(instance_id="i-2", user_data=text))
    made: Any = snapshot(home, times="none")
    owner = home.stat().st_uid
    assert [(home / name).stat().st_uid for name in ("new", "new/deep", "new/deep/file")] == [owner] * 3
    assert (home / "new/deep/file").stat().st_mode & 0o777 == 0o640
    assert ((home / "notes").read_text(), (home / "notes").stat().st_uid) == ("a\nb", 1)
    assert (home / "config").read_text() == "c"
    assert not (home / "config").is_symlink()
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert (home / "point").stat().st_mode & 0o777 == 0o755
    assert not [name for name in made if "ovfinit-new" in name]


def test_undo_follows_no_link_either(tree: Path, home: Path, ovfinit: Program, seed: Seed) -> None:
    """A file of root's that looks like one of ours is not taken for it because a user has led us there."""
    text = f"{BOB}write_files: [{{path: /home/bob/new/file, content: x}}]\n"
    ovfinit("apply", "--root", tree, "--from", seed(instance_id="i-2", user_data=text))
    (home / "new").rename(home / "old")
    (home / "new").symlink_to("/etc/cron.d")
    (tree / "etc/cron.d/file").write_text("x")
    assert "a link in a place that a user controls" in ovfinit("undo", "--root", tree).err
    assert (tree / "etc/cron.d/file").read_text() == "x"
