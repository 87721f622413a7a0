"""What bash completes is what the program takes."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from scratch import REPO, run

from ovfinit.cli import COMMANDS

VERBS = {
    "datasource": ("list", "check"),
    "ovf": ("show", "check", "env"),
    "image": ("convert", "create", "bake", "capture", "publish", "download", "unbundle"),
}
pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")


def completed(*words: str) -> set[str]:
    """What is offered for the last of these words."""
    script = f"""
    source {REPO}/etc/bash-completion/ovfinit
    COMP_WORDS=(ovfinit "$@") COMP_CWORD=$#
    _ovfinit
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_commands() -> None:
    """Every command and every verb is offered."""
    assert completed("") >= set(COMMANDS)
    for command, verbs in VERBS.items():
        assert completed(command, "") >= set(verbs)


@pytest.mark.parametrize(
    "words",
    [(name,) for name in COMMANDS if name not in VERBS] + [(name, verb) for name in VERBS for verb in VERBS[name]],
)
def test_options(words: tuple[str, ...]) -> None:
    """Behind a command stand exactly the options that its help lists."""
    listed = run(*words, "--help").out.partition("options")[2]
    options = set(re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z0-9-]+)", listed, re.MULTILINE))
    assert completed(*words, "--") == options
