"""`ovf check`: a sound package has no finding, each defect has its own, with the line where it is."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packages import DISK, HARDWARE, envelope, folder, manifest, ova, product, sound
from scratch import Result

Program = Callable[..., Result]
VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
VIRTUALBOX = (
    f'<Info/><System xmlns:vssd="{VSSD}"><vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType></System>'
)
DEMANDED = '<vmw:Config vmw:key="tools.syncTime" vmw:value="1"/><vmw:Config ovf:required="true" vmw:key="b"/>'
DEMANDED += '<vmw:Config ovf:required="false" vmw:key="c" vmw:value="1"/>'


def codes(result: Result) -> dict[str, dict[str, Any]]:
    """The findings of one file by code, notes left out."""
    return {one["code"]: one for one in result.json["files"][0]["findings"] if one["severity"] != "note"}


def check(ovfinit: Program, path: Path, *words: str, code: int = 1) -> dict[str, dict[str, Any]]:
    """The findings about a path, with the exit code that they must lead to."""
    return codes(ovfinit("ovf", "check", "--json", path, *words, code=code))


def test_a_sound_package_has_no_finding(ovfinit: Program, tmp_path: Path) -> None:
    """Neither the strict check of an OVA nor that of a folder has anything to say."""
    assert check(ovfinit, sound(tmp_path / "app.ova"), "--strict", code=0) == {}
    files = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    assert check(ovfinit, folder(tmp_path / "app", envelope(), app_mf=manifest(files)), "--strict", code=0) == {}


@pytest.mark.parametrize("wrap", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_archives(ovfinit: Program, tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    """An OVA inside gzip, bzip2 or xz is checked like the OVA itself."""
    path = tmp_path / "app.ova.packed"
    path.write_bytes(wrap(sound(tmp_path / "app.ova").read_bytes()))
    assert check(ovfinit, path, code=0) == {}


def test_a_zip(ovfinit: Program, tmp_path: Path) -> None:
    """A zip is checked like a folder."""
    path = tmp_path / "app.zip"
    files = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, "app.mf": manifest(files)}.items():
            archive.writestr(name, content)
    assert check(ovfinit, path, code=0) == {}


@pytest.mark.parametrize(
    ("descriptor", "code", "words"),
    [
        (envelope().replace("disk.vmdk", "../disk.vmdk"), "hostile-href", "leads out of the package"),
        (envelope().replace("disk.vmdk", "/etc/passwd"), "hostile-href", "absolute path"),
        (envelope().replace("disk.vmdk", "http://127.0.0.1/d"), "hostile-href", "never fetched"),
        (envelope().replace("disk.vmdk", "/dev/sda"), "hostile-href", "absolute path"),
        (envelope().replace("disk.vmdk", "other.vmdk"), "missing-file", "not in the package"),
        (envelope().replace(f'"{len(DISK)}"', '"7"'), "size-mismatch", "has 512 bytes"),
        (envelope().replace('capacity="2"', 'capacity="1"'), "capacity-mismatch", "2 MiB"),
        (envelope().replace('capacity="2"', f'capacity="{10**18}"'), "capacity-absurd", "1 EiB"),
        (envelope().replace("vmdk.html#streamOptimized", "qcow2"), "disk-format", "is vmdk"),
        (envelope().replace("/disk/d1", "/disk/d2"), "dangling-disk", "'d2'"),
        (envelope().replace("/disk/d1", "/disk/d1").replace("ovf:/d", "ovf://d"), "host-resource-spelling", "slash"),
        (envelope().replace('fileRef="f1"', 'fileRef="f2"'), "dangling-file", "'f2'"),
        (envelope().replace("Parent>3", "Parent>9"), "dangling-parent", "'9'"),
        (envelope().replace("InstanceID>2", "InstanceID>1"), "duplicate-instance-id", "there already"),
        (envelope().replace("VirtualQuantity>512", "VirtualQuantity>lots"), "bad-quantity", "'lots'"),
        (envelope(files='<File ovf:id="f1" ovf:href="b"/>'), "duplicate-id", "there already"),
        (envelope(hardware=HARDWARE.replace("ResourceType>15", "ResourceType>1")), "no-cd-drive", "nowhere to go"),
        (envelope(product('ovf:key="a" ovf:type="uint8" ovf:value="256"')), "bad-default", "at most 255"),
        (envelope(product('ovf:key="a" ovf:value="x" ovf:qualifiers="MinLen(2)"')), "bad-default", "at least 2"),
        (envelope(product('ovf:key="a" ovf:value="${b}"', 'ovf:key="b" ovf:value="${a}"')), "cyclic-substitution", "→"),
        (envelope(product('ovf:key="a"', 'ovf:key="a"')), "duplicate-property", "there already"),
        (envelope(product('ovf:key="a" ovf:type="colour"')), "unknown-qualifier", "'colour'"),
        (envelope(product('ovf:key="a" ovf:value="secret" ovf:password="true"')), "known-password", "everybody"),
        (envelope('<x:Own xmlns:x="u"/><x:TheSection xmlns:x="u"/>'), "foreign-required", "TheSection"),
        (envelope(hardware=HARDWARE.replace("<Info/>", VIRTUALBOX)), "hardware-family", "virtualbox-2.2 alone"),
        (envelope(hardware=HARDWARE.replace("<Info/>", f"<Info/>{DEMANDED}")), "setting-required", "2 vmw:Config"),
        (envelope().replace("<References>", "<Reference>").replace("/References", "/Reference"), "no-references", ""),
        (envelope().replace("envelope/1", "envelope/9"), "namespace", "envelope/9"),
        (envelope()[:-40], "xml-broken", "well-formed"),
        (envelope().replace(' xmlns:vmw="http://www.vmware.com/schema/ovf"', "").replace("<Info/>\n", '<vmw:X/>', 1)
         , "xml-prefix", "never declared"),
        ("<!DOCTYPE Envelope [<!ENTITY a 'b'>]>" + envelope().partition("\n")[2], "unreadable", "DOCTYPE"),
        ("<HTML></HTML>", "unreadable", "not an OVF descriptor"),
    ],
)  # fmt: skip
def test_each_defect_has_its_finding(ovfinit: Program, tmp_path: Path, descriptor: str, code: str, words: str) -> None:
    """A defect in the descriptor is found under its code, with file and line, and in words."""
    path = folder(tmp_path, descriptor)
    result = ovfinit("ovf", "check", "--json", path, code=None)
    finding = codes(result)[code]
    assert words in finding["message"]
    assert finding["where"].startswith(f"{path}:") or finding["where"] == str(path)
    assert result.code == (1 if result.json["files"][0]["errors"] else 0)
    assert "secret" not in result.out.replace("<redacted>", "") or code != "known-password"


def test_what_qemu_img_writes_is_no_stream(ovfinit: Program, tmp_path: Path) -> None:
    """qemu-img's streamOptimized VMDK has its directory in front: a note; a stream of ours is none."""
    (tmp_path / "disk.raw").write_bytes(bytes(2 << 20))
    words = ["qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized", tmp_path / "disk.raw"]
    subprocess.run([*words, tmp_path / "disk.vmdk"], check=True, capture_output=True)
    descriptor = envelope().replace(f' ovf:size="{len(DISK)}"', "")
    theirs = folder(tmp_path / "theirs", descriptor, disk_vmdk=(tmp_path / "disk.vmdk").read_bytes())
    assert ovfinit("image", "convert", tmp_path / "disk.raw", tmp_path / "ours.ova", code=None).code == 0

    found = {one["code"]: one for one in ovfinit("ovf", "check", "--json", theirs).json["files"][0]["findings"]}
    assert found["disk-no-stream"]["severity"] == "note"
    assert "disk-no-stream" not in ovfinit("ovf", "check", "--json", tmp_path / "ours.ova").out


def test_lines_are_those_of_the_file(ovfinit: Program, tmp_path: Path) -> None:
    """The line of a finding is where the element stands."""
    path = folder(tmp_path, envelope(product('ovf:key="ok"', 'ovf:key="a" ovf:type="uint8" ovf:value="256"')))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if '"256"' in text)
    assert check(ovfinit, path)["bad-default"]["where"] == f"{path}:{line}"


@pytest.mark.parametrize(
    ("spelling", "finding"),
    [
        ("SHA256({name})= {digest}", None),
        ("SHA256 ({name}) = {digest}", "manifest-spelling"),
        ("SHA2-256({name})= {digest}", "manifest-spelling"),
        ("SHA256({name})={digest}", "manifest-spelling"),
        ("{digest}  {name}", "manifest-spelling"),
        ("{digest} *{name}", "manifest-spelling"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_manifests_in_every_spelling(
    ovfinit: Program, tmp_path: Path, spelling: str, finding: str | None, ending: str
) -> None:
    """Digests are compared however they are written; what vCenter refuses is a warning."""
    import hashlib

    descriptor = envelope()
    rows = [
        spelling.format(name=name, digest=hashlib.sha256(content).hexdigest())
        for name, content in (("app.ovf", descriptor.encode()), ("disk.vmdk", DISK))
    ]
    path = folder(tmp_path, descriptor, app_mf=(ending.join(rows) + ending).encode())
    assert set(check(ovfinit, path, code=0)) == ({finding} if finding else set())
    (tmp_path / "disk.vmdk").write_bytes(DISK[:-1] + b"x")
    assert "digest-mismatch" in check(ovfinit, path)
    assert set(check(ovfinit, path, "--skip-digests", code=0)) - {finding} == {"digests-skipped"}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_algorithms_of_manifests(ovfinit: Program, tmp_path: Path, algorithm: str) -> None:
    """Every algorithm in use is compared."""
    files = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    path = folder(tmp_path, envelope(), app_mf=manifest(files, algorithm))
    assert check(ovfinit, path, code=0) == {}
    (tmp_path / "app.mf").write_bytes(manifest({**files, "disk.vmdk": b"other"}, algorithm))
    assert set(check(ovfinit, path)) == {"digest-mismatch"}


def test_a_manifest_must_name_everything(ovfinit: Program, tmp_path: Path) -> None:
    """A file without a digest, and a digest without a file, are errors."""
    path = folder(tmp_path, envelope(), app_mf=manifest({"disk.vmdk": DISK, "more.vmdk": b""}))
    found = check(ovfinit, path)
    assert "'app.ovf'" in found["manifest-incomplete"]["message"]
    assert "'more.vmdk'" in found["manifest-missing-file"]["message"]


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A package signed by openssl."""
    files = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    path = folder(tmp_path, envelope(), app_mf=manifest(files))
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "crt", "-subj", "/CN=tester", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *key], cwd=tmp_path, check=True, capture_output=True)
    words = ["openssl", "dgst", "-sha256", "-sign", "key", "-hex", "app.mf"]
    said = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True).stdout.decode()
    line = f"SHA256(app.mf)= {said.rpartition('= ')[2].strip()}\n"
    (tmp_path / "app.cert").write_text(line + (tmp_path / "crt").read_text())
    return path


def test_signatures_are_verified(ovfinit: Program, signed: Path) -> None:
    """What openssl has signed fits; after a change of the manifest it does not."""
    pytest.importorskip("cryptography")
    result = ovfinit("ovf", "check", "--json", signed)
    notes = {one["code"]: one["message"] for one in result.json["files"][0]["findings"]}
    assert "CN=tester" in notes["signature-good"]
    assert "was not looked at" in notes["signature-good"]
    text = (signed.parent / "app.mf").read_text()
    (signed.parent / "app.mf").write_text(text + text.splitlines()[0] + "\n")
    assert "signature-wrong" in check(ovfinit, signed)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (["disk.vmdk", "app.ovf"], "archive-order"),
        (["./app.ovf", "./disk.vmdk"], "member-name"),
        (["app.ovf", "disk.vmdk", "../../etc/cron.d/x"], "hostile-member"),
        (["app.ovf", "disk.vmdk", "app.ovf"], "duplicate-member"),
    ],
)
def test_the_layout_of_archives(ovfinit: Program, tmp_path: Path, files: list[str], code: str) -> None:
    """Order and names of members are what importers can read, or a finding."""
    contents = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    path = tmp_path / "app.ova"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        import io

        for name in files:
            content = contents.get(name.removeprefix("./"), b"")
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    result = ovfinit("ovf", "check", "--json", path, code=None)
    assert code in codes(result)


def test_formats_of_tar(ovfinit: Program, tmp_path: Path) -> None:
    """Long names in pax and GNU archives are read, and said to be what VMware refuses."""
    name = "d" * 150 + ".vmdk"
    files = {"app.ovf": envelope().replace("disk.vmdk", name).encode(), name: DISK}
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        path = ova(tmp_path / "app.ova", files, format=kind)
        assert set(check(ovfinit, path, code=0)) == {"archive-format"}


def test_warnings_and_strict(ovfinit: Program, tmp_path: Path) -> None:
    """Warnings alone are exit code 0, under `--strict` 3."""
    path = folder(tmp_path, envelope().replace("<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>", ""))
    assert set(check(ovfinit, path, code=0)) == {"no-units"}
    ovfinit("ovf", "check", path, "--strict", code=3)
    ovfinit("ovf", "check", code=2)


def test_chunks_and_compression(ovfinit: Program, tmp_path: Path) -> None:
    """A disk that is compressed and stored in chunks is put together for its format to be seen."""
    packed = gzip.compress(DISK)
    half = len(packed) // 2 + 1
    line = f'ovf:size="{len(packed)}" ovf:chunkSize="{half}" ovf:compression="gzip"'
    text = envelope().replace(f'ovf:size="{len(DISK)}"', line)
    chunks = {"disk.vmdk.000000000": packed[:half], "disk.vmdk.000000001": packed[half:]}
    path = ova(tmp_path / "app.ova", {"app.ovf": text.encode(), **chunks})
    assert check(ovfinit, path, code=0) == {}
    path = ova(tmp_path / "app.ova", {"app.ovf": text.encode(), "disk.vmdk.000000000": packed[:half]})
    assert "disk.vmdk.000000001" in check(ovfinit, path)["missing-file"]["message"]
    text = text.replace(' ovf:compression="gzip"', "")
    path = ova(tmp_path / "app.ova", {"app.ovf": text.encode(), **chunks})
    assert "disk-compression" in check(ovfinit, path)


def test_the_general_check_knows_packages(ovfinit: Program, tmp_path: Path) -> None:
    """`ovfinit check` hands packages over, whatever they are called: errors, and warnings for `--strict`."""
    good = sound(tmp_path / "app.ova")
    bad = folder(tmp_path / "bad", envelope().replace("disk.vmdk", "../disk.vmdk").replace("/disk/d1", "/disk/d2"))
    plain = tmp_path / "descriptor"
    plain.write_text(envelope())
    result = ovfinit("check", "--json", good, bad.parent, plain, code=1)
    first, second, third = result.json["files"]
    assert (first["kind"], first["ok"], first["warnings"]) == ("OVF package", True, [])
    assert "leads out of the package" in second["error"]["message"] or "'d2'" in second["error"]["message"]
    assert [one["severity"] for one in second["findings"]].count("error") == 2
    assert third["kind"] == "OVF package"
    (bad.parent / "app.ovf").write_text(envelope(hardware=HARDWARE.replace("byte * 2^20", "")))
    ovfinit("check", "--strict", bad.parent, code=3)


def test_what_we_pack_is_sound(ovfinit: Program, tmp_path: Path) -> None:
    """A package that `image create` makes stands its strict check."""
    if shutil.which("qemu-img") is None:
        pytest.skip("needs qemu-img")
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20) + b"x" * 4096 + bytes(1 << 20))
    ovfinit("image", "create", disk, "-o", tmp_path / "app.ova")
    assert check(ovfinit, tmp_path / "app.ova", "--strict", code=0) == {}
