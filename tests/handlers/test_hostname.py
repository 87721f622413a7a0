"""The host name duty: metadata and settings in, a list of changes out."""

from __future__ import annotations

from pathlib import Path

from ovfinit.changes import Change, SetHostname, WriteBlock, WriteFile
from ovfinit.config import Config, HostnameConfig
from ovfinit.handlers import hostname
from ovfinit.host import Host
from ovfinit.model import Metadata
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
