"""Bad input of every kind: at most three lines of error, nothing half-written, nothing outside of the tree."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scratch import KEY, REPO, Result, differences, give_away, make_seed, run, run_as_nobody, snapshot

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


SCRIPTS: dict[str, tuple[bytes, str | None]] = {
    "gzip": (gzip.compress(b"#!/bin/sh\necho hello\n"), None),
    "cut-off gzip": (gzip.compress(b"#!/bin/sh\necho hello\n" * 100)[:-20], "cut off"),
    "damaged gzip": (b"\x1f\x8b" + b"\xff" * 100, "damaged gzip data"),
    "bomb": (gzip.compress(bytes(64 << 20)), "larger than"),
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
    (tmp_path / "seed/user-data").write_bytes(content)
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


@pytest.mark.usefixtures("as_root")
def test_unwritable_root(tree: Path, seed: Seed) -> None:
    """A tree that the caller may not write is an error that names the place; nothing is changed."""
    before = snapshot(tree)
    result = run_as_nobody("apply", "--root", tree, "--from", seed())
    assert result.code == 1
    assert "Permission denied" in result.err
    assert "/var/lib/ovfinit" in result.err
    assert len(result.err.splitlines()) <= 3
    assert differences(before, snapshot(tree)) == ""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of a few KiB, or gives the one there another size."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    place = tmp_path / "small"
    place.mkdir()

    def mount(kib: int) -> Path:
        remount = "remount," if os.path.ismount(place) else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{remount}size={kib}k,mode=0755", "ovfinit-test", place]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", place], check=True)


def test_full_disk(small: Callable[[int], Path], tree: Path, seed: Seed) -> None:
    """On a disk that gets full everything is said, nothing is half-written, and with more room it is completed."""
    check_full_disk(small, tree, seed, (0, 24))


@pytest.mark.slow
def test_disk_full_at_many_places(small: Callable[[int], Path], tree: Path, seed: Seed) -> None:
    """The same, with the room ending at other places; useradd alone waits a quarter of a minute for its locks."""
    check_full_disk(small, tree, seed, (0, 4, 8, 12, 16, 24, 28, 32, 44, 56, 60, 64, 80, 92, 96, 112))


def check_full_disk(small: Callable[[int], Path], tree: Path, seed: Seed, sizes: tuple[int, ...]) -> None:
    """Apply with so many KiB of room, one after the other, then with enough."""
    place = small(4096)
    room = place / "tree"
    shutil.copytree(tree, room, symlinks=True)
    (room / "etc/skel/large").write_bytes(b"x" * 20_000)
    before = snapshot(room, times="files")
    used = os.statvfs(place)
    taken = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
    source = seed(user_data="#!/bin/sh\n" + "# much\n" * 2000)
    # tmpfs gives whole pages; each size stops the work somewhere else
    for extra in sizes:
        small(taken + extra)
        result = run("apply", "--root", room, "--from", source)
        assert "Traceback" not in result.err
        assert "fault of ovfinit" not in result.err, result
        assert result.code in (0, 1)
        if result.code:
            assert "space" in result.err.lower(), result
        left = [name for name in snapshot(room) if ".ovfinit-new." in name]
        assert left == [], (extra, left)
    small(4096)
    result = run("apply", "--root", room, "--from", source)
    assert result.code == 0, result
    assert "Nothing to do." in run("plan", "--root", room, "--from", source).out
    assert (room / "home/debian/large").stat().st_size == 20_000
    assert run("undo", "--root", room).code == 0
    after = snapshot(room, times="files")
    ours = {
        name: facts for name, facts in after.items() if name not in ("var/lib/ovfinit", "var/lib/ovfinit/instances")
    }
    assert differences(before, ours) == ""


def outside_of(tree: Path) -> dict[str, object]:
    """What lies beside a tree."""
    return {
        name: facts
        for name, facts in snapshot(tree.parent).items()
        if not (name + "/").startswith("tree/") and name != "."
    }


LINKS: dict[str, str] = {
    "etc/hostname": "{outside}/hostname",
    "etc/hosts": "{outside}/hosts",
    "etc/ssh": "{outside}",
    "etc/sudoers.d": "{outside}",
    "etc/systemd/network": "{outside}",
    "etc/passwd": "{outside}/passwd",
    "etc/group": "{outside}/group",
    "etc/shadow": "../../outside/shadow",
    "etc": "{outside}/etc",
    "home": "{outside}",
    "home/debian": "{outside}",
    "root": "{outside}",
    "root/.ssh": "{outside}",
    "root/.ssh/authorized_keys": "{outside}/keys",
    "var": "{outside}",
    "var/lib": "../../outside",
    "var/lib/ovfinit": "{outside}",
    "var/lib/ovfinit/instances": "{outside}",
    "var/lib/ovfinit/instances/i-1": "{outside}",
    "var/lib/ovfinit/instance": "{outside}",
    "var/log": "{outside}",
    "var/log/ovfinit.log": "{outside}/log",
    "run": "{outside}",
    "run/ovfinit": "{outside}",
    "run/ovfinit/status.json": "{outside}/status",
    "etc/hostname.": "loop",
    "etc/skel/link": "{outside}/hosts",
}


PLAIN = ("etc", "etc/hosts", "etc/passwd", "home", "root/.ssh", "var/lib/ovfinit", "var/log/ovfinit.log", "run/ovfinit")


@pytest.mark.parametrize("where", PLAIN)
def test_links_that_lead_out(tree: Path, tmp_path: Path, seed: Seed, where: str) -> None:
    """A link in the tree leads nowhere but into the tree: nothing beside it is read into it, made or changed."""
    check_link(tree, tmp_path, seed(), where, ("apply", "undo"))


@pytest.mark.slow
@pytest.mark.parametrize("where", LINKS)
def test_every_link_that_leads_out(tree: Path, tmp_path: Path, seed: Seed, where: str) -> None:
    """The same for all places of ours, and more commands."""
    check_link(tree, tmp_path, seed(), where, ("plan", "apply", "apply", "show", "undo", "apply", "clean"))


def check_link(tree: Path, tmp_path: Path, source: str, where: str, commands: tuple[str, ...]) -> None:
    """Put a link there, run the commands, and look at what lies beside the tree after each."""
    outside = tmp_path / "outside"
    (outside / "etc").mkdir(parents=True)
    for name in ("hostname", "hosts", "group", "keys", "log", "status", "etc/group", "etc/hosts"):
        (outside / name).write_text("# not yours\n")
    for name in ("passwd", "etc/passwd"):
        (outside / name).write_text("root:x:0:0:root:/root:/bin/bash\n")
    (outside / "shadow").write_text("root:*:20000:0:99999:7:::\n")
    place = tree / where
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(LINKS[where].format(outside=outside))
    before = outside_of(tree)
    for command in commands:
        words = ("--from", source) if command in ("plan", "apply") else ()
        result = run(command, "--root", tree, *words)
        assert "fault of ovfinit" not in result.err, (command, result)
        assert result.code in (0, 1, 4), (command, result)
        changed = differences(before, outside_of(tree))
        assert not changed, f"{command}\n{changed}\n{result}"


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("where", [".ssh", ".ssh/authorized_keys"])
def test_users_links_are_not_followed(tree: Path, ovfinit: Program, seed: Seed, where: str) -> None:
    """A link that a user made in his home is an error of his keys; what it points to, in the tree too, stays."""
    ovfinit("apply", "--root", tree, "--from", seed(public_keys=None))
    home = tree / "home/debian"
    (home / ".ssh").mkdir(exist_ok=True)
    give_away(home / ".ssh")
    os.chown(home / ".ssh", 1000, 1000)
    place = home / where
    if where == ".ssh":
        place.rmdir()
        place.symlink_to("/etc")
    else:
        place.symlink_to("/etc/shadow")
    before = snapshot(tree / "etc")
    result = run("apply", "--root", tree, "--from", seed())
    assert result.code == 1
    assert "is not a plain" in result.err
    assert differences(before, snapshot(tree / "etc")) == ""
    assert place.is_symlink()
    assert KEY in (tree / "root/.ssh/authorized_keys").read_text()


def test_odd_account_files(tree: Path, seed: Seed) -> None:
    """Account files with lines that are none, and without any, are no reason to fail with more than an error."""
    source = seed()
    for text in (
        "",
        "\n\n:::\nroot\n",
        "root:x:0:0:root:/root:/bin/bash\nbroken:x:y:z\n",
        "é" * 100,
        "root:x:0:0::/root",
    ):
        (tree / "etc/passwd").write_text(text)
        result = run("plan", "--root", tree, "--from", source)
        assert result.code in (0, 1)
        assert "fault of ovfinit" not in result.err
    for text in (
        'ID=""\nNAME=""\n',
        "ID=Two Words\nNAME='  '\n",
        "NAME=\n",
        "",
        "ID=../x\n",
        'NAME="A\x01B:C\x00D"\nID=debian\n',
    ):
        (tree / "etc/os-release").write_text(text)
        result = run("plan", "--root", tree, "--from", source)
        assert "fault of ovfinit" not in result.err, (text, result)
        assert result.code in (0, 1)


@pytest.mark.usefixtures("as_root")
def test_tree_without_anything(tmp_path: Path, seed: Seed) -> None:
    """An empty folder as the tree: what can be done is done, what cannot is said, and undo leaves an empty folder."""
    tree = tmp_path / "empty"
    tree.mkdir()
    result = run("apply", "--root", tree, "--from", seed())
    assert result.code in (0, 1), result
    assert "fault of ovfinit" not in result.err
    assert (tree / "etc/hostname").read_text() == "web1\n"
    assert "fault of ovfinit" not in run("undo", "--root", tree).err
    assert [str(path) for path in tree.rglob("*") if path.is_file()] == []


def test_json_of_bad_input_is_one_document(tree: Path, tmp_path: Path) -> None:
    """An error of an input names code, message and place to programs."""
    path = tmp_path / "ovf-env.xml"
    path.write_bytes(XML["cut-off"])
    told = json.loads(run("apply", "--root", tree, "--from", f"ovf:{path}", "--json").out)["error"]
    assert told["code"] == "source-invalid"
    assert told["where"].startswith(str(path))
