"""What `image convert` does with input that is cut off, hostile or absurd, and when it is stopped itself.

Always a finding and exit code 1, nothing at the destination's name, nothing else left, the source as it was.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from image.images import MIB, OPEN, OWN, make_disk, make_ext, make_partitioned, make_root
from packages import envelope, folder
from scratch import REPO, environment, run

MEMORY = 200 * MIB
PLACES = 100


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An OVA, a bundle and a UEC tarball, not to be changed."""
    place = tmp_path_factory.mktemp("sources")
    disk = make_disk(place / "d.raw", 2 * MIB)
    make_partitioned(place / "web.raw", [("83", make_ext(place / "root.img", make_root(place / "root")))])
    assert run("image", "convert", disk, place / "app.ova").code == 0
    assert run("image", "convert", disk, f"{place}/bundle/", "--full-disk", *OWN).code == 0
    assert run("image", "convert", place / "web.raw", place / "web.tar.gz").code == 0
    return {
        "ova": place / "app.ova",
        "bundle": place / "bundle",
        "uec": place / "web.tar.gz",
        "disk": place / "web.raw",
    }


def cut(kind: str, source: Path, place: int, work: Path) -> Path:
    """A copy of the source that ends at one of PLACES places; of a bundle each file has its turn."""
    copy = work / source.name
    if kind != "bundle":
        copy.write_bytes(source.read_bytes()[: source.stat().st_size * place // PLACES])
        return copy
    shutil.copytree(source, copy)
    files = sorted(copy.iterdir())
    chosen = files[place % len(files)]
    os.truncate(chosen, chosen.stat().st_size * place // PLACES)
    return copy


def check_cut(kind: str, source: Path, place: int, work: Path) -> None:
    """Convert what is cut off there."""
    copy = cut(kind, source, place, work)
    before = digests(work)

    done = run("image", "convert", copy, work / "out.raw", *(OPEN if kind == "bundle" else ()))

    assert done.code == 1, (place, done)
    assert "fault of ovfinit" not in done.err, (place, done)
    assert digests(work) == before, place


def digests(work: Path) -> dict[str, str]:
    """What is in a folder."""
    files = (path for path in sorted(work.rglob("*")) if path.is_file())
    return {str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", ["ova", "bundle", "uec"])
@pytest.mark.parametrize("place", [0, 1, 50, 99])
def test_what_is_cut_off_is_refused(kind: str, place: int, sources: dict[str, Path], tmp_path: Path) -> None:
    """Empty, cut at the beginning, in the middle, at the very end: an error, and nothing made."""
    check_cut(kind, sources[kind], place, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ova", "bundle", "uec"])
def test_what_is_cut_off_anywhere_is_refused(kind: str, sources: dict[str, Path], tmp_path: Path) -> None:
    """The same at a hundred places of each."""
    for place in range(PLACES):
        (tmp_path / f"{place}").mkdir()
        check_cut(kind, sources[kind], place, tmp_path / f"{place}")
        shutil.rmtree(tmp_path / f"{place}")


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE, pax: dict[str, str] | None = None) -> bytes:
    """A tar header, whatever it announces."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    member.pax_headers = {f"GNU.sparse.{key}": value for key, value in (pax or {}).items()}
    return member.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


def many() -> Iterator[bytes]:
    """More members than any tarball has."""
    for number in range(2000):
        yield header(f"file{number}", 0)


def long_name() -> Iterator[bytes]:
    """A name that fills memory."""
    yield header("././@LongLink", 128 * MIB, tarfile.GNUTYPE_LONGNAME)
    for _ in range(128):
        yield b"a" * MIB
    yield header("web.img", 512)
    yield bytes(512)


def linked() -> Iterator[bytes]:
    """A link for an image."""
    member = tarfile.TarInfo("web.img")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/shadow"
    yield member.tobuf()


BOMBS: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    "huge": (lambda: iter([header("web.img", 10**18), b"x" * 512]), "more than any disk"),
    "large": (lambda: iter([header("web.img", 2**50), b"x" * 512]), "cut off"),
    "many": (many, "more than 1000 members"),
    "name": (long_name, "header of"),
    "link": (linked, "no disk image"),
    "sparse": (
        lambda: iter(
            [
                header("web.img", 512, pax={"major": "1", "minor": "0", "name": "web.img", "realsize": str(10**18)}),
                b"0\n".ljust(512, b"\0"),
            ]
        ),
        "more than any disk",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_tarballs_that_are_traps_are_refused(name: str, tmp_path: Path) -> None:
    """Sizes, holes, names and numbers beyond reason are refused before they cost memory, disk or time."""
    make, said = BOMBS[name]
    with gzip.open(tmp_path / "trap.tar.gz", "wb", compresslevel=1) as file:
        for piece in make():
            file.write(piece)
        file.write(bytes(1024))

    code, err, used = measured("image", "convert", tmp_path / "trap.tar.gz", tmp_path / "out.raw")

    assert code == 1, err
    assert said in err
    assert used < MEMORY
    assert [path.name for path in tmp_path.iterdir()] == ["trap.tar.gz"]


# between us and the program: what is started by a large process is said to have been as large itself
WEIGH = """import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
raise SystemExit(code)
"""


def measured(*words: str | Path) -> tuple[int, str, int]:
    """Exit code, what is complained of, and the most bytes of memory of one run."""
    command = [sys.executable, "-c", WEIGH, sys.executable, "-m", "ovfinit", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=REPO)
    return done.returncode, done.stderr, int(done.stdout.splitlines()[-1]) * 1024


def test_holes_of_a_tarball_are_holes_of_its_image(tmp_path: Path) -> None:
    """A terabyte of nothing in a sparse member takes neither time nor room, in GNU's form and in pax's."""
    with (tmp_path / "web.img").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"in the middle")
    for form in ("gnu", "posix"):
        words = ["tar", "-C", tmp_path, f"--format={form}", "-Szcf", tmp_path / f"{form}.tar.gz", "web.img"]
        subprocess.run(words, check=True)

        done = run("image", "convert", tmp_path / f"{form}.tar.gz", tmp_path / f"{form}.qcow2")

        assert done.code == 0, done
        assert (tmp_path / f"{form}.qcow2").stat().st_size < 2 * MIB
        disks = [tmp_path / "web.img", tmp_path / f"{form}.qcow2"]
        assert subprocess.run(["qemu-img", "map", "--output=json", disks[1]], capture_output=True, check=True).stdout
        subprocess.run(["qemu-io", "-r", "-c", f"read -P {ord('i')} {1 << 39} 1", disks[1]], check=True)


HREFS = ("../../etc/passwd", "/etc/shadow", "http://127.0.0.1:9/x", "/dev/zero", "file:///etc/passwd", "a/../../d.raw")


@pytest.mark.parametrize("href", HREFS)
@pytest.mark.parametrize("output", ["out.raw", "out.ova"])
def test_hrefs_that_lead_out_are_refused(href: str, output: str, tmp_path: Path) -> None:
    """No disk is taken from outside of its package, neither converted nor packed along."""
    source = folder(tmp_path / "in", envelope().replace('ovf:href="disk.vmdk"', f'ovf:href="{href}"'))

    done = run("image", "convert", source, tmp_path / output)

    assert done.code == 1
    assert "leads out of the package" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("capacity", ["10000000000000", "1000000000000000000", "-5", "", "${size}"])
def test_a_blank_disk_of_absurd_size_is_refused(capacity: str, tmp_path: Path) -> None:
    """A disk without content has a capacity that makes sense, or there is no machine."""
    text = envelope().replace(' ovf:fileRef="f1"', "").replace('ovf:capacity="2"', f'ovf:capacity="{capacity}"')

    done = run("image", "convert", folder(tmp_path / "in", text), tmp_path / "out.xml")

    assert done.code == 1
    assert "is to be a blank one of" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_blank_disk_may_be_as_large_as_a_property_says(tmp_path: Path) -> None:
    """`capacity="${size}"` is the property's default, in the disk's units."""
    body = '<ProductSection><Info/><Property ovf:key="size" ovf:type="uint32" ovf:value="3"/></ProductSection>'
    text = envelope(body).replace(' ovf:fileRef="f1"', "").replace('ovf:capacity="2"', 'ovf:capacity="${size}"')

    done = run("image", "convert", folder(tmp_path / "in", text), tmp_path / "out.xml", "--disk-format", "raw")

    assert done.code == 0, done
    assert (tmp_path / "out-disk1.img").stat().st_size == 3 * MIB


@pytest.mark.parametrize("output", ["out.raw", "out.qcow2", "out.ova", "out.vmdk", "out.tar.gz", "bundle/"])
def test_a_full_destination_leaves_nothing(output: str, sources: dict[str, Path], tmp_path: Path) -> None:
    """Where a file cannot grow any more, the error says so and what was begun goes."""
    words = ["image", "convert", sources["disk"], f"{tmp_path}/{output}", *OWN]
    child = subprocess.run(
        [sys.executable, "-m", "ovfinit", *map(str, words)],
        capture_output=True,
        check=False,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB)),
    )

    assert child.returncode == 1, child.stderr
    assert b"File too large" in child.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_it_can_begin_again(sign: signal.Signals, tmp_path: Path) -> None:
    """Stopped once while it writes, nothing that is not whole is at the destination's name; the next run is whole."""
    check_stop(sign, make_disk(tmp_path / "source.raw"), tmp_path, 1)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_at_any_instant_it_can_begin_again(
    sign: signal.Signals, sources: dict[str, Path], tmp_path: Path
) -> None:
    """The same with a whole disk at three instants of each signal."""
    check_stop(sign, sources["disk"], tmp_path, 3)


def check_stop(sign: signal.Signals, disk: Path, work: Path, times: int) -> None:
    """A stop leaves nothing at the destination, or all of it; a polite one nothing else; the next run is whole."""
    chance = random.Random(sign)
    before = digests(work) | {"": hashlib.sha256(disk.read_bytes()).hexdigest()}
    back = work / "back.raw"
    for number in range(times):
        target = work / f"{number}.ova"
        child = subprocess.Popen(
            [sys.executable, "-m", "ovfinit", "image", "convert", disk, target],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment(),
        )
        time.sleep(chance.uniform(0.05, 0.8))
        child.send_signal(sign)
        child.wait()
        if not target.exists():
            assert child.returncode != 0
            if sign != signal.SIGKILL:
                assert digests(work) | {"": before[""]} == before
            assert run("image", "convert", disk, target).code == 0
        assert run("image", "convert", target, back).code == 0
        assert hashlib.sha256(back.read_bytes()).hexdigest() == before[""]
        target.unlink()
        back.unlink()
    assert hashlib.sha256(disk.read_bytes()).hexdigest() == before[""]
    if sign != signal.SIGKILL:
        assert digests(work) | {"": before[""]} == before


def test_substitutions_in_a_circle_are_no_size(tmp_path: Path) -> None:
    """A capacity whose property names itself again is refused in words, and does not hang."""
    body = (
        '<ProductSection><Info/><Property ovf:key="a" ovf:type="string" ovf:value="${b}"/>'
        '<Property ovf:key="b" ovf:type="string" ovf:value="${a}"/></ProductSection>'
    )
    text = envelope(body).replace(' ovf:fileRef="f1"', "").replace('ovf:capacity="2"', 'ovf:capacity="${a}"')

    done = run("image", "convert", folder(tmp_path / "in", text), tmp_path / "out.xml")

    assert done.code == 1
    assert "is to be a blank one of unknown size" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_ten_thousand_properties_are_taken_along(tmp_path: Path) -> None:
    """None is lost from the descriptor of the new package."""
    rows = "".join(f'<Property ovf:key="k{number}" ovf:type="string"/>' for number in range(10_000))
    text = envelope(f"<ProductSection><Info/>{rows}</ProductSection>").replace(' ovf:fileRef="f1"', "")
    source = folder(tmp_path / "in", text)

    done = run("image", "convert", source, tmp_path / "out.ovf", "--name", "web")

    assert done.code == 0, done
    assert (tmp_path / "out.ovf").read_text().count("Property ") == 10_000


DESCRIPTORS = sorted(path for path in (REPO / "tests/data").rglob("*.ovf"))


@pytest.mark.parametrize(
    "source",
    [
        path if number % 6 == 0 else pytest.param(path, marks=pytest.mark.slow)
        for number, path in enumerate(DESCRIPTORS)
    ],
    ids=lambda path: path.name,
)
def test_every_descriptor_ends_in_a_machine_or_in_words(source: Path, tmp_path: Path) -> None:
    """Most lack their disks; whatever stands in the way is said, and a fault of ours is never what does."""
    done = run("image", "convert", source, tmp_path / "out.xml")

    assert done.code in (0, 1, 2), done
    assert "fault of ovfinit" not in done.err
    assert done.code == 0 or (done.err.strip() and not (tmp_path / "out.xml").exists())


def test_a_bare_file_system_is_no_disk_and_that_is_said(tmp_path: Path) -> None:
    """To a disk format a partition goes as it is, with a warning that names what boots instead."""
    bare = make_ext(tmp_path / "root.img", make_root(tmp_path / "root", boot=False))

    done = run("image", "convert", bare, tmp_path / "out.qcow2")

    assert done.code == 0, done
    assert "no bootable disk but a bare file system" in done.err
    assert ".ova" in done.err


@pytest.mark.parametrize("loader", [None, "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"])
def test_a_disk_for_arm64_says_what_it_lacks(loader: str | None, tmp_path: Path) -> None:
    """The program that UEFI looks for, the package it is in, and whether the image has it."""
    root = make_root(tmp_path / "root", boot=False)
    if loader:
        (root / loader).parent.mkdir(parents=True)
        (root / loader).write_bytes(b"MZ")
    bare = make_ext(tmp_path / "root.img", root)
    assert run("image", "convert", bare, f"{tmp_path}/b/", *OWN, "--arch", "arm64", "--kernel", "aki-1").code == 0

    done = run("image", "convert", tmp_path / "b", tmp_path / "out.ova", *OPEN)

    assert done.code == 0, done
    assert "EFI/BOOT/BOOTAA64.EFI" in done.err
    assert "grub-efi-arm64-bin" in done.err
    assert (f"has /{loader}, which belongs there" in done.err) == bool(loader)
