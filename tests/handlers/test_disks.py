"""The disks duty: wishes in, calls out; then these calls on real disks, which must not lose what nobody gave up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudconfig import handed
from duty import ask

from ovfinit import block
from ovfinit.changes import Call
from ovfinit.config import Config
from ovfinit.handlers import disks, mounts
from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.state import Past
from ovfinit.storage.names import part

MIB = 1 << 20


def words(root: Path, text: str) -> list[tuple[str, ...]]:
    """The arguments of each planned program: which one, the device, and how."""
    answer = ask(disks, root, text)
    assert (answer.said, answer.problems) == ([], [])
    return [change.command[3:] for change in answer.changes]  # type: ignore[attr-defined]


def test_the_peers_first_example(tmp_path: Path) -> None:
    """Aliases, both kinds of table, percentages with and without types, and the file systems on them."""
    text = """device_aliases: {mine: /dev/sdb, swap_disk: /dev/sdc}
disk_setup:
  /dev/sdd: {layout: true, overwrite: true, table_type: mbr}
  mine: {layout: [50, 50], overwrite: true, table_type: gpt}
  swap_disk: {layout: [[100, 82]], table_type: gpt}
fs_setup:
- {cmd: mkfs -t %(filesystem)s -L %(label)s %(device)s, device: mine.1, filesystem: ext4, label: fs1}
- {device: mine.2, filesystem: ext4, label: fs2}
- {device: swap_disk.1, filesystem: swap, label: swap}
- {device: /dev/sdd1, filesystem: ext4, label: fs3}
"""
    linux = disks.LINUX["gpt"]
    assert words(tmp_path, text) == [
        ("partition", "/dev/sdd", "dos", "true", "any", ":83"),
        ("partition", "/dev/sdb", "gpt", "true", f"{linux} {linux}", f"50:{linux}", f":{linux}"),
        (
            "partition",
            "/dev/sdc",
            "gpt",
            "false",
            *(f"{lead}0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" for lead in ("", ":")),
        ),
        ("format", "/dev/sdb1", "this", "ext4", "fs1", "false", "", 'mkfs -t ext4 -L fs1 "$device"'),
        ("format", "/dev/sdb2", "this", "ext4", "fs2", "false", "", 'mkfs.ext4 -q -F -L fs2  "$device"'),
        ("format", "/dev/sdc1", "this", "swap", "swap", "false", "", 'mkswap -L swap  "$device"'),
        ("format", "/dev/sdd1", "any", "ext4", "fs3", "false", "", 'mkfs.ext4 -q -F -L fs3  "$device"'),
    ]


@pytest.mark.parametrize(
    ("given", "device", "mode"),
    [
        ("device: /dev/vdb, partition: auto", "/dev/vdb", "auto"),
        ("device: /dev/vdb, partition: any", "/dev/vdb", "any"),
        ("device: /dev/vdb", "/dev/vdb", "any"),
        ("device: /dev/vdb, partition: none", "/dev/vdb", "this"),
        ("device: /dev/vdb, partition: 2", "/dev/vdb2", "this"),
        ("device: /dev/nvme0n1, partition: '1'", "/dev/nvme0n1p1", "this"),
        ("device: /dev/disk/azure/scsi1/lun0, partition: 1", "/dev/disk/azure/scsi1/lun0-part1", "this"),
        ("device: e.0, partition: auto", "/dev/vdb", "this"),
        ("device: e.1", "/dev/vdb1", "this"),
        ("device: sdb", "/dev/sdb", "any"),
    ],
)
def test_which_device(tmp_path: Path, given: str, device: str, mode: str) -> None:
    """A number after a dot goes before `partition`; without either a partition is looked for."""
    text = f"device_aliases: {{e: /dev/vdb}}\nfs_setup: [{{filesystem: ext4, {given}}}]"
    (found,) = words(tmp_path, text)
    assert found[1:3] == (device, mode)


def test_options_and_commands(tmp_path: Path) -> None:
    """Options are words of their own; a command is the user's, with the device as a variable in it."""
    text = """fs_setup:
- {device: /dev/vdb, filesystem: xfs, extra_opts: [-m, 'crc=1 x'], label: "a b"}
- {device: /dev/vdb, filesystem: vfat, extra_opts: '-F 32'}
- {device: /dev/vdb, filesystem: zfs, cmd: [zpool, create, '%(label)s', '%(device)s', "it's"], label: tank}
"""
    assert [found[-1] for found in words(tmp_path, text)] == [
        """mkfs.xfs -q -f -L 'a b' -m 'crc=1 x' "$device\"""",
        """mkfs.vfat -I -F 32 "$device\"""",
        """zpool create tank "$device" 'it'"'"'s'""",
    ]


def test_once_for_each_wish(tmp_path: Path) -> None:
    """Another wish for the same disk is another call; the same is the same."""
    marks = [
        ask(disks, tmp_path, f"disk_setup: {{/dev/vdb: {{layout: [{share}, 50]}}}}").changes[0].fingerprint  # type: ignore[attr-defined]
        for share in (50, 50, 40)
    ]
    assert marks[0] == marks[1] != marks[2]
    assert ask(disks, tmp_path, "disk_setup: {/dev/vdb: {layout: false}, /dev/vdc: {}}").changes == []


def test_what_cannot_be(tmp_path: Path) -> None:
    """Unknown devices, types, sums and kinds are said by name, and cost only themselves."""
    text = """disk_setup:
  ephemeral0: {layout: true}
  /dev/vdb: {layout: [60, 60]}
  /dev/vdc: {layout: [[100, ABCD]], table_type: gpt}
  /dev/vdd: {layout: [[100, '12345']]}
fs_setup:
- {device: ephemeral0, filesystem: ext4}
- {device: /dev/vdb, filesystem: zfs}
- {device: /dev/vdb}
- {device: /dev/vde, filesystem: ext4}
"""
    answer = ask(disks, tmp_path, text)
    assert answer.targets == ["ext4 on /dev/vde"]
    assert answer.problems == [
        "disk_setup.ephemeral0: is not known here: name its device in device_aliases",
        "disk_setup./dev/vdb.layout: is 120 % of the disk",
        "disk_setup./dev/vdc.layout: ABCD is not a type of partition for gpt",
        "disk_setup./dev/vdd.layout: 12345 is not a type of partition for mbr",
        "fs_setup[0]: ephemeral0 is not known here: name its device in device_aliases",
        "fs_setup[1]: it is not known how to make zfs: say it in cmd",
        "fs_setup[2]: it is not known how to make no file system: say it in cmd",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "disk_setup: {--force: {layout: true}}",
        "disk_setup: {/etc/passwd: {layout: true}}",
        "disk_setup: {/dev/../etc/passwd: {layout: true}}",
        "disk_setup: {/dev/vdb: {layout: [0]}}",
        "device_aliases: {a: /etc/passwd}",
        "fs_setup: [{device: -x, filesystem: ext4}]",
        "fs_setup: [{device: /dev/vdb, filesystem: 'ext4 -F; id'}]",
        "fs_setup: [{device: /dev/vdb, filesystem: --help}]",
    ],
)
def test_hostile_names(tmp_path: Path, text: str) -> None:
    """No option, no file and no second command gets in by a name."""
    answer = ask(disks, tmp_path, text)
    assert len(answer.said) == 1
    assert answer.changes == []


@pytest.fixture
def disk(tmp_path: Path, as_root: None) -> Iterator[str]:
    """An empty disk of 128 MiB on a loop device."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(128 * MIB)
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("needs loop devices")
    device = made.stdout.strip()
    yield device
    subprocess.run(["partx", "--delete", device], check=False, capture_output=True)
    subprocess.run(["losetup", "--detach", device], check=True)


def apply(text: str, path: str | None = None) -> list[tuple[int, str]]:
    """Run the planned programs, with this PATH; exit code and what each said."""
    answer = ask(disks, "/", text)
    assert (answer.said, answer.problems) == ([], [])
    said = []
    for change in answer.changes:
        assert isinstance(change, Call)
        env = {**os.environ, "PATH": path or os.environ["PATH"]}
        done = subprocess.run(change.command, capture_output=True, text=True, check=False, env=env)
        said.append((done.returncode, (done.stdout if done.returncode == 0 else done.stderr).strip()))
    return said


def tag(device: str, name: str) -> str:
    """What blkid finds on a device."""
    words = ("blkid", "--probe", "--match-tag", name, "--output", "value", device)
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def table(device: str) -> list[tuple[int, str]]:
    """Size in MiB and type of each partition."""
    dump = subprocess.run(["sfdisk", "--json", device], capture_output=True, check=True)
    parts = json.loads(dump.stdout)["partitiontable"]["partitions"]
    return [(entry["size"] // 2048, entry["type"]) for entry in parts]


def test_an_empty_disk(disk: str) -> None:
    """Partitions by their shares, file systems on them; the same again finds it all done and changes nothing."""
    text = f"""disk_setup: {{{disk}: {{table_type: gpt, layout: [25, [25, 82], 50]}}}}
fs_setup:
- {{device: {disk}, partition: 1, filesystem: ext4, label: data}}
- {{device: {disk}, partition: 2, filesystem: swap, label: swap}}
- {{device: {disk}, partition: auto, filesystem: ext4, label: more}}
"""
    assert [code for code, _ in apply(text)] == [0, 0, 0, 0]
    assert [size for size, _ in table(disk)] == [32, 32, 62]
    assert table(disk)[1][1] == "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
    found = [(tag(part(disk, number), "TYPE"), tag(part(disk, number), "LABEL")) for number in (1, 2, 3)]
    assert found == [("ext4", "data"), ("swap", "swap"), ("ext4", "more")]
    identity = tag(part(disk, 1), "UUID")
    assert apply(text) == [
        (0, f"{disk} is partitioned like that already"),
        (0, f"{part(disk, 1)} has it already"),
        (0, f"{part(disk, 2)} has it already"),
        (0, f"{part(disk, 3)} has it already"),
    ]
    assert tag(part(disk, 1), "UUID") == identity


@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_a_disk_that_holds_something(disk: str, kind: str) -> None:
    """Neither a table nor a file system is put over what is there, unless it was given up; then it is."""
    subprocess.run([f"mkfs.{kind}", "-q", disk], check=True, capture_output=True)
    kept = tag(disk, "UUID")
    for text in (
        f"disk_setup: {{{disk}: {{layout: true}}}}",
        f"fs_setup: [{{device: {disk}, filesystem: ext4, label: mine, partition: none}}]",
        f"fs_setup: [{{device: {disk}, filesystem: ext4, label: mine, partition: auto}}]",
    ):
        ((code, said),) = apply(text)
        assert code == 1
        assert f"{disk} holds {kind}" in said
        assert said.endswith("say overwrite: true")
        assert tag(disk, "UUID") == kept
    text = f"fs_setup: [{{device: {disk}, filesystem: ext4, label: mine, partition: none, overwrite: true}}]"
    assert apply(text)[0][0] == 0
    assert (tag(disk, "LABEL"), tag(disk, "UUID") != kept) == ("mine", True)
    assert apply(f"disk_setup: {{{disk}: {{layout: true, overwrite: true}}}}")[0][0] == 0
    assert [kind for _, kind in table(disk)] == ["83"]
    assert tag(disk, "LABEL") == ""


def test_a_table_that_is_there(disk: str) -> None:
    """Another table stays, one that is like the wish is left as it is, `remove` takes it away."""
    assert apply(f"disk_setup: {{{disk}: {{layout: [50, 50]}}}}")[0][0] == 0
    ((code, said),) = apply(f"disk_setup: {{{disk}: {{layout: [30, 70, ], table_type: gpt}}}}")
    assert (code, said) == (1, f"{disk} holds dos and is left alone: say overwrite: true")
    assert len(table(disk)) == 2
    assert apply(f"disk_setup: {{{disk}: {{layout: remove}}}}")[0][0] == 0
    assert tag(disk, "PTTYPE") == ""
    assert apply(f"disk_setup: {{{disk}: {{layout: true}}}}")[0][0] == 0
    assert apply(f"disk_setup: {{{disk}: {{layout: true}}}}") == [(0, f"{disk} has one partition already")]


def test_a_file_system_to_replace(disk: str) -> None:
    """`replace_fs` gives up that kind of file system, and no other."""
    if shutil.which("mkfs.vfat", path="/usr/sbin:/sbin") is None:
        pytest.skip("needs mkfs.vfat")
    subprocess.run(["mkfs.vfat", "-I", disk], check=True, capture_output=True)
    text = f"fs_setup: [{{device: {disk}, partition: auto, filesystem: ext4, replace_fs: %s}}]"
    assert apply(text % "ntfs")[0][0] == 1
    assert tag(disk, "TYPE") == "vfat"
    assert apply(text % "vfat")[0][0] == 0
    assert tag(disk, "TYPE") == "ext4"


@pytest.mark.parametrize("answer", ["exit 1", "echo; exit 1", "echo /dev/x >&2; exit 127"])
def test_nobody_can_tell(disk: str, tmp_path: Path, answer: str) -> None:
    """Without an answer about what a disk holds nothing is written to it, whatever it holds."""
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    kept = tag(disk, "UUID")
    (tmp_path / "wipefs").write_text(f"#!/bin/sh\n{answer}\n")
    (tmp_path / "wipefs").chmod(0o755)
    for text in (
        f"disk_setup: {{{disk}: {{layout: true}}}}",
        f"fs_setup: [{{device: {disk}, filesystem: ext4, label: x, partition: none}}]",
    ):
        ((code, said),) = apply(text, f"{tmp_path}:{os.environ['PATH']}")
        assert code == 1
        assert said.endswith("so it is left alone")
        assert tag(disk, "UUID") == kept


def test_what_is_in_use(disk: str, tmp_path: Path) -> None:
    """What is mounted is not overwritten, even if it was given up."""
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    point = tmp_path / "mnt"
    point.mkdir()
    subprocess.run(["mount", disk, point], check=True)
    kept = tag(disk, "UUID")
    try:
        for text in (
            f"fs_setup: [{{device: {disk}, partition: none, filesystem: ext4, label: x, overwrite: true}}]",
            f"disk_setup: {{{disk}: {{layout: true, overwrite: true}}}}",
            f"disk_setup: {{{disk}: {{layout: remove}}}}",
        ):
            assert apply(text)[0][0] != 0
            assert tag(disk, "UUID") == kept
    finally:
        subprocess.run(["umount", point], check=True)


def test_a_device_that_is_not_there() -> None:
    """A disk that never comes is named, and no file is made in its place."""
    assert apply("disk_setup: {/dev/no-such-disk: {layout: true}}") == [
        (1, "/dev/no-such-disk is not there, or is no block device")
    ]
    assert not Path("/dev/no-such-disk").exists()


class Live(Host):
    """A running machine, as far as a tree can be one."""

    live = True


def test_a_disk_stays_the_one_that_was_found(tmp_path: Path) -> None:
    """A disk that is plugged in later, under the name that was asked for, is neither formatted nor mounted instead."""
    (tmp_path / "dev").mkdir()
    for name in ("vdb", "vdb1"):
        (tmp_path / "dev" / name).touch()
    host = Live(str(tmp_path))
    disk = handed(disks, "fs_setup: [{device: /dev/sdb, filesystem: ext4, overwrite: true}]")
    row = handed(mounts, "mounts: [[sdb1, /data], [sdb.1, /more]]")

    def asked(past: Past) -> list[Any]:
        metadata, config = Metadata(instance_id="i-1"), Config()
        return [
            *disks.changes(metadata, config, host, past, disk),
            next(iter(mounts.changes(metadata, config, host, past, row))),
        ]

    first = asked(Past())
    assert [first[0].target, first[1].target] == ["ext4 on /dev/vdb", "/etc/fstab"]
    assert [line.split()[0] for line in first[1].lines] == ["/dev/vdb1", "/dev/vdb1"]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text(block.replace("", first[1].lines))
    for name in ("sdb", "sdb1"):
        (tmp_path / "dev" / name).touch()
    done = {f"call/disks/{first[0].target}": {"fingerprint": first[0].fingerprint}}
    assert asked(Past(new=False, done=done)) == first
    # a new instance begins anew
    assert asked(Past())[0].target == "ext4 on /dev/sdb"
