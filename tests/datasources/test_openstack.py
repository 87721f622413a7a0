"""OpenStack's config drives, as folders and real images, and its metadata service, spoken to over loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metadata_server import MetadataServer
from scratch import REPO, make_tree, run

from datasources.ec2 import Ec2
from datasources.openstack import OpenStack, identify
from ovfinit import plugins
from ovfinit.config import Config
from ovfinit.deadline import Deadline
from ovfinit.errors import SourceAbsent, SourceError, SourceInvalid, SourceUnreachable
from ovfinit.host import Host
from ovfinit.inspection import inspect
from ovfinit.model import Metadata, Secret
from ovfinit.normalize import normalize

DRIVE = REPO / "tests/data/openstack/drive"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+8yvSkv9j+Gvjj3dWlUKwKhPNf1jTnrYiE9gwUWGGF ops"
UUID = "83679162-1378-4288-a2d4-70e13ec132aa"
FIELDS = ("instance_id", "hostname", "public_keys", "user_data", "vendor_data", "network", "password", "properties")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A copy of the sample drive, to be changed."""
    return Path(shutil.copytree(DRIVE, tmp_path / "drive"))


def meta(drive: Path, **changed: Any) -> None:
    """Set keys of the drive's meta_data.json; None takes one away."""
    file = drive / "openstack/latest/meta_data.json"
    document = {**json.loads(file.read_text()), **changed}
    file.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


def iso(drive: Path, label: str = "config-2", *options: str) -> Path:
    """An image of the drive, made as Nova does."""
    image = drive.parent / "drive.iso"
    command = ["genisoimage", "-quiet", "-o", image, "-ldots", "-allow-lowercase", "-allow-multidot", "-l"]
    command += ["-publisher", "OpenStack Nova", "-J", "-r", "-V", label, *options, drive]
    subprocess.run(command, check=True, timeout=30, stderr=subprocess.DEVNULL)
    return image


def vfat(drive: Path, label: str = "config-2") -> Path:
    """The drive as a FAT volume of 64 MiB, as Nova makes it for `config_drive_format = vfat`."""
    image = drive.parent / "drive.img"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    subprocess.run(["mkfs.vfat", "-n", label, image], check=True, timeout=30, capture_output=True)
    subprocess.run(["mcopy", "-s", "-i", image, drive / "openstack", "::"], check=True, timeout=30)
    return image


def tree(drive: Path, version: str = "2018-08-27") -> dict[str, Any]:
    """What a metadata service with the drive's content serves below /openstack."""
    files = {file.name: file.read_text() for file in (drive / "openstack/latest").iterdir()}
    content = {file.name: file.read_text() for file in (drive / "openstack/content").iterdir()}
    return {"meta-data": {"instance-id": "i-00000001"}, "openstack": {version: files, "content": content}}


def read(location: Path | str, root: str = "/nonexistent") -> Metadata:
    """Read a place as `--from openstack:PLACE` does."""
    source = OpenStack()
    source.location = str(location)
    return source.read(Host(root), Deadline(20))


@pytest.fixture
def service(drive: Path) -> Iterator[MetadataServer]:
    """Nova's service: no tokens, lists without slashes or newline, 500 below a leaf."""
    with MetadataServer(tree(drive), tokens="none", slashes=False, below_leaf=500) as server:
        yield server


def test_a_config_drive() -> None:
    """Everything that Nova writes ends up in its field, with the file and the key it came from."""
    metadata = read(DRIVE)
    base = f"{DRIVE}/openstack/latest"
    assert (metadata.instance_id, metadata.hostname) == (UUID, "web-1.novalocal")
    assert (metadata.availability_zone, metadata.launch_index) == ("nova", 2)
    assert metadata.public_keys == (KEY + "\n",)
    assert metadata.user_data == b"#!/bin/sh\necho hello\n"
    assert metadata.vendor_data == b"#!/bin/sh\necho from the cloud\n"
    assert metadata.password == Secret("a-secret-of-nova")
    assert metadata.properties["role"] == "webservers"
    assert metadata.properties["project_id"] == "f7ac731cc11f40efbc03a9f9e1d1d21f"
    assert metadata.properties["random_seed"] == Secret("yu5ZnkqF2CqnDZVAfZgarG8jZ2oE0T1v")
    assert "admin_pass" not in metadata.properties
    assert (metadata.problems, metadata.location, metadata.platform) == ((), str(DRIVE), "OpenStack")
    assert metadata.origins["hostname"] == f"{base}/meta_data.json#/hostname"
    assert metadata.origins["password"] == f"{base}/meta_data.json#/meta/admin_pass"
    assert metadata.origins["network"] == f"{base}/network_data.json"
    assert metadata.origins["vendor_data"] == f"{base}/vendor_data.json#/cloud-init"


def test_network_of_a_drive_is_version_2() -> None:
    """network_data.json is handed on as it is, and normalizing makes netplan's version 2 of it, MTU included."""
    found = normalize(read(DRIVE), Host("/nonexistent"), {})
    assert found.problems == ()
    assert found.network == {
        "version": 2,
        "ethernets": {
            "nic0": {
                "match": {"macaddress": "fa:16:3e:ed:9a:59"},
                "mtu": 1442,
                "dhcp4": True,
                "nameservers": {"addresses": ["203.0.113.53"]},
            }
        },
    }


@pytest.mark.skipif(not shutil.which("genisoimage"), reason="genisoimage is not installed")
@pytest.mark.parametrize("label", ["config-2", "CONFIG-2"])
def test_an_image_is_read_like_the_folder(drive: Path, label: str) -> None:
    """A disc says what its folder says, whatever the case of the label, and is known again while it is the same."""
    image = iso(drive, label)
    metadata = read(image)
    plain = read(drive)
    assert [getattr(metadata, field) for field in FIELDS] == [getattr(plain, field) for field in FIELDS]
    assert metadata.origins["user_data"] == f"{image}:openstack/latest/user_data"
    source = OpenStack()
    source.location = str(image)
    assert source.unchanged(Host("/nonexistent"), json.loads(json.dumps(metadata.fingerprint)))
    (drive / "openstack/latest/user_data").write_text("#!/bin/sh\necho other\n")
    iso(drive, label)
    assert not source.unchanged(Host("/nonexistent"), metadata.fingerprint)


@pytest.mark.skipif(not shutil.which("mcopy") or not shutil.which("mkfs.vfat"), reason="mtools are not installed")
def test_a_fat_volume_is_read_like_the_folder(drive: Path) -> None:
    """FAT keeps its names in any case and as long ones."""
    metadata = read(vfat(drive, "CONFIG-2"))
    plain = read(drive)
    assert [getattr(metadata, field) for field in FIELDS] == [getattr(plain, field) for field in FIELDS]


def test_a_folder_is_known_again(drive: Path) -> None:
    """A drive's folder is unchanged as long as all its files are, those that are not there included."""
    source = OpenStack()
    source.location = str(drive)
    mark = read(drive).fingerprint
    assert source.unchanged(Host("/nonexistent"), json.loads(json.dumps(mark)))
    (drive / "openstack/latest/network_data.json").unlink()
    assert not source.unchanged(Host("/nonexistent"), mark)


def test_the_service_says_what_the_drive_says(service: MetadataServer, drive: Path) -> None:
    """Both ways give the same, the same instance id above all: a drive that is taken away makes no new instance."""
    metadata = read(service.url)
    plain = read(drive)
    assert [getattr(metadata, field) for field in FIELDS] == [getattr(plain, field) for field in FIELDS]
    assert metadata.location == service.url
    assert metadata.origins["hostname"] == f"{service.url}/openstack/2018-08-27/meta_data.json#/hostname"


def test_only_wanted_documents_are_asked_for(service: MetadataServer) -> None:
    """The versions are listed, then four documents of one version are read, each once."""
    read(service.url)
    folder = "/openstack/2018-08-27/"
    assert sorted(service.paths()) == [
        "/openstack/",
        *(folder + name for name in ("meta_data.json", "network_data.json", "user_data", "vendor_data.json")),
    ]


@pytest.mark.parametrize("version", ["2015-10-15", "latest", "2012-08-10"])
def test_versions(drive: Path, version: str) -> None:
    """The newest version that is understood is taken out of those that are listed."""
    document = tree(drive, version)
    document["openstack"]["2999-01-01"] = {}
    with MetadataServer(document, tokens="none") as server:
        assert read(server.url).instance_id == UUID
        assert f"/openstack/{version}/meta_data.json" in server.paths()


def test_a_server_without_the_tree_is_absent(drive: Path) -> None:
    """An EC2 service that is not OpenStack's says so with a 404, and another source may ask it."""
    with MetadataServer({"meta-data": {}}) as server, pytest.raises(SourceAbsent, match="no OpenStack tree"):
        read(server.url)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("*=503", SourceUnreachable),
        ("2018-08-27/meta_data.json=500", SourceUnreachable),
        ("2018-08-27/network_data.json=503", SourceUnreachable),
        ("2018-08-27/user_data=hang", SourceUnreachable),
        ("2018-08-27/meta_data.json=html", SourceInvalid),
        ("2018-08-27/network_data.json=truncate", SourceUnreachable),
    ],
)
def test_nobody_could_tell(drive: Path, fault: str, kind: type[SourceError]) -> None:
    """A document that could not be read is not an absent one: the whole read fails."""
    source = OpenStack()
    source.settings = {"timeout": 0.8}
    with MetadataServer(tree(drive), [fault], tokens="none") as server:
        source.location = server.url
        with pytest.raises(kind):
            source.read(Host("/nonexistent"), Deadline(5))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"{}", "has no uuid"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"uuid": 7}', "has no uuid"),
        (b"\xff\xfe\x00", "is not JSON"),
    ],
)
def test_damaged_documents(drive: Path, content: bytes, message: str) -> None:
    """What is no such document is said with its file, and line and column of the mistake."""
    (drive / "openstack/latest/meta_data.json").write_bytes(content)
    with pytest.raises(SourceInvalid, match=message) as caught:
        read(drive)
    assert (caught.value.where or "").startswith(f"{drive}/openstack/latest/meta_data.json")


def test_values_of_the_wrong_type_cost_only_themselves(drive: Path) -> None:
    """A list for a name, a number for a key, vendor data in pieces: each is a problem, the rest holds."""
    meta(drive, hostname=["a"], public_keys={"a": 7, "b": KEY}, launch_index="x", files=[{"path": "/etc/passwd"}])
    (drive / "openstack/latest/vendor_data.json").write_text('{"cloud-init": ["a", "b"]}')
    metadata = read(drive)
    assert (metadata.hostname, metadata.public_keys, metadata.launch_index) == ("web-1", (KEY,), None)
    assert [problem.field for problem in metadata.problems] == [
        *("hostname", "public_keys", "vendor_data", "properties.files"),
    ]


def test_keys_in_their_newer_form(drive: Path) -> None:
    """Where there is no mapping of keys the list counts, without certificates."""
    meta(drive, public_keys=None, keys=[{"type": "x509", "data": "no"}, {"type": "ssh", "data": KEY, "name": "ops"}])
    assert read(drive).public_keys == (KEY,)


def test_rackspace_interfaces(drive: Path) -> None:
    """A drive of Rackspace's injects /etc/network/interfaces; its routes of the service network become routes."""
    (drive / "openstack/latest/network_data.json").unlink()
    meta(drive, network_config={"name": "network_config", "content_path": "/content/0000"})
    metadata = read(drive)
    assert metadata.origins["network"] == f"{drive}/openstack/content/0000"
    found = normalize(metadata, Host("/nonexistent"), {})
    assert found.problems == ()
    assert found.network == {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"macaddress": "bc:76:4e:20:43:2b"},
                "set-name": "eth0",
                "addresses": ["198.51.100.244/24", "2001:db8:7810::5/64"],
                "routes": [{"to": "0.0.0.0/0", "via": "198.51.100.1"}, {"to": "::/0", "via": "fe80::def"}],
                "nameservers": {"addresses": ["192.0.2.164", "192.0.2.196"]},
            },
            "eth1": {
                "match": {"macaddress": "bc:76:4e:20:1b:0f"},
                "set-name": "eth1",
                "addresses": ["10.208.1.2/19"],
                "routes": [{"to": "10.176.0.0/12", "via": "10.208.0.1"}],
            },
        },
    }


@pytest.mark.parametrize("path", ["/content/../latest/user_data", "../../../etc/passwd", "/etc/passwd", 7, "/content/"])
def test_a_content_path_leads_nowhere_else(drive: Path, path: object) -> None:
    """What is named as the network's file is a file of the content folder, or none."""
    (drive / "openstack/latest/network_data.json").unlink()
    meta(drive, network_config={"content_path": path})
    assert read(drive).network is None


def pose(root: Path, **dmi: str) -> Host:
    """A host with these DMI values."""
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True)
    for name, value in dmi.items():
        (folder / name).write_text(value + "\n")
    return Host(str(root))


@pytest.mark.parametrize(
    "dmi",
    [
        {"product_name": "OpenStack Nova"},
        {"product_name": "OpenStack Compute", "sys_vendor": "RDO"},
        {"sys_vendor": "OpenStack Foundation"},
        {"chassis_asset_tag": "OpenTelekomCloud"},
        {"chassis_asset_tag": "HUAWEICLOUD"},
    ],
)
def test_openstack_is_recognised_and_left_to_this_source(tmp_path: Path, dmi: dict[str, str]) -> None:
    """Where DMI names OpenStack, this source is asked and ec2 is not, although both trees answer there."""
    host = pose(tmp_path, **dmi)
    assert identify(host) is not None
    assert OpenStack().detect(host).answer == "yes"
    assert Ec2().detect(host).answer != "yes"
    order = [found.name for found in plugins.find(host, Config())]
    assert order.index("openstack") < order.index("ec2")


def test_no_packet_without_evidence(tmp_path: Path) -> None:
    """A machine of which nothing says OpenStack is not asked for it, and read says that it is absent."""
    host = pose(tmp_path, product_name="Standard PC", sys_vendor="QEMU")
    assert OpenStack().detect(host).answer == "no"
    with pytest.raises(SourceAbsent):
        OpenStack().read(host, Deadline(1))


def test_a_tree_asks_no_network(tmp_path: Path) -> None:
    """A tree that poses as an OpenStack machine is told to name its source, and the host's network is not used."""
    host = pose(tmp_path, product_name="OpenStack Nova")
    with pytest.raises(SourceUnreachable, match="under --root"):
        OpenStack().read(host, Deadline(1))


def test_a_drive_that_goes_away_leaves_the_network_alone(tmp_path: Path, drive: Path) -> None:
    """The network that was configured from a drive stays when the drive is gone (cloud-init issues 2797 and 3777)."""
    root = make_tree(tmp_path / "root")
    meta(drive, meta={})
    seed = root / "var/lib/cloud/seed/config_drive"
    shutil.copytree(drive, seed)
    assert run("apply", "--root", root).code == 0
    file = root / "etc/systemd/network/10-ovfinit-nic0.network"
    before = file.read_bytes()
    shutil.rmtree(seed)
    again = run("apply", "--root", root)
    assert (again.code, file.read_bytes()) == (4, before)


@pytest.mark.skipif(not shutil.which("genisoimage"), reason="genisoimage is not installed")
def test_check_knows_config_drives(drive: Path) -> None:
    """`check` tells a config drive, folder or image, and what is wrong in it."""
    for path in (drive, iso(drive)):
        found = inspect(str(path))
        assert (found.kind.startswith("OpenStack config drive"), found.error) == (True, None)
    file = drive / "openstack/latest/network_data.json"
    file.write_text(file.read_text().replace("ipv4_dhcp", "ipv9"))
    found = inspect(str(drive))
    assert found.error is not None
    assert found.error.where == f"{file}:3:42"
