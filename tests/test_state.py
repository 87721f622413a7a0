"""Our own state: any instance id has a place of its own in the tree, and damage is said, never guessed around."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import KEY, Result, differences, snapshot

from ovfinit.state import folder_name

Program = Callable[..., Result]
Seed = Callable[..., str]
HOSTILE = [
    "../../../etc/cron.d/x",
    "/etc/passwd",
    "-rf",
    ".hidden",
    ".undone",
    "a b;rm -rf $HOME `id`",
    "%2e%2e",
    "ä ö ü €",
    "x" * 255,
    "i-1\\..\\..",
    "~root",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_folder_names(name: str) -> None:
    """A folder's name is one plain name, shorter than any file system's limit."""
    made = folder_name(name)
    assert made
    assert "/" not in made
    assert not made.startswith(".")
    assert len(made.encode()) < 200
    assert made.isascii()


def test_folder_names_differ() -> None:
    """Different ids have different folders, also when they differ in their last letter or in how they are escaped."""
    ids = [*HOSTILE, "x" * 254, "x" * 254 + "y", "a/b", "a%2Fb", "a%252Fb", "A", "a", "..", "...", "1", "01", "1.0"]
    assert len({folder_name(name) for name in ids}) == len(ids)


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", ".undone", "ä b;rm -rf $HOME `id`", "x" * 255])
def test_hostile_instance_ids(tree: Path, tmp_path: Path, ovfinit: Program, seed: Seed, name: str) -> None:
    """Any printable id can be applied, shown with its spelling and taken back, all inside the tree's own folder."""
    source = seed(instance_id=name)
    before, outside = snapshot(tree, times="files"), sorted(tmp_path.iterdir())
    ovfinit("apply", "--root", tree, "--from", source)
    assert ovfinit("show", "--root", tree, "--json").json["instance_id"] == name
    assert len(os.listdir(tree / "var/lib/ovfinit/instances")) == 1
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""
    assert sorted(tmp_path.iterdir()) == outside


@pytest.mark.parametrize("name", ["..", "a\nb", "a\0b", "x" * 256, "\u202egnp.exe", "a\x1b[31mb"])
def test_refused_instance_ids(tree: Path, ovfinit: Program, seed: Seed, name: str) -> None:
    """An id that cannot be one is refused on at most three lines, and nothing is changed."""
    before = snapshot(tree)
    result = ovfinit("apply", "--root", tree, "--from", seed(instance_id=name), code=1)
    assert len(result.err.splitlines()) <= 3
    assert "\x1b" not in result.err
    assert "instance" in result.err
    assert snapshot(tree) == before


@pytest.mark.parametrize("name", ["0x1F", "007", "yes", "2001-01-01", "12:30:45"])
def test_instance_id_keeps_its_spelling(tree: Path, ovfinit: Program, seed: Seed, name: str) -> None:
    """An id keeps its spelling, whatever YAML would make of it."""
    source = seed()
    Path(source.removeprefix("seed:"), "meta-data").write_text(f"instance-id: {name}\n")
    assert ovfinit("show", "--root", tree, "--from", source, "instance_id").out == f"{name}\n"


def damage(tree: Path, name: str, change: Callable[[Any], Any] | bytes) -> Path:
    """Change a state file of instance i-1."""
    path = tree / "var/lib/ovfinit/instances/i-1" / name
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        known = json.loads(path.read_text())
        path.write_text(json.dumps(change(known) or known))
    return path


DAMAGES: dict[str, Callable[[Any], Any] | bytes] = {
    "empty": b"",
    "cut-off": b'{"version": 1, "metad',
    "binary": bytes(range(256)),
    "other-type": b"[1, 2]",
    "number": b"7",
    "deep": b"[" * 100_000,
    "no-content": b'{"version": 1}',
    "wrong-content": b'{"version": 1, "metadata": [], "written": [], "done": [], "changes": [[]], "own": 2}',
    "wrong-entries": b'{"version": 1, "metadata": {"nics": 1}, "written": {"/x": 1}, "done": {"/x": 1}, "changes": 5}',
}


def test_damaged_metadata_is_replaced(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A damaged record of the metadata is no record: the source is asked again and a whole one is written."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    keys = (tree / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    for kind, content in DAMAGES.items():
        path = damage(tree, "metadata.json", content)
        ovfinit("apply", "--root", tree, "--from", source)
        assert json.loads(path.read_text())["metadata"]["hostname"] == "web1", kind
    assert (tree / "etc/ssh/ssh_host_ed25519_key").read_bytes() == keys


def test_damaged_marks_stop_us(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Damaged marks of what was done are said and left alone: guessing would run scripts twice and replace keys."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    for kind, content in DAMAGES.items():
        if kind == "no-content":
            continue  # marks of nothing are marks
        path = damage(tree, "applied.json", content)
        before = snapshot(tree)
        result = ovfinit("apply", "--root", tree, "--from", source, code=1)
        assert "/var/lib/ovfinit/instances/i-1/applied.json" in result.err, kind
        assert len(result.err.splitlines()) <= 3
        assert differences(before, snapshot(tree)) == "", kind
    told = ovfinit("plan", "--root", tree, "--from", source, "--json", code=1)
    assert told.json["error"]["where"].endswith("/applied.json")
    ovfinit("show", "--root", tree)
    ovfinit("clean", "--root", tree)
    assert not path.exists()
    ovfinit("apply", "--root", tree, "--from", source)


def test_damaged_journal(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`undo` with a damaged journal says so and changes nothing."""
    ovfinit("apply", "--root", tree, "--from", seed())
    for kind, content in DAMAGES.items():
        damage(tree, "journal/0001.json", content)
        before = snapshot(tree)
        result = ovfinit("undo", "--root", tree, code=1)
        assert "journal/0001.json" in result.err, kind
        assert len(result.err.splitlines()) <= 3
        assert differences(before, snapshot(tree)) == "", kind


def test_damaged_record_of_another_instance(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A damaged record of the instance before does not keep a new one from being applied."""
    ovfinit("apply", "--root", tree, "--from", seed())
    for name in ("applied.json", "metadata.json"):
        damage(tree, name, b"{")
    ovfinit("apply", "--root", tree, "--from", seed("b", instance_id="i-2", local_hostname="db2"))
    assert (tree / "etc/hostname").read_text() == "db2\n"


@pytest.mark.parametrize("name", ["metadata.json", "applied.json", "journal/0001.json"])
def test_later_version(tree: Path, ovfinit: Program, seed: Seed, name: str) -> None:
    """State of a later version is left alone and named: who went back to an older program loses nothing."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)

    def later(known: dict[str, Any]) -> None:
        known["version"] = 2

    damage(tree, name, later)
    before = snapshot(tree)
    words = ("undo",) if name.startswith("journal") else ("apply", "--from", source)
    result = ovfinit(*words, "--root", tree, code=1)
    assert "is of version 2, this program knows 1" in result.err
    assert differences(before, snapshot(tree)) == ""


def test_damaged_status(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A damaged status is said, exit code 1; the next apply writes a whole one."""
    ovfinit("apply", "--root", tree, "--from", seed())
    for content in (b"", b"{", b"[]", b"[" * 100_000, b'{"status": 5}', b'{"status": "done", "handlers": 3}', b"\xff"):
        (tree / "run/ovfinit/status.json").write_bytes(content)
        result = ovfinit("status", "--root", tree, code=1)
        assert "/run/ovfinit/status.json" in result.out + result.err, content
    assert ovfinit("status", "--root", tree, "--json", code=1).json["status"] == "failed"
    for part in (
        '"handlers": {"users": {}}',
        '"errors": [1]',
        '"scripts": [{}]',
        '"spans": 4',
        '"sources": [{}]',
        '"running": {}',
    ):
        # as if a boot were under way, which the next apply would go on telling of
        (tree / "run/ovfinit/status.json").write_text(f'{{"status": "running", "instance_id": "i-1", {part}}}')
        ovfinit("status", "--root", tree, code=1)
        ovfinit("analyze", "--root", tree, code=1)
        ovfinit("apply", "--root", tree, "--from", seed())
    ovfinit("status", "--root", tree)


def test_a_boot_that_was_killed(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """What failed before a boot was killed, and is done now, is no error any more."""
    error = {"code": "change-failed", "message": "of the boot that was killed", "where": None}
    entry = {"result": "failed", "started": 1.0, "seconds": 1.0, "changed": [], "errors": [error]}
    handlers = {"hostname": entry, "users": entry}
    known = {"status": "running", "instance_id": "i-1", "stages": ["local"], "handlers": handlers}
    known["errors"] = [{**error, "handler": name} for name in handlers]
    (tree / "run/ovfinit").mkdir()
    (tree / "run/ovfinit/status.json").write_text(json.dumps(known))
    told = ovfinit("apply", "--root", tree, "--from", seed(), "--json").json
    assert (told["status"], told["errors"]) == ("done", [])
    assert {entry["result"] for entry in told["handlers"].values()} <= {"done", "deferred", "nothing"}
    # a stage that does not try it again says nothing of it
    (tree / "run/ovfinit/status.json").write_text(json.dumps(known))
    told = ovfinit("apply", "--root", tree, "--from", seed(), "--stage", "final", "--json", code=1).json
    assert [error["handler"] for error in told["errors"]] == ["hostname", "users"]


def test_secrets_of_the_state_are_roots(tree: Path, ovfinit: Program, ovf: Seed) -> None:
    """What was read is stored 0600 in folders 0700; what everybody may read has no secrets."""
    ovfinit("apply", "--root", tree, "--from", ovf(password="correct horse"))
    folder = tree / "var/lib/ovfinit/instances/i-1"
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.rglob("*.json"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert "correct horse" in (folder / "metadata.json").read_text()


def test_link_that_leads_elsewhere(tree: Path, tmp_path: Path, ovfinit: Program, seed: Seed) -> None:
    """An instance link that leads anywhere else names a folder of ours at most."""
    folder = tree / "var/lib/ovfinit"
    folder.mkdir(parents=True)
    (folder / "instance").symlink_to(tmp_path)
    ovfinit("apply", "--root", tree, "--from", seed())
    assert os.readlink(folder / "instance") == "instances/i-1"
    assert KEY in (tree / "root/.ssh/authorized_keys").read_text()
