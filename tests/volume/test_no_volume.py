"""What is no volume, may not be read or breaks off: told from one that lacks a file, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from media import FILES, WANTED, fat, iso, needs_genisoimage, needs_vfat

from ovfinit import volume
from ovfinit.errors import InputError


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
