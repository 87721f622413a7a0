"""Seeds in folders and images, on machines that are told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pycdlib

from ovfinit.datasource import Deadline
from ovfinit.host import BlockDevice, Host
from ovfinit.model import Metadata
from ovfinit.plugins import find

OWN = "var/lib/ovfinit/seed"
CLOUD = "var/lib/cloud/seed/nocloud"


class Machine(Host):
    """A tree that counts as a running machine with these drives; no test may need real ones."""

    def __init__(self, root: Path, *images: Path) -> None:
        super().__init__(str(root))
        self._images = images

    @property
    def live(self) -> bool:
        """It is no tree of an image's."""
        return True

    def block_devices(self) -> Sequence[BlockDevice]:
        """The images, as drives."""
        return [BlockDevice(path.name, str(path), 1, removable=True, optical=True) for path in self._images]


def source(location: str | Path | None = None) -> Any:
    from ovfinit.config import Config

    found = find(Host("/nonexistent"), Config(), [("seed", str(location) if location is not None else None)])
    assert found[0].source is not None
    return found[0].source


def read(host: Host | Path, location: str | Path | None = None) -> Metadata:
    result = source(location).read(host if isinstance(host, Host) else Host(str(host)), Deadline(60))
    assert isinstance(result, Metadata)
    json.dumps(result.fingerprint)
    return result


def put(root: Path, folder: str, **files: str | bytes) -> Path:
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (place / name.replace("_", "-")).write_bytes(data)
    return place


def image(path: Path, label: str = "cidata", **files: bytes) -> Path:
    disc = pycdlib.PyCdlib()
    disc.new(vol_ident=label, joliet=3, rock_ridge="1.09")
    for number, (name, content) in enumerate(files.items()):
        true = name.replace("_", "-")
        disc.add_fp(BytesIO(content), len(content), f"/F{number}.;1", rr_name=true, joliet_path=f"/{true}")
    disc.write(str(path))
    disc.close()
    return path
