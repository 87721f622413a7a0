"""The footprint of what was read: whether a volume has changed, without reading it all again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from media import FILES, damaged, fat, iso, needs_genisoimage, needs_vfat

from ovfinit import volume


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
