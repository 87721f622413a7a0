"""Taking back: what somebody changed meanwhile is his, everything else is as before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import KEY, Result, differences, snapshot

from ovfinit.apply import perform
from ovfinit.changes import WriteBlock
from ovfinit.compare import compare
from ovfinit.host import Host
from ovfinit.state import Past

Program = Callable[..., Result]
Seed = Callable[..., str]


def undone(result: Result) -> dict[str, tuple[str, str]]:
    """What became of each place, from `undo --json`."""
    return {step["target"]: (step["action"], step["reason"]) for step in result.json["undone"]}


def test_blocks_in_files_that_changed(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """From a file that somebody went on editing only our block is taken out."""
    ovfinit("apply", "--root", tree, "--from", seed())
    hosts, keys = tree / "etc/hosts", tree / "root/.ssh/authorized_keys"
    hosts.write_text(f"# first\n{hosts.read_text()}192.0.2.1 last\n")
    keys.write_text(f"{keys.read_text()}ssh-rsa AAAA mine\n")
    told = undone(ovfinit("undo", "--root", tree, "--json"))
    assert told["/etc/hosts"] == ("restored", "only our lines; the rest was changed by hand")
    assert hosts.read_text() == "# first\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n192.0.2.1 last\n"
    assert keys.read_text() == "ssh-rsa AAAA mine\n"


def test_a_block_behind_a_link(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A block goes into the file that a link leads to, from where it is taken back; the link stays."""
    hosts, elsewhere = tree / "etc/hosts", tree / "srv/hosts"
    elsewhere.parent.mkdir(exist_ok=True)
    before = hosts.read_text()
    hosts.rename(elsewhere)
    hosts.symlink_to("/srv/hosts")
    ovfinit("apply", "--root", tree, "--from", seed())
    assert hosts.is_symlink()
    assert "web1" in elsewhere.read_text()
    ovfinit("undo", "--root", tree)
    assert hosts.is_symlink()
    assert elsewhere.read_text() == before


def test_a_block_behind_a_link_of_the_running_machine(tmp_path: Path) -> None:
    """The same on a machine whose links the kernel follows."""
    link, file = tmp_path / "link", tmp_path / "file"
    file.write_text("theirs\n")
    link.symlink_to(file)
    change = WriteBlock("hostname", str(link), lines=("ours",))
    perform(compare(change, Host(), Past()), Host())
    assert link.is_symlink()
    assert file.read_text() == "theirs\n# BEGIN ovfinit\nours\n# END ovfinit\n"


def test_a_block_whose_marks_somebody_removed(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Without our marks there are no lines of ours: the file is left as it is."""
    ovfinit("apply", "--root", tree, "--from", seed())
    hosts = tree / "etc/hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.1.1 web1.example.com web1\n")
    ovfinit("undo", "--root", tree)
    assert hosts.read_text() == "127.0.0.1 localhost\n127.0.1.1 web1.example.com web1\n"


def test_places_that_are_gone(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """What somebody removed meanwhile is put back where it was there before us, and is no error where it was not."""
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    for name in ("etc/hostname", "etc/hosts", "etc/sudoers.d/90-ovfinit", "etc/ssh/ssh_host_ecdsa_key"):
        (tree / name).unlink()
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_replaced_host_key_is_kept(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A host key that somebody made after us stays, and `undo` says so."""
    ovfinit("apply", "--root", tree, "--from", seed())
    key = tree / "etc/ssh/ssh_host_ed25519_key"
    key.write_text("made by hand\n")
    told = undone(ovfinit("undo", "--root", tree, "--json"))
    assert told["/etc/ssh/ssh_host_ed25519_key"][0] == "kept"
    assert key.read_text() == "made by hand\n"
    assert not (tree / "etc/ssh/ssh_host_ecdsa_key").exists()


def test_host_key_that_was_not_ours_to_make(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """When making a key failed, one that somebody makes later is his."""
    (tree / "etc/ssh/ssh_host_ed25519_key").mkdir()
    result = ovfinit("apply", "--root", tree, "--from", seed(), "--json", code=1).json
    assert result["handlers"]["ssh_keys"]["result"] == "failed"
    assert KEY in (tree / "root/.ssh/authorized_keys").read_text(), "a duty that fails stops no other"
    (tree / "etc/ssh/ssh_host_ed25519_key").rmdir()
    (tree / "etc/ssh/ssh_host_ed25519_key").write_text("made by hand\n")
    ovfinit("undo", "--root", tree)
    assert (tree / "etc/ssh/ssh_host_ed25519_key").read_text() == "made by hand\n"


@pytest.mark.usefixtures("as_root")
def test_home_with_a_users_work_is_kept(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A home into which somebody put a file stays, with the file and its name."""
    ovfinit("apply", "--root", tree, "--from", seed())
    (tree / "home/debian/thesis").write_text("years of work\n")
    result = ovfinit("undo", "--root", tree)
    assert "/home/debian: kept: holds thesis" in result.err
    assert (tree / "home/debian/thesis").read_text() == "years of work\n"
    assert not (tree / "home/debian/.ssh").exists()
    assert "debian" not in (tree / "etc/passwd").read_text()


@pytest.mark.usefixtures("as_root")
def test_accounts_that_others_changed(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """With another account made meanwhile only ours goes, from every file."""
    ovfinit("apply", "--root", tree, "--from", seed())
    for name, line in (
        ("passwd", "other:x:1500:1500::/home/other:/bin/sh\n"),
        ("shadow", "other:*:20000:0:99999:7:::\n"),
        ("group", "other:x:1500:\n"),
        ("gshadow", "other:!::\n"),
    ):
        with (tree / "etc" / name).open("a") as file:
            file.write(line)
    ovfinit("undo", "--root", tree)
    for name in ("passwd", "shadow", "group", "gshadow"):
        text = (tree / "etc" / name).read_text()
        assert "other:" in text, name
        assert "debian" not in text, name


@pytest.mark.usefixtures("as_root")
def test_existing_user_loses_our_groups_only(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A default user who was there before keeps his account and home; the groups we added him to are taken back."""
    for name, line in (
        ("passwd", "debian:x:1000:1000:Me:/home/debian:/bin/zsh\n"),
        ("shadow", "debian:$6$x$y:20000:0:99999:7:::\n"),
        ("group", "debian:x:1000:\n"),
        ("gshadow", "debian:!::\n"),
    ):
        with (tree / "etc" / name).open("a") as file:
            file.write(line)
    (tree / "home/debian").mkdir(mode=0o750)
    os.chown(tree / "home/debian", 1000, 1000)
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    assert "sudo:x:27:debian" in (tree / "etc/group").read_text()
    assert "debian:x:1000:1000:Me:/home/debian:/bin/zsh" in (tree / "etc/passwd").read_text()
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_links_in_the_way(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A link that stood in the place of a file of ours is a link again."""
    (tree / "etc/hostname").unlink()
    (tree / "etc/hostname").symlink_to("hostname.local")
    (tree / "etc/hostname.local").write_text("local\n")
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    assert not (tree / "etc/hostname").is_symlink()
    assert (tree / "etc/hostname.local").read_text() == "local\n"
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_text_that_is_no_text(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Bytes of other people that are not UTF-8, lines without an end and odd ends of lines come back as they were."""
    (tree / "etc/hosts").write_bytes(b"127.0.0.1 localhost\r\n# \xff\xfe caf\xe9\n127.0.1.1 old")
    (tree / "root/.ssh").mkdir(mode=0o700)
    (tree / "root/.ssh/authorized_keys").write_bytes(b"\xe9\n\n\nssh-rsa AAAA x")
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    assert (
        b"caf\xe9\n# BEGIN ovfinit\n127.0.1.1 web1.example.com web1\n# END ovfinit\n127.0.1.1 old"
        in (tree / "etc/hosts").read_bytes()
    )
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_undo_says_what_it_does(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`undo --json` names every place once with what became of it, newest first."""
    planned = ovfinit("plan", "--root", tree, "--from", seed(), "--json").json["changes"]
    ovfinit("apply", "--root", tree, "--from", seed())
    told = undone(ovfinit("undo", "--root", tree, "--json"))
    targets = [change["target"] for change in planned if change["kind"] != "user" and not change["deferred"]]
    assert set(targets) <= set(told)
    assert {action for action, _ in told.values()} <= {"removed", "restored"}


def test_what_cannot_be_kept_costs_one_place(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """What no journal can hold (a FIFO, 20 MB) is replaced, stops nothing else, and `undo` says that it is lost."""
    os.mkfifo(tree / "etc/localtime")
    (tree / "opt").mkdir()
    with (tree / "opt/large").open("wb") as file:
        file.truncate(20 << 20)
    fetched = "write_files: [{path: /opt/large, source: {uri: 'http://127.0.0.1/'}}]"
    source = seed(user_data=f"#cloud-config\ntimezone: Europe/Vienna\n{fetched}\n")
    ovfinit("apply", "--root", tree, "--from", source)
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert os.readlink(tree / "etc/localtime") == "/usr/share/zoneinfo/Europe/Vienna"
    told = undone(ovfinit("undo", "--root", tree, "--json"))
    assert told["/etc/localtime"][0] == "kept"
    assert "was not kept" in told["/etc/localtime"][1]
    assert told["/etc/hostname"][0] == "restored"
    assert (tree / "opt/large").stat().st_size == 20 << 20


def test_damaged_notes(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """What became of single changes is noted line by line, and a line that is damaged is one that is not there."""
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    (notes,) = tree.glob("var/lib/ovfinit/instances/*/journal/*.done")
    notes.write_text('{}\n[]\nnull\n{"index": "x", "after": {}}\n{"index": 1, "after": 2}\n{"ind')
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_as_many_records_as_there_are_boots(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A machine that has something to do at every boot for thirty years is taken back all the same, newest first."""
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    (folder,) = tree.glob("var/lib/ovfinit/instances/*/journal")
    for end in ("json", "done"):
        (folder / f"0001.{end}").rename(folder / f"9999.{end}")
    for name in ("second", "third"):
        ovfinit("apply", "--root", tree, "--from", seed(local_hostname=name))
    assert sorted(path.stem for path in folder.glob("*.json")) == ["10000", "10001", "9999"]
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""
