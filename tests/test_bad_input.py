"""Bad input of every kind: at most three lines of error, nothing half-written, nothing outside of the tree."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import KEY, REPO, Result, differences, make_seed, run, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]
ENVIRONMENT = REPO / "tests/demo/input/ovf-env.xml"


def refused(tree: Path, source: str, code: int = 1) -> Result:
    """Apply a source that is no good; the tree must stay what it is."""
    before = snapshot(tree)
    result = run("apply", "--root", tree, "--from", source)
    assert result.code == code, result
    assert 1 <= len(result.err.splitlines()) <= 3, result
    assert result.err.startswith("ovfinit: ")
    assert "fault of ovfinit" not in result.err
    assert differences(before, snapshot(tree)) == ""
    return result


def sparse(path: Path, size: int) -> Path:
    """A file that claims to be large."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def iso(path: Path, content: bytes) -> bytes:
    """A real ISO image with an environment of this content."""
    from io import BytesIO

    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(joliet=3, rock_ridge="1.09", vol_ident="OVF ENV")
    image.add_fp(BytesIO(content), len(content), "/OVF_ENV.XML;1", rr_name="ovf-env.xml", joliet_path="/ovf-env.xml")
    image.write(str(path))
    image.close()
    return path.read_bytes()


XML: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "cut-off": ENVIRONMENT.read_bytes()[:700],
    "other-xml": b"<html><body/></html>",
    "not-xml": b"hostname: web1\n",
    "binary": bytes(range(256)) * 10,
    "wrong-encoding": b'<?xml version="1.0" encoding="utf-8"?><Environment>\xff\xfe</Environment>',
    "entity-bomb": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Environment>&b;</Environment>',
    "external-entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Environment>&a;</Environment>',
    "deep": b"<Environment>" + b"<a>" * 20_000,
}


@pytest.mark.parametrize("kind", XML)
def test_bad_environment(tree: Path, tmp_path: Path, kind: str) -> None:
    """An OVF environment that is none is refused, with its file in the error."""
    path = tmp_path / "ovf-env.xml"
    path.write_bytes(XML[kind])
    assert str(path) in refused(tree, f"ovf:{path}").err


@pytest.mark.parametrize("kind", ["head", "half", "no-end", "garbled", "empty", "zeros", "no-environment"])
def test_bad_image(tree: Path, tmp_path: Path, kind: str) -> None:
    """An image that is cut off or damaged is refused, with its file in the error."""
    path = tmp_path / "env.iso"
    whole = iso(path, ENVIRONMENT.read_bytes())
    place = whole.index(b"<?xml") if b"<?xml" in whole else whole.index(b"<Environment")
    damaged = {
        "head": whole[:20_000],
        "half": whole[: len(whole) // 2],
        "no-end": whole[: place + 100],
        "garbled": whole[:34_816] + b"\xa5" * (len(whole) - 34_816),
        "empty": b"",
        "zeros": bytes(1 << 20),
        "no-environment": whole.replace(b"OVF_ENV.XML", b"OTHERS_.XML").replace(b"ovf-env.xml", b"others_.xml"),
    }
    path.write_bytes(damaged[kind])
    if kind == "no-environment":
        # the Joliet name is in UCS-2
        joliet = "ovf-env.xml".encode("utf-16-be")
        path.write_bytes(damaged[kind].replace(joliet, "others_.xml".encode("utf-16-be")))
    result = run("apply", "--root", tree, "--from", f"ovf:{path}")
    assert result.code in (1, 4), result
    assert str(path) in refused(tree, f"ovf:{path}", result.code).err


@pytest.mark.parametrize("name", ["ovf-env.xml", "env.iso"])
def test_huge_environment(tree: Path, tmp_path: Path, name: str) -> None:
    """100 MB that are no environment are refused without being read to the end."""
    refused(tree, f"ovf:{sparse(tmp_path / name, 100 << 20)}", run("show", "--from", f"ovf:{tmp_path / name}").code)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("meta-data", b"instance-id: [a\n"),
        ("meta-data", b"\xff\xfei\0"),
        ("meta-data", b"instance-id: \xe9\n"),
        ("meta-data", b"a: 1\na: 2\n"),
        ("meta-data", b"- a\n- b\n"),
        ("meta-data", b"just a text\n"),
        ("meta-data", b"instance-id: [1, 2]\n"),
        ("meta-data", b"local-hostname: {a: 1}\n"),
        ("meta-data", b"public-keys: 17\n"),
        ("meta-data", b"instance-id: ..\n"),
        ("meta-data", b"x: " + b"[" * 5000),
        (
            "meta-data",
            b"a: &a [x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n" * 1 + b"e: !!python/name:os.x\n",
        ),
        ("network-config", b"version: 2\nethernets: [\n"),
        ("network-config", b"- 1\n"),
        ("network-config", b"version: two\n"),
    ],
)
def test_bad_seed(tree: Path, tmp_path: Path, name: str, content: bytes) -> None:
    """A file of a seed that is damaged, doubled or of the wrong type is named, with the line where there is one."""
    source = make_seed(tmp_path / "seed")
    (tmp_path / "seed" / name).write_bytes(content)
    result = run("apply", "--root", tree, "--from", source)
    assert result.code == 1, result
    assert 1 <= len(result.err.splitlines()) <= 3, result
    assert f"{tmp_path}/seed/{name}" in result.err or "instance" in result.err
    assert "fault of ovfinit" not in result.err


@pytest.mark.parametrize("name", ["meta-data", "network-config"])
def test_huge_seed(tree: Path, tmp_path: Path, name: str) -> None:
    """100 MB in a file that says who a machine is are refused."""
    source = make_seed(tmp_path / "seed")
    sparse(tmp_path / "seed" / name, 100 << 20)
    assert name in refused(tree, source).err


@pytest.mark.parametrize("name", ["user-data", "vendor-data"])
def test_huge_user_data(tree: Path, tmp_path: Path, ovfinit: Program, name: str) -> None:
    """100 MB of user data are left out with a warning; the machine has its name all the same."""
    source = make_seed(tmp_path / "seed")
    sparse(tmp_path / "seed" / name, 100 << 20)
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("disable: [users, ssh_keys, network]\n")
    told = ovfinit("apply", "--root", tree, "--from", source)
    assert f"{name}: {name.replace('-', '_')}: is larger than 16777216 bytes" in told.err
    assert (tree / "etc/hostname").read_text() == "web1\n"


@pytest.mark.parametrize("name", ["meta-data", "user-data"])
def test_pipe_and_folder_in_a_seed(tree: Path, tmp_path: Path, name: str) -> None:
    """A pipe or a folder in the place of a file is refused, and nobody waits for it."""
    source = make_seed(tmp_path / "seed")
    (tmp_path / "seed" / name).unlink()
    os.mkfifo(tmp_path / "seed" / name)
    assert name in refused(tree, source).err
    (tmp_path / "seed" / name).unlink()
    (tmp_path / "seed" / name).mkdir()
    assert name in refused(tree, source).err


@pytest.mark.parametrize("hostname", ["../../x; rm", "$(reboot)", "-rf", "a\nb", "x" * 300, "é"])
def test_hostile_hostname(tree: Path, ovfinit: Program, seed: Seed, hostname: str) -> None:
    """What is no host name is left out and reported; the other duties are done, and the exit code is 1."""
    before = (tree / "etc/hostname").read_bytes(), (tree / "etc/hosts").read_bytes()
    result = run("apply", "--root", tree, "--from", seed(local_hostname=hostname))
    assert result.code == 1, result
    assert "is not a host name" in result.err or "control characters" in result.err or "longer" in result.err
    assert ((tree / "etc/hostname").read_bytes(), (tree / "etc/hosts").read_bytes()) == before
    if "hostname:" in result.err:
        assert KEY in (tree / "root/.ssh/authorized_keys").read_text()


def test_unknown_keys_are_no_error(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Keys of meta-data that nobody knows do no harm."""
    ovfinit("apply", "--root", tree, "--from", seed(colour="blue", nested={"a": [1, {"b": None}]}))


# compressing a bomb takes a while, which those who only collect tests need not wait for
SCRIPTS: dict[str, tuple[bytes | Callable[[], bytes], str | None]] = {
    "gzip": (gzip.compress(b"#!/bin/sh\necho hello\n"), None),
    "cut-off gzip": (gzip.compress(b"#!/bin/sh\necho hello\n" * 100)[:-20], "cut off"),
    "damaged gzip": (b"\x1f\x8b" + b"\xff" * 100, "damaged gzip data"),
    "bomb": (lambda: gzip.compress(bytes(64 << 20), 1), "larger than"),
    "binary": (bytes(range(256)), "begins with 00 01 02 03 04 05 06 07"),
    "text": (b"echo hello\n", "begins with 'echo hello'"),
    "windows": (b"#!/bin/sh\r\necho hello\r\n", None),
    "blank": (b"\n\n", None),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_user_data(tree: Path, ovfinit: Program, tmp_path: Path, kind: str) -> None:
    """User data that is no script is a warning that says what it is; nothing of it is kept."""
    content, words = SCRIPTS[kind]
    source = make_seed(tmp_path / "seed")
    (tmp_path / "seed/user-data").write_bytes(content if isinstance(content, bytes) else content())
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("disable: [users, ssh_keys, network]\n")
    result = ovfinit("apply", "--root", tree, "--from", source)
    script = tree / "var/lib/ovfinit/instances/i-1/scripts/user-data"
    assert script.exists() == (words is None and kind != "blank")
    assert (words or "") in result.err
    if script.exists():
        assert script.read_bytes() == b"#!/bin/sh\necho hello\n"
        assert script.stat().st_mode & 0o777 == 0o700


KEYS: dict[str, tuple[str, bool]] = {
    "options with quotes": (f'command="echo \\"hi, there\\"",no-pty {KEY}', True),
    "open quote": (f'command="echo {KEY}', False),
    "two lines": (f"{KEY}\nssh-rsa AAAA evil", False),
    "our own mark": (f"# END ovfinit\n{KEY}", False),
    "options against root's rule": (f'command="/bin/sh",pty {KEY}', True),
    "private key": ("-----BEGIN OPENSSH PRIVATE KEY-----\nxyz\n-----END OPENSSH PRIVATE KEY-----", False),
    "control characters": (f"{KEY}\x07", False),
    "tabs": (KEY.replace(" ", "\t"), True),
    "long": ("ssh-rsa " + "A" * 20000, False),
}


@pytest.mark.usefixtures("as_root")
def test_hostile_keys(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Whatever a key looks like, each line of root's block has the rule in front, and sshd reads the user's block."""
    ovfinit("apply", "--root", tree, "--from", seed(public_keys=[*(text for text, _ in KEYS.values()), KEY]))
    closed = (tree / "root/.ssh/authorized_keys").read_text().splitlines()
    assert closed[0] == "# BEGIN ovfinit"
    assert closed[-1] == "# END ovfinit"
    rule = (
        "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,"
        'command="echo \'Please login as the user \\"debian\\" rather than'
    )
    assert all(line.startswith(rule) for line in closed[1:-1])
    assert all(line.count("command=") == 1 for line in closed[1:-1]), "the key's own options are gone"
    own = (tree / "home/debian/.ssh/authorized_keys").read_text().splitlines()
    for kind, (text, whole) in KEYS.items():
        assert (text in own) == whole, kind
    assert KEY in own
    for file in ("root", "home/debian"):
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", tree / file / ".ssh/authorized_keys"], capture_output=True, check=True, text=True
        )
        assert "(ED25519)" in listed.stdout


def test_json_of_bad_input_is_one_document(tree: Path, tmp_path: Path) -> None:
    """An error of an input names code, message and place to programs."""
    path = tmp_path / "ovf-env.xml"
    path.write_bytes(XML["cut-off"])
    told = json.loads(run("apply", "--root", tree, "--from", f"ovf:{path}", "--json").out)["error"]
    assert told["code"] == "source-invalid"
    assert told["where"].startswith(str(path))


def test_a_pipe_is_no_file(tmp_path: Path, ovfinit: Program) -> None:
    """Where a file is expected, a pipe that nobody writes to keeps nobody waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "neither a file nor a block device" in ovfinit("check", pipe, code=1).out
    for source in ("seed", "ovf"):
        assert "neither a file" in ovfinit("show", "--root", tmp_path, "--from", f"{source}:{pipe}", code=1).err


def test_a_link_for_a_users_keys_is_named(tree: Path, tmp_path: Path, ovfinit: Program) -> None:
    """Keys are not written through a link in a home, and the error has the whole path."""
    (tree / "root").mkdir(exist_ok=True)
    (tree / "root/.ssh").symlink_to(tmp_path)
    result = ovfinit("apply", "--root", tree, "--from", make_seed(tmp_path / "seed"), code=1)
    assert "ovfinit: /root/.ssh: is not a plain folder" in result.err
    assert not (tmp_path / "authorized_keys").exists()
