"""FAT without mounting: real volumes by mkfs.vfat and mtools, whole and damaged."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from media import FILES, LIMIT, NAMES, PATHS, WANTED, damaged, fat, needs_vfat, nested, survives

from ovfinit import volume
from ovfinit.errors import InputError


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


@needs_vfat
def test_over_the_limit(folder: Path) -> None:
    """A file larger than allowed is named, also one of a size that cannot be true."""
    image = fat(folder, 12, 1440)
    with pytest.raises(InputError, match="user-data has 42000 bytes"):
        volume.read_files(str(image), {"user-data": 41_999})
    entry = image.read_bytes().index(b"USER-D~1")
    damaged(image, entry + 28, b"\xff\xff\xff\xff")
    with pytest.raises(InputError, match="more than the"):
        volume.read_files(str(image), {"user-data": 1 << 24})


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
        reason = survives(image)
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
        survives(image)
        with image.open("r+b") as file:
            file.write(whole)


@needs_vfat
@pytest.mark.parametrize(("bits", "kib"), [(12, 1024), (16, 16384), (32, 70000)])
def test_files_in_folders_of_a_fat_volume(tmp_path: Path, bits: int, kib: int) -> None:
    """Files are found by their paths, on FAT of every width."""
    image = fat(nested(tmp_path), bits, kib, label="CONFIG-2")
    found = volume.read_files(str(image), dict.fromkeys(PATHS, LIMIT))
    assert (found.files, found.label) == (PATHS, "CONFIG-2")
