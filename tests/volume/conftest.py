"""What the tests of volumes share."""

from __future__ import annotations

from pathlib import Path

import pytest
from media import FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What volumes are made of."""
    place = tmp_path / "files"
    (place / "folder").mkdir(parents=True)
    (place / "folder" / "meta-data").write_bytes(b"not in the root")
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    return place
