"""The random seed duty: seeds in, what writes them out, and never a seed in sight."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import NETWORK, Call
from ovfinit.handlers import random_seed
from ovfinit.model import Secret

SEED = b"\x00\xffseed\n"


def test_the_kernels(tmp_path: Path) -> None:
    """By default the seed goes into the kernel's pool by standard input; the device is never replaced."""
    answer = ask(random_seed, tmp_path, "random_seed: {data: my seed}", properties={"random_seed": Secret("more!")})
    (change,) = answer.changes
    assert isinstance(change, Call)
    assert change.command == ("dd", "status=none", "of=/dev/urandom", "conv=notrunc")
    assert change.hidden == Secret("my seedmore!")
    assert "my seed" not in repr(change)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("base64", base64.b64encode(SEED).decode()),
        ("b64", base64.b64encode(SEED).decode()),
        ("gzip", f"!!binary {base64.b64encode(gzip.compress(SEED, mtime=0)).decode()}"),
        ("gz", f"!!binary {base64.b64encode(gzip.compress(SEED, mtime=0)).decode()}"),
        ("raw", f"!!binary {base64.b64encode(SEED).decode()}"),
    ],
)
def test_a_file(tmp_path: Path, encoding: str, text: str) -> None:
    """A file gets the decoded seed added, secret and for root alone."""
    text = f"random_seed: {{file: /var/lib/seed, encoding: {encoding}, data: {text}}}"
    change = ask(random_seed, tmp_path, text).one("/var/lib/seed")
    assert (change.content, change.append, change.secret, change.mode) == (SEED, True, True, 0o600)


def test_command(tmp_path: Path) -> None:
    """The command runs once there is a network, and finds the file in its environment."""
    text = "random_seed: {command: [pollinate, '--server=http://p'], command_required: true, file: /var/lib/seed}"
    change = ask(random_seed, tmp_path, text).one("command pollinate")
    assert (change.stage, change.command) == (NETWORK, ("pollinate", "--server=http://p"))
    assert change.environment == {"RANDOM_SEED_FILE": "/var/lib/seed"}


def test_a_command_that_is_not_there() -> None:
    """A command that is not installed is no error unless it is required."""
    text = "random_seed: {command: [no-such-program-anywhere], command_required: %s}"
    assert ask(random_seed, "/", text % "false").changes == []
    assert len(ask(random_seed, "/", text % "true").changes) == 1


def test_bad_seeds(tmp_path: Path) -> None:
    """What is not in its encoding, and files that lead elsewhere, are left out by name."""
    answer = ask(random_seed, tmp_path, "random_seed: {encoding: base64, data: '%%%'}")
    assert (answer.changes, len(answer.problems)) == ([], 1)
    assert len(ask(random_seed, tmp_path, "random_seed: {file: ../x, encoding: rot13}").said) == 2
