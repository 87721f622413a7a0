"""The rsyslog duty: lines and remotes in, files out that rsyslogd reads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from duty import ask

from ovfinit.changes import FINAL, NETWORK, Call
from ovfinit.handlers import rsyslog

FULL = """rsyslog:
  config_filename: 99-late.conf
  configs:
    - '*.* @@192.0.2.1'
    - {content: '*.* @@192.0.2.2:10514', filename: 01-example.conf}
    - {content: "# mine\\n*.* /var/log/all\\n"}
  remotes: {juju: 10.0.4.1, maas: 'local0.* @@[2001:db8::1]:514'}
  preserve_fqdn: true
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> None:
    """The tree has rsyslog."""
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/rsyslogd").touch()


def test_files(tmp_path: Path) -> None:
    """Lines of the same file stand in the order given, remotes after them with their names, as rsyslogd accepts."""
    answer = ask(rsyslog, tmp_path, FULL)
    late = answer.one("/etc/rsyslog.d/99-late.conf").content
    assert late.decode().splitlines()[1:] == [
        "$PreserveFQDN on",
        "*.* @@192.0.2.1",
        "# mine",
        "*.* /var/log/all",
        "*.* @10.0.4.1 # juju",
        "local0.* @@[2001:db8::1]:514 # maas",
    ]
    assert b"*.* @@192.0.2.2:10514\n" in answer.one("/etc/rsyslog.d/01-example.conf").content
    if shutil.which("rsyslogd", path="/usr/sbin:/usr/bin"):
        (tmp_path / "judge").write_bytes(late)
        done = subprocess.run(["rsyslogd", "-N1", "-f", tmp_path / "judge"], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_reload(tmp_path: Path) -> None:
    """A reload once per content; auto is the service, a list another command, nothing written none at all."""
    answer = ask(rsyslog, tmp_path, FULL)
    call = answer.one("try-restart rsyslog")
    assert (call.stage, call.command) == (NETWORK, ("systemctl", "--no-block", "try-restart", "rsyslog"))
    other = ask(rsyslog, tmp_path, FULL + "  service_reload_command: [my, reload]\n")
    assert other.one("reload rsyslog").command == ("my", "reload")
    assert ask(rsyslog, tmp_path, "rsyslog: {config_dir: /x}").changes == []


def test_places(tmp_path: Path) -> None:
    """Another folder; a name that rsyslog would not read is said; folders in names are refused."""
    answer = ask(rsyslog, tmp_path, "rsyslog: {config_dir: /opt/rsyslog.d, config_filename: x, configs: [a]}")
    assert answer.targets[0] == "/opt/rsyslog.d/x"
    assert answer.problems == ["rsyslog: x does not end in .conf, so rsyslog does not read it"]
    for key in ("config_filename: ../../cron.d/x", "config_dir: etc", "configs: [{filename: /x.conf, content: a}]"):
        assert len(ask(rsyslog, tmp_path, f"rsyslog: {{{key}}}").said) == 1


def test_install(tmp_path: Path) -> None:
    """It is installed if it is not there and that was asked for, and told afterwards."""
    (tmp_path / "usr/sbin/rsyslogd").unlink()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\n")
    without = ask(rsyslog, tmp_path, "rsyslog: {configs: [a]}")
    assert without.targets == ["/etc/rsyslog.d/20-ovfinit.conf"]
    assert without.problems == ["rsyslog: is not installed, so nobody reads its files: say install_rsyslog: true"]
    answer = ask(rsyslog, tmp_path, "rsyslog: {install_rsyslog: true, configs: [a]}")
    assert answer.targets[1:] == ["apt-get update", "apt-get install rsyslog", "try-restart rsyslog"]
    assert isinstance(answer.changes[3], Call)
    assert answer.changes[3].stage == FINAL
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/logd").touch()
    there = "rsyslog: {install_rsyslog: true, check_exe: /opt/logd, packages: [logd]}"
    assert ask(rsyslog, tmp_path, there).changes == []


def test_old_forms(tmp_path: Path) -> None:
    """A list in place of the mapping, and the two keys that stood at the top, are taken with a warning."""
    answer = ask(rsyslog, tmp_path, "rsyslog: ['*.* @a']\nrsyslog_dir: /etc/x.d\nrsyslog_filename: y.conf\n")
    assert answer.targets[0] == "/etc/x.d/y.conf"
    assert len(answer.said) == 3


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("192.0.2.1", "*.* @192.0.2.1"),
        ("@@host:10514", "*.* @@host:10514"),
        ("*.info @host # comment", "*.info @host"),
        ("[2001:db8::1]:514", "*.* @[2001:db8::1]:514"),
        ("@@@host", None),
        ("host:port", None),
        ("a b c", None),
        ("", None),
        ("$Include @x", None),
        ("@host;id", None),
    ],
)
def test_remotes(given: str, line: str | None) -> None:
    """`[filter] [@|@@]host[:port]`, and nothing else."""
    assert rsyslog.remote(given) == line
