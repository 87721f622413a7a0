"""Files of cloud-config: decoded, placed, owned, in the right order; what is off costs one file."""

from __future__ import annotations

import gzip
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from handlers.cloudconfig import handed, typed

from ovfinit.changes import FINAL, LOCAL, Change, FetchFile, MakeFolder, WriteFile
from ovfinit.config import Config, UserConfig
from ovfinit.handlers import files, late_files
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem, Secret
from ovfinit.state import Past

SETTINGS = Config(default_user=UserConfig(name="admin"))
PACKED = b64encode(gzip.compress(b"hello\n", mtime=0)).decode()


def wanted(root: Path, text: str, module: Any = files, past: Past | None = None, **more: Any) -> list[Change | Problem]:
    """What a duty yields for a cloud-config in which nothing is off; `more` are other keys, typed already."""
    data = handed(files, text)
    data = data.with_(config={**data.config, **more})
    return list(module.changes(Metadata(), SETTINGS, Host(str(root)), past or Past(), data))


def test_a_plain_file(tmp_path: Path) -> None:
    """A file of root's with what is given, 0644, before logins, and no longer ours once it is written."""
    assert wanted(tmp_path, "write_files: [{path: /etc/motd, content: hello}, {path: /root/empty}]") == [
        WriteFile("files", "/etc/motd", LOCAL, content=b"hello", ours=False),
        WriteFile("files", "/root/empty", LOCAL, content=b"", ours=False),
    ]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("text/plain", "'hello\\n'".replace("'", '"')),
        ("b64", b64encode(b"hello\n").decode()),
        ("base64", f"|\n      {b64encode(b'hello').decode()[:4]}\n      {b64encode(b'hello').decode()[4:]}"),
        ("gz", f"!!binary {PACKED}"),
        ("gzip", f"!!binary {PACKED}"),
        ("gz+b64", PACKED),
        ("gz+base64", PACKED),
        ("gzip+b64", PACKED),
        ("gzip+base64", PACKED),
    ],
)
def test_every_encoding(tmp_path: Path, encoding: str, content: str) -> None:
    """All spellings of encodings, base64 wrapped into lines, and binary YAML."""
    (file,) = wanted(tmp_path, f"write_files:\n  - path: /x\n    encoding: {encoding}\n    content: {content}")
    assert isinstance(file, WriteFile)
    assert file.content.strip() == b"hello"


@pytest.mark.parametrize(
    ("mode", "meant"), [("'0644'", 0o644), ("0o600", 0o600), ("0755", 0o755), ("'4755'", 0o4755), ("644", 0o644)]
)
def test_permissions(tmp_path: Path, mode: str, meant: int) -> None:
    """Permissions are octal however they are written; what not everybody may read is not shown in a plan."""
    (file,) = wanted(tmp_path, f"write_files: [{{path: /x, permissions: {mode}}}]")
    assert isinstance(file, WriteFile)
    assert (file.mode, file.secret) == (meant, not meant & 0o004)


def test_added(tmp_path: Path) -> None:
    """`append` adds."""
    (file,) = wanted(tmp_path, "write_files: [{path: /etc/crontab, content: x, append: true}]")
    assert isinstance(file, WriteFile)
    assert file.append


def test_owners_and_their_folders(tmp_path: Path) -> None:
    """Folders that are missing above a file are its owner's; a user alone leaves the group to root."""
    (tmp_path / "srv").mkdir()
    text = "write_files: [{path: /srv/a/b/c, owner: 'www-data:www-data'}, {path: /srv/d, owner: nobody}]"
    owner = {"owner": "www-data", "group": "www-data"}
    assert wanted(tmp_path, text) == [
        MakeFolder("files", "/srv/a", LOCAL, **owner),
        MakeFolder("files", "/srv/a/b", LOCAL, **owner),
        WriteFile("files", "/srv/a/b/c", LOCAL, ours=False, **owner),
        WriteFile("files", "/srv/d", LOCAL, ours=False, owner="nobody"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "{path: /x, owner: 'bob:bob'}",
        "{path: /x, owner: 'root:devs'}",
        "{path: /x, owner: 'root:more'}",
        "{path: /home/bob/.profile}",
        "{path: /srv/eve/x}",
        "{path: /x, defer: true}",
    ],
)
def test_after_the_people_of_this_run(tmp_path: Path, entry: str) -> None:
    """What belongs to somebody who is made by this run, or lies in a home to be made, comes after that."""
    people = {
        "users": ({"name": "bob", "groups": ("devs",)}, {"name": "eve", "homedir": "/srv/eve"}),
        "groups": ("more",),
    }
    text = f"write_files: [{entry}]"
    assert wanted(tmp_path, text, **people) == []
    (late,) = wanted(tmp_path, text, late_files, **people)
    assert isinstance(late, WriteFile)
    assert (late.handler, late.stage) == ("late_files", FINAL if "defer" in entry else LOCAL)
    if "defer" not in entry:
        assert len(wanted(tmp_path, text)) == 1
        assert wanted(tmp_path, text, late_files) == []


def test_fetched_files(tmp_path: Path) -> None:
    """A file with a source is fetched in the final stage, its headers kept secret, its content for when that fails."""
    source = "{uri: 'https://a.example/x', headers: {Authorization: Basic eA==}}"
    text = f"write_files: [{{path: /x, content: rest, source: {source}}}]"
    assert wanted(tmp_path, text) == [
        FetchFile(
            "files",
            "/x",
            FINAL,
            url="https://a.example/x",
            headers={"Authorization": Secret("Basic eA==")},
            fallback=b"rest",
        )
    ]
    (file, *_) = wanted(tmp_path, "write_files: [{path: /x, source: {uri: 'http://a.example/x'}}]")
    assert isinstance(file, FetchFile)
    assert file.fallback is None


def test_once(tmp_path: Path) -> None:
    """Once they are written files are whoever's they are, whatever becomes of them."""
    past = Past(new=False, done={"files": {}, "late_files": {}})
    text = "write_files: [{path: /x}, {path: /y, defer: true}]"
    for module in (files, late_files):
        assert wanted(tmp_path, text, module, past) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{content: x}", "write_files[0]: needs the key path"),
        ("{path: etc/x}", "write_files[0].path: must be an absolute path"),
        ("{path: /etc/}", "write_files[0].path: must name a file"),
        ("{path: /etc/..}", "write_files[0].path: must name a file"),
        ('{path: "/x\\n"}', "write_files[0].path: must be one line without control characters"),
        ("{path: /x, encoding: zip}", "write_files[0].encoding: must be one of"),
        (
            "{path: /x, encoding: b64, content: '%%'}",
            "write_files[0].content: is not base64, though its encoding says so",
        ),
        ("{path: /x, encoding: gz, content: xyz}", "write_files[0].content: is"),
        ("{path: /x, owner: 'a:b:c'}", "write_files[0].owner: must be USER:GROUP or USER, by name"),
        ("{path: /x, owner: ':'}", "write_files[0].owner: must be USER:GROUP or USER, by name"),
        ("{path: /x, owner: '0:0'}", "write_files[0].owner: must be USER:GROUP or USER, by name"),
        ("{path: /x, permissions: '0888'}", "write_files[0].permissions: must be permissions in octal such as '0644'"),
        ("{path: /x, source: {uri: 'file:///etc/shadow'}}", "write_files[0].source.uri: must be an http or https URL"),
        (
            "{path: /x, source: {uri: 'http://a', headers: {'A:B': x}}}",
            "write_files[0].source.headers.A:B: is not the name of a header",
        ),
        (
            '{path: /x, source: {uri: http://a, headers: {A: "x\\r\\nB: y"}}}',
            "write_files[0].source.headers.A: must be one line without control characters",
        ),
    ],
)
def test_what_is_off_costs_one_file(entry: str, message: str) -> None:
    """A file that would be something else than was meant is left out whole; the others stay."""
    data, findings = typed(files, f"write_files: [{entry}, {{path: /good}}]")
    assert len(findings) == 1
    assert f" error: {message}" in findings[0]
    kept = [file["path"] for file in data.config["write_files"]]
    assert kept == (["/x", "/good"] if ".headers" in message else ["/good"])


def test_a_bomb(tmp_path: Path) -> None:
    """Files may unfold to a bounded size, all of a document together."""
    bomb = b64encode(gzip.compress(b"\0" * (files.ROOM // 2))).decode()
    entry = f"{{path: /x, encoding: gz+b64, content: {bomb}}}"
    data, findings = typed(files, f"write_files: [{entry}, {entry}, {entry}]")
    assert len(data.config["write_files"]) == 2
    assert "write_files[2].content: would be larger than 0 bytes unpacked" in findings[0]


def test_dots_stay_below_the_root(tmp_path: Path) -> None:
    """A path with dots is the one that it comes to; none leads out of the tree."""
    targets = [
        item.target for item in wanted(tmp_path, "write_files: [{path: /a/../../b//./c}]") if isinstance(item, Change)
    ]
    assert targets == ["/b/c"]
