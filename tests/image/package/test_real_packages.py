"""Descriptors of the field: what is in them comes out, and what is wrong with them is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import REPO, Result

from ovfinit.image.conformance import checks
from ovfinit.image.package.constraint import constraint
from ovfinit.image.package.model import Package
from ovfinit.image.package.presentation import size
from ovfinit.image.package.reading import OpenPackage, open_package

Program = Callable[..., Result]
DATA = REPO / "tests/data/ovf-packages"
DESCRIPTORS = sorted(DATA.glob("*.ovf"))


def package(name: str, **options: Any) -> Package:
    """A descriptor's model."""
    with open_package(str(DATA / name), **options) as opened:
        return opened.package


def checked(name: str) -> OpenPackage:
    """A package with all that is wrong with it."""
    with open_package(str(DATA / name)) as opened:
        checks.check(opened)
        return opened


@pytest.mark.parametrize("path", DESCRIPTORS, ids=lambda path: path.stem)
def test_every_descriptor_is_shown(ovfinit: Program, path: Path) -> None:
    """Real descriptors, broken ones too, are shown to people and to programs alike."""
    assert ovfinit("ovf", "show", path).out.startswith(f"{path}: ")
    shown = ovfinit("ovf", "show", path, "--json").json
    assert (shown["version"], shown["file"]) == (1, str(path))


@pytest.mark.parametrize(
    ("name", "version", "cpus", "memory", "disks", "networks"),
    [
        ("v0.9.ovf", "0.9", 1, 8 << 30, [1 << 30], ["bridged"]),
        ("studio-0.9.ovf", "0.9", 1, 256 << 20, [2 << 30, 2 << 30], ["Network 1"]),
        ("studio-1.0.ovf", "1", 1, 256 << 20, [2 << 30, 2 << 30], ["Network 1"]),
        ("ubuntu24.10.ovf", "1", 2, 1 << 30, [10 << 30], ["VM Network"]),
        ("ubuntu.2.0.ovf", "2", 1, 512 << 20, [8 << 30], ["NAT"]),
        ("powervs-template.ovf", "1", None, None, [128849018880], []),
        ("valid_bound.ovf", "1", None, 512 << 20, [8 << 30], []),
    ],
)
def test_hardware(
    name: str, version: str, cpus: int | None, memory: int | None, disks: list[int], networks: list[str]
) -> None:
    """Version, processors, memory, disks and networks are what the descriptor says, in whatever units and names."""
    found = package(name)
    hardware = found.machines[0].hardware[0]
    assert found.version == version
    assert size(hardware, None) == (cpus, memory)
    assert [disk.capacity for disk in found.disks] == disks
    assert [network.name for network in found.networks] == networks
    attached = [item.disk for item in hardware.items if item.disk]
    assert attached == [disk.id for disk in found.disks]


def test_items_of_ovf_2() -> None:
    """StorageItem and EthernetPortItem of OVF 2 are devices like any other."""
    items = package("ubuntu.2.0.ovf").machines[0].hardware[0].items
    assert [item.kind for item in items if item.type in (10, 15, 17)] == [
        "StorageItem",
        "StorageItem",
        "EthernetPortItem",
    ]
    assert next(item for item in items if item.type == 10).networks == ("NAT",)


def test_deployment_options() -> None:
    """Devices and properties follow the deployment option."""
    found = package("deployment-configs.ovf")
    hardware = found.machines[0].hardware[0]
    assert found.default_option == "large"
    assert {option.id: size(hardware, option.id) for option in found.options} == {
        "small": (2, 2 << 30),
        "medium": (4, 4 << 30),
        "large": (8, 8 << 30),
    }
    properties = [one for product in found.machines[0].products for one in product.properties]
    names = {one.key for one in properties if one.for_option("small")}
    assert "tier_small" in names
    assert "tier_large" not in names


def test_collections() -> None:
    """A vApp's machines, start order, shared questions and base disks are read."""
    found = package("SugarCRM.ovf")
    assert [machine.id for machine in found.machines] == ["web", "db"]
    assert found.machines[0].parents == ("SugarCRM",)
    assert [one.id for one in sorted(found.collections[0].startup, key=lambda one: one.order)] == ["db", "web"]
    assert {disk.id: disk.parent for disk in found.disks}["vmdisk1"] == "basedisk14"
    theme = next(one for product in found.collections[0].products for one in product.properties if one.key == "theme")
    assert constraint(theme).choices == ("Sugar", "RipCurl", "Retro", "Paradise", "Love", "Sunset")


def test_strings_of_a_bundle() -> None:
    """A text with a message id is what the bundle says."""
    assert package("internal-bundle.ovf").machines[0].eulas[0].text == "大饿发"


def test_names_of_properties() -> None:
    """The guest sees class, key and instance with dots between."""
    found = package("studio-1.0.ovf")
    names = [one.name for product in found.machines[0].products for one in product.properties]
    assert names == [*(f"vami.{key}.ubuntu-name" for key in ("DNS0", "gateway0", "netmask0", "ip0")), "vm.vmname"]


def test_types_and_qualifiers() -> None:
    """Every type and qualifier in the field is understood; nothing is left unknown."""
    for name in ("property-types.ovf", "qualifiers.ovf", "SugarCRM.ovf", "csr1000v_2017.ovf"):
        for node in package(name).nodes:
            for one in (one for product in node.products for one in product.properties):
                assert constraint(one).unknown == (), one.name


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("prop_dup_keys.ovf", {"duplicate-property", "xml-prefix", "hostile-href"}),
        ("invalid_namespace.ovf", {"xsi-namespace"}),
        ("invalid_no_ref.ovf", {"no-references", "dangling-file"}),
        ("invalid_ref_dup_id.ovf", {"duplicate-id", "hostile-href"}),
        ("dup_instanceid.ovf", {"duplicate-instance-id", "hostile-href"}),
        ("dup_diskid.ovf", {"duplicate-id", "hostile-href"}),
        ("http_uri_in_file.ovf", {"hostile-href"}),
        ("ubuntu24.10.ovf", {"missing-file"}),
        ("unknownsections.ovf", set()),
        ("eula.ovf", set()),
        ("minimal.ovf", set()),
        ("disk-capacity-property.ovf", set()),
    ],
)
def test_what_is_wrong_is_said(name: str, codes: set[str]) -> None:
    """The conformance suite's negative samples have the error that they are made for, the positive ones have none."""
    errors = {finding.code for finding in checked(name).findings.of("error")}
    assert codes <= errors
    assert errors <= codes | {"missing-file"} if codes else not errors


def test_hostile_numbers() -> None:
    """Sizes of 2^63-1 are numbers like any other, and said to be impossible."""
    found = checked("hostile-numbers.ovf")
    assert found.package.files[0].size == 2**63 - 1
    assert "populated-too-large" in {finding.code for finding in found.findings}


@pytest.mark.parametrize(
    "name",
    [
        *("input.ovf", "v0.9.ovf", "ubuntu.2.0.ovf"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("csr1000v_2017.ovf", "ubuntu24.10.ovf")),
    ],
)
def test_cot_sees_the_same(name: str) -> None:
    """COT, where it can read a descriptor at all, lists the files, networks and properties that we do."""
    pytest.importorskip("COT")
    words = [sys.executable, "-W", "ignore", "-m", "COT.ui.cli", "info", "--verbose", str(DATA / name)]
    done = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found = package(name)
    assert all(file.href in said for file in found.files)
    assert all(network.name in said for network in found.networks)
    asked = [one for node in found.nodes for product in node.products for one in product.properties]
    assert all(one.key in said or one.label[:16] in said for one in asked)
