"""By what the EC2 source knows its platforms, and whom it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from amazon import pose

from datasources.ec2 import Ec2, identify
from ovfinit.host import Host


@pytest.mark.parametrize(
    ("dmi", "platform"),
    [
        ({"sys_vendor": "Amazon EC2"}, "Amazon EC2"),
        ({"bios_vendor": "Amazon EC2"}, "Amazon EC2"),
        ({"product_uuid": "EC2E1916-9099-7CAF-FD21-012345ABCDEF"}, "Amazon EC2"),
        ({"product_uuid": "45E12AEC-DCD1-B213-94ED-012345ABCDEF"}, "Amazon EC2"),
        ({"product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef", "sys_vendor": "Xen"}, "Amazon EC2"),
        ({"product_name": "Eucalyptus"}, "Eucalyptus"),
        ({"product_serial": "srv-abcde.gb1.brightbox.com"}, "Brightbox"),
        ({"chassis_asset_tag": "123.zstack.io"}, "ZStack"),
        ({"sys_vendor": "e24cloud"}, "e24cloud"),
        ({"product_name": "3DS Outscale VM", "sys_vendor": "3DS Outscale"}, "Outscale"),
        ({"sys_vendor": "Tilaa"}, "Tilaa"),
    ],
)
def test_platforms_are_recognised(dmi: dict[str, str], platform: str, tmp_path: Path) -> None:
    """DMI tells which platform this is, and the reason says so."""
    host = pose(tmp_path, **dmi)
    assert identify(host)[0] == platform
    detection = Ec2().detect(host)
    assert detection.answer == "yes"
    assert platform in detection.reason


@pytest.mark.parametrize(
    ("dmi", "answer"),
    [
        ({}, "no"),
        ({"sys_vendor": "VMware, Inc.", "product_name": "VMware Virtual Platform"}, "no"),
        ({"sys_vendor": "Dell Inc."}, "no"),
        ({"sys_vendor": "VMware, Inc.", "product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}, "no"),
        ({"sys_vendor": "QEMU", "product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}, "maybe"),
        ({"sys_vendor": "QEMU"}, "maybe"),
        ({"sys_vendor": "Red Hat", "product_name": "KVM"}, "maybe"),
        ({"sys_vendor": "Xen", "product_name": "HVM domU"}, "maybe"),
        ({"product_serial": "brightbox.com.example.org"}, "no"),
    ],
)
def test_others_are_not(dmi: dict[str, str], answer: str, tmp_path: Path) -> None:
    """No evidence, no question; a bare KVM or Xen guest is only a maybe."""
    assert Ec2().detect(pose(tmp_path, **dmi)).answer == answer


def test_hypervisor_uuid_of_a_xen_guest(tmp_path: Path) -> None:
    """Paravirtual guests have no DMI; Xen itself knows."""
    (tmp_path / "sys/hypervisor").mkdir(parents=True)
    (tmp_path / "sys/hypervisor/uuid").write_text("ec2e1916-9099-7caf-fd21-012345abcdef\n")
    assert identify(Host(str(tmp_path)))[0] == "Amazon EC2"


def test_eucalyptus_is_known_by_its_adapters(tmp_path: Path) -> None:
    """UEC says nothing in DMI, but makes hardware addresses out of instance ids."""
    host = pose(tmp_path, sys_vendor="Bochs")
    (tmp_path / "sys/class/net/eth0/device").mkdir(parents=True)
    (tmp_path / "sys/class/net/eth0/address").write_text("d0:0d:4e:34:08:f2\n")
    assert identify(host)[0] == "Eucalyptus"
