"""The shell that commands of one list share: what lasts from one to the next, and how each ended, with a real sh."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ovfinit.apply import finish, shell
from ovfinit.errors import ChangeError
from ovfinit.host import Host

Source = Callable[..., int]


@pytest.fixture
def source(tree: Path, tmp_path: Path) -> Iterator[Source]:
    """Has the shell of a name read this text; returns the exit code."""
    count = iter(range(100))

    def call(text: str, *, name: str = "runcmd", timeout: float | None = None) -> int:
        file = tmp_path / f"it's command {next(count)}"
        file.write_text(text)
        return shell.source(name, str(file), Host(str(tree)), {"INSTANCE_ID": "i-1"}, timeout, "runcmd")

    yield call
    finish()


@pytest.fixture
def output(tree: Path) -> Callable[[], list[str]]:
    """What was printed so far."""
    return lambda: (tree / "var/log/ovfinit-output.log").read_text().splitlines()


def test_what_lasts(source: Source, output: Callable[[], list[str]]) -> None:
    """Folder, variables, functions and options of one command are there for the next, as in one script."""
    shown = "pwd; echo $X; f 1; umask; echo $INSTANCE_ID"
    for text in ("cd /usr", "X='a b'", 'f() { echo "f $1"; }', "umask 077", shown):
        assert source(text) == 0
    assert output() == ["/usr", "a b", "f 1", "0077", "i-1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("false", 1), ("sh -c 'exit 7'", 7), ("nosuchprogram", 127), ("/etc/passwd", 126), ("if then", 2), ("exit 3", 3)],
)
def test_each_has_its_exit_code(source: Source, output: Callable[[], list[str]], text: str, code: int) -> None:
    """How a command ended is told, and the next one runs, whether or not the shell is still there."""
    assert source("echo before") == 0
    assert source(text) == code
    assert source("echo after") == 0
    assert [line for line in output() if line in ("before", "after")] == ["before", "after"]


def test_ends_of_a_shell(source: Source) -> None:
    """A command that ends the shell, kills it, or has another program take its place has ended only itself."""
    assert source("set -e\nfalse\necho no") == 1
    assert source("kill -9 $$") == -9
    assert source("exec sh -c 'exit 5'") == 5
    assert source("exec sh -c 'sleep 0.2; exit 6'") == 6
    assert source("exec 9>&-") == 0
    with pytest.raises(ChangeError, match="killed the process that waited"):
        source("kill -9 $PPID; sleep 60")
    assert source("true") == 0


def test_standard_input_is_empty(source: Source) -> None:
    """A command that reads does not eat the next ones."""
    assert source("cat; read line; cat <&0") == 0
    assert source("test -t 0; echo $? >/dev/null; cd /") == 0


def test_background_programs_hold_nobody_up(source: Source, tmp_path: Path) -> None:
    """What a command leaves in the background neither keeps it from ending nor ends with the shell."""
    assert source(f"(sleep 0.3; touch '{tmp_path}/late') >/dev/null 2>&1 &") == 0
    finish()
    for _ in range(100):
        if (tmp_path / "late").exists():
            break
        time.sleep(0.05)
    assert (tmp_path / "late").exists()


def test_one_that_does_not_end(source: Source, output: Callable[[], list[str]]) -> None:
    """At its time limit a command goes with all it started, and the next gets a new shell."""
    with pytest.raises(ChangeError, match=r"was not done after 0\.2 seconds"):
        source("cd /usr; sleep 4321 & sleep 4321", timeout=0.2)
    assert source("pwd") == 0
    assert output() == ["/"]
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True, text=True).stdout
    assert "sleep 4321" not in told.splitlines()


def test_lists_have_shells_of_their_own(source: Source, output: Callable[[], list[str]]) -> None:
    """Bootcmd and runcmd do not share a folder."""
    source("cd /usr", name="bootcmd")
    source("pwd")
    assert output() == ["/"]


def test_nothing_stays(source: Source) -> None:
    """After the run no shell and no descriptor of it is left."""
    children = Path("/proc/thread-self/children")
    before = len(os.listdir("/proc/self/fd")), children.read_text()
    source("true")
    source("exit 1")
    source("true")
    finish()
    assert (len(os.listdir("/proc/self/fd")), children.read_text()) == before
