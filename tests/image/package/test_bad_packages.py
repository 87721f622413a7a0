"""Packages that are cut off, damaged or made to hurt: a finding, bounded memory, and never a traceback."""

from __future__ import annotations

import gzip
import io
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packages import DISK, envelope, folder, manifest, ova, product, sound
from scratch import REPO, Result, environment

from ovfinit.errors import InputError
from ovfinit.image.conformance import checks
from ovfinit.image.package import presentation
from ovfinit.image.package.reading import open_package

Program = Callable[..., Result]
DATA = REPO / "tests/data/ovf-packages"
PLACES = 100
MEMORY = 200 << 20


def looked_at(path: Path) -> int:
    """How many errors a package has, after everything was read of it that can be; InputError counts as one."""
    try:
        with open_package(str(path)) as opened:
            checks.check(opened)
            presentation.document(opened, opened.package.default_option)
            return opened.findings.errors
    except InputError as error:
        return int(error.where is not None)


def bounded(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run the program with little memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    command = [sys.executable, "-m", "ovfinit", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, env=environment(), preexec_fn=limit, timeout=60)


@pytest.mark.parametrize("name", ["SugarCRM.ovf", "studio-0.9.ovf", "ubuntu.2.0.ovf"])
def test_descriptors_that_break_off(tmp_path: Path, name: str) -> None:
    """Cut off at any place, a descriptor has an error, and what stands before the place is still read."""
    whole = (DATA / name).read_bytes().rstrip()
    path = tmp_path / name
    for number in range(PLACES):
        path.write_bytes(whole[: len(whole) * number // PLACES])
        assert looked_at(path), number
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with open_package(str(path)) as opened:
        assert opened.package.files
        assert "cut off" in str(opened.findings.of("error")[0])


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_archives_that_break_off(tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    """Cut off at any place before its end mark, an archive has an error."""
    content = sound(tmp_path / "whole.ova").read_bytes()
    # the disk's content ends here; tarfile pads to 10240 bytes behind it
    end = content.rindex(DISK) + len(DISK)
    whole = wrap(content[:end] + bytes(1024))
    path = tmp_path / "app.ova"
    for number in range(PLACES):
        path.write_bytes(whole[: (len(whole) - (1024 if wrap is bytes else 16)) * number // PLACES])
        assert looked_at(path), number


def test_bombs(tmp_path: Path) -> None:
    """Archives, headers, documents and compressions that would fill the memory are refused within 200 MiB."""
    text = envelope().encode()
    huge = tarfile.TarInfo("app.ovf")
    huge.size = 8 << 40
    endless = tmp_path / "endless.ova"
    endless.write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + text + bytes(1024))
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    extended = tmp_path / "extended.ova"
    extended.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
    zeros = tmp_path / "zeros.ova.gz"
    with gzip.open(zeros, "wb", compresslevel=1) as stream:
        member = tarfile.TarInfo("app.ovf")
        member.size = MEMORY + (10 << 20)
        stream.write(member.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(member.size >> 20):
            stream.write(b" " * (1 << 20))
    deep = tmp_path / "deep.ovf"
    deep.write_text("<Envelope>" + "<a>" * 100_000)
    wide = tmp_path / "wide.ovf"
    wide.write_text("<Envelope>" + "<a/>" * 300_000)
    attributes = tmp_path / "attributes.ovf"
    many = " ".join(f"a{number}='1'" for number in range(1000))
    attributes.write_text(f"<Envelope {many}/>")
    entities = tmp_path / "entities.ovf"
    entities.write_text('<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><Envelope>&c;</Envelope>')
    large = tmp_path / "large.ovf"
    large.write_bytes(b"<Envelope>" + b" " * (17 << 20))
    members = tmp_path / "members.ova"
    with tarfile.open(members, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(11_000):
            archive.addfile(tarfile.TarInfo(f"f{number}"))
    for path in (endless, extended, zeros, deep, wide, attributes, entities, large, members):
        done = bounded("ovf", "check", path)
        assert done.returncode == 1, (path, done.stdout[-500:], done.stderr[-500:])
        assert b"Traceback" not in done.stderr
        assert b"fault of ovfinit" not in done.stderr


def test_ten_thousand_properties(tmp_path: Path) -> None:
    """So many questions are shown, checked and answered within the same memory."""
    rows = [f'ovf:key="p{n}" ovf:type="uint32" ovf:value="{n}" ovf:userConfigurable="true"' for n in range(10_000)]
    path = folder(tmp_path / "app", envelope(product(*rows)))
    assert b"p9999" in bounded("ovf", "show", path).stdout
    assert b"more than guests read" in bounded("ovf", "check", path).stdout
    done = bounded("ovf", "env", path, "-o", tmp_path / "env.xml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "env.xml").read_text().count("<Property ") == 10_000


def test_links_that_lead_out(ovfinit: Program, tmp_path: Path) -> None:
    """A symbolic link to a file outside, and a pipe in place of a file, are not read."""
    import os

    (tmp_path / "secret").write_bytes(DISK)
    path = folder(tmp_path / "app", envelope())
    (path.parent / "disk.vmdk").unlink()
    (path.parent / "disk.vmdk").symlink_to(tmp_path / "secret")
    assert "leads out of the package" in ovfinit("ovf", "check", path, code=1).out
    (path.parent / "disk.vmdk").unlink()
    os.mkfifo(path.parent / "disk.vmdk")
    assert "not a file" in ovfinit("ovf", "check", path, code=1).out


def test_members_that_are_links(ovfinit: Program, tmp_path: Path) -> None:
    """A link in an archive is an error, and nothing that it names is read."""
    path = tmp_path / "app.ova"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("app.ovf")
        member.size = len(envelope().encode())
        archive.addfile(member, io.BytesIO(envelope().encode()))
        link = tarfile.TarInfo("disk.vmdk")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    out = ovfinit("ovf", "check", path, code=1).out
    assert "is a symbolic link" in out
    assert "'disk.vmdk' is not in the package" in out


def test_a_flood_of_defects(ovfinit: Program, tmp_path: Path) -> None:
    """Beyond a thousand, findings are counted and not kept."""
    rows = ['ovf:key="same"'] * 3000
    result = ovfinit("ovf", "check", "--json", folder(tmp_path, envelope(product(*rows))), code=1).json["files"][0]
    assert len(result["findings"]) == 1000
    assert result["errors"] + result["omitted"] > 2999


def test_damaged_compression(ovfinit: Program, tmp_path: Path) -> None:
    """A gzip that is damaged inside is an error at the disk that it holds."""
    packed = bytearray(gzip.compress(bytes(range(256)) * 400))
    packed[40:60] = bytes(20)
    text = envelope().replace(f'ovf:size="{len(DISK)}"', f'ovf:size="{len(packed)}" ovf:compression="gzip"')
    files = {"app.ovf": text.encode(), "disk.vmdk": bytes(packed)}
    path = ova(
        tmp_path / "app.ova", {"app.ovf": files["app.ovf"], "app.mf": manifest(files), "disk.vmdk": bytes(packed)}
    )
    assert "cannot be read" in ovfinit("ovf", "check", path, code=1).out
