"""User data that is there and cannot be read is another thing than user data that asks for nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import KEY, OTHER_KEY, Result, differences, snapshot

Program = Callable[..., Result]
Seed = Callable[..., str]
GOOD = f"""#cloud-config
hostname: other
ssh_authorized_keys: ["{OTHER_KEY}"]
ntp: {{servers: [192.0.2.7]}}
"""
HEADERS = "Content-Type: multipart/mixed; boundary=x\n\n"


def made(tree: Path) -> dict[str, tuple[object, ...]]:
    """What lies in the tree, our own state and log aside."""
    own = ("run", "var/lib/ovfinit", "var/log")
    return {name: told for name, told in snapshot(tree, times="none").items() if not name.startswith(own)}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"#cloud-config\nntp: [\n", 1),
        (b"#cloud-config\n- ntp\n", 1),
        (b"#cloud-config-archive\n- {\n", 0),
        (b"## template: jinja\n#cloud-config\nntp: {{ (\n", 0),
        (HEADERS.encode(), 0),
        (f"{HEADERS}--x\nContent-Transfer-Encoding: base64\n\nA\n--x--\n".encode(), 0),
        (gzip.compress(GOOD.encode())[:-20], 0),
        (GOOD.encode("utf-16"), 0),
        (b"#include\nftp://192.0.2.1/\n", 0),
        (b"#cloud-config\n" + b"#" * (16 << 20), 0),
    ],
)
def test_what_stood_before_stays(tree: Path, ovfinit: Program, seed: Seed, content: bytes, code: int) -> None:
    """On a later boot such data takes nothing away that cloud-config asked for before, and everybody is told."""
    source = seed(user_data=GOOD)
    ovfinit("apply", "--root", tree, "--from", source)
    before = made(tree)
    Path(source.removeprefix("seed:"), "user-data").write_bytes(content)
    for _ in range(2):
        result = ovfinit("apply", "--root", tree, "--from", source, code=code)
        assert "what an earlier boot did by it stays" in result.err
        assert differences(before, made(tree)) == ""
    # and what asks for nothing does
    seed(user_data="#cloud-config\n{}\n")
    ovfinit("apply", "--root", tree, "--from", source)
    assert (tree / "etc/hostname").read_text() == "web1\n"


def test_the_rest_of_a_first_boot_is_done(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Cloud-config that cannot be parsed is a failure, told once; the machine gets its name and its keys without it."""
    source = seed(user_data="#cloud-config\nntp: [\n")
    told = ovfinit("apply", "--root", tree, "--from", source, "--json", code=1).json
    assert [error["where"] for error in told["errors"]] == [f"{source.removeprefix('seed:')}/user-data:2:7"]
    assert told["warnings"] == []
    assert KEY in (tree / "home/debian/.ssh/authorized_keys").read_text()
    assert (tree / "etc/hostname").read_text() == "web1\n"
    ovfinit("status", "--root", tree, code=1)


def test_a_disabled_duty_does_not_swallow_it(tree: Path, ovfinit: Program, seed: Seed) -> None:
    """Where the scripts duty is to be left alone the mistake is a warning."""
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("disable: [scripts]\n")
    source = seed(user_data="#cloud-config\nntp: [\n")
    assert "user-data:2:7" in ovfinit("apply", "--root", tree, "--from", source).err


@pytest.mark.parametrize(
    ("user_data", "meta"),
    [
        ("users: [default, {name: bob, shell: 5x}]\n", {}),
        ("users: 5\n", {}),
        ("users: [default, {name: bob, sudo: {}}]\nssh_authorized_keys: 5\n", {}),
        (None, {"public_keys": [5]}),
    ],
)
@pytest.mark.usefixtures("as_root")
def test_nobody_is_locked_out_by_a_mistake(
    tree: Path, ovfinit: Program, seed: Seed, user_data: str | None, meta: dict[str, list[int]]
) -> None:
    """As long as a part of it cannot be used nobody loses a key or a right by what is handed over, and then they do."""
    bob = f"{{name: bob, ssh_authorized_keys: ['{OTHER_KEY}'], sudo: 'ALL=(ALL) ALL'}}"
    good = f"#cloud-config\nssh_authorized_keys: ['{OTHER_KEY}']\nusers: [default, {bob}]\n"
    ovfinit("apply", "--root", tree, "--from", seed(user_data=good))
    before = made(tree)
    broken = good if user_data is None else f"#cloud-config\n{user_data}"
    for _ in range(2):
        ovfinit("apply", "--root", tree, "--from", seed(user_data=broken, **meta), code=1)
        assert differences(before, made(tree)) == ""
    ovfinit("apply", "--root", tree, "--from", seed(user_data="#cloud-config\n{}\n"))
    assert "bob" not in (tree / "etc/sudoers.d/90-ovfinit").read_text()
    assert OTHER_KEY not in (tree / "home/debian/.ssh/authorized_keys").read_text()
    assert (tree / "home/bob/.ssh/authorized_keys").read_text() == ""
