"""The host key duty: which keys are made and which go, and what sshd makes of our settings file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ovfinit.changes import FINAL, LOCAL, Change, MakeHostKey, RemoveFile, WriteFile
from ovfinit.config import Config, SshConfig
from ovfinit.handlers import ssh_keys
from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.state import Past


def wanted(root: Path, past: Past | None = None, **settings: object) -> list[Change]:
    """The changes for these settings."""
    config = Config(ssh=SshConfig(**settings))
    return list(ssh_keys.changes(Metadata(), config, Host(str(root)), past or Past()))


def test_new_instance_gets_new_keys(tmp_path: Path) -> None:
    """Both types are made in the local stage, before sshd starts."""
    assert wanted(tmp_path) == [
        MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_ed25519_key", LOCAL, type="ed25519"),
        MakeHostKey("ssh_keys", "/etc/ssh/ssh_host_ecdsa_key", LOCAL, type="ecdsa"),
    ]


def test_rsa_waits(tmp_path: Path) -> None:
    """An RSA key, which takes long, is made after the rest of the boot."""
    keys = wanted(tmp_path, host_keys=("rsa", "ed25519"))
    assert [(key.target[-11:], key.stage) for key in keys] == [("ost_rsa_key", FINAL), ("ed25519_key", LOCAL)]


def test_other_types_go_once(tmp_path: Path) -> None:
    """Keys of other types, certificates included, are the image's: they go with the first boot of an instance only."""
    folder = tmp_path / "etc/ssh"
    folder.mkdir(parents=True)
    for name in ("ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_rsa_key-cert.pub", "ssh_host_ecdsa_key"):
        (folder / name).write_text("")
    for name in ("moduli", "sshd_config", "ssh_host_notes"):
        (folder / name).write_text("")
    gone = [change.target for change in wanted(tmp_path) if isinstance(change, RemoveFile)]
    assert gone == [f"/etc/ssh/ssh_host_rsa_key{end}" for end in ("", "-cert.pub", ".pub")]
    later = wanted(tmp_path, Past(new=False, done={"ssh_keys": {}}))
    assert not [change for change in later if isinstance(change, RemoveFile)]


def test_no_types_leave_the_keys_alone(tmp_path: Path) -> None:
    """`host_keys: []` touches nothing."""
    (tmp_path / "etc/ssh").mkdir(parents=True)
    (tmp_path / "etc/ssh/ssh_host_rsa_key").write_text("")
    assert wanted(tmp_path, host_keys=()) == []


@pytest.mark.parametrize(("answer", "word"), [(True, "yes"), (False, "no")])
def test_password_authentication(tmp_path: Path, answer: bool, word: str) -> None:
    """The settings file says what the admin said, and sshd accepts it."""
    file = wanted(tmp_path, host_keys=(), password_authentication=answer)[0]
    assert isinstance(file, WriteFile)
    assert (file.target, file.mode) == ("/etc/ssh/sshd_config.d/50-ovfinit.conf", 0o600)
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
    keygen = shutil.which("ssh-keygen")
    if sshd is None or keygen is None:
        pytest.skip("sshd is not installed")
    settings, key = tmp_path / "sshd_config", tmp_path / "key"
    settings.write_bytes(file.content)
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    # sshd insists on a folder that its service makes at boot
    ready = "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && "
    command = f"{ready if os.geteuid() == 0 else ''}exec {sshd} -T -f {settings} -h {key}"
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else []
    told = subprocess.run([*apart, "sh", "-c", command], capture_output=True, check=False, text=True)
    if "mount" in told.stderr or "privilege separation" in told.stderr.lower():
        pytest.skip("sshd does not run here")
    assert told.returncode == 0, told.stderr
    assert f"passwordauthentication {word}\n" in told.stdout
