"""The NTP duty: servers in, the files of whichever client the tree has out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import FINAL, Call, WriteBlock
from ovfinit.errors import ChangeError
from ovfinit.handlers import ntp

SERVERS = "ntp: {servers: [ntp.example.com, 192.0.2.1], pools: [pool.example.com]}"
PROGRAMS = {
    "chrony": "usr/sbin/chronyd",
    "ntpsec": "usr/sbin/ntpd",
    "systemd-timesyncd": "usr/lib/systemd/systemd-timesyncd",
}


def tree(root: Path, *clients: str, enabled: str | None = None) -> Path:
    """A Debian with these clients, and one of them enabled."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/os-release").write_text("ID=debian\n")
    for client in clients:
        path = root / PROGRAMS[client]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if enabled:
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / f"{enabled}.service").symlink_to(f"/usr/lib/systemd/system/{enabled}.service")
    return root


def test_timesyncd(tmp_path: Path) -> None:
    """A drop-in that takes the place of the servers it was built with; a restart, not waited for."""
    answer = ask(ntp, tree(tmp_path, "systemd-timesyncd", enabled="systemd-timesyncd"), SERVERS)
    assert answer.one("/etc/systemd/timesyncd.conf.d/50-ovfinit.conf").content == (
        b"# Written by ovfinit.\n[Time]\nNTP=ntp.example.com 192.0.2.1 pool.example.com\n"
    )
    assert answer.changes[1].command[:3] == ("systemctl", "--no-block", "restart")  # type: ignore[attr-defined]
    assert (answer.problems, len(answer.changes)) == ([], 2)


def test_chrony(tmp_path: Path) -> None:
    """Sources and settings are files in the folders that Debian's chrony reads, which chronyd accepts."""
    text = "ntp: {servers: [a.example.com], pools: [b.example.com], peers: [c.example.com], allow: [192.0.2.0/24]}"
    answer = ask(ntp, tree(tmp_path, "chrony", "systemd-timesyncd", enabled="chrony"), text)
    sources = answer.one("/etc/chrony/sources.d/50-ovfinit.sources").content
    settings = answer.one("/etc/chrony/conf.d/50-ovfinit.conf").content
    assert sources.decode().splitlines()[1:] == [
        "server a.example.com iburst",
        "pool b.example.com iburst",
        "peer c.example.com",
    ]
    assert settings == b"# Written by ovfinit.\nallow 192.0.2.0/24\n"
    if shutil.which("chronyd", path="/usr/sbin:/usr/bin"):
        (tmp_path / "judge").write_bytes(sources + settings)
        subprocess.run(["chronyd", "-p", "-f", tmp_path / "judge"], check=True, capture_output=True)


def test_chrony_with_a_file_of_its_own(tmp_path: Path) -> None:
    """Where its file names no folder of ours, our lines are a block in it."""
    root = tree(tmp_path, "chrony")
    (root / "etc/chrony").mkdir()
    (root / "etc/chrony/chrony.conf").write_text("pool x.example.com\n")
    change = ask(ntp, root, SERVERS).changes[0]
    assert isinstance(change, WriteBlock)
    assert change.lines[0] == "server ntp.example.com iburst"


def test_the_enabled_one(tmp_path: Path) -> None:
    """Of several that are installed the enabled one is taken; a client can be named."""
    root = tree(tmp_path, *PROGRAMS, enabled="ntpsec")
    assert ask(ntp, root, SERVERS).targets[0] == "/etc/ntpsec/ntp.d/50-ovfinit.conf"
    chosen = ask(ntp, root, SERVERS.replace("{", "{ntp_client: systemd-timesyncd, ", 1))
    assert chosen.targets[:2] == ["/etc/systemd/timesyncd.conf.d/50-ovfinit.conf", "enable systemd-timesyncd"]
    for name, target in (("openntpd", "/etc/openntpd/ntpd.conf"), ("ntp", "/etc/ntp.conf")):
        assert ask(ntp, root, SERVERS.replace("{", f"{{ntp_client: {name}, ", 1)).targets[0] == target


def test_a_client_that_is_not_there(tmp_path: Path) -> None:
    """It is installed late, and reads what was written before it starts."""
    answer = ask(ntp, tree(tmp_path), "ntp: {ntp_client: chrony, servers: [a.example.com]}")
    assert answer.targets == [
        "/etc/chrony/sources.d/50-ovfinit.sources",
        "apt-get update",
        "apt-get install chrony",
        "restart chrony",
    ]
    assert isinstance(answer.changes[-1], Call)
    assert answer.changes[-1].stage == FINAL


@pytest.mark.parametrize("text", ["ntp: {enabled: false, servers: [a.example.com]}"])
def test_switched_off(tmp_path: Path, text: str) -> None:
    """`enabled: false` leaves the machine's time alone."""
    assert ask(ntp, tree(tmp_path, "chrony"), text).changes == []


def test_null(tmp_path: Path) -> None:
    """`ntp:` alone means: see to it that there is a client."""
    answer = ask(ntp, tree(tmp_path, "chrony"), "ntp:\n")
    assert answer.targets == ["enable chrony", "restart chrony"]


CUSTOM = """ntp:
  ntp_client: mine
  pools: [p1, p2]
  config:
    confpath: /etc/mine.conf
    check_exe: mined
    packages: [mine]
    service_name: mine-time
    template: |
      ## template: jinja
      {% for pool in pools -%}
      pool {{pool}} iburst
      {% endfor %}
"""


def test_a_client_of_ones_own(tmp_path: Path) -> None:
    """A client that is not known here is described: its file, its package, its service."""
    answer = ask(ntp, tree(tmp_path), CUSTOM.replace("{{pool}}", "x").replace("{%", "#").replace("%}", "#"))
    assert answer.targets == ["/etc/mine.conf", "apt-get update", "apt-get install mine", "restart mine-time"]
    assert answer.said == []


def test_a_template(tmp_path: Path) -> None:
    """Its template is rendered where there is jinja2; a faulty one is a problem, not the end."""
    pytest.importorskip("jinja2")
    answer = ask(ntp, tree(tmp_path), CUSTOM)
    assert answer.one("/etc/mine.conf").content.decode().split() == ["pool", "p1", "iburst", "pool", "p2", "iburst"]
    faulty = ask(ntp, tree(tmp_path), CUSTOM.replace("{% endfor %}", ""))
    assert faulty.problems[0].startswith("ntp.config.template: cannot be rendered")


def test_what_cannot_be(tmp_path: Path) -> None:
    """An unknown client is an error; what a client cannot do is said; hosts are hosts, and lines stay lines."""
    assert isinstance(ask(ntp, tree(tmp_path), "ntp: {ntp_client: mine}").error, ChangeError)
    assert isinstance(ask(ntp, tmp_path, "ntp: {ntp_client: ntpdate}").error, ChangeError)
    root = tree(tmp_path, "systemd-timesyncd")
    answer = ask(ntp, root, "ntp: {servers: [a], peers: [b], allow: [192.0.2.0/24]}")
    assert answer.problems == [
        "ntp.allow: systemd-timesyncd has no such list: only chrony does",
        "ntp.peers: systemd-timesyncd has no peers",
    ]
    hostile = ask(ntp, root, 'ntp: {servers: ["a\\nmakestep", "-f", "a b"], config: {confpath: ../x}}')
    assert len(hostile.said) == 4
    assert "/etc/systemd/timesyncd.conf.d/50-ovfinit.conf" not in hostile.targets
