"""The main promise: plan changes nothing, apply does it once, undo takes it back to the byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import KEY, OTHER_KEY, Result, differences, give_away, run_as_nobody, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]
HOSTKEYS = ("ssh_host_ed25519_key", "ssh_host_ecdsa_key")


def host_keys(tree: Path) -> dict[str, bytes]:
    """The private keys of a tree by name."""
    return {path.name: path.read_bytes() for path in (tree / "etc/ssh").glob("ssh_host_*_key")}


def dressed(tree: Path) -> Path:
    """The tree with things of an admin's that a careless agent would damage."""
    (tree / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1 old.example.com old\n# end without newline")
    (tree / "etc/hosts").chmod(0o664)
    (tree / "etc/ssh/ssh_host_rsa_key").write_text("an image builder's key\n")
    (tree / "etc/ssh/ssh_host_rsa_key").chmod(0o600)
    (tree / "etc/ssh/ssh_host_rsa_key.pub").write_text("its public half\n")
    (tree / "root/.ssh").mkdir(mode=0o700)
    (tree / "root/.ssh/authorized_keys").write_text("# mine\nssh-rsa AAAA admin\n")
    (tree / "root/.ssh/authorized_keys").chmod(0o600)
    os.utime(tree / "etc/hosts", (1000, 1000))
    (tree / "etc/subuid").write_text("")
    (tree / "etc/subgid").write_text("")
    return tree


def test_plan_leaves_no_trace(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`plan` leaves names, modes, owners, contents and times of the whole tree as they are."""
    source = seed()
    before = snapshot(tree)
    people = ovfinit("plan", "--root", tree, "--from", source)
    programs = ovfinit("plan", "--root", tree, "--from", source, "--json")
    ovfinit("plan", "--root", tree, "--from", source, "--stage", "local")
    assert snapshot(tree) == before
    assert "+127.0.1.1 web1.example.com web1" in people.out
    assert {change["target"] for change in programs.json["changes"] if change["action"] == "create"} > {
        "/etc/ssh/ssh_host_ed25519_key",
        "/root/.ssh/authorized_keys",
    }


def test_plan_of_an_applied_tree_leaves_no_trace_either(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A plan, `show`, `explain` and `status` after an apply change nothing."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    before = snapshot(tree)
    ovfinit("plan", "--root", tree, "--from", seed("other", local_hostname="db9"))
    ovfinit("show", "--root", tree)
    ovfinit("explain", "--root", tree)
    ovfinit("status", "--root", tree)
    assert snapshot(tree) == before


def test_second_apply_is_empty(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """After an apply the plan is empty, and a second apply writes nothing but the log's lines and the status."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    before = snapshot(tree)
    plan = ovfinit("plan", "--root", tree, "--from", source, "--json")
    assert {change["action"] for change in plan.json["changes"]} == {"none"}
    again = ovfinit("apply", "--root", tree, "--from", source, "--json").json
    assert {entry["result"] for entry in again["handlers"].values()} == {"nothing"}
    after = snapshot(tree)
    told = {"var/log/ovfinit.log", "run/ovfinit", "run/ovfinit/status.json", "run/ovfinit/metadata.json"}
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} <= told


def test_undo_restores_the_tree(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`undo` gives back every byte, mode, owner and file time: account files, folders, keys, an admin's lines."""
    dressed(tree)
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed())
    assert differences(before, snapshot(tree, times="files"))
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_undo_of_several_applies(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """One `undo` takes back everything that was applied for the instance, over changed metadata too."""
    dressed(tree)
    before = snapshot(tree, times="files")
    ovfinit("apply", "--root", tree, "--from", seed(), "--stage", "local")
    ovfinit("apply", "--root", tree, "--from", seed())
    ovfinit("apply", "--root", tree, "--from", seed("b", local_hostname="db2", public_keys=[OTHER_KEY], network=False))
    assert (tree / "etc/hostname").read_text() == "db2\n"
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_undo_of_one_instance_after_another(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`undo` goes back to the instance before, and the next one to the tree before that."""
    before = snapshot(tree, times="files")
    first = seed("a")
    ovfinit("apply", "--root", tree, "--from", first)
    keys = host_keys(tree)
    ovfinit("apply", "--root", tree, "--from", seed("b", instance_id="i-2", local_hostname="db2"))
    assert ovfinit("show", "--root", tree, "instance_id").out == "i-2\n"
    ovfinit("undo", "--root", tree)
    assert host_keys(tree) == keys
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert ovfinit("show", "--root", tree, "instance_id").out == "i-1\n"
    assert "Nothing to do." in ovfinit("plan", "--root", tree, "--from", first).out
    ovfinit("undo", "--root", tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_undo_twice(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A second `undo` says that there is nothing, exit code 1, and touches nothing."""
    ovfinit("apply", "--root", tree, "--from", seed())
    ovfinit("undo", "--root", tree)
    before = snapshot(tree)
    assert "nothing was applied here" in ovfinit("undo", "--root", tree, code=1).err
    assert snapshot(tree) == before


def test_apply_after_undo_is_a_first_apply(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """After `undo` nothing of the instance is remembered: the next apply does all of it again."""
    source = seed()
    first = ovfinit("apply", "--root", tree, "--from", source, "--json").json
    ovfinit("undo", "--root", tree)
    second = ovfinit("apply", "--root", tree, "--from", source, "--json").json
    for name, entry in first["handlers"].items():
        assert second["handlers"][name]["changed"] == entry["changed"]


def test_hand_changed_file_is_kept(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A file of ours that somebody changed stays as it is, in apply and in undo, and both say so."""
    ovfinit("apply", "--root", tree, "--from", seed())
    sudoers = tree / "etc/sudoers.d/90-ovfinit"
    sudoers.unlink()
    sudoers.write_text("debian ALL=(ALL) ALL\n")
    kept = ovfinit("apply", "--root", tree, "--from", seed(), "--json").json
    assert any("/etc/sudoers.d/90-ovfinit" in text and "kept" in text for text in kept["warnings"])
    assert sudoers.read_text() == "debian ALL=(ALL) ALL\n"
    undone = ovfinit("undo", "--root", tree)
    assert "/etc/sudoers.d/90-ovfinit: kept: changed by hand" in undone.err
    assert sudoers.read_text() == "debian ALL=(ALL) ALL\n"


def test_hand_changed_file_that_nobody_wants_any_more(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A network file goes when the metadata has no network any more, but not if somebody made it his own."""
    file = tree / "etc/systemd/network/10-ovfinit-eth0.network"
    ovfinit("apply", "--root", tree, "--from", seed())
    ovfinit("apply", "--root", tree, "--from", seed("b", network=False))
    assert not file.exists()
    ovfinit("apply", "--root", tree, "--from", seed())
    file.write_text("[Match]\nName=eth0\n")
    result = ovfinit("apply", "--root", tree, "--from", seed("b", network=False), "--json").json
    assert file.read_text() == "[Match]\nName=eth0\n"
    assert any("10-ovfinit-eth0.network" in text for text in result["warnings"])


def test_key_rotation(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A key that left the metadata leaves the block; an admin's own lines stay, whatever stands around them."""
    ovfinit("apply", "--root", tree, "--from", seed())
    file = tree / "home/debian/.ssh/authorized_keys" if os.geteuid() == 0 else tree / "root/.ssh/authorized_keys"
    file.write_text(f"# before\n{file.read_text()}ssh-rsa AAAA mine\n")
    ovfinit("apply", "--root", tree, "--from", seed("b", public_keys=[OTHER_KEY]))
    text = file.read_text()
    assert KEY not in text
    assert OTHER_KEY in text
    assert text.startswith("# before\n# BEGIN ovfinit\n")
    assert text.endswith("# END ovfinit\nssh-rsa AAAA mine\n")
    ovfinit("apply", "--root", tree, "--from", seed("c", public_keys=None))
    assert file.read_text() == "# before\nssh-rsa AAAA mine\n"


def test_host_keys_follow_the_instance(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """The image's host keys and those of another instance are replaced, those of the same instance are kept."""
    dressed(tree)
    ovfinit("apply", "--root", tree, "--from", seed())
    first = host_keys(tree)
    assert sorted(first) == sorted(HOSTKEYS)
    ovfinit("apply", "--root", tree, "--from", seed("b", local_hostname="db2"))
    assert host_keys(tree) == first
    ovfinit("apply", "--root", tree, "--from", seed("c", instance_id="i-2"))
    second = host_keys(tree)
    assert all(second[name] != first[name] for name in HOSTKEYS)
    for name in HOSTKEYS:
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", tree / f"etc/ssh/{name}.pub"], capture_output=True, check=True
        )
        derived = subprocess.run(["ssh-keygen", "-y", "-f", tree / f"etc/ssh/{name}"], capture_output=True, check=True)
        assert derived.stdout.split()[1] in (tree / f"etc/ssh/{name}.pub").read_bytes()
        assert b"root@web1" in listed.stdout


def test_changed_metadata_of_the_same_instance(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Name, keys and network follow the metadata of the same instance; its script is not staged a second time."""
    ovfinit("apply", "--root", tree, "--from", seed())
    changed = seed("b", local_hostname="db2", public_keys=[KEY, OTHER_KEY], user_data="#!/bin/sh\necho more\n")
    (Path(changed.removeprefix("seed:")) / "network-config").write_text(
        '{"version": 2, "ethernets": {"eth1": {"addresses": ["192.0.2.7/24"]}}}'
    )
    done = ovfinit("apply", "--root", tree, "--from", changed, "--json").json
    assert (tree / "etc/hostname").read_text() == "db2\n"
    assert (tree / "etc/hosts").read_text().count("127.0.1.1") == 1
    assert OTHER_KEY in (tree / "root/.ssh/authorized_keys").read_text()
    assert [path.name for path in (tree / "etc/systemd/network").iterdir()] == ["10-ovfinit-eth1.network"]
    assert done["handlers"]["ssh_keys"]["changed"] == []


def test_unreachable_leaves_everything(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A source that cannot be asked leaves all as it is, exit code 1; an absent one does too, with 4."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    before = snapshot(tree)
    impatient = tree.with_name("impatient.yaml")
    impatient.write_text("ec2: {timeout: 1}\n")
    words = ("--root", tree, "--from", "ec2:http://127.0.0.1:1", "--config", impatient)
    result = ovfinit("apply", *words, code=1)
    assert "127.0.0.1:1" in result.err
    ovfinit("apply", "--root", tree, "--from", f"seed:{tree}/nowhere", code=4)
    assert snapshot(tree) == before


@pytest.mark.usefixtures("as_root")
def test_strict_umask(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Modes do not depend on the umask of whoever calls: daemons that are not root must read what is for them."""
    ovfinit("apply", "--root", tree, "--from", seed(), umask=0o077)
    for path in ("etc/systemd/network", "run/ovfinit", "var/lib/ovfinit/instances"):
        assert (tree / path).stat().st_mode & 0o777 == 0o755, path
    assert (tree / "var/log/ovfinit.log").stat().st_mode & 0o777 == 0o640
    assert (tree / "etc/systemd/network/10-ovfinit-eth0.network").stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("as_root")
def test_no_root_needed(tree: Path, seed: Seed) -> None:
    """Without root everything but the accounts is done; those are `deferred`, and undo gives the tree back."""
    source = seed(user_data=None)
    give_away(tree)
    before = snapshot(tree, times="files")
    words = ("--root", tree, "--from", source, "--json")
    planned = run_as_nobody("plan", *words)
    assert planned.code == 0, planned
    assert snapshot(tree, times="files") == before
    accounts = [change for change in planned.json["changes"] if change["kind"] == "user"]
    assert [change["deferred"] for change in accounts] == [True]
    done = run_as_nobody("apply", *words)
    assert done.code == 0, done
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert "debian" not in (tree / "etc/passwd").read_text()
    assert {change["action"] for change in run_as_nobody("plan", *words).json["changes"]} == {"none"}
    undone = run_as_nobody("undo", "--root", tree)
    assert undone.code == 0, undone
    assert differences(before, snapshot(tree, times="files")) == ""


@pytest.mark.usefixtures("as_root")
def test_deferred_accounts_are_made_later(tree: Path, ovf: Seed, ovfinit: Program) -> None:
    """What was baked without root is completed by root: the user, its password and its keys."""
    source = ovf(password="correct horse")
    give_away(tree)
    for _ in range(2):
        baked = run_as_nobody("apply", "--root", tree, "--from", source)
        assert baked.code == 0, baked
    subprocess.run(["chown", "-R", "root:root", tree], check=True)
    ovfinit("apply", "--root", tree, "--from", source)
    shadow = next(line for line in (tree / "etc/shadow").read_text().splitlines() if line.startswith("debian:"))
    assert shadow.split(":")[1].startswith("$6$")
    assert KEY in (tree / "home/debian/.ssh/authorized_keys").read_text()


def test_a_value_that_cannot_be_used_takes_nothing_away(tree: Path, ovfinit: Program, ovf: Seed) -> None:
    """A time zone and a locale of an earlier boot stay when what the platform says now makes no sense."""
    before = {"etc/localtime", "etc/default/locale"}

    def standing() -> set[str]:
        return {name for name in before if os.path.lexists(tree / name)}

    ovfinit("apply", "--root", tree, "--from", ovf(timezone="Europe/Vienna", locale="C.UTF-8"))
    assert standing() == before
    result = ovfinit("apply", "--root", tree, "--from", ovf(timezone="../Vienna", locale="C UTF-8"))
    assert "is not a timezone" in result.err
    assert standing() == before
    ovfinit("apply", "--root", tree, "--from", ovf())
    assert "etc/localtime" not in standing()
