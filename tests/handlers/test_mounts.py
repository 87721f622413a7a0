"""The mounts duty: rows in, fstab lines, folders and calls out; judged by findmnt and by systemd's generator."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from duty import Answer, ask

from ovfinit import block
from ovfinit.changes import LOCAL, NETWORK, Call, MakeFolder, WriteBlock
from ovfinit.handlers import mounts

GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"


def lines(answer: Answer) -> list[str]:
    """The lines of our block, fields parted by one blank."""
    change = answer.one("/etc/fstab")
    assert isinstance(change, WriteBlock)
    return [" ".join(line.split()) for line in change.lines]


def one(root: Path, row: str, more: str = "") -> str:
    """The line for one row."""
    return lines(ask(mounts, root, f"mounts: [{row}]\n{more}"))[0]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("[sdc, /opt/data]", "/dev/sdc /opt/data auto defaults,nofail 0 2"),
        ("[/dev/vdb1, /srv, ext4]", "/dev/vdb1 /srv ext4 defaults,nofail 0 2"),
        ("[xvdh, /opt, auto, 'defaults,noexec', '0', '0']", "/dev/xvdh /opt auto defaults,noexec 0 0"),
        ("[LABEL=data, /data, xfs, null, null, 1]", "LABEL=data /data xfs defaults,nofail 0 1"),
        ("[UUID=1234-ABCD, /boot/efi, vfat]", "UUID=1234-ABCD /boot/efi vfat defaults,nofail 0 2"),
        ("[/dev/sr0, '/mnt/Cdrom Drive']", "/dev/sr0 /mnt/Cdrom\\040Drive auto defaults,nofail 0 2"),
        ("['nas:/vol', /nas, nfs]", "nas:/vol /nas nfs defaults,nofail 0 0"),
        ("[//nas/share, /nas, cifs]", "//nas/share /nas cifs defaults,nofail 0 0"),
        ("[tmpfs, /scratch, tmpfs, size=1G]", "tmpfs /scratch tmpfs size=1G 0 0"),
        ("[/srv/a, /srv/b, none, bind]", "/srv/a /srv/b none bind 0 0"),
        ("[share, /share, virtiofs]", "share /share virtiofs defaults,nofail 0 2"),
        ("[LABEL=swap, none, swap, sw, 0, 0]", "LABEL=swap none swap sw 0 0"),
    ],
)
def test_rows(tmp_path: Path, row: str, line: str) -> None:
    """Fields that are left out or null have defaults that fit what is mounted; blanks are escaped."""
    assert one(tmp_path, row) == line


def test_aliases(tmp_path: Path) -> None:
    """Aliases stand for their device, with a partition after a dot, and however `/dev/` is written."""
    more = "device_aliases: {data: /dev/vdb, ephemeral0: /dev/nvme1n1}\n"
    for row, device in (
        ("data.1", "/dev/vdb1"),
        ("ephemeral0.2", "/dev/nvme1n1p2"),
        ("/dev/ephemeral0", "/dev/nvme1n1"),
    ):
        text = f"mounts: [[{row}, /mnt]]"
        answer = ask_with(tmp_path, text, more)
        assert lines(answer) == [f"{device} /mnt auto defaults,nofail 0 2"]


def ask_with(root: Path, text: str, aliases: str) -> Answer:
    """The duty's answer, with aliases as the duty of disks types them."""
    from types import SimpleNamespace

    from ovfinit.handlers import disks

    both: Any = SimpleNamespace(KEYS={**mounts.KEYS, **disks.KEYS}, changes=mounts.changes)
    return ask(both, root, f"{text}\n{aliases}")


def test_default_fields(tmp_path: Path) -> None:
    """`mount_default_fields` takes the place of the defaults; the peer's own example writes None."""
    more = "mount_default_fields: [None, null, ext4, 'noatime,nofail', '0', '0']"
    assert one(tmp_path, "[sdc, /data]", more) == "/dev/sdc /data ext4 noatime,nofail 0 0"


def test_order_of_changes(tmp_path: Path) -> None:
    """Block, reload, then each folder before its mount; what is on the network comes when there is one."""
    answer = ask(mounts, tmp_path, "mounts: [[sdc, /a], ['nas:/x', /a/b, nfs], [sdd, /c, auto, noauto]]")
    assert answer.targets == ["/etc/fstab", "daemon-reload", "/a", "mount /a", "/a/b", "mount /a/b", "/c"]
    stages = {change.target: change.stage for change in answer.changes}
    assert (stages["mount /a"], stages["/a/b"], stages["mount /a/b"]) == (LOCAL, NETWORK, NETWORK)
    assert isinstance(answer.changes[2], MakeFolder)


def test_a_row_that_takes_away(tmp_path: Path) -> None:
    """A row without a mount point took one of the peer's defaults away: there is none here."""
    answer = ask(mounts, tmp_path, "mounts: [[swap], [ephemeral0, null]]")
    assert (answer.changes, answer.problems) == ([], [])


def test_what_stands_there(tmp_path: Path) -> None:
    """A mount point that the admin has stays the admin's; the same twice is said once."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text("# comment\nUUID=1 / ext4 defaults 0 1\n/dev/sdz /data ext4 defaults 0 2\n")
    answer = ask(mounts, tmp_path, "mounts: [[sdc, /data/], [sdd, /x], [sde, /x]]")
    assert lines(answer) == ["/dev/sdd /x auto defaults,nofail 0 2"]
    assert answer.problems == [
        "mounts[0]: /data/ is in /etc/fstab already",
        "mounts[2]: /x is given twice",
    ]


def test_unknown_devices(tmp_path: Path) -> None:
    """What only a platform or nobody knows is said by name."""
    answer = ask(mounts, tmp_path, "mounts: [[ephemeral0, /mnt], [dd, /dev/zero], [/dev/ephemeral1, /x]]")
    assert answer.changes == []
    assert len(answer.problems) == 3
    assert "name it in device_aliases" in answer.problems[0]


@pytest.mark.parametrize(
    "row",
    [
        r'["/dev/sdc\n/dev/sda / ext4 defaults 0 0 #", /x]',
        "[sdc, ../etc]",
        "[sdc, /a/../../etc]",
        "[sdc, /]",
        "[sdc, etc]",
        r'[sdc, /x, "ext4 x"]',
        r'[sdc, /x, ext4, "a b"]',
        "[sdc, /x, ext4, defaults, '0 0']",
        "[sdc, /x, ext4, defaults, '0', '0', '0']",
        "[]",
        "sdc",
    ],
)
def test_hostile_rows(tmp_path: Path, row: str) -> None:
    """A field that would become another field or line, or lead elsewhere, costs its row and nothing else."""
    answer = ask(mounts, tmp_path, f"mounts: [{row}, [sdd, /good]]")
    assert len(answer.said) == 1
    assert lines(answer) == ["/dev/sdd /good auto defaults,nofail 0 2"]


JUDGED = """mounts:
  - [LABEL=data, "/mnt/my data"]
  - [tmpfs, /scratch, tmpfs]
  - ['nas.example.com:/vol', /nas, nfs]
  - [LABEL=s, none, swap, sw]
swap: {size: 64M}
"""


def test_systemd_reads_it(tmp_path: Path) -> None:
    """Systemd's generator makes a unit of each line, and has nothing to complain of."""
    if not os.path.exists(GENERATOR):
        pytest.skip("needs systemd")
    change = ask(mounts, tmp_path, JUDGED).one("/etc/fstab")
    table = tmp_path / "fstab"
    table.write_text(block.replace("", change.lines))
    out = tmp_path / "units"
    out.mkdir()
    env = {"SYSTEMD_FSTAB": str(table), "SYSTEMD_LOG_TARGET": "console", "SYSTEMD_IN_INITRD": "0"}
    done = subprocess.run([GENERATOR, out, out, out], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not a device" not in done.stderr
    units = {path.name for path in out.iterdir() if path.is_file()}
    # a container has no swap units
    assert units - {"dev-disk-by\\x2dlabel-s.swap", "swap.img.swap"} == {
        *("mnt-my\\x20data.mount", "nas.mount", "scratch.mount"),
    }


def test_findmnt_reads_it(tmp_path: Path) -> None:
    """Findmnt reads back what was asked for, the blank in a name included."""
    if shutil.which("findmnt") is None:
        pytest.skip("needs findmnt")
    change = ask(mounts, tmp_path, JUDGED).one("/etc/fstab")
    table = tmp_path / "fstab"
    table.write_text(block.replace("", change.lines))
    words = ("findmnt", "--tab-file", table, "--raw", "--noheadings", "--output", "TARGET,FSTYPE")
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:3] == ["/mnt/my\\x20data auto", "/scratch tmpfs", "/nas nfs"]


def swap_size(root: Path, text: str, *, memory: int | None = None) -> list[str]:
    """The size in the call that makes the swap file, if there is one."""
    (root / "proc").mkdir(exist_ok=True)
    if memory is not None:
        (root / "proc/meminfo").write_text(f"MemTotal:       {memory >> 10} kB\nMemFree: 1 kB\n")
    answer = ask(mounts, root, f"swap: {{{text}}}")
    return [change.command[-1] for change in answer.changes if change.target.startswith("swap file")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("size: 2G", 2 << 30),
        ("size: 1.5M", 1 << 20),
        ("size: 104857600, filename: /var/swap", 100 << 20),
        ("size: 512M, maxsize: 1G", 512 << 20),
        ("size: auto, maxsize: 64M", 64 << 20),
    ],
)
def test_swap_sizes(tmp_path: Path, text: str, size: int) -> None:
    """Bytes and letters; auto goes by the memory, up to a limit; whole MiB."""
    assert swap_size(tmp_path, text, memory=2 << 30) == [str(size)]


def test_no_swap(tmp_path: Path) -> None:
    """0, false and nothing mean none; too little and nonsense is said."""
    for text in ("size: 0", "size: false", "filename: /swap"):
        assert ask(mounts, tmp_path, f"swap: {{{text}}}").changes == []
    assert "too few" in ask(mounts, tmp_path, "swap: {size: 100}").problems[0]
    for text in ("size: 2X", "size: -1", "filename: swap", "filename: /"):
        assert len(ask(mounts, tmp_path, f"swap: {{{text}}}").said) == 1


def test_swap_line(tmp_path: Path) -> None:
    """The file is made once, stands in fstab and is switched on."""
    answer = ask(mounts, tmp_path, "swap: {filename: /swapfile, size: 64M}")
    assert lines(answer) == ["/swapfile none swap sw 0 0"]
    assert answer.targets == ["swap file /swapfile", "/etc/fstab", "daemon-reload", "swap /swapfile"]


def test_swap_that_is_there_needs_no_room(tmp_path: Path) -> None:
    """A full disk takes neither the swap file that fills it nor its line in fstab away: only a new one needs room."""
    wanted, memory = "size: auto, filename: /swapfile", 1 << 80
    assert swap_size(tmp_path, wanted, memory=memory) != [str(1 << 55)]
    (tmp_path / "swapfile").touch()
    assert swap_size(tmp_path, wanted, memory=memory) == [str(1 << 55)]
    assert lines(ask(mounts, tmp_path, f"swap: {{{wanted}}}")) == ["/swapfile none swap sw 0 0"]


def test_making_a_swap_file(tmp_path: Path, as_root: None) -> None:
    """The program makes a whole swap file for root alone, and leaves one that is there alone."""
    path = tmp_path / "deep/swap"
    change = ask(mounts, tmp_path, f"swap: {{filename: {path}, size: 4M}}").changes[0]
    assert isinstance(change, Call)
    subprocess.run(change.command, check=True, capture_output=True)
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (4 << 20, 0o600)
    # whatever the file system: all of it is there
    assert path.stat().st_blocks * 512 >= 4 << 20
    assert b"SWAPSPACE2" in path.read_bytes()[:8192]
    assert os.listdir(path.parent) == ["swap"]
    before = path.stat().st_mtime_ns
    subprocess.run(change.command, check=True, capture_output=True)
    assert path.stat().st_mtime_ns == before


def test_no_room_for_swap(tmp_path: Path, as_root: None) -> None:
    """A disk that is too small has no half a swap file on it."""
    path = tmp_path / "swap"
    change = ask(mounts, tmp_path, f"swap: {{filename: {path}, size: 900T}}").changes[0]
    assert isinstance(change, Call)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 2048; exec "$@"', "-", *change.command], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert os.listdir(tmp_path) == []
