"""What the console shows of the host keys: with the marks that programs look for, and without what is not wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scratch import KEY

from ovfinit.fingerprint import fingerprint
from ovfinit.host import Host
from ovfinit.system.console import host_keys

RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQDJ root@web1"
PRINTS, KEYS = (f"-----BEGIN SSH HOST KEY {word}-----" for word in ("FINGERPRINTS", "KEYS"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with two pairs of host keys, and what is none."""
    folder = tmp_path / "etc/ssh"
    folder.mkdir(parents=True)
    for name, text in (("ed25519_key.pub", KEY), ("rsa_key.pub", RSA), ("rsa_key", "private"), ("odd_key.pub", "")):
        (folder / f"ssh_host_{name}").write_text(f"{text}\n")
    return tmp_path


def shown(root: Path, **asked: Any) -> list[str]:
    """The lines for a cloud-config."""
    return list(host_keys(Host(str(root)), asked))


def test_fingerprints_and_keys(root: Path) -> None:
    """Both are shown, each between its marks, in the order of the files' names; private halves never."""
    assert shown(root) == [
        PRINTS,
        str(fingerprint(KEY)),
        str(fingerprint(RSA)),
        PRINTS.replace("BEGIN", "END"),
        KEYS,
        KEY,
        RSA,
        KEYS.replace("BEGIN", "END"),
    ]


def test_what_is_not_wanted(root: Path) -> None:
    """All of it, types of keys, types of fingerprints or a fingerprint itself can be left out."""
    assert shown(root, ssh={"emit_keys_to_console": False}) == []
    assert RSA not in shown(root, ssh_key_console_blacklist=("rsa",))
    assert str(fingerprint(RSA)) in shown(root, ssh_key_console_blacklist=("ssh-rsa",))
    only = shown(root, ssh_fp_console_blacklist=("rsa", "ssh-ed25519"))
    assert only[0] == KEYS
    one = shown(root, ssh_fp_console_blacklist=(str(fingerprint(KEY)).split()[0],))
    assert one[:2] == [PRINTS, str(fingerprint(RSA))]


def test_no_keys(tmp_path: Path) -> None:
    """Without host keys there are no marks either."""
    assert shown(tmp_path) == []
