"""Volumes without mounting: real images by genisoimage, pycdlib and mkfs.vfat, whole and damaged."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pycdlib
import pytest

from ovfinit import volume
from ovfinit.errors import InputError
from ovfinit.volume.iso9660 import contents
from ovfinit.volume.medium import Medium

LIMIT = 1024 * 1024
NAMES = ("meta-data", "user-data", "vendor-data", "network-config")
WANTED = dict.fromkeys(NAMES, LIMIT)
FILES = {
    "meta-data": b"instance-id: i-1\n",
    "user-data": b"#!/bin/sh\necho hello\n" * 2000,
    "vendor-data": b"v",
    "network-config": b"",
}

needs_genisoimage = pytest.mark.skipif(not shutil.which("genisoimage"), reason="genisoimage is not installed")
needs_vfat = pytest.mark.skipif(
    not (shutil.which("mkfs.vfat") and shutil.which("mcopy")), reason="dosfstools or mtools is not installed"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "files"
    (place / "folder").mkdir(parents=True)
    (place / "folder" / "meta-data").write_bytes(b"not in the root")
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    return place


def iso(folder: Path, *options: str, label: str = "cidata") -> Path:
    image = folder.parent / "made.iso"
    command = ["genisoimage", "-quiet", "-V", label, *options, "-o", str(image), str(folder)]
    subprocess.run(command, check=True, timeout=30, stderr=subprocess.DEVNULL)
    return image


def fat(folder: Path, bits: int, kib: int, label: str = "CIDATA") -> Path:
    image = folder.parent / f"fat{bits}.img"
    with image.open("wb") as file:
        file.truncate(kib * 1024)
    subprocess.run(
        ["mkfs.vfat", "-F", str(bits), "-n", label, image], check=True, timeout=30, stdout=subprocess.DEVNULL
    )
    files = sorted(folder.iterdir())
    subprocess.run(["mcopy", "-s", "-i", image, *files, "::"], check=True, timeout=30)
    return image


def by_pycdlib(path: Path, files: dict[str, bytes], *, bare: dict[str, bytes] | None = None) -> Path:
    image = pycdlib.PyCdlib()
    image.new(vol_ident="OVF ENV", joliet=3 if files else None, rock_ridge="1.09" if files else None)
    for number, (name, content) in enumerate(files.items()):
        image.add_fp(BytesIO(content), len(content), f"/F{number}.;1", rr_name=name, joliet_path=f"/{name}")
    for name, content in (bare or {}).items():
        image.add_fp(BytesIO(content), len(content), f"/{name}")
    image.write(str(path))
    image.close()
    return path


def damaged(image: Path, offset: int, content: bytes) -> Path:
    with image.open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return image


@needs_genisoimage
@pytest.mark.parametrize("options", [("-J", "-R"), ("-R",), ("-J",), ("-iso-level", "4"), ("-udf", "-J"), ("-J", "-r")])
def test_disc_with_true_names(folder: Path, options: tuple[str, ...]) -> None:
    """Rock Ridge, Joliet and level 4 names are found, whatever else the disc has."""
    image = str(iso(folder, *options))
    look = volume.look(image)
    assert look is not None
    assert (look.kind, look.label, look.size) == ("iso9660", "cidata", os.path.getsize(image))
    assert look.names >= set(NAMES)
    assert "folder" not in look.names
    found = volume.read_files(image, WANTED)
    assert found.files == FILES
    assert found.label == "cidata"


@needs_genisoimage
@pytest.mark.parametrize("options", [(), ("-iso-level", "3")])
def test_disc_with_bare_names(folder: Path, options: tuple[str, ...]) -> None:
    """Names cut down to what ISO 9660 itself allows are understood."""
    (folder / "ovf-env.xml").write_bytes(b"<x/>")
    image = str(iso(folder, *options, label="CIDATA"))
    look = volume.look(image)
    assert look is not None
    assert not look.names & set(NAMES)
    assert "ovf_env.xml" in look.names
    assert all(look.has(name) for name in (*NAMES, "ovf-env.xml"))
    assert not look.has("other-data")
    assert volume.read_files(image, {**WANTED, "ovf-env.xml": 10}).files == {**FILES, "ovf-env.xml": b"<x/>"}


def test_bare_names_only_where_unambiguous(tmp_path: Path) -> None:
    """A cut name that may be two wanted files, or is there twice, is nobody's."""
    path = str(by_pycdlib(tmp_path / "b.iso", {}, bare={"VENDOR_D.;1": b"1", "META_DAT.;1": b"2"}))
    wanted = {"vendor-data": 9, "vendor-data2": 9, "meta-data": 9}
    assert volume.read_files(path, wanted).files == {"meta-data": b"2"}


def test_true_name_goes_before_a_bare_one(tmp_path: Path) -> None:
    """Beside a Joliet tree, what ISO 9660 made of the names proves nothing."""
    path = str(by_pycdlib(tmp_path / "j.iso", {"Meta-Data": b"true", "meta_data": b"other"}))
    assert volume.read_files(path, WANTED).files == {"meta-data": b"true"}


def test_image_by_pycdlib(tmp_path: Path) -> None:
    """An image as this project's own tools make it."""
    path = str(by_pycdlib(tmp_path / "o.iso", {"ovf-env.xml": b"<Environment/>"}))
    look = volume.look(path)
    assert look is not None
    assert (look.label, "ovf-env.xml" in look.names) == ("OVF ENV", True)
    assert volume.read_files(path, {"ovf-env.xml": 14}).files == {"ovf-env.xml": b"<Environment/>"}
    assert volume.read_files(path, {"other": 14}).files == {}


@needs_vfat
@pytest.mark.parametrize(("bits", "kib"), [(12, 1440), (16, 20_000), (32, 70_000)])
def test_fat(folder: Path, bits: int, kib: int) -> None:
    """All three kinds of FAT, with long names, files of many clusters and short names beside them."""
    (folder / "README.TXT").write_bytes(b"short")
    (folder / ("long " * 20 + "é.txt")).write_bytes(b"long")
    image = str(fat(folder, bits, kib))
    look = volume.look(image)
    assert look is not None
    assert (look.kind, look.label, look.size) == ("vfat", "CIDATA", kib * 1024)
    assert look.names == {*NAMES, "readme.txt", "long " * 20 + "é.txt"}
    assert look.has("user-data")
    assert not look.has("meta_data")
    found = volume.read_files(image, {**WANTED, "readme.txt": 5})
    assert found.files == {**FILES, "readme.txt": b"short"}


@needs_vfat
def test_fat_deleted_files_and_labels(folder: Path) -> None:
    """What was deleted is gone, the label is the root folder's even if the boot sector still has another."""
    image = fat(folder, 12, 1440)
    subprocess.run(["mdel", "-i", image, "::vendor-data"], check=True, timeout=30)
    subprocess.run(["mlabel", "-i", image, "::seed"], check=True, timeout=30)
    damaged(image, 43, b"OTHER      ")
    look = volume.look(str(image))
    assert look is not None
    assert look.label == "SEED"
    assert not look.has("vendor-data")
    assert set(volume.read_files(str(image), WANTED).files) == set(NAMES) - {"vendor-data"}


@needs_genisoimage
@needs_vfat
@pytest.mark.parametrize("kind", ["iso", "fat"])
def test_footprint(folder: Path, kind: str) -> None:
    """A change of a file, of the folder or of the size is seen; one of what was not read is not looked at."""
    image = iso(folder, "-J", "-R") if kind == "iso" else fat(folder, 12, 1440)
    footprint = json.loads(json.dumps(dict(volume.read_files(str(image), {"meta-data": 99}).footprint)))
    assert volume.unchanged(str(image), footprint)
    content = image.read_bytes()
    damaged(image, content.index(b"echo hello"), b"ECHO")
    assert volume.unchanged(str(image), footprint)
    damaged(image, content.index(FILES["meta-data"]), b"Instance")
    assert not volume.unchanged(str(image), footprint)
    image.write_bytes(content)
    assert volume.unchanged(str(image), footprint)
    with image.open("ab") as file:
        file.write(b"\0" * 2048)
    assert not volume.unchanged(str(image), footprint)
    image.unlink()
    assert not volume.unchanged(str(image), footprint)


@pytest.mark.parametrize(
    "footprint",
    [
        {},
        7,
        {"size": 5},
        {"size": 5, "ranges": [], "sha256": ""},
        {"size": 5, "ranges": [[0, 1 << 60]], "sha256": ""},
        {"size": 5, "ranges": [[0, 1 << 60], [0, -(1 << 60)]], "sha256": ""},
        {"size": 5, "ranges": [[-1, 2]], "sha256": ""},
        {"size": 5, "ranges": [["a", {}]], "sha256": ""},
    ],
)
def test_footprint_of_no_use(tmp_path: Path, footprint: object) -> None:
    """A damaged record of a footprint is no proof."""
    (tmp_path / "f").write_bytes(b"12345")
    assert volume.unchanged(str(tmp_path / "f"), footprint) is False  # type: ignore[arg-type]


@needs_genisoimage
def test_look_reads_little(folder: Path) -> None:
    """A look at a disc full of files reads its descriptors and root folder, and loads no pycdlib."""
    for number in range(300):
        (folder / "folder" / f"file{number}").mkdir()
    (folder / "big").write_bytes(b"\0" * 5_000_000)
    image = iso(folder, "-J", "-R")
    program = """
import sys
from ovfinit import volume
look = volume.look(sys.argv[1])
assert look.has('meta-data') and 'big' in look.names
assert 'pycdlib' not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(image)], check=True, timeout=20)
    with Medium(str(image)) as medium:
        contents(medium)
        assert 0 < sum(size for _, size in medium.ranges) <= 16384


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\0" * 100_000, os.urandom(2048) * 500, b"<xml/>" * 9000, b"\0" * 510 + b"\x55\xaa" + b"\0" * 40_000],
    ids=["empty", "tiny", "zeros", "noise", "text", "boot-sector"],
)
def test_neither(tmp_path: Path, content: bytes) -> None:
    """What is no volume is told from a damaged one."""
    (tmp_path / "f").write_bytes(content)
    path = str(tmp_path / "f")
    assert volume.look(path) is None
    with pytest.raises(InputError, match="neither an ISO 9660 nor a FAT"):
        volume.read_files(path, WANTED)


def test_huge_garbage(tmp_path: Path) -> None:
    """Size alone costs nothing."""
    with (tmp_path / "f").open("wb") as file:
        file.truncate(200 * 1024**3)
    assert volume.look(str(tmp_path / "f")) is None


def test_not_a_file(tmp_path: Path) -> None:
    """A folder, a FIFO, a character device and nothing at all are refused without waiting."""
    os.mkfifo(tmp_path / "fifo")
    for path, reason in (
        (tmp_path, "neither a file nor a block device"),
        (tmp_path / "fifo", "neither a file nor a block device"),
        (Path("/dev/zero"), "neither a file nor a block device"),
        (tmp_path / "nothing", "No such file"),
        (Path("a\0b"), "null byte"),
    ):
        for ask in (volume.look, lambda place: volume.read_files(place, WANTED)):
            with pytest.raises(InputError, match=reason) as caught:
                ask(str(path))
            assert caught.value.where == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    """What may not be read is an error, not an empty medium."""
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "f").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        volume.look(str(tmp_path / "f"))


@needs_genisoimage
def test_over_the_limit(folder: Path) -> None:
    """A file larger than allowed is named, and nothing of it is read."""
    with pytest.raises(InputError, match="user-data has 42000 bytes, more than the 41999 allowed"):
        volume.read_files(str(iso(folder, "-J", "-R")), {"user-data": 41_999})


@needs_vfat
def test_over_the_limit_fat(folder: Path) -> None:
    """The same on FAT, also for a size that cannot be true."""
    image = fat(folder, 12, 1440)
    with pytest.raises(InputError, match="user-data has 42000 bytes"):
        volume.read_files(str(image), {"user-data": 41_999})
    entry = image.read_bytes().index(b"USER-D~1")
    damaged(image, entry + 28, b"\xff\xff\xff\xff")
    with pytest.raises(InputError, match="more than the"):
        volume.read_files(str(image), {"user-data": 1 << 24})


@needs_genisoimage
@needs_vfat
def test_truncated(folder: Path) -> None:
    """Cut off anywhere, an image gives its files, None or an InputError, and never a wrong file."""
    for image in (iso(folder, "-J", "-R"), fat(folder, 12, 1440)):
        content = image.read_bytes()
        outcomes = set()
        for length in [*range(0, min(len(content), 420_000), 1531), *range(len(content) - 200, len(content), 97)]:
            image.write_bytes(content[:length])
            try:
                look = volume.look(str(image))
                outcomes.add("none" if look is None else "look")
                found = volume.read_files(str(image), WANTED).files
            except InputError as error:
                outcomes.add("error" if error.where == str(image) else error.where or "nowhere")
            else:
                assert found == FILES
        assert outcomes == {"none", "look", "error"}


@needs_genisoimage
def test_hostile_disc(folder: Path) -> None:
    """Root folders of absurd size, loops, extents and path tables outside the image, and noise are told quickly."""
    image = iso(folder, "-J", "-R")
    whole = image.read_bytes()
    primary = 16 * 2048
    joliet = next(at for at in range(primary, primary + 20 * 2048, 2048) if whole[at] == 2)
    root = struct.unpack_from("<I", whole, primary + 158)[0] * 2048
    cases = [
        (primary + 156 + 10, struct.pack("<I", 0xFFFFFFFF)),
        (primary + 156 + 10, struct.pack("<I", 1 << 20)),
        (primary + 156 + 2, struct.pack("<I", 0xFFFFFFF0)),
        (primary + 128, struct.pack("<H", 0)),
        (primary + 140, struct.pack("<I", 0xFFFFFF00)),
        (primary + 132, struct.pack("<I", 0xFFFFFFFF)),
        (joliet + 156 + 2, struct.pack("<I", 0x7FFFFFFF)),
        (root, b"\xff"),
        (root + 32, b"\xff"),
        (root + 2, struct.pack("<I", 0xFFFFFFF0)),
        (root + 34, b"SP\x07\x01\xbe\xef\xff"),
    ]
    for offset, change in cases:
        image.write_bytes(whole)
        damaged(image, offset, change)
        _survives(image)
    seed = 12345
    for _ in range(150):
        # a cheap generator of the same numbers on every run
        content = bytearray(whole)
        for _ in range(6):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            content[primary + seed % (30 * 2048)] = seed >> 16 & 0xFF
        image.write_bytes(content)
        _survives(image)


@needs_vfat
@pytest.mark.parametrize(("bits", "kib"), [(12, 400), (16, 20_000), (32, 70_000)])
def test_hostile_fat(folder: Path, bits: int, kib: int) -> None:
    """Chains that loop or lead nowhere, sizes that cannot be true, and noise are told quickly."""
    image = fat(folder, bits, kib)
    with image.open("rb") as file:
        whole = file.read(1_300_000)
    sector, reserved = struct.unpack_from("<HxH", whole, 11)
    table = reserved * sector
    entry = whole.index(b"USER-D~1")
    first = struct.unpack_from("<H", whole, entry + 26)[0]
    width = {12: 2, 16: 2, 32: 4}[bits]
    place = table + (first * 3 // 2 if bits == 12 else first * width)
    itself = struct.pack("<I", first << 4 | first if bits == 12 else first)[:width]
    cases = [
        (place, itself, "is a loop"),
        (place, b"\x01" + b"\0" * (width - 1), "nowhere"),
        (place, b"\xf7\x7f\xf7\x07"[:width], "nowhere"),
        (place, b"\xff\xff\xff\x0f"[:width], "too short"),
        (entry + 26, b"\xff\xfe", "nowhere"),
        (entry + 26, b"\0\0", "nowhere"),
        (22, b"\0\0" if bits != 32 else b"\xff\xff", ""),
        (32, b"\xff\xff\xff\xff", ""),
        (14, b"\xff\xff", ""),
        (44, b"\xff\xff\xff\xff", ""),
        (17, b"\xff\xff", ""),
        (13, b"\x80", ""),
    ]
    for offset, change, message in cases:
        damaged(image, offset, change)
        reason = _survives(image)
        assert message in reason, (offset, reason)
        with image.open("r+b") as file:
            file.write(whole)
    seed = 99
    for _ in range(150):
        spots = []
        for _ in range(6):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            area = (0, 512) if seed & 1 else (whole.index(b"CIDATA     \x08"), 512) if seed & 2 else (table, 256)
            spots.append((area[0] + (seed >> 4) % area[1], bytes([seed >> 16 & 0xFF])))
        for offset, change in spots:
            damaged(image, offset, change)
        _survives(image)
        with image.open("r+b") as file:
            file.write(whole)


def _survives(image: Path) -> str:
    """Whatever the damage: an answer within bounds, or an InputError, whose words are returned."""
    reason = ""
    for ask in (volume.look, lambda place: volume.read_files(place, WANTED)):
        try:
            ask(str(image))
        except InputError as error:
            reason += error.message + "\n"
    return reason


PATHS = {"openstack/latest/meta_data.json": b"{}", "openstack/content/0000": b"auto lo\n" * 900, "top": b"t"}


def nested(tmp_path: Path) -> Path:
    """A folder with files in folders."""
    place = tmp_path / "nested"
    for name, content in {**PATHS, "openstack/2012-08-10/meta_data.json": b"old", "ec2/top": b"no"}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


@needs_genisoimage
@pytest.mark.parametrize("options", [("-R",), ("-J",), ("-R", "-J"), ("-l",)])
def test_files_in_folders_of_a_disc(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Files are found by their paths, whatever names the disc has; the same names elsewhere are not taken for them."""
    image = iso(nested(tmp_path), *options)
    found = volume.read_files(str(image), {**dict.fromkeys(PATHS, LIMIT), "content/0000": LIMIT, "openstack": LIMIT})
    assert found.files == PATHS
    assert volume.unchanged(str(image), found.footprint)


@needs_vfat
@pytest.mark.parametrize(("bits", "kib"), [(12, 1024), (16, 16384), (32, 70000)])
def test_files_in_folders_of_a_fat_volume(tmp_path: Path, bits: int, kib: int) -> None:
    """The same on FAT, of every width."""
    image = fat(nested(tmp_path), bits, kib, label="CONFIG-2")
    found = volume.read_files(str(image), dict.fromkeys(PATHS, LIMIT))
    assert (found.files, found.label) == (PATHS, "CONFIG-2")


def test_a_folder_that_holds_itself(tmp_path: Path) -> None:
    """A directory that leads to itself is read once for each name that is wanted, and no further."""
    image = pycdlib.PyCdlib()
    image.new(vol_ident="config-2")
    image.add_directory("/A")
    image.add_fp(BytesIO(b"x"), 1, "/A/B.;1")
    path = tmp_path / "loop.iso"
    image.write(str(path))
    image.close()
    content = bytearray(path.read_bytes())
    root = int.from_bytes(content[16 * 2048 + 158 : 16 * 2048 + 162], "little") * 2048
    place = content.index(b"\x01A", root) - 32
    content[place + 2 : place + 6] = (root // 2048).to_bytes(4, "little")
    path.write_bytes(content)
    assert volume.read_files(str(path), {"a/a/a/b": LIMIT}).files == {}
