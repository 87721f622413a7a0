"""Seeds on volumes: their labels and file systems, drives that fail, what has not changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from seeds import CLOUD, OWN, Machine, image, put, read, source

from ovfinit.datasource import SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import Host


@pytest.mark.parametrize("label", ["cidata", "CIDATA"])
def test_volume(tmp_path: Path, label: str) -> None:
    """A volume labelled cidata, in any case, among others."""
    other = image(tmp_path / "sr0", "config-2", meta_data=b"instance-id: other")
    volume = image(
        tmp_path / "sr1", label, meta_data=b"instance-id: v\na: b", user_data=b"u", network_config=b"{version: 2}"
    )
    blank = tmp_path / "sr2"
    blank.write_bytes(b"\0" * 100_000)
    host = Machine(tmp_path, blank, other, volume)
    assert source().detect(host).answer == "yes"
    found = read(host)
    assert (found.instance_id, found.user_data, found.network) == ("v", b"u", {"version": 2})
    assert found.location == str(volume)
    assert found.origins["properties.a"] == f"{volume}:meta-data#a"
    assert not found.problems
    assert source().unchanged(host, json.loads(json.dumps(found.fingerprint)))
    assert source().detect(Machine(tmp_path, blank, other)).answer == "no"
    with pytest.raises(SourceAbsent, match="no volume is labelled cidata"):
        read(Machine(tmp_path, blank, other))


@pytest.mark.skipif(not (shutil.which("mkfs.vfat") and shutil.which("mcopy")), reason="dosfstools or mtools is missing")
def test_vfat_volume(tmp_path: Path) -> None:
    """A seed on a FAT image, as many tools make it."""
    place = put(tmp_path, "files", meta_data="instance-id: fat\n", user_data="u")
    volume = tmp_path / "vdb"
    with volume.open("wb") as file:
        file.truncate(1_474_560)
    subprocess.run(["mkfs.vfat", "-n", "CIDATA", volume], check=True, timeout=30, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", volume, *sorted(place.iterdir()), "::"], check=True, timeout=30)
    assert read(Machine(tmp_path, volume)).instance_id == "fat"
    assert read(tmp_path, volume).user_data == b"u"


def test_volumes_are_the_running_machines_only(tmp_path: Path) -> None:
    """Under --root no drive of the host is looked at."""
    (tmp_path / "sys/class/block/sr0").mkdir(parents=True)
    (tmp_path / "sys/class/block/sr0/size").write_text("800\n")
    (tmp_path / "dev").mkdir()
    image(tmp_path / "dev/sr0", meta_data=b"instance-id: x")
    assert source().detect(Host(str(tmp_path))).answer == "no"


def test_drive_that_fails(tmp_path: Path) -> None:
    """A drive that nobody could look at leaves it open whether there is a seed, unless one is found elsewhere."""
    loop = tmp_path / "sr0"
    loop.symlink_to("sr0")
    host = Machine(tmp_path, loop)
    assert source().detect(host).answer == "maybe"
    with pytest.raises(SourceUnreachable, match="symbolic links") as caught:
        read(host)
    assert caught.value.where == str(loop)
    volume = image(tmp_path / "sr1", meta_data=b"instance-id: x")
    assert read(Machine(tmp_path, loop, volume)).instance_id == "x"
    assert read(Machine(tmp_path, tmp_path / "gone", volume)).instance_id == "x"


def test_truncated_volume(tmp_path: Path) -> None:
    """An image that is cut off is invalid, not empty."""
    volume = image(tmp_path / "sr0", meta_data=b"instance-id: x", user_data=b"u" * 200_000)
    volume.write_bytes(volume.read_bytes()[:150_000])
    with pytest.raises(SourceInvalid, match=r"damaged|truncated") as caught:
        read(Machine(tmp_path, volume))
    assert caught.value.where == str(volume)


def test_named_image_with_another_label(tmp_path: Path) -> None:
    """An image that no machine would take for a seed is read, and that is said."""
    volume = image(tmp_path / "s.iso", "SEED", meta_data=b"instance-id: x")
    found = read(tmp_path, volume)
    assert found.instance_id == "x"
    assert [problem.message for problem in found.problems] == [
        "the volume is labelled 'SEED': a machine looks for cidata when it boots"
    ]


def test_unchanged(tmp_path: Path) -> None:
    """Each change of a file, a word, an earlier place or a `seedfrom` is seen; nothing else is."""
    put(tmp_path, CLOUD, meta_data="seedfrom: /srv/seed", user_data="u")
    put(tmp_path, "srv/seed", meta_data="", user_data="")
    host = Host(str(tmp_path))
    fingerprint = json.loads(json.dumps(read(host).fingerprint))
    assert source().unchanged(host, fingerprint)

    def appear(path: str, content: str) -> Iterator[None]:
        file = tmp_path / path
        before = file.read_bytes() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        yield
        file.unlink() if before is None else file.write_bytes(before)

    for path in (
        f"{CLOUD}/meta-data",
        f"{CLOUD}/vendor-data",
        f"{CLOUD}/network-config",
        "srv/seed/user-data",
        f"{OWN}/user-data",
        "proc/cmdline",
    ):
        for _ in appear(path, "ds=nocloud;h=x"):
            assert not source().unchanged(Host(str(tmp_path)), fingerprint), path
        assert source().unchanged(Host(str(tmp_path)), fingerprint), path
    for _ in appear(f"{CLOUD}/other", "x"):
        assert source().unchanged(host, fingerprint)
    (tmp_path / CLOUD / "user-data").unlink()
    assert not source().unchanged(host, fingerprint)


def test_unchanged_volume(tmp_path: Path) -> None:
    """A volume is recognised by its bytes, and no longer once a folder or another volume goes before it."""
    volume = image(tmp_path / "sr1", meta_data=b"instance-id: x")
    host = Machine(tmp_path, volume)
    fingerprint = read(host).fingerprint
    assert source().unchanged(host, fingerprint)
    first = image(tmp_path / "sr0", meta_data=b"instance-id: y")
    assert not source().unchanged(Machine(tmp_path, first, volume), fingerprint)
    assert not source().unchanged(Machine(tmp_path), fingerprint)
    shutil.copy(first, volume)
    assert not source().unchanged(host, fingerprint)


@pytest.mark.parametrize("fingerprint", [None, {}, [], {"url": False, "location": None, "words": 5}, "x", 7])
def test_unchanged_with_a_damaged_record(tmp_path: Path, fingerprint: object) -> None:
    """A record that makes no sense proves nothing."""
    assert source().unchanged(Host(str(tmp_path)), fingerprint) is False
