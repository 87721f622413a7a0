"""The host name duty: metadata and settings in, a list of changes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from handlers.cloudconfig import handed, typed

from ovfinit.changes import Change, SetHostname, WriteBlock, WriteFile
from ovfinit.config import Config, HostnameConfig
from ovfinit.handlers import hostname
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past


def wanted(root: str | Path, settings: Config | None = None, **metadata: str) -> list[Change]:
    """The changes for this metadata."""
    return list(hostname.changes(Metadata(**metadata), settings or Config(), Host(str(root)), Past()))


def test_name_and_full_name(tmp_path: Path) -> None:
    """The short name goes to /etc/hostname, both to the line that Debian keeps for 127.0.1.1."""
    assert wanted(tmp_path, hostname="web1", fqdn="web1.example.com") == [
        WriteFile("hostname", "/etc/hostname", content=b"web1\n", ours=False),
        WriteBlock("hostname", "/etc/hosts", lines=("127.0.1.1 web1.example.com web1",), before="127.0.1.1"),
    ]


def test_name_alone(tmp_path: Path) -> None:
    """Without a domain the line has the name once."""
    for fqdn in ({}, {"fqdn": "web1"}):
        block = wanted(tmp_path, hostname="web1", **fqdn)[1]
        assert isinstance(block, WriteBlock)
        assert block.lines == ("127.0.1.1 web1",)


def test_nothing_without_a_name(tmp_path: Path) -> None:
    """No name, no change: the machine keeps its own."""
    assert wanted(tmp_path) == []
    assert wanted("/", fqdn="web1.example.com") == []


def test_hosts_can_be_left_alone(tmp_path: Path) -> None:
    """`hostname.hosts: false` leaves /etc/hosts to the admin."""
    changes = wanted(tmp_path, Config(hostname=HostnameConfig(hosts=False)), hostname="web1")
    assert [change.target for change in changes] == ["/etc/hostname"]


def test_the_running_kernel(tmp_path: Path) -> None:
    """Only the running machine's kernel is told."""
    assert wanted("/", hostname="web1")[-1] == SetHostname("hostname", "web1")
    assert not [change for change in wanted(tmp_path, hostname="web1") if isinstance(change, SetHostname)]


def told(root: Path, text: str, **metadata: str) -> dict[str, bytes | tuple[str, ...]]:
    """What a cloud-config makes of files: content or lines of our block by path."""
    known = {"hostname": "web1", "fqdn": "web1.example.com", **metadata}
    changes = hostname.changes(Metadata(**known), Config(), Host(str(root)), Past(), handed(hostname, text))
    return {
        change.target: change.content if isinstance(change, WriteFile) else change.lines
        for change in changes
        if isinstance(change, (WriteFile, WriteBlock))
    }


@pytest.mark.parametrize(
    ("text", "short", "names"),
    [
        ("hostname: db7", "db7", "db7.example.com db7"),
        ("hostname: db7.example.net", "db7", "db7.example.net db7"),
        ("fqdn: db7.example.net", "db7", "db7.example.net db7"),
        ("hostname: db\nfqdn: db7.example.net", "db", "db7.example.net db"),
        ("hostname: 7", "7", "7.example.com 7"),
        ("fqdn: db7.example.net\nprefer_fqdn_over_hostname: true", "db7.example.net", "db7.example.net db7"),
        ("prefer_fqdn_over_hostname: true", "web1.example.com", "web1.example.com web1"),
        ("prefer_fqdn_over_hostname: false", "web1", "web1.example.com web1"),
        ("create_hostname_file: true", "web1", "web1.example.com web1"),
    ],
)
def test_cloud_config_before_metadata(tmp_path: Path, text: str, short: str, names: str) -> None:
    """Names of cloud-config win; one without a domain is in that of the platform."""
    assert told(tmp_path, text) == {"/etc/hostname": f"{short}\n".encode(), "/etc/hosts": (f"127.0.1.1 {names}",)}


def test_the_name_may_stay(tmp_path: Path) -> None:
    """`preserve_hostname` leaves name and hosts alone, and hosts are managed if that is asked for all the same."""
    assert told(tmp_path, "preserve_hostname: true\nhostname: db7") == {}
    both = told(tmp_path, "preserve_hostname: true\nmanage_etc_hosts: localhost")
    assert list(both) == ["/etc/hosts"]


def test_no_file_where_there_is_none(tmp_path: Path) -> None:
    """`create_hostname_file: false` updates a file that is there, and makes none."""
    text = "create_hostname_file: false"
    assert "/etc/hostname" not in told(tmp_path, text)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("localhost\n")
    assert told(tmp_path, text)["/etc/hostname"] == b"web1\n"


def test_hands_off_hosts(tmp_path: Path) -> None:
    """`manage_etc_hosts: false` leaves /etc/hosts alone."""
    assert list(told(tmp_path, "manage_etc_hosts: false")) == ["/etc/hostname"]


@pytest.mark.parametrize("word", ["true", "template"])
def test_hosts_from_a_template(tmp_path: Path, word: str) -> None:
    """The whole file comes from the admin's template, cloud-init's for this distribution, or the built-in one."""
    text = f"manage_etc_hosts: {word}"
    built_in = told(tmp_path, text)["/etc/hosts"]
    assert isinstance(built_in, bytes)
    assert b"\n127.0.1.1 web1.example.com web1\n127.0.0.1 localhost\n" in built_in
    for path, template, content in (
        (
            "etc/cloud/templates/hosts.debian.tmpl",
            "## template:jinja\n{#\nabout\n#}\n127.0.1.1 {{fqdn}} {{ hostname }}\n",
            b"127.0.1.1 web1.example.com web1\n",
        ),
        ("etc/ovfinit/hosts.template", "::1 $fqdn ${hostname}\n", b"::1 web1.example.com web1\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(template)
        (tmp_path / "etc/os-release").write_text("ID=devuan\nID_LIKE=debian\n")
        assert told(tmp_path, text)["/etc/hosts"] == content


def test_a_template_that_wants_more(tmp_path: Path) -> None:
    """A template with more of Jinja than names is reported, and the built-in one is used."""
    (tmp_path / "etc/ovfinit").mkdir(parents=True)
    (tmp_path / "etc/ovfinit/hosts.template").write_text("{% if fqdn %}x{% endif %}\n")
    data = handed(hostname, "manage_etc_hosts: true")
    found = list(hostname.changes(Metadata(hostname="web1"), Config(), Host(str(tmp_path)), Past(), data))
    assert [item.where for item in found if isinstance(item, Problem)] == ["/etc/ovfinit/hosts.template"]
    assert b"127.0.1.1 web1\n" in [item.content for item in found if isinstance(item, WriteFile)][1]


@pytest.mark.parametrize("name", ['"a\\nb"', "'a b'", "-a", "a..b", "'../x'", "''", "[a]", "'" + "a" * 64 + "'"])
def test_names_that_are_none(name: str) -> None:
    """What is no host name is found with its place, and the metadata's holds."""
    for key in ("hostname", "fqdn"):
        data, findings = typed(hostname, f"{key}: {name}")
        assert data.config == {}
        assert [text.startswith(f"user-data:1:{len(key) + 3}: error: {key}: ") for text in findings] == [True]
