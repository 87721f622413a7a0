"""What is said when the distribution's tool does not take a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import Machine
from scratch import make_seed


@pytest.mark.usefixtures("as_root")
def test_the_user_is_named(tmp_path: Path) -> None:
    """A shadow file that cannot be written to costs the password, and the error tells whose, and not which one."""
    text = "#cloud-config\nchpasswd: {expire: false, users: [{name: root, password: hush, type: text}]}\n"
    source = make_seed(tmp_path / "seed", user_data=text)
    result = Machine(tmp_path / "machine").script(f"""
        mkdir -p /etc/ovfinit
        echo 'disable: [growth, network, ssh_keys, users, hostname]' > /etc/ovfinit/ovfinit.yaml
        mount --bind /etc/shadow /etc/shadow
        mount -o remount,bind,ro /etc/shadow
        $OVFINIT apply --from {source} || echo code $?
    """)
    assert result.out.endswith("code 1\n")
    assert "ovfinit: root: chpasswd failed with" in result.err
    assert "hush" not in result.out + result.err
