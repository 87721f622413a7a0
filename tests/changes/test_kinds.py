"""Every kind of change on real trees: compared, made, compared again, taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from scratch import differences, snapshot

from ovfinit.changes import (
    BOOT,
    FINAL,
    INSTANCE,
    ONCE,
    Announce,
    Call,
    Change,
    EnsureGroup,
    EnsureUser,
    MakeFolder,
    MakeLink,
    Post,
    Run,
    SetPassword,
    WriteFile,
)
from ovfinit.compare import compare
from ovfinit.execution import Outcome, execute
from ovfinit.host import Host
from ovfinit.model import Metadata, Secret
from ovfinit.plan import Duty, Plan, leftovers
from ovfinit.state import State
from ovfinit.undo import undo

Apply = Callable[..., dict[str, Outcome]]


@pytest.fixture
def apply(tree: Path) -> Apply:
    """Applies these changes as one duty's to the scratch tree, as an instance of that id."""

    def call(*wanted: Change, instance: str = "i-1") -> dict[str, Outcome]:
        host = Host(str(tree))
        state = State(host)
        past = state.past(instance)
        duty = Duty("test", tuple(compare(change, host, past) for change in wanted))
        plan = Plan(Metadata(instance_id=instance), past, (duty, *leftovers([duty], (), host, past)))
        return {outcome.handler: outcome for outcome in execute(plan, host, state)}

    return call


def taken_back(tree: Path) -> Sequence[str]:
    """What undo says of each place."""
    host = Host(str(tree))
    return [f"{step.target} {step.action}" for step in undo(host, State(host))]


def test_append_once_per_instance(tree: Path, apply: Apply) -> None:
    """What is appended stands there once, after whatever was there, whose mode stays; undo takes it away."""
    (tree / "etc/profile").write_text("first\n")
    (tree / "etc/profile").chmod(0o640)
    before = snapshot(tree, times="files")
    change = WriteFile("test", "/etc/profile", content=b"more\n", append=True, mode=0o777)
    assert apply(change)["test"].result == "done"
    assert apply(change)["test"].result == "nothing"
    assert (tree / "etc/profile").read_text() == "first\nmore\n"
    assert (tree / "etc/profile").stat().st_mode & 0o777 == 0o640
    assert apply(change, instance="i-2")["test"].result == "done"
    assert (tree / "etc/profile").read_text() == "first\nmore\nmore\n"
    taken_back(tree)
    taken_back(tree)
    assert differences(before, snapshot(tree, times="files")) == ""


def test_append_to_what_the_same_run_made(tree: Path, apply: Apply) -> None:
    """A file and what is appended to it may come in one run, and neither is lost by the next."""
    wanted = (
        WriteFile("test", "/etc/new", content=b"a\n", ours=False),
        WriteFile("test", "/etc/new", content=b"b\n", append=True),
    )
    apply(*wanted)
    assert (tree / "etc/new").read_text() == "a\nb\n"


def test_append_does_not_follow_links(tree: Path, apply: Apply) -> None:
    """Nothing is added through a link."""
    (tree / "etc/link").symlink_to("/etc/passwd")
    outcome = apply(WriteFile("test", "/etc/link", content=b"x", append=True))["test"]
    assert "is a link" in outcome.errors[0].message


def test_links_and_folders_go_when_nobody_wants_them(tree: Path, apply: Apply) -> None:
    """What we made goes with the wish for it; a folder that holds something else, and an older link, stay."""
    (tree / "etc/older").symlink_to("/etc/passwd")
    wanted = (
        MakeFolder("test", "/srv/a", mode=0o750),
        MakeFolder("test", "/srv/b"),
        MakeLink("test", "/srv/b/link", to="../a"),
        MakeLink("test", "/etc/older", to="/etc/group"),
    )
    assert apply(*wanted)["test"].result == "done"
    assert apply(*wanted)["test"].result == "nothing"
    assert (tree / "srv/a").stat().st_mode & 0o777 == 0o750
    (tree / "srv/a/somebody's").touch()
    apply()
    assert (tree / "srv/a").is_dir()
    assert not (tree / "srv/b").exists()
    assert (tree / "etc/older").readlink() == Path("/etc/group")


def test_links_and_folders_are_taken_back(tree: Path, apply: Apply) -> None:
    """Undo leaves no trace of them, and puts an older link back."""
    (tree / "etc/older").symlink_to("/etc/passwd")
    before = snapshot(tree, times="files")
    apply(
        MakeFolder("test", "/srv/x/y"), MakeLink("test", "/srv/x/link", to="y"), MakeLink("test", "/etc/older", to="x")
    )
    taken_back(tree)
    assert differences(before, snapshot(tree, times="files")) == ""


@pytest.mark.usefixtures("as_root")
def test_groups_and_users(tree: Path, apply: Apply) -> None:
    """Accounts get what is asked of them, once; what is in shadow(5) follows; undo takes all of it back."""
    with (tree / "etc/group").open("a") as groups:
        groups.write("users:x:100:\n")
    before = snapshot(tree, times="none")
    wanted = (
        EnsureGroup("test", "staffers", gid=4242),
        EnsureGroup("test", "daemons", system=True),
        EnsureUser(
            "test",
            "ann",
            uid=4711,
            primary_group="staffers",
            home="/srv/ann",
            groups=("daemons",),
            expires="2031-02-03",
            inactive=9,
            gecos="Ann",
        ),
        EnsureUser("test", "robot", create_home=False, system=True, user_group=False),
    )
    outcome = apply(*wanted)["test"]
    assert outcome.result == "done", outcome.errors
    assert apply(*wanted)["test"].result == "nothing"
    rows = {line.split(":")[0]: line for line in (tree / "etc/passwd").read_text().splitlines()}
    assert rows["ann"] == "ann:x:4711:4242:Ann:/srv/ann:/bin/bash"
    assert (tree / "srv/ann").is_dir()
    assert not (tree / "home/robot").exists()
    shadow = {line.split(":")[0]: line.split(":") for line in (tree / "etc/shadow").read_text().splitlines()}
    assert shadow["ann"][6:8] == ["9", "22313"]
    assert "daemons:x:" in (tree / "etc/group").read_text()
    apply(EnsureGroup("test", "daemons", members=("robot",)), *wanted[2:])
    assert "ann,robot" in (tree / "etc/group").read_text()
    taken_back(tree)
    after = snapshot(tree, times="none")
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} <= {
        "etc/subuid",
        "etc/subgid",
    }, differences(before, after)


@pytest.mark.usefixtures("as_root")
def test_locking(tree: Path, apply: Apply) -> None:
    """A password is locked and unlocked as asked; one that is not there is not unlocked."""
    hidden = Secret("$6$salt$abcdefgh")
    apply(EnsureUser("test", "ann", password=hidden, locked=True))
    assert "ann:!$6$salt$abcdefgh:" in (tree / "etc/shadow").read_text()
    assert apply(EnsureUser("test", "ann", locked=False))["test"].result == "done"
    assert "ann:$6$salt$abcdefgh:" in (tree / "etc/shadow").read_text()
    assert apply(EnsureUser("test", "bob", locked=False))["test"].result == "done"
    assert apply(EnsureUser("test", "bob", locked=False))["test"].result == "nothing"


@pytest.mark.usefixtures("as_root")
def test_password_once_per_instance(tree: Path, apply: Apply) -> None:
    """A password is set once for an instance; a random one is the running machine's business; undo restores the old."""
    apply(EnsureUser("test", "ann", password=Secret("$6$salt$old")))
    change = SetPassword("test", "ann", password=Secret("$6$salt$new"), expired=True)
    assert apply(change)["test"].result == "done"
    assert "ann:$6$salt$new:0:" in (tree / "etc/shadow").read_text()
    assert apply(change)["test"].result == "nothing"
    assert apply(change, instance="i-2")["test"].result == "done"
    assert apply(SetPassword("test", "root"))["test"].result == "deferred"
    assert apply(SetPassword("test", "nobody-here", password=Secret("x")))["test"].result == "failed"
    taken_back(tree)


def test_what_only_runs_waits_for_the_first_boot(tree: Path, apply: Apply) -> None:
    """Under --root no program is started, nobody is told anything; it is staged once."""
    touched = tree / "touched"
    wanted = (
        Run("test", "one", FINAL, command=("/usr/bin/touch", str(touched)), when=BOOT),
        Call("test", "two", FINAL, command=("touch", str(touched)), when=INSTANCE),
        Call("test", "three", FINAL, command=("touch", str(touched)), when=ONCE),
        Post("test", "http://127.0.0.1:9/", FINAL, fields={"a": "b"}),
        Announce("test", "four", FINAL, lines=("hello",)),
    )
    assert apply(*wanted)["test"].result == "deferred"
    assert apply(*wanted)["test"].changed == ()
    assert not touched.exists()
