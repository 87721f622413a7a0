"""Volumes to look into, by genisoimage, pycdlib and mkfs.vfat, and what spoils them."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pycdlib
import pytest

from ovfinit import volume
from ovfinit.errors import InputError

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
PATHS = {"openstack/latest/meta_data.json": b"{}", "openstack/content/0000": b"auto lo\n" * 900, "top": b"t"}


def iso(folder: Path, *options: str, label: str = "cidata") -> Path:
    """A disc of a folder's content, by genisoimage."""
    image = folder.parent / "made.iso"
    command = ["genisoimage", "-quiet", "-V", label, *options, "-o", str(image), str(folder)]
    subprocess.run(command, check=True, timeout=30, stderr=subprocess.DEVNULL)
    return image


def fat(folder: Path, bits: int, kib: int, label: str = "CIDATA") -> Path:
    """A FAT volume of a folder's content, by mkfs.vfat and mtools."""
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
    """A disc by pycdlib: files with true names, and with nothing but what ISO 9660 allows."""
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
    """The same image with other bytes at an offset."""
    with image.open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return image


def nested(tmp_path: Path) -> Path:
    """A folder with files in folders."""
    place = tmp_path / "nested"
    for name, content in {**PATHS, "openstack/2012-08-10/meta_data.json": b"old", "ec2/top": b"no"}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def survives(image: Path) -> str:
    """Whatever the damage: an answer within bounds, or an InputError, whose words are returned."""
    reason = ""
    for ask in (volume.look, lambda place: volume.read_files(place, WANTED)):
        try:
            ask(str(image))
        except InputError as error:
            reason += error.message + "\n"
    return reason
