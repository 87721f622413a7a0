"""Fixtures that all tests share, and what a plain run leaves out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scratch import Result, make_ovf, make_seed, make_tree, run

MEMORY = "/dev/shm"
ENOUGH = 1 << 30
# files whose tests take seconds of work or of waiting
COSTLY = (
    *("image/", "network/test_scenes", "network/test_random", "network/test_ec2_adapters", "handlers/test_system"),
    *("handlers/test_people", "changes/test_programs", "test_kill", "test_takeback", "test_imports"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Two things that cost the tests half their time on some machines.

    Scratch trees lie in memory, where there is room for them: the program flushes all that it writes to the disk. And
    Python keeps what it compiles, also where containers tell it not to: the program is started thousands of times.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if config.option.basetemp is None and os.path.isdir(MEMORY):
        status = os.statvfs(MEMORY)
        usable = os.access(MEMORY, os.W_OK) and not status.f_flag & os.ST_NOEXEC
        if usable and status.f_bavail * status.f_frsize > ENOUGH:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run when a marker expression names them: `pytest -m slow`; several workers begin with what costs."""
    if "slow" not in config.option.markexpr:
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))
    if (given := getattr(config, "workerinput", None)) is not None:
        items[:] = dealt(items, int(given["workercount"]))


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in the order in which each worker, which gets its share in one piece, has costly files first.

    They are not what the others take from it when they are done with their own, so that no long test is begun last, and
    what the tests of a file share is made in one worker only.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    here = Path(__file__).parent
    costly = [path for path in files if str(path.relative_to(here)).startswith(COSTLY)]
    rest = [item for path in files if path not in costly for item in files[path]]
    order: list[pytest.Item] = []
    for worker in range(workers):
        share = [item for path in costly[worker::workers] for item in files[path]]
        room = max(0, (len(items) - len(order)) // (workers - worker) - len(share))
        order += share + rest[:room]
        del rest[:room]
    return order + rest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A scratch tree that looks enough like a fresh Debian."""
    return make_tree(tmp_path / "tree")


@pytest.fixture
def seed(tmp_path: Path) -> Callable[..., str]:
    """Makes a seed folder and gives the word for `--from`; see `scratch.make_seed`."""

    def make(name: str = "seed", **given: Any) -> str:
        return make_seed(tmp_path / name, **given)

    return make


@pytest.fixture
def ovf(tmp_path: Path) -> Callable[..., str]:
    """Makes an OVF environment and gives the word for `--from`; see `scratch.make_ovf`."""

    def make(name: str = "ovf-env.xml", **given: str) -> str:
        return make_ovf(tmp_path / name, **given)

    return make


@pytest.fixture
def ovfinit() -> Callable[..., Result]:
    """Runs the real program and insists on its exit code; see `scratch.run`."""

    def call(*words: str | Path, code: int | None = 0, **more: Any) -> Result:
        result = run(*words, **more)
        assert code is None or result.code == code, result
        assert "Traceback" not in result.err, result
        assert "fault of ovfinit" not in result.out + result.err, result
        return result

    return call


@pytest.fixture
def as_root() -> None:
    """Skips a test that only root can run."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
