"""Reading packages: every version and dialect into one model, and sense made of what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from packages import DISK, OVF1, envelope, ova

from ovfinit.errors import InputError
from ovfinit.image.package.reading import open_package


@pytest.mark.parametrize(
    ("namespace", "version"),
    [
        (OVF1, "1"),
        ("http://schemas.dmtf.org/ovf/envelope/2", "2"),
        ("http://www.vmware.com/schema/ovf/1/envelope", "0.9"),
        ("http://schemas.dmtf.org/ovf/envelope/1/", "oVirt"),
    ],
)
def test_versions_are_told_by_their_namespace(tmp_path: Path, namespace: str, version: str) -> None:
    """The namespace decides the version, and the model is the same."""
    path = tmp_path / "a.ovf"
    path.write_text(envelope("", namespace=namespace))
    with open_package(str(path)) as opened:
        package = opened.package
        assert list(opened.findings) == []
    assert package.version == version
    assert package.machines[0].id == "web"
    assert package.disks[0].capacity == 2 << 20
    assert package.file(package.disks[0].file) == package.files[0]


def test_an_ova_is_read_in_place(tmp_path: Path) -> None:
    """A member of an archive comes back as it was stored, without unpacking."""
    path = ova(tmp_path / "a.ova", {"a.ovf": envelope().encode(), "disk.vmdk": DISK})
    with open_package(str(path)) as opened:
        with opened.content(opened.package.files[0]) as stream:
            assert stream.read() == DISK
        assert list(opened.findings) == []


@pytest.mark.parametrize(
    "href", ["../disk.vmdk", "/etc/passwd", "http://127.0.0.1/x", "%2e%2e/x", "a/../../x", "C:\\x"]
)
def test_hostile_references_are_refused(tmp_path: Path, href: str) -> None:
    """A file reference that leads out of the package is never followed."""
    path = tmp_path / "a.ovf"
    path.write_text(envelope("").replace("disk.vmdk", href))
    with open_package(str(path)) as opened, pytest.raises(InputError):
        opened.content(opened.package.files[0])
