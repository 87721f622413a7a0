"""A machine whose own source cannot be asked, while another one answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import Machine
from scratch import make_ovf, make_seed

SETTINGS = "mount -t tmpfs none /sys/class/block; mkdir -p /etc/ovfinit /var/lib/ovfinit; rm -rf /var/lib/cloud"


@pytest.mark.usefixtures("as_root")
def test_it_stays_as_it_was_and_says_so(tmp_path: Path) -> None:
    """Neither `apply` nor the daemon takes the other source's word, and `status` tells why."""
    make_ovf(tmp_path / "ovf-env.xml", hostname="own")
    make_seed(tmp_path / "seed", instance_id="other", local_hostname="other")
    result = Machine(tmp_path / "machine").script(f"""
        {SETTINGS}
        echo 'disable: [growth, network, ssh_keys, users]' > /etc/ovfinit/ovfinit.yaml
        mkdir -p /var/lib/ovfinit/seed /var/lib/cloud/seed
        cp {tmp_path}/ovf-env.xml /var/lib/ovfinit/seed/
        $OVFINIT daemon
        echo '<oops' > /var/lib/ovfinit/seed/ovf-env.xml
        cp -r {tmp_path}/seed /var/lib/cloud/seed/nocloud
        for command in daemon apply; do
            rm -rf /run/ovfinit
            $OVFINIT $command || echo code $?
            cat /etc/hostname
            $OVFINIT status
        done
    """)
    lines = result.out.splitlines()
    assert [line for line in lines if line in ("code 1", "own", "other")] == ["code 1", "own"] * 2
    assert lines.count("status: done with warnings") == 2
    assert sum("is not well-formed XML" in line for line in lines) == 2
