"""ISO 9660 without mounting: real discs by genisoimage and pycdlib, whole and damaged."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pycdlib
import pytest
from media import FILES, LIMIT, NAMES, PATHS, WANTED, by_pycdlib, damaged, iso, needs_genisoimage, nested, survives

from ovfinit import volume
from ovfinit.errors import InputError
from ovfinit.volume.iso9660 import contents
from ovfinit.volume.medium import Medium


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


@needs_genisoimage
def test_over_the_limit(folder: Path) -> None:
    """A file larger than allowed is named, and nothing of it is read."""
    with pytest.raises(InputError, match="user-data has 42000 bytes, more than the 41999 allowed"):
        volume.read_files(str(iso(folder, "-J", "-R")), {"user-data": 41_999})


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
        survives(image)
    seed = 12345
    for _ in range(150):
        # a cheap generator of the same numbers on every run
        content = bytearray(whole)
        for _ in range(6):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            content[primary + seed % (30 * 2048)] = seed >> 16 & 0xFF
        image.write_bytes(content)
        survives(image)


@needs_genisoimage
@pytest.mark.parametrize("options", [("-R",), ("-J",), ("-R", "-J"), ("-l",)])
def test_files_in_folders_of_a_disc(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Files are found by their paths, whatever names the disc has; the same names elsewhere are not taken for them."""
    image = iso(nested(tmp_path), *options)
    found = volume.read_files(str(image), {**dict.fromkeys(PATHS, LIMIT), "content/0000": LIMIT, "openstack": LIMIT})
    assert found.files == PATHS
    assert volume.unchanged(str(image), found.footprint)


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
