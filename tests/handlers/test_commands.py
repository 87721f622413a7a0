"""bootcmd and runcmd: which files they become, how often they run, and what is off in them."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from handlers.cloudconfig import handed, typed

from ovfinit.changes import BOOT, FINAL, INSTANCE, NETWORK, ONCE, Change, Run, WriteFile
from ovfinit.config import Config, ScriptsConfig
from ovfinit.handlers import boot_commands, run_commands
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past

FOLDER = "/var/lib/ovfinit/instances/i-1/scripts"


def wanted(module: Any, text: str, **settings: Any) -> list[Change]:
    """What a duty yields for a cloud-config in which nothing is off."""
    config = Config(scripts=ScriptsConfig(**settings))
    return list(module.changes(Metadata(instance_id="i-1"), config, Host(), Past(), handed(module, text)))


def contents(module: Any, text: str) -> list[str]:
    """The files' contents without the line that names the shell."""
    return [
        change.content.decode().partition("\n")[2].removesuffix("\n")
        for change in wanted(module, text)
        if isinstance(change, WriteFile)
    ]


def test_runcmd() -> None:
    """Each command is a file for root alone, in order, run once in the final stage by the shell that all share."""
    first, run, second, _ = wanted(run_commands, "runcmd: [echo hello, [ls, -l, /]]", timeout=5.0)
    assert first == WriteFile(
        "run_commands",
        f"{FOLDER}/runcmd-001",
        FINAL,
        content=b"#!/bin/sh\necho hello\n",
        mode=0o700,
        ours=False,
        secret=True,
    )
    path = f"{FOLDER}/runcmd-001"
    assert run == Run("run_commands", path, FINAL, command=(path,), shell="runcmd", timeout=5.0, when=INSTANCE)
    assert second.target == f"{FOLDER}/runcmd-002"


def test_bootcmd() -> None:
    """Boot commands run in the network stage of every boot."""
    runs = [change for change in wanted(boot_commands, "bootcmd: [echo hello]") if isinstance(change, Run)]
    path = f"{FOLDER}/bootcmd-001"
    assert runs == [Run("boot_commands", path, NETWORK, command=(path,), shell="bootcmd", when=BOOT)]


@pytest.mark.parametrize(
    "words",
    [
        ["printf", "%s|", "a b", "", "$HOME", "`id`", "it's", '"', "*", "\\", "new\nline", "-n", "~", "é", "A=1"],
        ["sh", "-c", 'echo "$0" $(echo x)', "name"],
    ],
)
def test_words_reach_the_program(words: list[str]) -> None:
    """The words of a list are the program's, whatever the shell could make of them."""
    import json

    (text,) = contents(run_commands, json.dumps({"runcmd": [words]}))
    told = subprocess.run(["sh", "-c", text], capture_output=True, check=True)
    assert told.stdout == subprocess.run(words, capture_output=True, check=True).stdout


def test_nothing_is_passed_over() -> None:
    """Nulls and empty texts are no commands, and the others keep their numbers."""
    targets = [change.target for change in wanted(run_commands, "runcmd: [null, '', ls]") if isinstance(change, Run)]
    assert targets == [f"{FOLDER}/runcmd-003"]


@pytest.mark.parametrize(
    ("command", "when", "name", "text"),
    [
        ("[cloud-init-per, once, mymkfs, mkfs, /dev/vdb]", ONCE, "cloud-init-per-mymkfs", "mkfs /dev/vdb"),
        ("cloud-init-per instance x echo a  b", INSTANCE, "cloud-init-per-x", "echo a  b"),
        ("[cloud-init-per, always, ../../x, ls]", BOOT, "cloud-init-per-.._.._x", "ls"),
        ("cloud-init-per sometimes x ls", BOOT, "bootcmd-001", "cloud-init-per sometimes x ls"),
        ("cloud-init-per once x", BOOT, "bootcmd-001", "cloud-init-per once x"),
    ],
)
def test_how_often_by_name(command: str, when: str, name: str, text: str) -> None:
    """What people know as cloud-init-per in front of a command says how often it runs."""
    file, run = wanted(boot_commands, f"bootcmd: [{command}]" if command[0] == "[" else f"bootcmd: ['{command}']")
    assert isinstance(run, Run)
    assert isinstance(file, WriteFile)
    assert (run.when, run.target, file.content) == (when, f"{FOLDER}/{name}", f"#!/bin/sh\n{text}\n".encode())


@pytest.mark.parametrize(
    ("first", "stops"),
    [
        ("set -e", True),
        ("set -eux", True),
        ("set -o errexit; true", True),
        ("set -x", False),
        ("set +e", False),
        ("sete -e", False),
        ("echo set -e", False),
    ],
)
def test_stopping_at_a_failure(first: str, stops: bool) -> None:
    """`set -e` as a command keeps those after a failed one from running; so does the admin's setting, for all."""
    runs = [change for change in wanted(run_commands, f"runcmd: ['{first}', ls]") if isinstance(change, Run)]
    assert [run.if_well for run in runs] == [False, stops]
    runs = [
        change for change in wanted(run_commands, "runcmd: [a, b]", stop_at_failure=True) if isinstance(change, Run)
    ]
    assert all(run.if_well for run in runs)


def test_an_interrupted_list_is_not_taken_up() -> None:
    """A command whose end was never seen, and those after it, are not run again; on every boot they are."""
    past = Past(new=False, done={f"{FOLDER}/runcmd-002": {"begun": 1}, f"{FOLDER}/bootcmd-001": {"begun": 1}})
    settings = (Metadata(instance_id="i-1"), Config(), Host(), past)
    found = list(run_commands.changes(*settings, handed(run_commands, "runcmd: [cd /srv, reboot, 'rm -rf x']")))
    assert [change.target for change in found if isinstance(change, Run)] == [f"{FOLDER}/runcmd-001"]
    assert found[-1] == Problem(
        "runcmd[1]", "never ended; it and those after it are not run again", f"{FOLDER}/runcmd-002"
    )
    found = list(boot_commands.changes(*settings, handed(boot_commands, "bootcmd: [a, b]")))
    assert len([change for change in found if isinstance(change, Run)]) == 2


def test_an_id_that_looks_like_a_path() -> None:
    """The folder of a hostile instance id is a folder of ours."""
    data = handed(run_commands, "runcmd: [ls]")
    (file, _) = run_commands.changes(Metadata(instance_id="../../etc"), Config(), Host(), Past(), data)
    assert file.target.startswith("/var/lib/ovfinit/instances/%2E.%2F..%2Fetc/scripts/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "runcmd: [{echo a: b}]",
            "runcmd[0]: must be a command: a text for the shell, or a list of words, not a mapping (put it in quotes:",
        ),
        ("runcmd: [[ls, [a]]]", "runcmd[0][1]: must be a word, not a list"),
        ("runcmd: [[]]", "runcmd[0]: must have at least one word"),
        ('runcmd: ["a\\0b"]', "runcmd[0]: must not hold a NUL character"),
        ("runcmd: {a: b}", "runcmd: must be a list"),
    ],
)
def test_what_is_off(text: str, message: str) -> None:
    """What is no command is found with its place and what to write instead."""
    data, findings = typed(run_commands, text)
    assert len(findings) == 1
    assert f" error: {message}" in findings[0]
    assert not data.config.get("runcmd")
