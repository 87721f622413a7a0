"""NoCloud seeds: real folders, images and servers, read through the datasource."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from seeds import OWN, put, read, source

from ovfinit.datasource import SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.errors import OvfinitError
from ovfinit.host import Host
from ovfinit.model import Metadata

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0 me@home"


def test_everything(tmp_path: Path) -> None:
    """All four files of a seed folder end up in the model, each value with its file and key."""
    put(
        tmp_path,
        OWN,
        meta_data=f"""\
instance-id: 00123
local-hostname: web1.example.com
public-keys:
  - {KEY}
region: north
availability_zone: north-1a
instance-type: small
launch-index: 3
role: 0644
empty:
tags: {{a: [1, yes]}}
dsmode: local
""",
        user_data=b"#!/bin/sh\necho \xff\n",
        vendor_data="#cloud-config\n{}\n",
        network_config="network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
    )
    found = read(tmp_path)
    at = f"/{OWN}"
    assert found.with_(fingerprint=None) == Metadata(
        instance_id="00123",
        hostname="web1.example.com",
        public_keys=(KEY,),
        region="north",
        availability_zone="north-1a",
        instance_type="small",
        launch_index=3,
        user_data=b"#!/bin/sh\necho \xff\n",
        vendor_data=b"#cloud-config\n{}\n",
        network={"version": 2, "ethernets": {"eth0": {"dhcp4": True}}},
        properties={"role": "0644", "tags": '{"a": [1, true]}'},
        origins={
            "instance_id": f"{at}/meta-data#instance-id",
            "hostname": f"{at}/meta-data#local-hostname",
            "region": f"{at}/meta-data#region",
            "availability_zone": f"{at}/meta-data#availability_zone",
            "instance_type": f"{at}/meta-data#instance-type",
            "launch_index": f"{at}/meta-data#launch-index",
            "public_keys": f"{at}/meta-data#public-keys",
            "network": f"{at}/network-config",
            "user_data": f"{at}/user-data",
            "vendor_data": f"{at}/vendor-data",
            "properties.role": f"{at}/meta-data#role",
            "properties.tags": f"{at}/meta-data#tags",
        },
        location=at,
    )
    assert source().detect(Host(str(tmp_path))).answer == "yes"


@pytest.mark.parametrize("name", ["meta-data", "user-data", "vendor-data", "network-config"])
def test_one_file_is_a_seed(tmp_path: Path, name: str) -> None:
    """Any one of the four files makes a seed, even an empty one."""
    put(tmp_path, OWN, **{name: b""})
    assert read(tmp_path).location == f"/{OWN}"
    assert source().detect(Host(str(tmp_path))).answer == "yes"


def test_absent(tmp_path: Path) -> None:
    """No folder, an empty one, and one with an OVF environment only, are no seed."""
    for _ in range(3):
        assert source().detect(Host(str(tmp_path))).answer == "no"
        with pytest.raises(SourceAbsent):
            read(tmp_path)
        (tmp_path / OWN).mkdir(parents=True, exist_ok=True)
        if not list((tmp_path / OWN).iterdir()):
            (tmp_path / OWN / "ovf-env.xml").write_text("<x/>")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (f"'{KEY}'", (KEY,)),
        (f"|\n  {KEY}\n  {KEY} two", (f"{KEY}\n{KEY} two",)),
        (f"[{KEY}, {KEY} two]", (KEY, f"{KEY} two")),
        (f"{{a: {KEY}, b: [{KEY} two, {KEY} three]}}", (KEY, f"{KEY} two", f"{KEY} three")),
        (f"{{'0': {{openssh-key: {KEY}}}}}", (KEY,)),
        ("[]", ()),
    ],
)
def test_public_keys(tmp_path: Path, keys: str, expected: Sequence[str]) -> None:
    """Keys come as a text, a list, or a mapping of names, as platforms write them."""
    put(tmp_path, OWN, meta_data=f"public-keys: {keys}\n")
    found = read(tmp_path)
    assert tuple(found.public_keys) == tuple(text + "\n" if "\n" in text else text for text in expected)
    assert not found.problems


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("hostname: a\nlocal-hostname: b", "hostname", "b"),
        ("hostname: a", "hostname", "a"),
        ("local-hostname: 42", "hostname", "42"),
        ("fqdn: a.b", "fqdn", "a.b"),
        ("instance_id: 0x10", "instance_id", "0x10"),
        ("instance-id: yes", "instance_id", "yes"),
        ("instance-id: 2026-11-23", "instance_id", "2026-11-23"),
        ("instance-id: ''", "instance_id", None),
        ("instance-id: ~", "instance_id", None),
        ("ami-launch-index: 0", "launch_index", 0),
        ("placement: {availability-zone: a-1, region: a}", "availability_zone", "a-1"),
        ('{"instance-id": "j", "local-hostname": "\\u00e9"}', "hostname", "é"),
        ("network: {version: 2}", "network", {"version": 2}),
        ("network: {network: {version: 2}}", "network", {"version": 2}),
        ("a_b: c", "properties", {"a_b": "c"}),
        ("flag: off", "properties", {"flag": "off"}),
        ("list: [é, 1]", "properties", {"list": '["é", 1]'}),
    ],
)
def test_meta_data(tmp_path: Path, text: str, field: str, value: object) -> None:
    """The names and forms that keys of meta-data come in, scalars by their spelling."""
    put(tmp_path, OWN, meta_data=text)
    found = read(tmp_path)
    assert getattr(found, field) == value
    assert not found.problems


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("hostname: [a]", "hostname"),
        ("region: {a: b}", "region"),
        ("launch-index: first", "launch_index"),
        ("launch-index: 99999999999", "launch_index"),
        ("public-keys: 7", "public_keys"),
        ("network: eth0", "network"),
        ("network-interfaces: [eth0]", "network"),
        ("blob: {x: !!binary aGk=}", "properties.blob"),
    ],
)
def test_problems(tmp_path: Path, text: str, field: str) -> None:
    """A value of no use is left out and named with its key; the rest holds."""
    put(tmp_path, OWN, meta_data=f"{text}\ninstance-id: i\n")
    found = read(tmp_path)
    assert [problem.field for problem in found.problems] == [field]
    assert found.problems[0].where == f"/{OWN}/meta-data#{text.partition(':')[0]}"
    assert found.instance_id == "i"
    assert not found.properties


def test_network_forms(tmp_path: Path) -> None:
    """Version 1 and `config: disabled` are handed on as they are; a file of comments says nothing."""
    for text, expected in (
        ("version: 1\nconfig: []\n", {"version": 1, "config": []}),
        ("network:\n  config: disabled\n", {"config": "disabled"}),
        ("# nothing\n", None),
        ("network:\n", None),
    ):
        put(tmp_path, OWN, network_config=text)
        assert read(tmp_path).network == expected


@pytest.mark.parametrize(
    ("files", "where", "message"),
    [
        ({"meta_data": "a: 1\na: 2"}, "meta-data:2:1", "given twice"),
        ({"meta_data": "a: [1"}, "meta-data:1:6", "expected"),
        ({"meta_data": b"a: \xff"}, "meta-data:1:4", "UTF-8"),
        ({"meta_data": "- a"}, "meta-data:1:1", "must be a mapping"),
        ({"meta_data": "text"}, "meta-data:1:1", "must be a mapping"),
        ({"meta_data": "x: 1\ninstance-id: [1]"}, "meta-data:2:14", "must be one value"),
        ({"meta_data": "#" * (1024 * 1024 + 1)}, "meta-data", "larger than 1048576"),
        ({"network_config": "- a"}, "network-config:1:1", "must be a mapping"),
        ({"network_config": "network: 5"}, "network-config:1:10", "must be a mapping"),
        ({"network_config": "#" * (1024 * 1024 + 1)}, "network-config", "larger than"),
        ({"meta_data": "seedfrom: ftp://host/"}, "meta-data:1:11", "not understood"),
        ({"meta_data": "seedfrom: folder"}, "meta-data:1:11", "not understood"),
    ],
)
def test_invalid(tmp_path: Path, files: Mapping[str, Any], where: str, message: str) -> None:
    """What cannot be used makes the source invalid, and names file, line and column."""
    put(tmp_path, OWN, **files)
    with pytest.raises(SourceInvalid, match=message) as caught:
        read(tmp_path)
    assert caught.value.where == f"/{OWN}/{where}"


def test_user_data_that_is_too_large(tmp_path: Path) -> None:
    """User data over its limit is left out and named; a machine keeps its name and addresses without it."""
    put(tmp_path, OWN, meta_data="instance-id: i", user_data=b"\0" * (16 * 1024 * 1024 + 1))
    found = read(tmp_path)
    assert (found.instance_id, found.user_data) == ("i", None)
    assert [(problem.field, problem.message) for problem in found.problems] == [
        ("user_data", "is larger than 16777216 bytes")
    ]


def test_odd_files(tmp_path: Path) -> None:
    """Folders, FIFOs and links to nothing in place of a file are not taken for a missing one."""
    place = put(tmp_path, OWN, user_data="x")
    (place / "meta-data").symlink_to("/etc/nowhere")
    with pytest.raises(SourceInvalid, match="a link to nothing"):
        read(tmp_path)
    (place / "meta-data").unlink()
    (place / "meta-data").mkdir()
    with pytest.raises(SourceInvalid, match="not a regular file"):
        read(tmp_path)
    (place / "meta-data").rmdir()
    os.mkfifo(place / "meta-data")
    with pytest.raises(SourceInvalid, match="not a regular file"):
        read(tmp_path)


def test_links_stay_in_the_tree(tmp_path: Path) -> None:
    """An absolute link in a tree is resolved there, and one that climbs ends at its top."""
    root = tmp_path / "root"
    place = put(root, OWN, user_data="x")
    (tmp_path / "secret").write_text("instance-id: outside")
    put(root, "srv", meta="instance-id: inside")
    (place / "meta-data").symlink_to("/srv/meta")
    assert read(root).instance_id == "inside"
    (place / "meta-data").unlink()
    (place / "meta-data").symlink_to("../../../../../secret")
    with pytest.raises(SourceInvalid, match="a link to nothing"):
        read(root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    """What may not be read is unknown, not absent."""
    place = put(tmp_path, OWN, meta_data="instance-id: x")
    (place / "meta-data").chmod(0)
    with pytest.raises(SourceUnreachable, match="Permission denied"):
        read(tmp_path)
    place.chmod(0)
    assert source().detect(Host(str(tmp_path))).answer == "maybe"
    place.chmod(0o755)


def test_light(tmp_path: Path) -> None:
    """Detecting and recognising a seed imports neither yaml nor pycdlib nor requests."""
    put(tmp_path, OWN, meta_data="instance-id: x")
    fingerprint = read(tmp_path).fingerprint
    program = """
import json, sys
before = set(sys.modules)
from ovfinit.config import Config
from ovfinit.host import Host
from ovfinit.plugins import find
host = Host(sys.argv[1])
seed = find(host, Config(), [("seed", None)])[0].source
assert seed.detect(host).answer == "yes"
assert seed.unchanged(host, json.loads(sys.argv[2]))
heavy = {"yaml", "pycdlib", "requests", "socket", "hashlib", "typing", "dataclasses", "pathlib", "ovfinit.volume"}
new = heavy & set(sys.modules) - before
assert not new, new
"""
    command = [sys.executable, "-c", program, str(tmp_path), json.dumps(fingerprint)]
    subprocess.run(command, check=True, timeout=20)


def test_secrets_in_messages(tmp_path: Path) -> None:
    """No error repeats what a file holds."""
    for text in (
        "password: [hunter2",
        "hunter2",
        "password: 'hunter2\n",
        "instance-id: [hunter2]",
        "a: &hunter2x !x b",
    ):
        put(tmp_path, OWN, meta_data=text)
        with pytest.raises(OvfinitError) as caught:
            read(tmp_path)
        assert "hunter2" not in str(caught.value)
