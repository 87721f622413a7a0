"""What EC2 keeps with an image: asked of a metadata server, kept in an OVA, written into a bundle's manifest."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from image.images import OWN, make_ext, make_root
from metadata_server import MetadataServer
from scratch import run

from ovfinit.deadline import Deadline
from ovfinit.image.bundle import packing
from ovfinit.image.capture import origin
from ovfinit.model import Metadata

SECRET = "password-of-the-database"
META = {
    "instance-id": "i-0f00",
    "ami-id": "ami-3333",
    "ancestor-ami-ids": "ami-1111\nami-2222",
    "product-codes": "774F4FF8\nA1B2C3",
    "kernel-id": "aki-4444",
    "ramdisk-id": "ari-5555",
    "block-device-mapping": {"ami": "/dev/sda1", "ephemeral0": "sdb", "root": "/dev/sda1"},
    "hostname": "ip-10-0-0-1",
    "public-keys": {"0=me": {"openssh-key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+8yvSkv9j me"}},
    "iam": {"security-credentials": {"role": SECRET}},
}
SCHEMA = Path(__file__).parents[2] / "data/dmtf/ovf-envelope.xsd"
FOUND = {
    "ancestors": ("ami-1111", "ami-2222", "ami-3333"),
    "mappings": META["block-device-mapping"],
    "product_codes": ("774F4FF8", "A1B2C3"),
    "kernel_id": "aki-4444",
    "ramdisk_id": "ari-5555",
}


def tree(**changed: Any) -> dict[str, Any]:
    """What the server serves; None takes a leaf out."""
    meta = {name.replace("_", "-"): value for name, value in changed.items()}
    return {"meta-data": {name: value for name, value in {**META, **meta}.items() if value is not None}} | {
        "user-data": f"#!/bin/sh\nmysql -p {SECRET}\n"
    }


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A small root file system."""
    return make_ext(tmp_path / "root.img", make_root(tmp_path / "root", boot=False), size="8M")


def descriptor(ova: Path) -> str:
    """The descriptor in a package."""
    with tarfile.open(ova) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file is not None
        return file.read().decode()


def asked(server: MetadataServer, seconds: float = 9.0, **facts: Any) -> tuple[dict[str, Any], list[str]]:
    """What is found at a server, and the warnings."""
    told = Metadata(datasource="ec2", location=server.url, **facts)
    warnings: list[str] = []
    found = origin.with_ancestry(origin.Origin(), told, Deadline(seconds), warnings.append)
    return dict(found.ec2.as_dict()), warnings


def test_from_the_metadata_service_to_the_manifest_of_a_bundle(disk: Path, tmp_path: Path) -> None:
    """All of it, with the AMI as the nearest ancestor, is in the manifest made of the package; no secret is."""
    with MetadataServer(tree(), tokens="required") as server:
        done = run("image", "capture", disk, "-o", tmp_path / "a.ova", "--no-scrub", "--from", f"ec2:{server.url}")
    assert done.code == 0, done
    assert SECRET not in descriptor(tmp_path / "a.ova") + done.out + done.err
    assert not [path for path in server.paths() if "iam" in path]
    (tmp_path / "a.ovf").write_text(descriptor(tmp_path / "a.ova"))
    words = ["xmllint", "--noout", "--nonet", "--schema", SCHEMA, tmp_path / "a.ovf"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
    shown = run("ovf", "show", tmp_path / "a.ova", "--json").json["machines"][0]["hardware"][0]["ec2"]
    assert shown["ancestors"] == list(FOUND["ancestors"])

    made = run("image", "convert", tmp_path / "a.ova", f"{tmp_path}/bundle/", "--name", "web", "--arch", "x86_64", *OWN)

    assert made.code == 0, made
    manifest = packing.read_manifest(str(tmp_path / "bundle/web.manifest.xml"))
    assert {name: getattr(manifest, name) for name in FOUND} == FOUND
    assert [path.name for path in (tmp_path / "bundle").glob("*.manifest.xml")] == ["web.manifest.xml"]


def test_a_bundle_keeps_it_through_a_package(disk: Path, tmp_path: Path) -> None:
    """From a bundle to an OVF folder and back nothing of it is lost, and options go before it."""
    given = ("--kernel", "aki-1", "--ramdisk", "ari-1", "--product-code", "C0DE", "--block-device-mapping", "swap=sda3")
    bundle, package, back = (f"{tmp_path}/{name}/" for name in ("one", "package", "back"))
    assert run("image", "convert", disk, bundle, "--name", "web", "--arch", "i386", *given, *OWN).code == 0
    there = run("image", "convert", bundle, package, "--to", "ovf", "--strict", "--network", "lan", *OWN[:4])
    assert there.code == 3, there
    assert "is lost" not in there.err
    again = run("image", "convert", package, back, "--name", "web", "--kernel", "aki-2", "--arch", "i386", *OWN)
    assert again.code == 0, again

    manifest = packing.read_manifest(f"{back}/web.manifest.xml")

    assert (manifest.kernel_id, manifest.ramdisk_id) == ("aki-2", "ari-1")
    assert (manifest.product_codes, manifest.mappings) == (("C0DE",), {"swap": "sda3"})


def test_what_other_formats_lose_is_said(disk: Path, tmp_path: Path) -> None:
    """Ids of kernel and ramdisk are named too when they are lost."""
    given = ("--kernel", "aki-1", "--ramdisk", "ari-1", "--arch", "x86_64")
    assert run("image", "convert", disk, f"{tmp_path}/one/", *given, *OWN).code == 0

    lost = run("image", "convert", f"{tmp_path}/one/", tmp_path / "a.qcow2", *OWN[:4])

    assert lost.code == 0, lost
    assert "the id of the kernel, the id of the ramdisk" in lost.err


def test_a_tree_that_has_none_of_it(disk: Path, tmp_path: Path) -> None:
    """What is positively absent is nothing to warn of: the AMI alone is the ancestor, and nothing else is claimed."""
    bare = tree(**{name: None for name in META if name not in ("instance-id", "ami-id", "hostname")})
    with MetadataServer(bare) as server:
        found, warnings = asked(server)
        captured = run(
            *("image", "capture", disk, "-o", tmp_path / "a.ova", "--no-scrub", "--from", f"ec2:{server.url}")
        )

    assert (found.pop("ancestors"), warnings) == (("ami-3333",), [])
    assert not any(found.values())
    assert captured.code == 0, captured
    assert captured.err.count("warning") == captured.err.count("has no kernel in it") == 1


def test_a_service_that_ends_half_way(disk: Path, tmp_path: Path) -> None:
    """What was told before counts, what was not is named, and the package is made."""
    dead = MetadataServer(tree(), ["meta-data/kernel-id=reset", "meta-data/block-device-mapping/=reset"])
    with dead as server:
        found, warnings = asked(server, 0.5)
    assert found["ancestors"] == FOUND["ancestors"]
    assert found["kernel_id"] is None
    assert len(warnings) == 1
    assert warnings[0].startswith("kernel-id, ramdisk-id, block-device-mapping: not known")

    with MetadataServer(tree(), ["meta-data/ancestor-ami-ids=403"]) as server:
        done = run("image", "capture", disk, "-o", tmp_path / "a.ova", "--no-scrub", "--from", f"ec2:{server.url}")

    assert done.code == 0, done
    assert "ancestor-ami-ids, product-codes, kernel-id" in done.err
    assert "ami-3333" in descriptor(tmp_path / "a.ova")


def test_a_source_that_is_gone(disk: Path, tmp_path: Path) -> None:
    """A named service that is no metadata service keeps no image from being captured, and a name that is none does."""
    with MetadataServer({"meta-data": {}}, ["*=403"]) as server:
        done = run("image", "capture", disk, "-o", tmp_path / "a.ova", "--no-scrub", "--from", f"ec2:{server.url}")
    assert done.code == 0, done
    assert "what the instance was told is not known" in done.err

    unknown = run("image", "capture", disk, "-o", tmp_path / "b.ova", "--from", "ec3")
    assert unknown.code == 2, unknown
    assert not (tmp_path / "b.ova").exists()


def test_what_the_agent_was_told_before_is_used() -> None:
    """The AMI that the machine was booted from is known since the boot, even if its service is not there any more."""
    server = MetadataServer(tree())
    server.close()

    found, warnings = asked(server, 0.3, properties={"ami-id": "ami-9999"})

    assert found["ancestors"] == ("ami-9999",)
    assert len(warnings) == 1


def test_a_service_that_means_ill() -> None:
    """Names that lead elsewhere are never asked for, ids of many words or beyond all measure are left out, and said."""
    hostile = tree(
        kernel_id="aki-1 <script>",
        ramdisk_id="r" * 300,
        product_codes="\n".join(f"code{number}" for number in range(500)),
        block_device_mapping={"..": "x", "../../user-data": "x", "a/b": "x", "root": "sda1"},
    )
    with MetadataServer(hostile) as server:
        found, warnings = asked(server)

    assert (found["kernel_id"], found["ramdisk_id"], found["mappings"]) == (None, None, {"root": "sda1"})
    assert len(found["product_codes"]) == 64
    assert not [path for path in server.paths() if ".." in path]
    assert len(warnings) == 4


def test_nobody_is_asked_unless_the_machine_is_ec2s() -> None:
    """Whatever location other sources have, no metadata service is asked for a machine of theirs."""
    with MetadataServer(tree()) as server:
        told = Metadata(datasource="openstack", location=server.url)
        found = origin.with_ancestry(origin.Origin(), told, Deadline(1), pytest.fail)

    assert found.ec2.ancestors == ()
    assert not server.requests


def test_a_descriptor_with_what_can_be_none(disk: Path, tmp_path: Path) -> None:
    """An id in a package that can be none is a finding with its line, and never reaches a manifest."""
    with MetadataServer(tree()) as server:
        words = ("--no-scrub", "--disk-format", "raw", "--from", f"ec2:{server.url}")
        assert run("image", "capture", disk, "-o", tmp_path / "a.ovf", *words).code == 0
    (tmp_path / "a.mf").unlink()
    path = tmp_path / "a.ovf"
    path.write_text(path.read_text().replace("aki-4444", "aki 4444\n").replace("ephemeral0", "x" * 300))

    checked = run("ovf", "check", path)
    assert run("image", "convert", path, f"{tmp_path}/b/", "--name", "web", "--full-disk", *OWN).code == 0

    assert [text for text in ("a kernel_id of EC2's", "a mapping of EC2's") if text not in checked.out] == []
    manifest = packing.read_manifest(f"{tmp_path}/b/web.manifest.xml")
    assert manifest.kernel_id is None
    assert sorted(manifest.mappings) == ["ami", "root"]
