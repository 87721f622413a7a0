"""The command line: help, usage, one JSON document, exit codes, and outputs that cannot be written."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import Result, environment, run, snapshot

from ovfinit.cli import COMMANDS, main

Program = Callable[..., Result]
Seed = Callable[..., str]


def test_help(ovfinit: Program) -> None:
    """`--help` lists every command in a line."""
    for words in (("--help",), ("-h",), ("--json", "--help")):
        result = ovfinit(*words)
        assert all(f"\n  {name} " in result.out for name in COMMANDS)
        assert result.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(ovfinit: Program, command: str) -> None:
    """Every command has a help of its own that fits a terminal and names the shared options; words may follow it."""
    result = ovfinit(command, "--help")
    assert result.out.startswith(f"usage: ovfinit {command}")
    assert all(len(line) <= 100 for line in result.out.splitlines())
    assert "--root DIR" in result.out


def test_help_before_the_command(ovfinit: Program) -> None:
    """`--help` may stand before the command that it is about."""
    assert ovfinit("--help", "plan").out == ovfinit("plan", "--help").out


def test_version(ovfinit: Program) -> None:
    """`--version` tells the version."""
    assert ovfinit("--version").out.startswith("ovfinit ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--root", "/nowhere"),
        ("paln",),
        ("plan", "--nonsense"),
        ("plan", "extra"),
        ("plan", "--stage", "lcoal"),
        ("plan", "--root"),
        ("plan", "--from", "seed:"),
        ("plan", "--from", ":x"),
        ("plan", "--from", ""),
        ("plan", "--from", "nobody"),
        ("plan", "--roo", "/tmp"),
        ("check",),
        ("datasource",),
        ("datasource", "check"),
        ("datasource", "check", "/nowhere/plugin.py"),
        ("datasource", "list", "extra"),
        ("datasource", "look"),
        ("status", "--timeout", "soon"),
        ("status", "--wait", "--timeout", "nan"),
        ("status", "--wait", "--timeout", "inf"),
        ("status", "--wait", "--timeout", "-1"),
        ("show", "a", "b"),
    ],
)
def test_wrong_usage(tree: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """Wrong usage is exit code 2 with a line that says what, and a JSON document where one was asked for."""
    rooted = words if "--root" in words or not words else (*words, "--root", str(tree))
    assert main(rooted) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("ovfinit: ")
    assert len(told.err.splitlines()) <= 3
    assert main((*rooted, "--json")) == 2
    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["code"] == "usage"
    assert error["message"]
    assert told.err == ""


def test_exit_codes(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """0 worked, 1 did not, 3 with warnings and --strict, 4 nothing here, 5 timed out."""
    ovfinit("status", "--root", tree, code=1)
    ovfinit("status", "--root", tree, "--wait", "--timeout", "0.05", code=5)
    assert ovfinit("plan", "--root", tree, "--json", code=4).json["error"]["code"] == "source-absent"
    ovfinit("plan", "--root", tree, "--from", "seed:/nowhere", code=4)
    ovfinit("explain", "--root", tree, code=4)
    ovfinit("show", "--root", tree, code=4)
    ovfinit("plan", "--root", tree, "--from", seed("bad", local_hostname=["a"]), code=1)
    ovfinit("plan", "--root", tree, "--from", seed("worse", public_keys=["no key"]), code=1)
    ovfinit("apply", "--root", tree, "--from", seed("warn", user_data="what is this"))
    ovfinit("apply", "--root", tree, "--from", seed("warn", user_data="what is this"), "--strict", code=3)
    ovfinit("status", "--root", tree)
    ovfinit("status", "--root", tree, "--wait", "--strict", code=3)
    ovfinit("daemon", "--root", tree, "--from", seed("warn", user_data="what is this"), "--strict", code=3)
    ovfinit("show", "--root", tree, "nonsense", code=1)
    ovfinit("show", "--root", tree, "properties.nonsense", "--json", code=1)
    ovfinit("apply", "--root", tree, "--from", seed("none", local_hostname="a b"), code=1)
    ovfinit("status", "--root", tree, code=1)


def test_every_document_is_one(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """With --json standard output is one document with a version or an error, and standard error is empty."""
    source = seed()
    words: list[tuple[str, ...]] = [
        ("plan", "--from", source),
        ("apply", "--from", source),
        ("show",),
        ("explain",),
        ("status",),
        ("datasource", "list"),
        ("check", source.removeprefix("seed:")),
        ("clean", "--dry-run"),
        ("undo",),
        ("daemon", "--from", source),
        ("analyze",),
        ("clean",),
    ]
    for command in words:
        result = ovfinit(*command, "--root", str(tree), "--json")
        assert result.json["version"] == 1, command
        assert result.err == "", command
    assert ovfinit("show", "--root", tree, "--from", source, "--json", "public_keys").json[0].startswith("ssh-ed25519")


def test_root_that_is_none(tmp_path: Path, ovfinit: Program, seed: Seed) -> None:
    """A root that does not exist or is a file is wrong usage, and not made; so is an empty word."""
    file = tmp_path / "file"
    file.write_text("x")
    source = seed()
    for root in (str(tmp_path / "nowhere"), str(file), ""):
        for command in (("apply", "--from", source), ("undo",), ("status",), ("clean",)):
            result = ovfinit(*command, "--root", root, code=2)
            assert repr(root) in result.err
            assert len(result.err.splitlines()) <= 3
    assert not (tmp_path / "nowhere").exists()


def test_options_before_and_after(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Options may stand before and after the command, joined by = or not; a root named like a command is a root."""
    source = seed()
    expected = ovfinit("plan", "--root", tree, "--from", source, "--stage", "local", "--json").json
    assert ovfinit("--root", tree, "--json", "--stage", "local", "plan", "--from", source).json == expected
    assert ovfinit(f"--root={tree}", "plan", f"--from={source}", "--json", "--stage=local").json == expected
    named = tree.rename(tree.with_name("plan"))
    assert ovfinit("--root", "plan", "plan", "--from", source, "--json", "--stage", "local", cwd=named.parent).json
    relative = ovfinit("plan", "--root", "plan", "--from", "seed:seed", cwd=named.parent)
    assert "from seed" in relative.out


def test_several_sources(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`--from` may be repeated: the first that has something is taken, whoever was asked before is explained."""
    result = ovfinit("explain", "--root", tree, "--from", "seed:/nowhere", "--from", seed(), "--json").json
    assert [verdict["verdict"] for verdict in result["sources"]] == ["absent", "chosen"]
    assert result["values"]["hostname"]["value"] == "web1"


def test_quiet_and_verbose(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`--quiet` prints errors only, `--verbose` a line for each change."""
    source = seed(user_data="what is this")
    assert ovfinit("plan", "--root", tree, "--from", source, "--quiet").out == ""
    result = ovfinit("apply", "--root", tree, "--from", source, "--quiet")
    assert (result.out, result.err) == ("", "")
    ovfinit("undo", "--root", tree, "--quiet")
    assert "hostname: update /etc/hostname" in ovfinit("apply", "--root", tree, "--from", source, "--verbose").err
    assert ovfinit("status", "--root", tree, "--from", source, "--quiet").out == ""
    assert ovfinit("plan", "--root", tree, "--from", "nobody", "--quiet", code=2).err


def test_colour_on_a_terminal_only(tree: Path, seed: Seed) -> None:
    """Colours are for terminals, unless --no-color or NO_COLOR says otherwise."""

    def on_terminal(*more: str, **env: str) -> str:
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "ovfinit", "plan", "--root", str(tree), "--from", seed(), *more]
        known = {name: text for name, text in environment(TERM="xterm").items() if name != "NO_COLOR"}
        child = subprocess.Popen(words, stdout=theirs, stderr=subprocess.DEVNULL, env={**known, **env})
        os.close(theirs)
        told = b""
        try:
            while chunk := os.read(ours, 65536):
                told += chunk
        except OSError:
            pass  # how Linux says that the other side has gone
        os.close(ours)
        assert child.wait() == 0
        return told.decode()

    assert "\033[32m+" in on_terminal()
    assert "\033" not in on_terminal("--no-color")
    assert "\033" not in on_terminal(NO_COLOR="1")
    assert "\033" not in on_terminal(TERM="dumb")


def test_hostile_text_does_not_reach_the_terminal(tree: Path, ovfinit: Program) -> None:
    """Control characters in metadata and in names of files are shown as U+FFFD, and escaped in JSON."""
    program = tree / "etc/ovfinit/datasources/evil"
    body = json.dumps({"instance_id": "i", "properties": {"a": "\x1b]0;title\x07\x9b31m", "b\x1b[2J": "c"}})
    program.write_text(f"#!/bin/sh\ncase $1 in read) cat <<'END'\n{body}\nEND\nesac\n")
    program.chmod(0o755)
    for command in ("show", "explain"):
        result = ovfinit(command, "--root", tree, "--from", "evil")
        assert not {"\x1b", "\x07", "\x9b"} & set(result.out + result.err)
    assert ovfinit("show", "--root", tree, "--from", "evil", "--json").json["properties"]["b\x1b[2J"] == "c"
    applied = ovfinit("apply", "--root", tree, "--from", "evil")
    assert not {"\x1b", "\x07", "\x9b"} & set(applied.out + applied.err)
    assert ovfinit("show", "--root", tree, "--json").json["properties"]["b\x1b[2J"] == "c"
    missing = ovfinit("check", "/nowhere/\x1b[31mred", code=1)
    assert "\x1b" not in missing.out + missing.err


def test_any_locale(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Locales that cannot print a text do not keep the program from working, and JSON is UTF-8 in each."""
    source = seed(instance_id="größe→1")
    for env in ({"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}):
        ovfinit("plan", "--root", tree, "--from", source, env=env)
        assert ovfinit("plan", "--root", tree, "--from", source, "--json", env=env).json["instance_id"] == "größe→1"


def test_words_that_are_no_text(tree: Path, ovfinit: Program) -> None:
    """Words that are not UTF-8 are errors like any other."""
    for words in ((b"plan", b"--from", b"seed:/\xff"), (b"p\xff",), (b"check", b"/\xff\xfe"), (b"show", b"\xff")):
        for more in ((), (b"--json",)):
            decoded = [os.fsdecode(word) for word in (*words, *more)]
            result = run("--root", tree, *decoded)
            assert result.code in (1, 2, 4), result
            assert "Traceback" not in result.err
            assert "fault of ovfinit" not in result.err + result.out


@pytest.mark.parametrize("words", [("--help",), ("plan",), ("plan", "--json"), ("show", "hostname"), ("status",)])
def test_output_that_cannot_be_written(tree: Path, seed: Seed, words: tuple[str, ...]) -> None:
    """A full disk behind standard output is an error in a line; a reader who has gone is no more than exit code 1."""
    source = () if words[0] == "--help" else ("--root", str(tree), "--from", seed())
    command = [sys.executable, "-m", "ovfinit", *words, *source]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=environment())
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["ovfinit: cannot be read or written: No space left on device"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, env=environment())
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_closed_streams(tree: Path, seed: Seed) -> None:
    """With standard streams closed the work is done all the same, and no file of the tree takes their place."""
    command = f'exec "$0" -m ovfinit apply --root {tree} --from {seed()} <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", command, sys.executable], check=False, env=environment())
    assert done.returncode == 0
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert run("plan", "--root", tree, "--from", seed()).out.endswith("Nothing to do.\n")


def test_status_waits(tree: Path) -> None:
    """`status --wait` waits through `not run` and `running`, and ends when the work is done."""
    folder = tree / "run/ovfinit"
    folder.mkdir()

    def say(word: str, **more: Any) -> None:
        (folder / "new").write_text(json.dumps({"version": 1, "status": word, **more}))
        (folder / "new").rename(folder / "status.json")

    command = [sys.executable, "-m", "ovfinit", "status", "--wait", "--timeout", "30", "--root", str(tree)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as waiting:
        time.sleep(0.2)
        assert waiting.poll() is None
        say("running")
        time.sleep(0.2)
        assert waiting.poll() is None
        say("done")
        assert waiting.stdout is not None
        assert waiting.stdout.read() == b"status: done\n"
    assert waiting.returncode == 0


def test_standing_aside(tree: Path, ovfinit: Program) -> None:
    """A machine on which we are switched off is usable, and `status` says why."""
    (tree / "proc").mkdir()
    (tree / "proc/cmdline").write_text("quiet ovfinit=off\n")
    assert "ovfinit=off on the kernel command line" in ovfinit("status", "--root", tree).out
    (tree / "proc/cmdline").write_text("quiet\n")
    (tree / "etc/ovfinit/disabled").write_text("")
    result = ovfinit("status", "--root", tree, "--wait", "--json")
    assert result.json["status"] == "disabled"


def test_command_line_names_the_source(tree: Path, ovfinit: Program) -> None:
    """`ovfinit.from=NAME:PATH` on the kernel command line means a path of the tree."""
    (tree / "srv/seed").mkdir(parents=True)
    (tree / "srv/seed/meta-data").write_text("instance-id: from-srv\n")
    (tree / "proc").mkdir()
    (tree / "proc/cmdline").write_text("quiet ovfinit.from=seed:/srv/seed\n")
    assert ovfinit("show", "--root", tree, "instance_id").out == "from-srv\n"


def test_clean(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`clean` makes a tree an image again: dry first, then for real; users stay, what is ours goes."""
    (tree / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    ovfinit("apply", "--root", tree, "--from", seed())
    before = snapshot(tree)
    options = ("--logs", "--machine-id", "--host-keys")
    dry = ovfinit("clean", "--root", tree, *options, "--dry-run", "--json").json
    assert snapshot(tree) == before
    done = ovfinit("clean", "--root", tree, *options, "--json").json
    assert [change["target"] for change in done["changes"]] == [change["target"] for change in dry["changes"]]
    left = snapshot(tree)
    assert not [name for name in left if "ssh_host" in name or name.endswith(".log") or "10-ovfinit" in name]
    assert (tree / "etc/machine-id").read_bytes() == b""
    assert "ovfinit" not in (tree / "etc/hosts").read_text()
    assert "ssh-ed25519" not in (tree / "root/.ssh/authorized_keys").read_text()
    assert "Nothing of ours is here." in ovfinit("clean", "--root", tree).out
    assert ovfinit("plan", "--root", tree, "--from", seed()).out.count("new here") == 1


def test_explain_names_the_network_that_counts(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """What goes before the source's network, or stands in for it, is named as its origin."""
    bare, told = seed("bare", network=False), seed("told")

    def network(source: str) -> Any:
        explained = ovfinit("explain", "network", "--root", tree, "--from", source, "--json").json
        return explained["values"]["network"]

    assert network(bare) == {"value": None, "origin": None}
    (tree / "proc").mkdir(exist_ok=True)
    (tree / "proc/cmdline").write_text("quiet ip=192.0.2.2::192.0.2.1:24::eth0:off\n")
    early = network(bare)
    assert early["origin"] == "/proc/cmdline#ip"
    assert early["value"]["ethernets"]["eth0"]["addresses"] == ["192.0.2.2/24"]
    assert network(told) == {
        "value": {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}},
        "origin": f"{told}/network-config",
    }
    (tree / "etc/ovfinit").mkdir(exist_ok=True)
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("network: {config: disabled}\n")
    assert network(told) == {
        "value": {"config": "disabled"},
        "origin": "network.config in ovfinit.yaml",
        "instead_of": f"{told}/network-config",
    }
    said = ovfinit("explain", "network", "--root", tree, "--from", told).out
    assert said.endswith(f"from network.config in ovfinit.yaml, which goes before {told}/network-config\n")
