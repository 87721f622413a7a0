"""What platforms hand to a guest, all asking for the same: a name, a static address or DHCP, a key, a script."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from images import run
from lab import DHCP, MAC, ROUTER, STATIC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCRIPT = '#!/bin/sh\necho "$(id -un) on $(hostname)" >> /var/lib/lab-script\n'
NETWORK = f"""version: 2
ethernets:
  lan:
    match: {{macaddress: "{MAC}"}}
    addresses: [{STATIC}/24]
    routes: [{{to: default, via: {ROUTER}}}]
"""


def user_key(folder: Path) -> tuple[Path, str]:
    """The key pair of the person who logs in: the private key's file and the public line."""
    path = folder / "key"
    if not path.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "person@lab", "-f", path)
    return path, path.with_suffix(".pub").read_text().strip()


def environment(instance: str, name: str, key: str) -> str:
    """An OVF environment document (DSP0243), with the property names that cloud-init made usual."""
    network = "network:\n" + "".join(f"  {line}\n" for line in NETWORK.splitlines())
    properties = {
        "instance-id": instance,
        "hostname": name,
        "public-keys": key,
        "user-data": base64.b64encode(SCRIPT.encode()).decode(),
        "network-config": base64.b64encode(network.encode()).decode(),
    }
    space = "http://schemas.dmtf.org/ovf/environment/1"
    lines = "".join(f"    <Property oe:key={quoteattr(k)} oe:value={quoteattr(v)}/>\n" for k, v in properties.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Environment xmlns="{space}" xmlns:oe="{space}" oe:id="">\n'
        "  <PlatformSection>\n    <Kind>VMware ESXi</Kind>\n    <Version>8.0.2</Version>\n"
        "    <Vendor>VMware, Inc.</Vendor>\n    <Locale>en</Locale>\n  </PlatformSection>\n"
        f"  <PropertySection>\n{lines}  </PropertySection>\n</Environment>\n"
    )


def seed(instance: str, name: str, key: str) -> dict[str, str]:
    """The files of a seed, as cloud-init's NoCloud has them."""
    return {
        "meta-data": f"instance-id: {instance}\nlocal-hostname: {name}\npublic-keys:\n  - {key}\n",
        "user-data": SCRIPT,
        "network-config": NETWORK,
    }


def volume(path: Path, label: str, files: Mapping[str, str]) -> Path:
    """An ISO 9660 image with these files in its root folder."""
    folder = path.with_suffix(".files")
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    run("genisoimage", "-quiet", "-joliet", "-rational-rock", "-volid", label, "-output", path, folder)
    return path


def ec2(path: Path, instance: str, name: str, key: str) -> Path:
    """The tree of an EC2 metadata service, for tests/metadata_server.py."""
    card = {
        "device-number": "0",
        "interface-id": "eni-1",
        "local-hostname": name,
        "local-ipv4s": DHCP,
        "mac": MAC,
        "owner-id": "1",
        "subnet-id": "subnet-1",
        "subnet-ipv4-cidr-block": "10.77.0.0/24",
        "vpc-id": "vpc-1",
        "vpc-ipv4-cidr-block": "10.77.0.0/16",
    }
    tree = {
        "meta-data": {
            "ami-id": "ami-1",
            "ami-launch-index": "0",
            "hostname": name,
            "instance-id": instance,
            "instance-type": "t3.small",
            "local-hostname": name,
            "local-ipv4": DHCP,
            "mac": MAC,
            "network": {"interfaces": {"macs": {MAC: card}}},
            "placement": {"availability-zone": "eu-west-1a", "region": "eu-west-1"},
            "public-keys": {"0=person": {"openssh-key": key}},
            "reservation-id": "r-1",
            "security-groups": "default",
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        },
        "user-data": SCRIPT,
    }
    path.write_text(json.dumps(tree, indent=1))
    return path


def rpctool(variables: Mapping[str, str]) -> dict[str, tuple[bytes, int]]:
    """A stand-in for VMware's vmware-rpctool that knows these guestinfo variables."""
    cases = "".join(f"    'info-get guestinfo.{name}') exec cat /usr/local/share/lab/{name} ;;\n" for name in variables)
    program = f"#!/bin/sh\ncase $1 in\n{cases}    *) echo 'No value found' >&2; exit 1 ;;\nesac\n"
    files = {f"/usr/local/share/lab/{name}": (value.encode(), 0o600) for name, value in variables.items()}
    return {"/usr/local/bin/vmware-rpctool": (program.encode(), 0o755), **files}
