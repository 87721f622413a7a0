"""A run that is forked from a process with everything loaded is what a run that is started by itself is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import Result, make_seed, run


def both(*words: str | Path, **more: object) -> tuple[Result, Result]:
    """The same run, forked and started."""
    return run(*words, **more), run(*words, before=("env",), **more)


@pytest.mark.parametrize(
    "words",
    [
        *(("--version",), ("--help",), ("image", "convert", "--help"), ("nonsense",), ("check",)),
        *(("show", "--json"), ("plan",), ("datasource", "list"), ("show", "hostname", "--quiet"), ("status",)),
        *(("check", "seed/meta-data"), ("check", "none"), ("ovf", "show", "none.ova", "--json")),
    ],
)
def test_it_says_the_same(words: tuple[str, ...], tree: Path, tmp_path: Path) -> None:
    """Exit code, output and errors do not differ, for what succeeds and for what fails."""
    make_seed(tmp_path / "seed", user_data=None)
    if words[0] in ("show", "plan"):
        words = (*words, "--root", str(tree), "--from", "seed:seed")
    elif words[0] in ("status", "datasource"):
        words = (*words, "--root", str(tree))
    forked, started = both(*words, cwd=tmp_path)
    assert (forked.code, forked.out, forked.err) == (started.code, started.out, started.err)


def test_folder_mask_and_environment_are_its_own(tmp_path: Path) -> None:
    """The working directory, the mask of modes and the environment are those that were asked for."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    words = ("ovf", "env", "--property", "hostname=web1", "-o", "env.iso")
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    assert run(*words, cwd=tmp_path / "one", umask=0o077, env=env).code == 0
    assert run(*words, cwd=tmp_path / "other", umask=0o077, env=env, before=("env",)).code == 0
    forked, started = tmp_path / "one/env.iso", tmp_path / "other/env.iso"
    assert forked.read_bytes() == started.read_bytes()
    assert forked.stat().st_mode == started.stat().st_mode


def test_nothing_of_it_stays(tree: Path, seed: Callable[..., str]) -> None:
    """What one run changed in its own process is not there in the next."""
    source = seed(user_data=None)
    first = run("show", "--json", "--root", tree, "--from", source, env={"HOME": "/nowhere", "NO_COLOR": ""}).json
    run("apply", "--root", tree, "--from", source, umask=0o077)
    assert run("show", "--json", "--root", tree, "--from", source).json == first


def test_it_ends_when_its_time_is_up(tree: Path) -> None:
    """A run that takes too long is an exception, and the next one is served."""
    with pytest.raises(subprocess.TimeoutExpired):
        run("status", "--wait", "--timeout", "60", "--root", tree, timeout=0.3)
    assert run("--version").code == 0
