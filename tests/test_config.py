"""The admin's configuration: what wins, what is refused and where, and that no mistake in it strands a machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import Result, snapshot

from ovfinit.config import Config, load
from ovfinit.errors import ConfigError
from ovfinit.host import Host

Program = Callable[..., Result]
Seed = Callable[..., str]


def settle(root: Path, text: str | bytes, name: str = "ovfinit.yaml") -> Path:
    """Put a settings file into a tree."""
    path = root / "etc/ovfinit" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(root: Path) -> Config:
    """The configuration of a tree."""
    return load(Host(str(root)))


def test_nothing_is_the_default(tmp_path: Path) -> None:
    """No file, an empty one and one with comments only all mean the defaults."""
    assert loaded(tmp_path) == Config()
    for text in ("", "# nothing\n", "\n  # a\n\n#b", "---\n", "null\n"):
        settle(tmp_path, text)
        assert loaded(tmp_path) == Config()


def test_shipped_file_shows_the_defaults(tmp_path: Path) -> None:
    """Every value that the shipped ovfinit.yaml shows is the default, and uncommenting all of them is accepted."""
    text = (Path(__file__).parents[1] / "etc/ovfinit/ovfinit.yaml").read_text()
    settle(tmp_path, text)
    assert loaded(tmp_path) == Config()
    lines = [line[1:] for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    settle(tmp_path, "\n".join(lines))
    known = loaded(tmp_path)
    # an order that is set is not the same as none, though it is the same order
    assert list(known.datasources or ()) == ["ovf", "openstack", "ec2", "seed"]
    assert known.with_(datasources=None, sources={}, places={}) == Config()


def test_later_files_win(tmp_path: Path) -> None:
    """Drop-ins override the file by name, the kernel command line overrides both; mappings are merged."""
    settle(tmp_path, "default_user: {name: one, shell: /bin/sh}\nec2: {timeout: 5, a: {b: 1}}\n")
    settle(tmp_path, "default_user: {name: two}\nec2: {a: {c: 2}}\n", "ovfinit.yaml.d/20-b.yaml")
    settle(tmp_path, "default_user: {name: three}\ndisable: [users]\n", "ovfinit.yaml.d/10-a.yaml")
    settle(tmp_path, "default_user: {name: never}\n", "ovfinit.yaml.d/30-c.yaml.dpkg-new")
    settle(tmp_path, "default_user: {name: never}\n", "ovfinit.yaml.d/.30-c.yaml")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text('quiet ovfinit.from="seed:/a b" ro\n')
    known = loaded(tmp_path)
    assert (known.default_user.name, known.default_user.shell) == ("two", "/bin/sh")
    assert known.sources == {"ec2": {"timeout": 5, "a": {"b": 1, "c": 2}}}
    assert known.disable == ("users",)
    assert known.chosen == "seed:/a b"


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("a: [", "", "1:5"),
        ("hostname: {hosts: maybe}", "hostname.hosts must be true or false", "1:19"),
        ("hostname: 1", "hostname must be a mapping", "1:11"),
        ("\nhostname: {host: true}", "unknown setting hostname.host", "2:"),
        ("network: {renderer: magic}", "network.renderer must be one of", "1:21"),
        ("ssh: {host_keys: [dsa]}", "ssh.host_keys must be a list out of ed25519, ecdsa, rsa", "1:"),
        ("ssh: {host_keys: ed25519}", "must be a list of texts", "1:"),
        ("ssh: {password_authentication: 3}", "must be true or false", "1:"),
        ("default_user: {name: Root User}", "must be a user name", "1:22"),
        ("default_user: {name: 17}", "must be a text", "1:22"),
        ("default_user: {name: '-rf'}", "must be a user name", "1:"),
        ("default_user: {shell: bash}", "must be an absolute path", "1:"),
        ("default_user: {gecos: 'a:b'}", "one line without colons", "1:"),
        ('default_user: {sudo: "ALL\\nroot ALL"}', "one line", "1:"),
        ("default_user: {groups: sudo}", "must be a list of texts", "1:"),
        ("scripts: {timeout: 0}", "must be a number of seconds", "1:"),
        ("scripts: {timeout: yes}", "must be a number of seconds", "1:"),
        ("scripts: {timeout: .inf}", "must be a number of seconds", "1:"),
        ("scripts: {timeout: .nan}", "must be a number of seconds", "1:"),
        ("scripts: {timeout: 1.0e+300}", "must be a number of seconds", "1:"),
        ("disable: [hostnames]", "must be a list out of", "1:"),
        ("datasources: ovf", "must be a list of texts", "1:"),
        ("datasource: ovf", "unknown setting 'datasource'", "1:"),
        ("- a", "must be a mapping", "1:1"),
        ("just text", "must be a mapping", "1:1"),
        ("ssh: {}\nssh: {}", "", "2:"),
        ("ssh: !!python/object/apply:os.system [true]", "", "1:"),
        ("ssh: &a {x: *a}", "", "1:"),
        ("\tssh: {}", "", "1:"),
        ("ssh: \0", "", ""),
    ],
)
def test_wrong_settings(tmp_path: Path, text: str, words: str, place: str) -> None:
    """What is wrong is said with file, line and column, and with the setting's name."""
    settle(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path)
    assert words in caught.value.message
    assert str(caught.value.where).startswith(f"/etc/ovfinit/ovfinit.yaml:{place}" if place else "/etc/ovfinit/")
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "ssh: {}\n".encode("utf-16"), b"ssh: \xe9\n"])
def test_wrong_encoding(tmp_path: Path, content: bytes) -> None:
    """Settings that are not UTF-8 are refused as that."""
    settle(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path)
    assert str(caught.value.where).startswith("/etc/ovfinit/ovfinit.yaml")


def test_faulty_file_is_left_out_at_boot(tmp_path: Path) -> None:
    """At boot a faulty file is reported and the rest counts: no typing mistake strands a machine."""
    settle(tmp_path, "default_user: {name: admin}\n")
    settle(tmp_path, "network: {renderer: magic}\n", "ovfinit.yaml.d/10-bad.yaml")
    settle(tmp_path, "disable: [network]\n", "ovfinit.yaml.d/20-good.yaml")
    known = load(Host(str(tmp_path)), lenient=True)
    assert (known.default_user.name, known.disable) == ("admin", ("network",))
    assert [error.where for error in known.errors] == ["/etc/ovfinit/ovfinit.yaml.d/10-bad.yaml:1:21"]


def test_huge_and_odd_files(tmp_path: Path) -> None:
    """A huge file, a folder, a pipe and a loop of links in the place of the settings are errors, not waits."""
    path = settle(tmp_path, "")
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    for make in (lambda: None, path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("ovfinit.yaml")):
        if path.is_file():
            make()
        else:
            make()
        with pytest.raises(ConfigError) as caught:
            loaded(tmp_path)
        assert "/etc/ovfinit/ovfinit.yaml" in str(caught.value)
        path.rmdir() if path.is_dir() else path.unlink()


def test_named_file(tmp_path: Path, tree: Path, ovfinit: Program, seed: Seed) -> None:
    """`--config FILE` is the caller's path and takes the place of all files of the tree."""
    settle(tree, "default_user: {name: never}\n")
    own = tmp_path / "own.yaml"
    own.write_text("default_user: {name: admin}\ndisable: [network, ssh_keys]\n")
    plan = ovfinit("plan", "--root", tree, "--from", seed(), "--config", own, "--json").json
    assert {change["target"] for change in plan["changes"] if change["kind"] == "user"} == {"admin"}
    assert {change["handler"] for change in plan["changes"]} == {"hostname", "users", "scripts"}


@pytest.mark.parametrize("kind", ["missing", "folder", "huge", "bad"])
def test_named_file_that_is_no_good(tmp_path: Path, tree: Path, ovfinit: Program, seed: Seed, kind: str) -> None:
    """A named file that is missing, a folder, too large or wrong is an error that names it; nothing is done."""
    own = tmp_path / "own.yaml"
    if kind == "folder":
        own.mkdir()
    elif kind == "huge":
        own.write_bytes(b"# comment\n" * 200_000 + b"nonsense: [\n")
    elif kind == "bad":
        own.write_text("disable: [everything]\n")
    before = snapshot(tree)
    result = ovfinit("apply", "--root", tree, "--from", seed(), "--config", own, code=1)
    assert f"ovfinit: {own}" in result.err
    assert len(result.err.splitlines()) <= 3
    assert snapshot(tree) == before


def test_disabled_duty_keeps_its_files(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A duty that is disabled later leaves what it had written alone."""
    source = seed()
    ovfinit("apply", "--root", tree, "--from", source)
    settle(tree, "disable: [network, users]\n")
    ovfinit("apply", "--root", tree, "--from", seed("b", network=False, public_keys=None))
    assert (tree / "etc/systemd/network/10-ovfinit-eth0.network").exists()
    assert (tree / "etc/sudoers.d/90-ovfinit").exists()
