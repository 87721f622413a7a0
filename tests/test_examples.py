"""The example plugins under docs/examples: they keep the contract, and do what docs/datasource.md says of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[1]
EXAMPLES = CHECKOUT / "docs/examples"
SERIAL = "CZ1234ABCD"
KEYS = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+8yvSkv9j+Gvjj3dWlUKwcEhhkdaTafvKKv55au4rB me@example.com"]


def ovfinit(*words: str, expect: int = 0) -> str:
    """What the program prints on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "ovfinit", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def document(*words: str, expect: int = 0) -> dict[str, Any]:
    """The JSON document that the program prints."""
    answer: dict[str, Any] = json.loads(ovfinit(*words, "--json", expect=expect))
    return answer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree that poses as a machine of the room, with both examples dropped in."""
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "product_serial").write_text(f"{SERIAL}\n")
    folder = tmp_path / "etc/ovfinit/datasources"
    folder.mkdir(parents=True)
    for name in ("rack.py", "rack-db"):
        shutil.copy(EXAMPLES / name, folder)
        os.chmod(folder / name, 0o755)
    for place in (folder, folder.parent):
        os.chmod(place, 0o755)
    return tmp_path


def fill(root: Path) -> None:
    """What the machine room knows of this machine, in the form of each example."""
    (root / "etc/rack").mkdir()
    (root / "etc/rack/machines").write_text(
        f"# serial, name, address\nOTHER x 192.0.2.1/24\n{SERIAL} web1 192.0.2.10/24\n"
    )
    machine = root / "etc/rack-db" / SERIAL
    machine.mkdir(parents=True)
    (machine / "name").write_text("db1\n")
    (machine / "keys").write_text("\n".join(KEYS) + "\n")
    (machine / "boot").write_text('#!/bin/sh\necho "a\tb" \\ c\n')


@pytest.mark.parametrize("name", ["rack.py", "rack-db"])
def test_examples_keep_the_contract(root: Path, name: str) -> None:
    """`datasource check` finds nothing wrong with the examples, on a machine that they know."""
    fill(root)

    told = document("datasource", "check", str(root / "etc/ovfinit/datasources" / name), "--root", str(root))

    assert told["ok"] is True
    assert [finding["check"] for finding in told["checks"]] == ["load", "detect", "read"]
    assert "hostname" in told["checks"][2]["message"]


@pytest.mark.parametrize("name", ["rack.py", "rack-db"])
def test_examples_keep_the_contract_elsewhere(root: Path, name: str) -> None:
    """On a machine that the examples do not know they say no, which breaks no contract."""
    told = document("datasource", "check", str(root / "etc/ovfinit/datasources" / name), "--root", str(root))

    assert told["ok"] is True
    assert told["checks"][1]["message"].startswith("no: ")


def test_the_file_example_is_chosen_and_explained(root: Path) -> None:
    """The Python example is asked before the shipped sources, and each value names the line it came from."""
    fill(root)
    shutil.rmtree(root / "etc/rack-db")

    told = document("explain", "--root", str(root), "hostname")

    verdicts = [(source["name"], source["verdict"]) for source in told["sources"]]
    assert verdicts == [("rack-db", "not-here"), ("rack", "chosen")]
    assert told["values"]["hostname"] == {"value": "web1", "origin": "rack:/etc/rack/machines:3"}


def test_the_program_example_gives_keys_and_user_data(root: Path) -> None:
    """Quotes, tabs and backslashes survive the way from files through the executable's JSON."""
    fill(root)

    shown = document("show", "--root", str(root), "--from", "rack-db")

    assert (shown["hostname"], shown["public_keys"]) == ("db1", KEYS)
    assert shown["user_data"]["type"] == "text/x-shellscript"
    assert shown["user_data"]["size"] == (root / "etc/rack-db" / SERIAL / "boot").stat().st_size


def test_the_program_example_takes_a_location(root: Path, tmp_path: Path) -> None:
    """A folder named after the colon is the caller's own, whatever the tree."""
    other = tmp_path / "other" / SERIAL
    other.mkdir(parents=True)
    (other / "name").write_text("elsewhere\n")

    shown = document("show", "--root", str(root), "--from", f"rack-db:{tmp_path}/other")

    assert (shown["hostname"], shown["location"]) == ("elsewhere", f"{tmp_path}/other")


def test_a_setting_of_the_example_is_honoured(root: Path) -> None:
    """What stands under the source's name in ovfinit.yaml reaches the plugin."""
    fill(root)
    (root / "etc/ovfinit/ovfinit.yaml").write_text("rack: {domain: rack.example.com}\n")

    shown = document("show", "--root", str(root), "--from", "rack")

    assert shown["fqdn"] == "web1.rack.example.com"


def test_a_bad_line_is_named(root: Path) -> None:
    """A line that the Python example cannot use is named by file and line, and the chain ends with exit code 1."""
    (root / "etc/rack").mkdir()
    (root / "etc/rack/machines").write_text(f"{SERIAL} web1\n")

    told = document("show", "--root", str(root), "--from", "rack", expect=1)

    assert told["error"]["code"] == "source-invalid"
    assert told["error"]["where"] == "/etc/rack/machines:1"
