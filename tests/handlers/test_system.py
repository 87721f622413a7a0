"""All duties of the system through the real program: planned and applied on a tree, and on a machine of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from machine import Machine
from scratch import Result, differences, snapshot

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
CONFIG = f"""#cloud-config
timezone: Europe/Vienna
locale: de_AT
keyboard: {{layout: de}}
ntp: {{servers: [ntp.example.com]}}
apt:
  http_proxy: http://proxy.example.com:3128
  primary: [{{arches: [default], uri: http://mirror.example.com/debian}}]
  sources: {{mine: {{source: deb http://mine.example.com $RELEASE main}}}}
packages: [nginx]
package_upgrade: true
growpart: {{devices: [/]}}
device_aliases: {{data: /dev/vdb}}
disk_setup: {{data: {{layout: true}}}}
fs_setup: [{{device: data.1, filesystem: ext4, label: data}}]
mounts: [[data.1, /data], [tmpfs, /scratch, tmpfs]]
swap: {{size: 64M}}
manage_resolv_conf: true
resolv_conf: {{nameservers: [192.0.2.53]}}
ca_certs: {{trusted: [{json.dumps(CERTIFICATE)}]}}
rsyslog: {{remotes: {{central: '@@logs.example.com'}}}}
random_seed: {{data: very secret seed, file: /var/lib/seed}}
phone_home: {{url: 'http://home.example.com/'}}
final_message: done after $UPTIME
power_state: {{mode: reboot}}
"""
FILES = (
    "/etc/apt/apt.conf.d/90ovfinit-proxy",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/mine.list",
    "/etc/default/keyboard",
    "/etc/default/locale",
    "/etc/localtime",
    "/etc/resolv.conf",
    "/etc/rsyslog.d/20-ovfinit.conf",
    "/etc/systemd/timesyncd.conf.d/50-ovfinit.conf",
    "/etc/timezone",
    "/usr/local/share/ca-certificates/ovfinit-1.crt",
    "/var/lib/seed",
)
FOLDERS = ("/data", "/scratch")
DEFERRED = (
    "/",
    "partitions on /dev/vdb",
    "ext4 on /dev/vdb1",
    "swap file /swap.img",
    "daemon-reload",
    "mount /data",
    "mount /scratch",
    "swap /swap.img",
    "update-ca-certificates",
    "apt-get update",
    "apt-get dist-upgrade",
    "apt-get install nginx",
    "http://home.example.com/",
    "final message",
    "reboot",
)


@pytest.fixture
def system(tree: Path) -> Path:
    """The scratch tree with what a Debian has for these duties."""
    for path in ("usr/lib/systemd/systemd-timesyncd", "usr/share/zoneinfo/Europe/Vienna", "etc/apt/sources.list"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).touch()
    (tree / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n')
    (tree / "etc/apt/sources.list").write_text("deb http://deb.debian.org/debian bookworm main\n")
    (tree / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n")
    return tree


def test_a_tree(system: Path, seed: Callable[..., str], ovfinit: Callable[..., Result]) -> None:
    """Files are made, programs wait for the first boot; twice is once; undo leaves the tree as it was."""
    before = snapshot(system, times="none")
    words = ("--root", system, "--from", seed(user_data=CONFIG))
    planned = {step["target"]: step for step in ovfinit("plan", *words, "--json").json["changes"]}
    assert [target for target in (*FILES, *FOLDERS, "/etc/fstab") if planned[target]["deferred"]] == []
    assert [target for target in DEFERRED if not planned[target]["deferred"]] == []
    assert {planned[target]["action"] for target in DEFERRED} == {"run"}
    assert "very secret seed" not in ovfinit("plan", *words).out

    ovfinit("apply", *words)
    assert [path for path in (*FILES, *FOLDERS) if not os.path.lexists(f"{system}{path}")] == []
    assert (system / "var/lib/seed").read_text() == "very secret seed"
    assert (system / "etc/fstab").read_text().splitlines() == [
        "UUID=1 / ext4 defaults 0 1",
        "# BEGIN ovfinit",
        "/dev/vdb1\t/data\tauto\tdefaults,nofail\t0\t2",
        "tmpfs\t/scratch\ttmpfs\tdefaults,nofail\t0\t0",
        "/swap.img\tnone\tswap\tsw\t0\t0",
        "# END ovfinit",
    ]
    again = ovfinit("plan", *words, "--json").json["changes"]
    assert [step["target"] for step in again if step["action"] != "none"] == []

    ovfinit("undo", "--root", system)
    assert differences(before, snapshot(system, times="none")) == ""


def test_what_left_the_user_data_leaves_the_tree(
    system: Path, seed: Callable[..., str], ovfinit: Callable[..., Result]
) -> None:
    """A key that is gone takes its file and its lines with it, and nothing else."""
    ovfinit("apply", "--root", system, "--from", seed(user_data=CONFIG))
    less = "\n".join(row for row in CONFIG.splitlines() if not row.startswith(("rsyslog", "mounts", "swap", "ntp")))
    ovfinit("apply", "--root", system, "--from", seed("less", user_data=less))
    assert not (system / "etc/rsyslog.d/20-ovfinit.conf").exists()
    assert not (system / "etc/systemd/timesyncd.conf.d/50-ovfinit.conf").exists()
    assert (system / "etc/fstab").read_text() == "UUID=1 / ext4 defaults 0 1\n"
    assert (system / "etc/apt/sources.list.d/mine.list").exists()


@pytest.fixture
def disk(tmp_path: Path, as_root: None) -> Iterator[str]:
    """An empty disk of 64 MiB on a loop device."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("needs loop devices")
    device = made.stdout.strip()
    yield device
    subprocess.run(["partx", "--delete", device], check=False, capture_output=True)
    subprocess.run(["losetup", "--detach", device], check=True)


def test_a_machine(disk: str, tmp_path: Path, seed: Callable[..., str]) -> None:
    """On a running machine an empty disk is partitioned, formatted and mounted, and files of the user can lie on it."""
    text = f"""#cloud-config
disk_setup: {{{disk}: {{table_type: gpt, layout: [50, 50]}}}}
fs_setup:
- {{device: {disk}, partition: 1, filesystem: ext4, label: data}}
- {{device: {disk}, partition: 2, filesystem: ext4, label: more}}
mounts: [[{disk}p1, /data], [LABEL=no-such-label, /missing, ext4], [{disk}p2, /data/more]]
growpart: {{mode: off}}
"""
    source = seed(user_data=text, network=False)
    machine = Machine(tmp_path / "machine")
    done = machine.script(f"""
        $OVFINIT apply --from {source} --stage local >&2
        findmnt --noheadings --raw --output TARGET,FSTYPE,SOURCE /data
        findmnt --noheadings --raw --output TARGET,FSTYPE,SOURCE /data/more
        touch /data/more/mine
        $OVFINIT plan --from {source} --json
        umount /data/more /data
    """)
    assert done.code == 0, done
    first, second, *rest = done.out.splitlines()
    assert (first, second) == (f"/data ext4 {disk}p1", f"/data/more ext4 {disk}p2")
    steps = json.loads("\n".join(rest))["changes"]
    assert [step for step in steps if step["handler"] in ("disks", "mounts") and step["action"] != "none"] == []
    # another instance with the same wishes: what is there is found, and kept
    other = seed("other", user_data=text, network=False, instance_id="i-2")
    done = machine.script(f"$OVFINIT apply --from {other} --stage local >&2; ls /data/more; umount /data/more /data")
    assert (done.code, done.out.split()) == (0, ["lost+found", "mine"]), done


def test_a_platforms_seed(system: Path, tmp_path: Path, ovfinit: Callable[..., Result]) -> None:
    """A seed that the platform gives goes to the kernel without anybody asking, and is never shown."""
    drive = tmp_path / "drive/openstack/latest"
    drive.mkdir(parents=True)
    (drive / "meta_data.json").write_text(json.dumps({"uuid": "u-1", "random_seed": "c2VlZCBvZiBub3Zh"}))
    words = ("--root", system, "--from", f"openstack:{tmp_path / 'drive'}")
    planned = ovfinit("plan", *words, "--json").json["changes"]
    assert [step["target"] for step in planned if step["handler"] == "random_seed"] == ["/dev/urandom"]
    shown = ovfinit("plan", *words).out
    assert "c2VlZCBvZiBub3Zh" not in shown
    assert "seed of nova" not in shown


def test_programs_are_short_in_a_plan(system: Path, seed: Callable[..., str], ovfinit: Callable[..., Result]) -> None:
    """A plan shows what our own programs are given, and leaves their text to `--json`."""
    words = ("--root", system, "--from", seed(user_data=CONFIG))
    assert "sh -c '…' format /dev/vdb1 this ext4 data false" in ovfinit("plan", *words).out


def test_packages_on_a_machine(tmp_path: Path, seed: Callable[..., str], as_root: None) -> None:
    """APT's list is the user's, and the packages that it has are installed, although one name is known to nobody."""
    control = tmp_path / "package/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: ovfinit-sample\nVersion: 7\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    )
    repository = tmp_path / "repository"
    repository.mkdir()
    built = subprocess.run(["dpkg-deb", "--build", control.parents[1], repository / "sample.deb"], check=False)
    if built.returncode:
        pytest.skip("needs dpkg-deb")
    content = (repository / "sample.deb").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    index = f"{control.read_text()}Filename: ./sample.deb\nSize: {len(content)}\nSHA256: {digest}\n"
    (repository / "Packages").write_text(index)
    text = f"""#cloud-config
apt:
  conf: 'APT::Sandbox::User "root";'
  sources_list: |
    deb [trusted=yes] file:{repository} ./
packages: [ovfinit-sample, no-such-package-anywhere]
"""
    source = seed(user_data=text, network=False)
    done = Machine(tmp_path / "machine").script(f"""
        rm -f /etc/apt/sources.list.d/*
        $OVFINIT apply --from {source} >&2 || echo failed
        dpkg-query --show --showformat='${{Version}} ${{db:Status-Status}}\\n' ovfinit-sample
        grep '^not installed' /var/log/ovfinit-output.log
    """)
    assert done.out.splitlines() == ["failed", "7 installed", "not installed: no-such-package-anywhere"], done
