"""EC2/UEC bundles: those of the reference tools open, ours open with nothing but openssl, gzip and tar."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from image.images import DATA, KEYS, MIB, OPEN, OWN, leftovers, make_disk
from scratch import run

from ovfinit.image.bundle import manifest

REFERENCE = {
    "euca2ools-3.4-machine/disk": "341363fae7032be0414c6ac52ed4b22700847202",
    "euca2ools-3.4-kernel/vmlinuz-test": "ed2d02a8b71a144c31488ffcb4b501cd61d3e497",
    "ec2-ami-tools-1.5.3-sparse/sparse": "b07c4609cabe7856cd97b1a6c0aecbd5b5a72bfd",
}


@pytest.mark.parametrize("owner", ["user", "cloud"])
@pytest.mark.parametrize("name", REFERENCE)
def test_bundles_of_the_reference_tools_open(name: str, owner: str, tmp_path: Path) -> None:
    """Both tools' bundles give the image that went in, with the owner's key and with the cloud's."""
    words = ("--privatekey", KEYS / f"{owner}.key.der", "--cert", KEYS / "user.pem")

    done = run("image", "convert", DATA / f"{name}.manifest.xml", tmp_path / "out.raw", *words)

    assert done.code == 0, done
    assert hashlib.sha1((tmp_path / "out.raw").read_bytes()).hexdigest() == REFERENCE[name]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk and its bundle, in several parts, not to be changed."""
    folder = tmp_path_factory.mktemp("pristine")
    make_disk(folder / "web.raw", 48 * MIB)
    with (folder / "web.raw").open("r+b") as file:
        file.seek(30 * MIB)
        file.write(os.urandom(11 * MIB))
    done = run("image", "convert", folder / "web.raw", f"{folder}/bundle/", "--full-disk", *OWN)
    assert done.code == 0, done
    return folder / "bundle"


@pytest.fixture
def bundled(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(pristine, tmp_path / "bundle"))


def openssl(*words: str | Path, data: bytes = b"") -> bytes:
    """What openssl says."""
    return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=True).stdout


def test_others_open_what_we_bundle(bundled: Path, pristine: Path) -> None:
    """openssl, gzip and tar get the same image out, and openssl verifies the signature of the raw elements."""
    text = (bundled / "web.manifest.xml").read_text()

    def secret(element: str) -> str:
        sealed = bytes.fromhex(re.search(f"<{element}[^>]*>([0-9a-f]+)<", text)[1])
        return openssl("pkeyutl", "-decrypt", "-inkey", KEYS / "user.key.der", "-keyform", "DER", data=sealed).decode()

    key, vector = secret("user_encrypted_key"), secret("user_encrypted_iv")
    names = re.findall("<filename>([^<]+)<", text)
    parts = [(bundled / name).read_bytes() for name in names]
    packed = openssl("enc", "-d", "-aes-128-cbc", "-K", key, "-iv", vector, data=b"".join(parts))
    archive = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
    image = subprocess.run(["tar", "-xO"], input=archive, capture_output=True, check=True).stdout

    assert image == (pristine.parent / "web.raw").read_bytes()
    assert len(names) > 1
    digests = [hashlib.sha1(archive).hexdigest(), *(hashlib.sha1(part).hexdigest() for part in parts)]
    assert re.findall(r'<digest algorithm="SHA1">([^<]+)<', text) == digests
    public = bundled.parent / "public.pem"
    public.write_bytes(openssl("x509", "-in", KEYS / "user.pem", "-pubkey", "-noout"))
    signature = bundled.parent / "signature"
    signature.write_bytes(bytes.fromhex(re.search("<signature>([^<]+)<", text)[1]))
    signed = "".join(re.search(f"<{name}>.*</{name}>", text)[0] for name in ("machine_configuration", "image"))
    assert b"OK" in openssl("dgst", "-sha1", "-verify", public, "-signature", signature, data=signed.encode())


def test_product_codes_in_one_element_are_several() -> None:
    """ec2-ami-tools writes `--productcodes A,B` as one element; those are two codes."""
    path = DATA / "euca2ools-3.4-machine/disk.manifest.xml"
    text = path.read_text()
    one, two = re.findall("<product_code>([^<]+)</product_code>", text)

    known = manifest.parse(text.replace(f"{one}</product_code><product_code>{two}", f"{one},{two}").encode(), "x")

    assert known.product_codes == (one, two)
    assert known.product_codes == manifest.parse(text.encode(), "x").product_codes


def test_a_bundle_tells_what_it_was_told(tmp_path: Path) -> None:
    """Kernel, ramdisk, mappings, product codes and architecture survive bundling, unbundling and bundling again."""
    make_disk(tmp_path / "a.raw", MIB)
    told = ("--kernel", "eki-1", "--ramdisk", "eri-1", "--arch", "i386", "--product-code", "A&B")
    mappings = ("--block-device-mapping", "ami=sda1", "--block-device-mapping", "root=/dev/sda1")
    assert (
        run("image", "convert", tmp_path / "a.raw", f"{tmp_path}/one/", "--full-disk", *told, *mappings, *OWN).code == 0
    )

    done = run("image", "convert", tmp_path / "one", f"{tmp_path}/two/", "--full-disk", *OWN)

    assert done.code == 0, done
    expected = re.search(
        "<machine_configuration>.*</machine_configuration>", (tmp_path / "one/a.manifest.xml").read_text()
    )
    assert expected[0] in (tmp_path / "two/a.manifest.xml").read_text()
    assert "<product_code>A&amp;B</product_code>" in expected[0]


def damage(bundle: Path, how: str) -> None:
    """Spoil a bundle in one way."""
    part, manifest = bundle / "web.part.00", bundle / "web.manifest.xml"
    data, text = part.read_bytes(), manifest.read_text()
    if how == "flipped":
        part.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    elif how == "cut":
        part.write_bytes(data[:-100])
    elif how == "missing":
        part.unlink()
    elif how == "link":
        part.unlink()
        part.symlink_to("/etc/passwd")
    elif how == "edited":
        manifest.write_text(text.replace("<user>123456789012<", "<user>999999999999<"))
    elif how == "hostile":
        manifest.write_text(text.replace("web.part.00", "../../etc/passwd"))
    elif how == "bomb":
        manifest.write_text(text.replace(f"<size>{48 * MIB}<", "<size>4096<"))
    elif how == "doctype":
        manifest.write_text(text.replace("<manifest>", '<!DOCTYPE m [<!ENTITY a "b">]><manifest>', 1))
    elif how == "truncated":
        manifest.write_text(text[: len(text) // 2])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("flipped", "is damaged"),
        ("cut", "is damaged"),
        ("missing", "is missing"),
        ("link", "cannot be read"),
        ("edited", "signature"),
        ("hostile", "outside of its folder"),
        ("bomb", "signature"),
        ("doctype", "DOCTYPE"),
        ("truncated", "not well-formed"),
    ],
)
def test_a_bad_bundle_is_refused(how: str, said: str, bundled: Path, tmp_path: Path) -> None:
    """Whatever is wrong is said in words, nothing is left at the destination, and the bundle is as it was."""
    damage(bundled, how)
    before = {path.name: path.lstat().st_mtime_ns for path in bundled.iterdir()}

    done = run("image", "convert", bundled / "web.manifest.xml", tmp_path / "out.raw", *OPEN)

    assert done.code == 1, done
    assert said in done.err
    assert not (tmp_path / "out.raw").exists()
    assert not leftovers(tmp_path)
    assert {path.name: path.lstat().st_mtime_ns for path in bundled.iterdir()} == before


def test_a_bundle_that_grows_is_stopped(bundled: Path, tmp_path: Path) -> None:
    """An unsigned manifest that lies about the size does not make us write more than it says."""
    damage(bundled, "bomb")
    words = ("--privatekey", KEYS / "user.key.der")

    done = run("image", "convert", bundled, tmp_path / "out.raw", *words)

    assert done.code == 1
    assert "more than" in done.err or "the manifest says 4096" in done.err


def test_wrong_digests_can_be_taken_and_are_told(tmp_path: Path) -> None:
    """A bundle of an old euca2ools, whose image digest is that of nothing, opens with --skip-digests only."""
    shutil.copytree(DATA / "euca2ools-3.4-machine", tmp_path / "old")
    manifest = tmp_path / "old/disk.manifest.xml"
    nothing = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    manifest.write_text(manifest.read_text().replace("7f5a7db1f97674931918e5c00805e495c56475ae", nothing))
    words = ("image", "convert", tmp_path / "old", tmp_path / "out.raw", "--privatekey", KEYS / "user.key.der")

    refused, taken = run(*words), run(*words, "--skip-digests")

    assert refused.code == 1
    assert "euca2ools before 2.0" in refused.err
    assert taken.code == 0, taken
    assert (tmp_path / "out.raw").read_bytes() == (DATA / "euca2ools-3.4-machine/disk.img").read_bytes()


def test_the_wrong_key_is_an_error_in_words(bundled: Path, tmp_path: Path) -> None:
    """A key that opens neither copy of the bundle's key is told so, with what to do."""
    other = tmp_path / "other.pem"
    other.write_bytes(openssl("genrsa", "2048"))

    done = run("image", "convert", bundled, tmp_path / "out.raw", "--privatekey", other)

    assert done.code == 1
    assert "opens neither" in done.err
    assert "PRIVATE KEY" not in done.err
