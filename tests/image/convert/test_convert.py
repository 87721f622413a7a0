"""`image convert`: any to any, judged by qemu-img, libvirt's schema, virt-v2v, COT and DMTF's schema."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from image.images import MIB, OPEN, OWN, identical, leftovers, make_disk
from scratch import environment, run


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk, not to be changed."""
    return make_disk(tmp_path_factory.mktemp("disk") / "web.raw")


@pytest.fixture(scope="module")
def ova(disk: Path) -> Path:
    """The same as an OVA on a network, not to be changed."""
    path = disk.parent / "web.ova"
    done = run("image", "convert", disk, path, "--network", "lan")
    assert done.code == 0, done
    return path


def test_round_trip(ova: Path, disk: Path, tmp_path: Path) -> None:
    """OVA to bundle to libvirt to OVF to raw: the disk stays the same to the byte."""
    steps = [
        (ova, f"{tmp_path}/bundle/", ("--full-disk", *OWN)),
        (tmp_path / "bundle", tmp_path / "domain.xml", OPEN),
        (tmp_path / "domain.xml", tmp_path / "again.ovf", ()),
        (tmp_path / "again.ovf", tmp_path / "end.raw", ()),
    ]
    for source, destination, words in steps:
        done = run("image", "convert", source, destination, *words)
        assert done.code == 0, done

    assert identical(disk, tmp_path / "domain-disk1.qcow2")
    assert identical(disk, tmp_path / "again-disk1.vmdk")
    assert identical(disk, tmp_path / "end.raw")
    assert (tmp_path / "end.raw").stat().st_blocks * 512 < 12 * MIB
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("ending", ["qcow2", "vmdk", "vdi", "vhd", "vhdx"])
def test_disk_formats(ending: str, ova: Path, disk: Path, tmp_path: Path) -> None:
    """Out of an OVA into every disk format and from there back into an OVA, without unpacking it by hand."""
    made = tmp_path / f"web.{ending}"
    assert run("image", "convert", ova, made).code == 0
    assert run("image", "convert", made, tmp_path / "web.ova").code == 0
    assert run("image", "convert", tmp_path / "web.ova", tmp_path / "web.raw").code == 0

    padded = tmp_path / "padded.raw"
    shutil.copyfile(disk, padded)
    os.truncate(padded, (tmp_path / "web.raw").stat().st_size)
    assert (tmp_path / "web.raw").read_bytes() == padded.read_bytes()


def test_the_vmdk_is_sound_and_a_stream(ova: Path, disk: Path, tmp_path: Path) -> None:
    """qemu-img finds no fault with the VMDK, and it ends in a footer and the end-of-stream marker."""
    with tarfile.open(ova) as archive:
        archive.extractall(tmp_path, filter="data")
    made = tmp_path / "web-disk1.vmdk"

    checked = subprocess.run(["qemu-img", "check", made], capture_output=True, check=False)

    assert checked.returncode == 0, checked
    assert identical(made, disk)
    data = made.read_bytes()
    assert data[-1024:-1020] == b"KDMV"
    assert data[56:64] == b"\xff" * 8
    assert data[-512:] == bytes(512)


def test_virt_v2v_reads_it(ova: Path) -> None:
    """virt-v2v takes digests, name, memory and adapter from the OVA."""
    if shutil.which("virt-v2v") is None:
        pytest.skip("virt-v2v is not here")
    done = subprocess.run(["virt-v2v", "-i", "ova", ova, "--print-source"], capture_output=True, check=False)
    text = done.stdout.decode()

    assert done.returncode == 0, done.stderr
    assert "source name: web" in text
    assert "memory: 1073741824 (bytes)" in text
    assert '"lan" [e1000]' in text


def test_cot_reads_it(ova: Path, tmp_path: Path) -> None:
    """COT, which knows only SHA-1 in OVF 1, reads what we write for it without complaint."""
    assert run("image", "convert", ova, tmp_path / "old.ova", "--algorithm", "sha1").code == 0
    cot = Path(sys.executable).parent / "cot"
    if not cot.exists():
        pytest.skip("COT is not here")

    done = subprocess.run(
        [cot, "info", tmp_path / "old.ova"], capture_output=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    text = done.stdout.decode() + done.stderr.decode()

    assert done.returncode == 0
    assert "web-disk1.vmdk" in text
    assert "lan" in text
    assert "ERROR" not in text


def test_the_domain_validates(ova: Path, tmp_path: Path) -> None:
    """Libvirt's own schema accepts the domain."""
    assert run("image", "convert", ova, tmp_path / "web", "--to", "libvirt").code == 0

    done = subprocess.run(["virt-xml-validate", tmp_path / "web/web.xml"], capture_output=True, check=False)

    assert done.returncode == 0, done


def test_repacking_keeps_the_package(ova: Path, tmp_path: Path) -> None:
    """OVA to folder and back leaves descriptor, manifest and disks to the byte as they were."""
    assert run("image", "convert", ova, tmp_path / "folder", "--to", "ovf").code == 0
    assert run("image", "convert", tmp_path / "folder", tmp_path / "again.ova").code == 0

    with tarfile.open(ova) as one, tarfile.open(tmp_path / "again.ova") as other:
        assert one.getnames() == other.getnames() == ["web.ovf", "web.mf", "web-disk1.vmdk"]
        for name in one.getnames():
            assert one.extractfile(name).read() == other.extractfile(name).read()


def test_openstack(ova: Path, disk: Path, tmp_path: Path) -> None:
    """A qcow2, what Glance has to be told, and a script that tells it."""
    done = run("image", "convert", ova, tmp_path / "os", "--to", "openstack", "--json")

    assert done.code == 0, done
    described = json.loads((tmp_path / "os/web.glance.json").read_text())
    assert described["properties"]["hw_vif_model"] == "e1000"
    assert identical(disk, tmp_path / "os" / described["file"])
    assert os.access(tmp_path / "os/web.upload.sh", os.X_OK)


def repacked(ova: Path, target: Path, name: str, change: bytes) -> Path:
    """The OVA with other content in one member; the manifest is left out."""
    with tarfile.open(ova) as old, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as new:
        for member in old:
            if member.name.endswith(".mf"):
                continue
            content = change if member.name == name else old.extractfile(member).read()
            fresh = tarfile.TarInfo(member.name)
            fresh.size = len(content)
            new.addfile(fresh, io.BytesIO(content))
    return target


def test_images_that_name_other_files_are_refused(ova: Path, tmp_path: Path) -> None:
    """A disk with a backing file, a data file or foreign extents never reads a file of this machine."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 4 * MIB)
    backed = tmp_path / "backed.qcow2"
    subprocess.run(["qemu-img", "create", "-qf", "qcow2", "-b", secret, "-F", "raw", backed], check=True)
    apart = tmp_path / "apart.qcow2"
    subprocess.run(["qemu-img", "create", "-qf", "qcow2", "-o", f"data_file={secret}", apart, "4M"], check=True)
    extents = (
        b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 8192 FLAT "'
        + str(secret).encode()
        + b'" 0\n'
    )
    hidden = b"KDMV" + (1).to_bytes(4, "little") + bytes(504) + extents
    for content in (backed.read_bytes(), apart.read_bytes(), extents, hidden.ljust(64 * 1024, b"\0")):
        bad = repacked(ova, tmp_path / "bad.ova", "web-disk1.vmdk", content)

        done = run("image", "convert", bad, tmp_path / "out.raw")

        assert done.code == 1, done
        assert "refused" in done.err or "outside of its folder" in done.err
        assert not (tmp_path / "out.raw").exists()


@pytest.mark.parametrize("href", ["../web.raw", "/etc/passwd", "http://192.0.2.1/disk.vmdk", "/dev/zero"])
def test_hostile_references_are_refused(href: str, ova: Path, tmp_path: Path) -> None:
    """A descriptor cannot make us read outside of its package."""
    with tarfile.open(ova) as archive:
        text = archive.extractfile("web.ovf").read()
    bad = repacked(ova, tmp_path / "bad.ova", "web.ovf", text.replace(b"web-disk1.vmdk", href.encode()))

    done = run("image", "convert", bad, tmp_path / "out.raw")

    assert done.code == 1, done
    assert "of the package" in done.err
    assert not (tmp_path / "out.raw").exists()


def test_wrong_digests_are_refused_unless_asked_for(ova: Path, tmp_path: Path) -> None:
    """One flipped bit in a disk is found before anything is written; --skip-digests takes it and says so."""
    data = bytearray(ova.read_bytes())
    data[-4096] ^= 1
    bad = tmp_path / "bad.ova"
    bad.write_bytes(data)

    refused = run("image", "convert", bad, tmp_path / "out.raw")
    taken = run("image", "convert", bad, tmp_path / "two.ova", "--skip-digests")

    assert refused.code == 1
    assert "SHA256" in refused.err
    assert not (tmp_path / "out.raw").exists()
    assert taken.code == 0, taken
    assert "digests were NOT compared" in taken.err


def test_truncations_are_errors_in_words(ova: Path, tmp_path: Path) -> None:
    """An OVA cut off anywhere gives an error, never a disk or a trace."""
    data = ova.read_bytes()
    for number in range(12):
        bad = tmp_path / "bad.ova"
        bad.write_bytes(data[: len(data) * number // 12])

        done = run("image", "convert", bad, tmp_path / "out.qcow2")

        assert done.code == 1, (number, done)
        assert "fault of ovfinit" not in done.err
        assert not (tmp_path / "out.qcow2").exists()


def test_what_is_there_stays(disk: Path, tmp_path: Path) -> None:
    """A destination that exists is not touched without --force, and with it only when all is well."""
    there = tmp_path / "out.ova"
    there.write_text("precious")

    refused = run("image", "convert", disk, there)
    failed = run("image", "convert", tmp_path / "none.raw", there, "--force")

    assert refused.code == failed.code == 1
    assert "--force" in refused.err
    assert there.read_text() == "precious"
    assert run("image", "convert", disk, there, "--force").code == 0
    assert tarfile.is_tarfile(there)


@pytest.mark.parametrize("destination", ["out.ova", "bundle/", "out.qcow2", "domain.xml", "out.raw"])
def test_a_full_disk_leaves_nothing(destination: str, disk: Path, tmp_path: Path) -> None:
    """Where no file may grow, the error names the reason, and nothing half-written stays."""
    here = tmp_path / "here"
    here.mkdir()
    small = ("prlimit", f"--fsize={MIB}")

    done = run("image", "convert", disk, f"{here}/{destination}", "--full-disk", *OWN, before=small)

    assert done.code == 1, done
    assert "fault of ovfinit" not in done.err
    assert list(here.iterdir()) == []


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that takes its time, not to be changed."""
    path = tmp_path_factory.mktemp("big") / "big.raw"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(MIB))
            file.seek(MIB, os.SEEK_CUR)
        file.truncate()
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing(number: int, big: Path, tmp_path: Path) -> None:
    """Interrupted half-way, and once more while it cleans up, no file, no folder and no child process stays."""
    here = tmp_path / "here"
    here.mkdir()
    words = [sys.executable, "-m", "ovfinit", "image", "convert", big, f"{here}/bundle/", "--full-disk", *OWN]
    child = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not any(path.name.endswith(".part.00") for path in here.rglob("*")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    for _ in range(3):
        child.send_signal(number)
        time.sleep(0.01)
    said = child.communicate(timeout=30)[1]

    assert child.returncode == 1
    assert b"interrupted" in said
    assert list(here.iterdir()) == []
