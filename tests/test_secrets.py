"""A secret of the metadata reaches no output, no log, no error and no file that others than root may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from metadata_server import MetadataServer
from scratch import Result, give_away, run, run_as_nobody

Program = Callable[..., Result]
Seed = Callable[..., str]
SECRET = "correct-horse-battery"
HASH = "$6$saltsalt$vuKDCPYgbGhpzHTEDFdvIvFOEVJgbIJnsvuYQVCmXdDOeQgrCJLOGcCKcE2Zt1aj6KMuAuAjpSAZI7Ts2VuPW0"


def leaks(tree: Path, secret: str) -> list[str]:
    """Files below a tree that hold the secret and that others than their owner may read."""
    found = []
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
            hidden = all(folder.stat().st_mode & 0o077 == 0 for folder in [path.parent] if folder != tree)
            if path.stat().st_mode & 0o077 and not hidden:
                found.append(str(path.relative_to(tree)))
    return found


@pytest.mark.parametrize("secret", [SECRET, HASH])
def test_password(tree: Path, ovfinit: Program, ovf: Seed, secret: str) -> None:
    """The default user's password is set, and seen nowhere."""
    source = ovf(password=secret, other_password=f"{secret}-too", admin_token=f"{secret}-three")
    words = ("--root", tree, "--from", source)
    asking = (("plan",), ("show",), ("explain",), ("explain", "password")) if secret is SECRET else ()
    results = [ovfinit(*command, *words, more) for command in asking for more in ("--verbose", "--json")]
    results.append(ovfinit("apply", *words, "--verbose"))
    results += [ovfinit(name, "--root", tree, "--json") for name in ("show", "explain", "status")]
    results.append(ovfinit("check", source.removeprefix("ovf:")))
    assert not [result for result in results if secret in result.out + result.err]
    assert ovfinit("show", *words, "password").out == "<redacted>\n"
    assert leaks(tree, secret) == [] if secret is SECRET else set(leaks(tree, secret)) <= {"etc/shadow"}
    for name in ("var/log/ovfinit.log", "run/ovfinit/status.json", "run/ovfinit/metadata.json"):
        assert secret not in (tree / name).read_text()
    for path in (tree / "var/lib/ovfinit").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir() or secret not in path.read_text()
    if os.geteuid() == 0:
        shadow = next(row for row in (tree / "etc/shadow").read_text().splitlines() if row.startswith("debian:"))
        assert shadow.split(":")[1] == HASH if secret is HASH else shadow.split(":")[1].startswith("$6$")
        # a password in clear was seen by others: it is to be changed at the first login
        assert (shadow.split(":")[2] == "0") == (secret is SECRET)
    assert ovfinit("apply", *words, "--json").json["handlers"]["users"]["result"] == "nothing"
    assert SECRET not in ovfinit("undo", "--root", tree).out


def test_password_is_seen_with_secrets(tree: Path, ovfinit: Program, ovf: Seed) -> None:
    """Only root may ask for secrets, and has to ask."""
    source = ovf(password=SECRET)
    result = ovfinit(
        "show", "--root", tree, "--from", source, "--secrets", "password", code=0 if os.geteuid() == 0 else 2
    )
    assert result.out == (f"{SECRET}\n" if os.geteuid() == 0 else "")


@pytest.mark.usefixtures("as_root")
def test_secrets_are_for_root(tree: Path, ovf: Seed) -> None:
    """Somebody else who asks for secrets is refused, and cannot read what root stored."""
    source = ovf(password=SECRET)
    assert run("apply", "--root", tree, "--from", source).code == 0
    assert run_as_nobody("show", "--root", tree, "--secrets").code == 2
    assert SECRET not in run_as_nobody("show", "--root", tree).out


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("password", ["a\nroot:x", "tab\there", ":starts", "nul\\0", "RANDOM"])
def test_password_that_cannot_be(tree: Path, ovfinit: Program, ovf: Seed, password: str) -> None:
    """A password that would be two lines for chpasswd, or that everybody knows, is not set, and not shown."""
    before = (tree / "etc/shadow").read_text()
    result = ovfinit("apply", "--root", tree, "--from", ovf(password=password))
    shadow = (tree / "etc/shadow").read_text()
    assert shadow.startswith(before)
    if password != "nul\\0":
        assert next(row for row in shadow.splitlines() if row.startswith("debian:")).split(":")[1] in ("!", "*")
        assert "password" in result.err
    assert password == "RANDOM" or password not in result.err


def test_errors_of_sources_hide_urls(tree: Path) -> None:
    """A password in a URL reaches neither the error nor the status."""
    with MetadataServer({}) as server:
        url = server.url.replace("http://", "http://admin:hunter2-secret@")
        for command in ("plan", "apply", "explain"):
            result = run(command, "--root", tree, "--from", f"seed:{url}/seed/")
            assert result.code == 1
            assert "127.0.0.1" in result.out + result.err
            assert "hunter2" not in result.out + result.err


def test_plugin_errors_hide_secrets(tree: Path, ovfinit: Program) -> None:
    """What a plugin marked as a secret is redacted in whatever it raises."""
    plugin = tree / "etc/ovfinit/datasources/rack.py"
    plugin.write_text(
        "from ovfinit.datasource import Datasource, Detection\nfrom ovfinit.model import Metadata, Secret\n"
        "class Rack(Datasource):\n    name = 'rack'\n"
        "    def detect(self, host): return Detection.yes('here')\n"
        "    def read(self, host, deadline):\n"
        f"        known = Secret({SECRET!r})\n"
        "        raise ValueError(f'bad: {known} {known!r} {known:>40} {Metadata(password=known)}')\n"
    )
    plugin.chmod(0o644)
    result = ovfinit("explain", "--root", tree, "--json", code=1)
    assert "bad: <redacted> <redacted> <redacted> Metadata(" in result.json["sources"][0]["reason"]
    assert SECRET not in result.out + result.err


@pytest.mark.usefixtures("as_root")
def test_nobody_sees_the_password_on_a_command_line(tree: Path, ovf: Seed, tmp_path: Path) -> None:
    """No program that we start gets the password among its words or in its environment."""
    spy = tmp_path / "bin"
    spy.mkdir()
    for tool in ("useradd", "usermod", "chpasswd", "chage", "ssh-keygen", "visudo"):
        real = next(
            f"{folder}/{tool}" for folder in ("/usr/sbin", "/usr/bin", "/sbin") if os.path.exists(f"{folder}/{tool}")
        )
        (spy / tool).write_text(f'#!/bin/sh\n{{ echo "$0 $*"; env; }} >> {tmp_path}/seen\nexec {real} "$@"\n')
        (spy / tool).chmod(0o755)
    env = {"PATH": f"{spy}:{os.environ['PATH']}"}
    assert run("apply", "--root", tree, "--from", ovf(password=SECRET), env=env).code == 0
    seen = (tmp_path / "seen").read_text()
    assert "chpasswd" in seen
    assert SECRET not in seen
    shadow = next(row for row in (tree / "etc/shadow").read_text().splitlines() if row.startswith("debian:"))
    assert shadow.split(":")[1] not in seen


@pytest.mark.usefixtures("as_root")
def test_journal_of_account_files_is_roots(tree: Path, ovf: Seed) -> None:
    """The account files that a journal keeps for undo are where only root can read them."""
    (tree / "etc/shadow").write_text("root:$6$x$rootshash:20000:0:99999:7:::\n")
    assert run("apply", "--root", tree, "--from", ovf()).code == 0
    give_away(tree / "etc/hostname")
    assert [path.stat().st_mode & 0o777 for path in (tree / "var/lib/ovfinit/instances").iterdir()] == [0o700]


def test_where_a_machine_phones_home(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """A password or a token in the URL that is told of a machine stays between the two."""
    url = f"http://user:{SECRET}@192.0.2.1/home?token={SECRET}"
    words = ("--root", tree, "--from", seed(user_data=f"#cloud-config\nphone_home: {{url: '{url}'}}\n"))
    results = [ovfinit("plan", *words, more) for more in ("--verbose", "--json")]
    results += [ovfinit("apply", *words, "--verbose"), ovfinit("status", "--root", tree, "--json")]
    results.append(ovfinit("undo", "--root", tree, "--json"))
    assert "http://192.0.2.1/home?" in results[0].out
    assert not [result for result in results if SECRET in result.out + result.err]
    ovfinit("apply", *words)
    assert leaks(tree, SECRET) == []
