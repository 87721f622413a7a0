"""Plugins that are programs: what they may print, how they may end, what they are handed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from plugin import EXECUTABLE, plant, plant_seed, verdicts
from scratch import Result

from ovfinit.deadline import Deadline
from ovfinit.errors import PluginError
from ovfinit.host import Host
from ovfinit.sandbox import ExecutablePlugin

Program = Callable[..., Result]
READS: dict[str, tuple[str, str]] = {
    "not-json": ("echo hello", "no JSON document (line 1, column 1)"),
    "cut-off": ("echo '{\"hostname\":'", "no JSON document"),
    "two-documents": ("echo '{} {}'", "no JSON document (line 1, column 4)"),
    "not-utf-8": ('printf \'{"hostname": "\\377"}\'', "no JSON document"),
    "nothing": (":", "no JSON document"),
    "not-an-object": ("echo '[1]'", "must be a JSON object"),
    "wrong-type": ("echo '{\"hostname\": 5}'", "hostname must be a text (str), not int"),
    "wrong-keys-type": ('echo \'{"public_keys": {"a": 1}}\'', "public_keys must be a list of texts, not dict"),
    "unknown-key": ('echo \'{"hostnam": "a"}\'', "unknown key 'hostnam'"),
    "bad-base64": ('echo \'{"user_data": {"base64": "####"}}\'', "user_data.base64 is not base64"),
    "later-version": ("echo '{\"version\": 2}'", "version 2 of the model is not known"),
    "bad-nic": ('echo \'{"nics": [{"colour": 1}]}\'', "nics"),
    "nic-not-an-object": ("echo '{\"nics\": [1]}'", "nics"),
    "deep": ("printf '%100000s' | tr ' ' '['", "no JSON document"),
}


def test_executable_plugin_is_chosen(tree: Path, ovfinit: Program) -> None:
    """An executable in the tree's folder is asked, chosen, applied and explained."""
    plant(tree, "rack-db", EXECUTABLE)
    (tree / "etc/rack").write_text("")
    known = verdicts(ovfinit("explain", "--root", tree, "--json"))
    assert known["rack-db"]["verdict"] == "chosen"
    assert known["rack-db"]["origin"] == "/etc/ovfinit/datasources/rack-db"
    ovfinit("apply", "--root", tree)
    assert (tree / "etc/hostname").read_text() == "rack9\n"
    script = tree / "var/lib/ovfinit/instances/x-1/scripts/user-data"
    assert script.read_bytes() == b"#!/bin/sh\n"
    (tree / "etc/rack").unlink()
    assert verdicts(ovfinit("explain", "--root", tree, "--from", "rack-db", "--json"))["rack-db"]["verdict"] == "chosen"


def test_executables_with_bad_documents(tree: Path, ovfinit: Program) -> None:
    """A document that is none, or has wrong keys or types, is the plugin's fault, and the chain goes on."""
    plant_seed(tree)
    for kind, (printing, _) in READS.items():
        plant(tree, kind, f"#!/bin/sh\n[ $1 = detect ] || {{ {printing}; }}\n")
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    known = verdicts(result)
    for kind, (_, words) in READS.items():
        assert known[kind]["verdict"] == "broken", known[kind]
        assert words in known[kind]["reason"]
        assert known[kind]["where"] == f"{tree}/etc/ovfinit/datasources/{kind}"


ENDS = {
    "exit-7": ("[ $1 = detect ] || exit 7", "unreachable", "read ended with 7"),
    "says-why": ("[ $1 = detect ] || { echo the line is busy >&2; exit 7; }", "unreachable", "the line is busy"),
    "signal": ("[ $1 = detect ] || kill -SEGV $$", "unreachable", "read ended with -11"),
    "nothing": ("[ $1 = detect ] || exit 1", "absent", "read says there is nothing"),
    "detect-7": ("exit 7", "broken", "detect ended with 7, not 0 or 1"),
    "detect-signal": ("kill -KILL $$", "broken", "detect ended with -9, not 0 or 1"),
    "detect-no": ("exit 1", "not-here", "detect says no"),
}


def test_executables_that_end_badly(tree: Path, ovfinit: Program) -> None:
    """Exit codes and signals: 1 without a document is absent, anything else is unknown, and the chain goes on."""
    plant_seed(tree)
    for kind, (program, _, _) in ENDS.items():
        plant(tree, kind, f"#!/bin/sh\n{program}\n")
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    known = verdicts(result)
    for kind, (_, word, words) in ENDS.items():
        assert known[kind]["verdict"] == word
        assert words in known[kind]["reason"]


@pytest.mark.parametrize(
    ("program", "patience", "words"),
    [
        ("sleep 600", 0.3, "was not done in time and was killed"),
        ("trap '' TERM INT; sleep 600 & wait", 0.3, "was not done in time and was killed"),
        ("yes", 30.0, "says more than"),
        ("while :; do echo x; done", 0.3, ""),
    ],
)
def test_executable_that_hangs_or_floods(tmp_path: Path, program: str, patience: float, words: str) -> None:
    """A program that hangs is killed at the deadline with all it started, one that floods us at the limit."""
    path = tmp_path / "rack-db"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    with pytest.raises(PluginError) as caught:
        ExecutablePlugin(str(path), {}).read(Host(str(tmp_path)), Deadline(patience))
    assert words in caught.value.message
    assert caught.value.where == str(path)


def test_executable_without_an_interpreter(tree: Path, ovfinit: Program) -> None:
    """A program whose interpreter is missing is named, and the chain goes on."""
    plant(tree, "rack-db", "#!/nowhere/python9\n")
    plant(tree, "rack-binary", b"\x7fELF nonsense")
    plant_seed(tree)
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    assert {verdicts(result)[name]["verdict"] for name in ("rack-db", "rack-binary")} == {"broken"}
