"""The reference tools themselves: they open what we bundle, and we what they bundle.

No package registry has them. docs/image.md says how they are made to run; where they do not, these tests are skipped,
and the bundles in tests/data/bundles, which they made, stand for them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from image.images import KEYS, MIB, OWN, make_disk, make_ext, make_root
from scratch import run

PART = 10 * MIB
MAPPINGS = "ami=sda1,root=/dev/sda1,ephemeral0=sdb,swap=sda3"


def tool(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the tools; the test is skipped where it is missing."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here; see docs/image.md")
    return subprocess.run([name, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The owner's and the cloud's keys as the tools take them, in PEM."""
    folder = tmp_path_factory.mktemp("keys")
    for owner in ("user", "cloud"):
        words = ["openssl", "pkey", "-inform", "DER", "-in", str(KEYS / f"{owner}.key.der")]
        subprocess.run([*words, "-out", str(folder / owner)], check=True, capture_output=True)
    return folder


def image(folder: Path, name: str) -> Path:
    """An image of a kind that bundles differ by: sparse, of several parts, or with a kernel and a ramdisk in it."""
    path = folder / f"{name}.raw"
    if name == "root":
        return make_ext(path, make_root(folder / "tree"))
    return make_disk(path, (48 if name == "parts" else 12) * MIB)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of an image and of our bundle of it, made once and not to be changed."""

    @cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        source = image(folder, name)
        if name == "parts":
            with source.open("r+b") as file:
                file.write(os.urandom(2 * PART + 1))
        whole = [] if name == "root" else ["--full-disk"]
        done = run("image", "convert", source, f"{folder}/bundle/", *whole, *OWN)
        assert done.code == 0, done
        return folder

    return make


# ec2-unbundle knows only its own user's key
@pytest.mark.parametrize(("suite", "owner"), [("euca", "user"), ("euca", "cloud"), ("ec2", "user")])
@pytest.mark.parametrize("name", ["sparse", "parts", "root"])
def test_the_tools_open_our_bundles(
    suite: str, name: str, owner: str, bundled: Callable[[str], Path], tmp_path: Path, keys: Path
) -> None:
    """Each tool gets back every image that we bundled, with either key: disks, partitions, kernels and ramdisks."""
    folder = bundled(name)
    out = tmp_path / "out"
    out.mkdir()

    manifests = sorted((folder / "bundle").glob("*.manifest.xml"))
    for manifest in manifests:
        words = ("-m", manifest, "-s", manifest.parent, "-d", out, "-k", keys / owner)
        opened = tool(f"{suite}-unbundle", *words)
        assert opened.returncode == 0, opened

    assert len(manifests) == (3 if name == "root" else 1)
    assert len(list((folder / "bundle").glob(f"{name}.part.*"))) == (3 if name == "parts" else 1)
    assert (out / name).read_bytes() == (folder / f"{name}.raw").read_bytes()
    if name == "root":
        for part, file in (("kernel", "vmlinuz"), ("ramdisk", "initrd.img")):
            assert (out / f"root-{part}").read_bytes() == (folder / f"tree/boot/{file}-6.10.0-1-amd64").read_bytes()


@pytest.mark.parametrize("owner", ["user", "cloud"])
@pytest.mark.parametrize("suite", ["euca", "ec2"])
def test_their_bundles_open_here(suite: str, owner: str, tmp_path: Path, keys: Path) -> None:
    """A bundle that a tool makes now, sparse, in several parts and with every option, gives image and settings."""
    source, bundle = image(tmp_path, "parts"), tmp_path / "bundle"
    with source.open("r+b") as file:
        file.write(os.urandom(PART + 1))
    bundle.mkdir()
    words = ["-i", source, "-d", bundle, "-r", "x86_64", "-u", "123456789012", "-k", keys / "user", "-p", "web"]
    words += ["-c", KEYS / "user.pem", "--ec2cert", KEYS / "cloud.pem", "-B", MAPPINGS, "--productcodes", "A1B2,C3D4"]
    words += ["--kernel", "aki-12345678", "--ramdisk", "ari-12345678"]
    made = tool(f"{suite}-bundle-image", *words, *(["--batch"] if suite == "ec2" else []))
    assert made.returncode == 0, made
    opening = ("--privatekey", KEYS / f"{owner}.key.der", "--cert", KEYS / "user.pem")

    done = run("image", "convert", bundle, tmp_path / "out.raw", *opening)
    again = run("image", "convert", bundle, f"{tmp_path}/again/", "--full-disk", *OWN)

    assert done.code == 0, done
    assert (tmp_path / "out.raw").read_bytes() == source.read_bytes()
    assert again.code == 0, again
    text = (tmp_path / "again/web.manifest.xml").read_text()
    assert re.findall("<virtual>([^<]+)</virtual><device>([^<]+)<", text) == sorted(
        tuple(pair.split("=")) for pair in MAPPINGS.split(",")
    )
    assert re.findall("<product_code>([^<]+)<", text) == ["A1B2", "C3D4"]
    assert "<kernel_id>aki-12345678</kernel_id><ramdisk_id>ari-12345678</ramdisk_id>" in text


@pytest.mark.parametrize("suite", ["euca", "ec2"])
def test_the_tools_refuse_what_was_damaged(
    suite: str, bundled: Callable[[str], Path], tmp_path: Path, keys: Path
) -> None:
    """A part of ours with one bit turned is refused by the tools too: our digests are theirs."""
    shutil.copytree(bundled("sparse") / "bundle", tmp_path / "bundle")
    part = tmp_path / "bundle/sparse.part.00"
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)

    words = ("-m", tmp_path / "bundle/sparse.manifest.xml", "-s", tmp_path / "bundle", "-d", tmp_path)
    opened = tool(f"{suite}-unbundle", *words, "-k", keys / "user")

    assert opened.returncode != 0, opened
