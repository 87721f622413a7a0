"""Plugins of an admin's, in a tree: chosen and explained when they work, named with file and line when they do not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import KEY, Result, differences, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]

GOOD = f'''"""One machine room's own source."""
from ovfinit.datasource import Datasource, Detection, SourceAbsent
from ovfinit.model import Metadata


class Rack(Datasource):
    name = "rack"
    needs_network = False

    def detect(self, host):
        if host.path("/etc/rack").exists():
            return Detection.yes("rack label found")
        return Detection.no("no /etc/rack")

    def read(self, host, deadline):
        label = host.path("/etc/rack").read_text().strip()
        return Metadata(instance_id="r-17", hostname=label, public_keys=["{KEY}"], user_data=b"#!/bin/sh\\n")
'''
# each: what replaces a line of the good plugin, the verdict's words, the line that is to blame (0: the file only)
BROKEN: dict[str, tuple[str, str, str, int]] = {
    "syntax": ('    name = "rack"', "    name = = 1", "SyntaxError", 7),
    "import": ("from ovfinit.model", "from ovfinit.nothing", "No module named 'ovfinit.nothing'", 3),
    "raises": ('        label = host.path("/etc/rack")', '        label = {}["gone"]  #', "raised KeyError", 16),
    "raises-in-detect": ('        if host.path("/etc/rack").exists():', "        if 1 / 0:", "ZeroDivisionError", 11),
    "hangs": (
        '        label = host.path("/etc/rack")',
        '        label = __import__("time").sleep(3600)  #',
        "read() hangs and was stopped",
        16,
    ),
    "wrong-type": ("        return Metadata(", "        return dict(", "must return Metadata, not dict", 15),
    "detect-wrong-type": (
        '            return Detection.yes("rack label found")',
        "            return True",
        "must return a Detection, not bool",
        10,
    ),
    "wrong-field": ("hostname=label", "hostname=17", "hostname must be a text (str), not int", 15),
    "wrong-item": (f'["{KEY}"]', "[1]", "public_keys[0] must be a text (str), not int", 15),
    "unknown-field": ("hostname=label", "hostnam=label", "has no field 'hostnam'", 17),
    "exits": ('        label = host.path("/etc/rack")', '        __import__("os")._exit(3)  #', "ended its process", 0),
    "system-exit": ('        label = host.path("/etc/rack")', '        __import__("sys").exit(0)  #', "SystemExit", 16),
    "killed": (
        '        label = host.path("/etc/rack")',
        '        __import__("os").kill(__import__("os").getpid(), 11)  #',
        "ended its process (status -11)",
        0,
    ),
    "no-class": ("class Rack(Datasource):", "class Rack:", "one subclass of Datasource", 0),
    "no-name": ('    name = "rack"', "    name = None", "name must be", 0),
    "no-read": ("    def read(self", "    def reed(self", "has no read()", 0),
    "null-byte": ('    name = "rack"', "\0", "null bytes", 0),
    "latin-1": ('"""One machine', '"""\xe9', "utf-8", 0),
}


def plant(tree: Path, name: str, text: str | bytes, mode: int = 0o755) -> Path:
    """Put a plugin into the tree's folder."""
    path = tree / "etc/ovfinit/datasources" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def named(tree: Path, **quick: float) -> list[str]:
    """Words that restrict the run to this tree and its local sources."""
    return ["--root", str(tree)]


def verdicts(result: Result) -> dict[str, dict[str, Any]]:
    """The verdicts of `explain --json` by name."""
    return {verdict["name"]: verdict for verdict in result.json["sources"]}


def plant_seed(tree: Path) -> None:
    """A seed in the tree itself, for the chain to go on to."""
    folder = tree / "var/lib/ovfinit/seed"
    folder.mkdir(parents=True)
    (folder / "meta-data").write_text("instance-id: from-seed\n")


def test_python_plugin_is_chosen(tree: Path, ovfinit: Program) -> None:
    """A Python file in the tree's folder is asked first, chosen, applied and explained."""
    plant(tree, "rack.py", GOOD)
    (tree / "etc/rack").write_text("rack7\n")
    plant_seed(tree)
    known = verdicts(ovfinit("explain", "--root", tree, "--json"))
    assert list(known) == ["rack"]
    assert known["rack"]["verdict"] == "chosen"
    assert known["rack"]["origin"] == "/etc/ovfinit/datasources/rack.py"
    ovfinit("apply", "--root", tree)
    assert (tree / "etc/hostname").read_text() == "rack7\n"
    told = ovfinit("explain", "--root", tree, "hostname")
    assert "rack7" in told.out
    assert "from rack" in told.out
    assert "Nothing to do." in ovfinit("plan", "--root", tree).out


def test_plugin_that_is_not_here(tree: Path, ovfinit: Program) -> None:
    """A plugin that says no is passed over with its reason, and the chain goes on."""
    plant(tree, "rack.py", GOOD)
    plant_seed(tree)
    known = verdicts(ovfinit("explain", "--root", tree, "--json"))
    assert known["rack"]["verdict"] == "not-here"
    assert known["rack"]["reason"] == "no /etc/rack"
    assert known["seed"]["verdict"] == "chosen"


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_python_plugin(tree: Path, ovfinit: Program, kind: str) -> None:
    """Whatever is wrong with a plugin is said with file and line, and the chain goes on to the next source."""
    old, new, words, line = BROKEN[kind]
    assert old in GOOD
    encoding = "latin-1" if kind == "latin-1" else "utf-8"
    path = plant(tree, "rack.py", GOOD.replace(old, new).encode(encoding))
    (tree / "etc/rack").write_text("rack7\n")
    plant_seed(tree)
    # as a hang is waited for, it gets a shorter time by being checked; the chain would give it a minute
    if kind == "hangs":
        return
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    verdict = verdicts(result)["rack"]
    assert verdict["verdict"] == "broken", verdict
    assert words in verdict["reason"]
    assert verdict["where"] == (f"{path}:{line}" if line else str(path)) or (
        not line and verdict["where"].startswith(f"{path}:")
    )
    checked = ovfinit("datasource", "check", path, "--root", tree, code=1)
    assert "FAIL" in checked.out
    assert words in checked.out
