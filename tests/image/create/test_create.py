"""`image create`: what it writes is valid, complete, and asks what the agent understands."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from image.images import MIB, identical, make_disk, make_ext, make_partitioned, make_root
from scratch import run

from ovfinit.image.create import questions
from ovfinit.normalize.properties import TABLE

SCHEMA = Path(__file__).parents[2] / "data/dmtf/ovf-envelope.xsd"
SPEC = """\
name: shop
memory: 2 GiB
cpus: 2
adapters:
  - VM Network
  - {network: Backend <&>, model: vmxnet3}
product: {name: Shop, vendor: Example & Co, version: "4.10", url: https://example.com}
eulas:
  - {file: licence.txt}
properties:
  - hostname
  - {key: shop.port, type: uint16, default: 8080, label: Port, category: Shop, qualifiers: "MinValue(1) MaxValue(9999)"}
  - {key: shop.secret, password: true, label: "Admin's password"}
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian-like disk with a root partition, not to be changed."""
    folder = tmp_path_factory.mktemp("disk")
    root = make_ext(folder / "root.img", make_root(folder / "root"))
    return make_partitioned(folder / "web.raw", [("83", root)])


def descriptor(ova: Path) -> Path:
    """The descriptor of an OVA, beside it."""
    with tarfile.open(ova) as archive:
        first = archive.next()
        path = ova.with_suffix(".xml")
        path.write_bytes(archive.extractfile(first).read())
    return path


def test_the_specification_becomes_a_valid_package(disk: Path, tmp_path: Path) -> None:
    """DMTF's schema and our own check are content, and what the file says is what the package says."""
    etree = pytest.importorskip("lxml.etree")
    (tmp_path / "shop.yaml").write_text(SPEC)
    (tmp_path / "licence.txt").write_text("You may use it.\n")

    done = run("image", "create", disk, "-o", tmp_path / "shop.ova", "--spec", tmp_path / "shop.yaml")

    assert done.code == 0, done
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    schema.assertValid(etree.parse(str(descriptor(tmp_path / "shop.ova"))))
    checked = run("ovf", "check", tmp_path / "shop.ova", "--json").json["files"][0]
    assert (checked["errors"], checked["warnings"]) == (0, 0), checked
    shown = run("ovf", "show", tmp_path / "shop.ova", "--json").json
    machine = shown["machines"][0]
    assert (machine["name"], machine["cpus"], machine["memory"]) == ("shop", 2, 2 << 30)
    assert machine["system"]["id"] == 96
    assert machine["transports"] == ["iso", "com.vmware.guestInfo"]
    assert [network["name"] for network in shown["networks"]] == ["VM Network", "Backend <&>"]
    asked = {one["name"]: one for product in machine["products"] for one in product["properties"]}
    assert list(asked) == ["hostname", "shop.secret", "shop.port"] or set(asked) == {
        "hostname",
        "shop.secret",
        "shop.port",
    }
    assert asked["shop.secret"]["password"]
    assert asked["shop.port"]["default"] == "8080"
    assert machine["eulas"][0]["text"] == "You may use it."


def test_every_standard_question_is_one_the_agent_understands() -> None:
    """What a package asks by default arrives as a field of the metadata, not as an unknown property."""
    known = {name.replace("{n}", "0").replace("{m}", "") for names in TABLE.values() for name in names}

    assert set(questions.STANDARD) <= known
    assert set(questions.DEFAULT) <= set(questions.STANDARD)


def test_answers_reach_the_agent(disk: Path, tmp_path: Path) -> None:
    """The circle without a guest: package, environment from its questions, metadata."""
    assert run("image", "create", disk, "-o", tmp_path / "web.ova").code == 0
    answers = ("--set", "hostname=web1.example.com", "--set", "ip0=192.0.2.7", "--set", "netmask0=255.255.255.0")
    made = run("ovf", "env", tmp_path / "web.ova", *answers, "--accept-defaults", "-o", tmp_path / "env.iso")
    assert made.code == 0, made
    (tmp_path / "tree").mkdir()

    shown = run("show", "--json", "--root", tmp_path / "tree", "--from", f"ovf:{tmp_path}/env.iso").json

    assert shown["fqdn"] == "web1.example.com"
    assert "192.0.2.7/24" in json.dumps(shown["network"])


def test_options_without_a_file(disk: Path, tmp_path: Path) -> None:
    """Everything can be said by options; --property adds to the standard questions, EFI is told."""
    words = ("--memory", "512M", "--cpus", "3", "--firmware", "efi", "--property", "shop.port=80", "--transport", "iso")

    done = run(
        "image", "create", disk, disk, "-o", f"{tmp_path}/app/", "--name", "web", "--network", "A", *words, "--json"
    )

    assert done.code == 0, done
    assert set(done.json["properties"]) == {*questions.DEFAULT, "shop.port"}
    shown = run("ovf", "show", tmp_path / "app", "--json").json
    assert shown["machines"][0]["hardware"][0]["settings"]["firmware"] == "efi"
    assert len(shown["disks"]) == 2
    assert identical(tmp_path / "app/web-disk2.vmdk", disk)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("memory: lots", ":1:9"),
        ("cpus: many", ":1:7"),
        ("names: web", ":1:"),
        ("properties: [host-name]", ":1:14"),
        ("properties:\n  - {key: a b}", ":2:5"),
        ("properties:\n  - {key: a, type: int}", ":2:20"),
        ("adapters: [{model: e1000}]", ":1:12"),
        ("memory: [", ":1:"),
    ],
)
def test_a_mistake_in_the_specification_has_its_place(text: str, place: str, disk: Path, tmp_path: Path) -> None:
    """Nothing in the file is silently left out."""
    (tmp_path / "spec.yaml").write_text(text)

    done = run("image", "create", disk, "-o", tmp_path / "app.ova", "--spec", tmp_path / "spec.yaml")

    assert done.code == 1, done
    assert f"spec.yaml{place}" in done.err
    assert not (tmp_path / "app.ova").exists()


def test_any_disk_format(tmp_path: Path) -> None:
    """A disk that holds no system that we know is packed all the same."""
    raw = make_disk(tmp_path / "web.raw", 8 * MIB)
    subprocess.run(["qemu-img", "convert", "-O", "vdi", raw, tmp_path / "web.vdi"], check=True)

    done = run("image", "create", tmp_path / "web.vdi", "-o", tmp_path / "web.ovf", "--disk-format", "qcow2")

    assert done.code == 0, done
    assert identical(tmp_path / "web-disk1.qcow2", raw)
