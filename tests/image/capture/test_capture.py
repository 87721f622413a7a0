"""`image capture`: a disk in use becomes a package, still, whole, scrubbed, and only of blocks in use."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from image.images import MIB, make_ext, make_partitioned, make_root, used
from scratch import REPO, run

from ovfinit.errors import OvfinitError
from ovfinit.image.capture import copying, ranges, running
from ovfinit.image.capture.freeze import Frozen
from ovfinit.image.disk.blocks import RawFile, Window
from ovfinit.image.rootfs.ext import Ext

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A tree with what has to be scrubbed."""
    root = make_root(tmp_path / "root", boot=False)
    (root / "etc/ssh").mkdir()
    (root / "etc/ssh/ssh_host_rsa_key").write_text("secret")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "var/lib/ovfinit/instances/i-1").mkdir(parents=True)
    (root / "data").write_bytes(random.Random(3).randbytes(5 * MIB))
    return root


def copied(image: Path, descriptor: int, swap: Mapping[int, Sequence[str]] | None = None) -> None:
    """Copy a disk that nobody uses."""
    copying.copy(str(image), descriptor, [], limit=9, swap=swap or {}, expect=lambda *_: None, advance=lambda _: None)


@pytest.mark.parametrize(
    "options", [(), ("-b", "1024"), ("-O", "^flex_bg,^64bit"), ("-O", "^uninit_bg,^metadata_csum")]
)
def test_only_blocks_in_use_are_copied(options: tuple[str, ...], system: Path, tmp_path: Path) -> None:
    """e2fsck finds no fault with the copy, files are the same, and free space full of old data is left out."""
    image = make_ext(tmp_path / "root.img", system, size="300M", options=options)
    mounted = subprocess.run(["/usr/sbin/debugfs", "-R", "ffb 1000 1000", image], capture_output=True, check=True)
    free = [int(word) for word in mounted.stdout.split(b":")[1].split()]
    told = subprocess.run(["/usr/sbin/dumpe2fs", "-h", image], capture_output=True, check=True).stdout.decode()
    size = int(told.partition("Block size:")[2].split()[0])
    with image.open("r+b") as file:
        for block in free:
            file.seek(block * size)
            file.write(b"old secret" * 20)
    copy = tmp_path / "copy.img"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT)
    try:
        copied(image, descriptor)
    finally:
        os.close(descriptor)

    checked = subprocess.run(["/usr/sbin/e2fsck", "-fn", copy], capture_output=True, check=False)

    assert checked.returncode == 0, checked
    with RawFile(str(copy)) as blocks:
        assert Ext(blocks).read("/data") == (system / "data").read_bytes()
    with copy.open("rb") as file:
        for start, end in used(copy):
            file.seek(start)
            assert b"old secret" not in file.read(end - start)
    assert copy.stat().st_blocks * 512 < 80 * MIB


def test_swap_and_gaps(system: Path, tmp_path: Path) -> None:
    """Of a swap partition only the header goes along, of everything before and between the partitions all."""
    swap = tmp_path / "swap.img"
    swap.write_bytes(b"h" * 4096 + b"memory" * 100_000)
    os.truncate(swap, MIB)
    disk = make_partitioned(tmp_path / "disk", [("82", swap), ("83", make_ext(tmp_path / "r.img", system))])
    with disk.open("r+b") as file:
        file.seek(4096)
        file.write(b"boot loader")
    copy = tmp_path / "copy"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT)
    try:
        copied(disk, descriptor)
    finally:
        os.close(descriptor)

    data = copy.read_bytes()

    assert data[: MIB + 4096] == disk.read_bytes()[: MIB + 4096]
    assert b"memory" not in data
    assert len(data) == disk.stat().st_size


def test_a_swap_file_is_left_out(system: Path, tmp_path: Path) -> None:
    """Of a swap file only the header goes along, since the rest is what was in memory."""
    (system / "swapfile").write_bytes(b"h" * 4096 + b"memory" * 100_000)
    image = make_ext(tmp_path / "root.img", system)
    copy = tmp_path / "copy"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT)
    try:
        copied(image, descriptor, {0: ["/swapfile"]})
    finally:
        os.close(descriptor)

    assert b"memory" not in copy.read_bytes()
    with RawFile(str(copy)) as blocks:
        found = Ext(blocks).read("/swapfile") or b""
    assert found[:4096] == b"h" * 4096
    assert not any(found[4096:])


@pytest.fixture
def mounted(system: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loop device with a mounted file system, and where it is mounted."""
    image = make_ext(tmp_path / "live.img", system, size="64M")
    made = subprocess.run(["/usr/sbin/losetup", "--find", "--show", image], capture_output=True, check=True)
    device = made.stdout.decode().strip()
    point = tmp_path / "mnt"
    point.mkdir()
    try:
        subprocess.run(["mount", device, point], check=True)
        try:
            yield device, point
        finally:
            subprocess.run(["umount", point], check=True)
    finally:
        subprocess.run(["/usr/sbin/losetup", "--detach", device], check=True)


@ROOT
def test_a_mounted_disk_is_frozen_captured_scrubbed_and_thawed(mounted: tuple[str, Path], tmp_path: Path) -> None:
    """What was written a moment before is in the package, ids and keys are not, and the disk goes on afterwards."""
    device, point = mounted
    (point / "late").write_text("just now")
    assert [mount.point for mount in running.mounts(device)] == [str(point)]

    done = run("image", "capture", device, "-o", tmp_path / "live.ova", "--memory", "512M")

    assert done.code == 0, done
    (point / "after").write_text("not frozen any more")
    assert run("image", "convert", tmp_path / "live.ova", tmp_path / "live.raw").code == 0
    with RawFile(str(tmp_path / "live.raw")) as blocks:
        files = Ext(Window(blocks, MIB, 64 * MIB))
        assert files.read("/late") == b"just now"
        assert files.read("/etc/machine-id") == b""
        assert not files.exists("/etc/ssh/ssh_host_rsa_key")
        assert not files.exists("/var/lib/ovfinit/instances")
        assert not files.exists("/after")
    assert (point / "etc/ssh/ssh_host_rsa_key").exists()


@ROOT
def test_nothing_is_left_of_what_was_scrubbed(mounted: tuple[str, Path], tmp_path: Path) -> None:
    """Neither keys that the scrubbing removes nor a file that was deleted before is on the disk any more."""
    device, point = mounted
    (point / "etc/ssh/ssh_host_rsa_key").write_text("the key itself " * 500)
    (point / "root").mkdir(exist_ok=True)
    (point / "root/.bash_history").write_text("mysql --password=typed-by-hand\n" * 50)
    (point / "note").write_text("deleted with its secret " * 500)
    os.sync()
    (point / "note").unlink()

    assert run("image", "capture", device, "-o", tmp_path / "a.ova").code == 0
    assert run("image", "convert", tmp_path / "a.ova", tmp_path / "a.raw").code == 0

    data = (tmp_path / "a.raw").read_bytes()
    assert not [word for word in (b"the key itself", b"typed-by-hand", b"deleted with its") if word in data]


@ROOT
@pytest.mark.parametrize("keep", [False, True])
def test_passwords_of_ours_and_seeds_do_not_go_along(keep: bool, mounted: tuple[str, Path], tmp_path: Path) -> None:
    """A hash that the agent set is nowhere on the image, the image's own stays; seeds go unless they are wanted."""
    device, point = mounted
    (point / "etc/shadow").write_text("root:$6$own$ownhash:19000:0:99999:7:::\nkim:!:19000:0:99999:7:::\n")
    (point / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\n")
    (point / "etc/group").write_text("root:x:0:\nkim:x:1000:\n")
    seed = point / "var/lib/ovfinit/seed"
    seed.mkdir(parents=True)
    (seed / "meta-data").write_text("instance-id: i-7\n")
    (seed / "user-data").write_text("#cloud-config\nchpasswd: {expire: false, list: ['kim:$6$salt$hashofkim']}\n")
    applied = run("apply", "--root", point, "--from", f"seed:{seed}")
    assert "$6$salt$hashofkim" in (point / "etc/shadow").read_text(), applied
    for place in ("etc/shadow-", "var/backups/shadow.bak"):
        (point / place).parent.mkdir(parents=True, exist_ok=True)
        (point / place).write_text((point / "etc/shadow").read_text())
    os.sync()

    words = ("--keep-seed",) if keep else ()
    done = run("image", "capture", device, "-o", tmp_path / "a.ova", "--verbose", *words)
    assert done.code == 0, done
    assert run("image", "convert", tmp_path / "a.ova", tmp_path / "a.raw").code == 0

    with RawFile(str(tmp_path / "a.raw")) as blocks:
        files = Ext(Window(blocks, MIB, 64 * MIB))
        rows = [(files.read(f"/{name}") or b"").split(b"\n") for name in ("etc/shadow", "etc/shadow-")]
        assert files.exists("/var/lib/ovfinit/seed/user-data") == keep
    assert [row[1].split(b":")[:2] for row in rows] == [[b"kim", b"*"]] * 2
    assert rows[0][0].startswith(b"root:$6$own$ownhash:")
    assert ("hashofkim" in (tmp_path / "a.raw").read_bytes().decode("latin-1")) == keep
    assert "$6$salt$hashofkim" in (point / "etc/shadow").read_text()
    assert ("stays in the image" if keep else "--keep-seed") in done.err


@ROOT
def test_what_is_written_meanwhile_is_caught(mounted: tuple[str, Path], tmp_path: Path) -> None:
    """While files change in turn all the time, the copy is sound, and has them as they were at one moment."""
    device, point = mounted
    program = (
        "import os, sys\n"
        "for number in range(10**6):\n"
        "    for name in 'ab':\n"
        "        with open(f'{sys.argv[1]}/{name}', 'r+b') as file:\n"
        "            file.write(b'%08d' % number * 50_000)\n"
        "            os.fsync(file.fileno())\n"
    )
    for name in "ab":
        (point / name).write_bytes(b"%08d" % 0 * 50_000)
    # a mount of the kernel's tracing of its own, as systemd makes it on every machine
    words = 'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$@"'
    command = [sys.executable, "-m", "ovfinit", "image", "capture", device, "-o", tmp_path / "a.ova", "--no-scrub"]
    writer = subprocess.Popen([sys.executable, "-c", program, point])
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", words, "sh", *command], capture_output=True, check=False, cwd=REPO
        )
    finally:
        writer.kill()
        writer.wait()
    assert done.returncode == 0, done
    assert b"frozen for" in done.stderr

    assert run("image", "convert", tmp_path / "a.ova", tmp_path / "a.raw").code == 0
    with RawFile(str(tmp_path / "a.raw")) as blocks:
        part = tmp_path / "part"
        part.write_bytes(blocks.read(MIB, 64 * MIB))
        files = Ext(Window(blocks, MIB, 64 * MIB))
        first, second = (files.read(f"/{name}") or b"" for name in "ab")
    checked = subprocess.run(["/usr/sbin/e2fsck", "-fn", part], capture_output=True, check=False)
    assert checked.returncode == 0, checked
    # synced one after the other, so the second is never ahead, nor more than one behind
    assert int(first[:8]) - int(second[:8]) in (0, 1)


@ROOT
def test_a_package_goes_through_a_pipe(mounted: tuple[str, Path], tmp_path: Path) -> None:
    """With `-o -` the whole package comes on standard output, and the place of work is empty afterwards."""
    device, _ = mounted
    place = tmp_path / "place"
    place.mkdir()
    command = [sys.executable, "-m", "ovfinit", "image", "capture", device, "-o", "-", "--scratch", place]
    with (tmp_path / "a.ova").open("wb") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False, cwd=REPO)

    assert done.returncode == 0, done
    assert run("ovf", "check", tmp_path / "a.ova").code == 0
    assert not list(place.iterdir())


@ROOT
def test_a_failure_thaws(mounted: tuple[str, Path]) -> None:
    """Whatever happens while file systems are frozen, they are not afterwards."""
    _, point = mounted

    with pytest.raises(ZeroDivisionError), Frozen([str(point)], 30):
        raise ZeroDivisionError

    (point / "file").write_text("goes on")


@ROOT
def test_the_destination_must_not_freeze_too(mounted: tuple[str, Path]) -> None:
    """A package that would lie on the frozen file system is refused before anything is frozen."""
    device, point = mounted

    done = run("image", "capture", device, "-o", point / "self.ova")

    assert done.code == 1
    assert "another disk" in done.err
    assert not list(point.glob(".ovfinit*"))


@ROOT
def test_nobody_left_thaws_too(mounted: tuple[str, Path]) -> None:
    """A program that is killed while it holds a file system leaves it thawed."""
    _, point = mounted
    program = (
        "import sys, time\nfrom ovfinit.image.capture.freeze import Frozen\n"
        "with Frozen([sys.argv[1]], 300):\n    print('frozen', flush=True)\n    time.sleep(300)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, point], stdout=subprocess.PIPE, cwd=REPO)
    assert child.stdout is not None
    assert child.stdout.readline() == b"frozen\n"
    child.kill()
    child.wait()
    child.stdout.close()

    # waits for the thaw
    (point / "file").write_text("goes on")


@ROOT
def test_the_guard_may_be_killed(mounted: tuple[str, Path]) -> None:
    """When the process that holds the file systems is killed, we thaw them."""
    _, point = mounted

    with Frozen([str(point)], 300) as frozen:
        os.kill(frozen.guard, signal.SIGKILL)

    (point / "file").write_text("goes on")


@ROOT
def test_a_freeze_ends_in_time(mounted: tuple[str, Path]) -> None:
    """Whoever waits for a frozen file system goes on when the time is up; the copy is refused then."""
    _, point = mounted

    with pytest.raises(OvfinitError, match="longer than"), Frozen([str(point)], 0.2):
        (point / "file").write_text("waits for the thaw")


@ROOT
def test_twice_frozen_is_refused(mounted: tuple[str, Path]) -> None:
    """A file system that somebody else has frozen is left to them, and said so."""
    _, point = mounted
    subprocess.run(["/usr/sbin/fsfreeze", "--freeze", point], check=True)
    try:
        with pytest.raises(OvfinitError, match="cannot be frozen"), Frozen([str(point)], 9):
            pass
    finally:
        subprocess.run(["/usr/sbin/fsfreeze", "--unfreeze", point], check=True)


def test_sets_of_bytes() -> None:
    """What is left, common or joined of random ranges is what Python's own sets say, and never touches."""
    chance = random.Random(7)
    for _ in range(300):
        first, second = (
            ranges.joined((chance.randrange(60), chance.randrange(9)) for _ in range(chance.randrange(9)))
            for _ in range(2)
        )
        left, right = _bytes(first), _bytes(second)
        assert _bytes(ranges.without(first, second)) == left - right
        assert _bytes(ranges.common(first, second)) == left & right
        assert ranges.total(first) == len(left)
        assert all(one[0] + one[1] < two[0] for one, two in itertools.pairwise(first))


def _bytes(found: list[tuple[int, int]]) -> set[int]:
    return {number for start, length in found for number in range(start, start + length)}
