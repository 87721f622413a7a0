"""The EC2 source and a service that fails, lies or is not there: unknown is never absent, everything is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from amazon import KEY, ask, fail, read, tree
from metadata_server import MetadataServer

from datasources.ec2 import Ec2
from ovfinit.deadline import Deadline
from ovfinit.errors import SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import Host
from ovfinit.http import metadata_service


@pytest.mark.parametrize(
    "fault",
    [
        "token=503x3",
        "meta-data=503x1",
        "meta-data/instance-id=503x3",
        "meta-data/instance-id=429:0x1",
        "meta-data/ami-id=resetx2",
        "meta-data/ami-id=closex3",
        "user-data=truncatex2",
        "meta-data/public-keys=500x2",
        "meta-data/public-keys/0/openssh-key=404x2",
        "user-data=slow:0.2",
    ],
)
def test_passing_faults_leave_no_trace(fault: str) -> None:
    """What heals within the deadline gives the same metadata as if nothing had happened."""
    assert read("aws-one-nic", fault)[0].fingerprint == read("aws-one-nic")[0].fingerprint


@pytest.mark.parametrize(
    ("fault", "leaf"),
    [
        ("meta-data/ami-id=503", "ami-id"),
        ("user-data=500", "user-data"),
        ("user-data=slow:30", "user-data"),
        ("user-data=truncate", "user-data"),
        ("meta-data/public-keys=503", "public-keys/"),
        ("meta-data/public-keys/0/openssh-key=404", "openssh-key"),
        ("meta-data/network=503", "macs/"),
        ("meta-data/hostname=302:http://127.0.0.1:1/", None),
        ("meta-data/local-hostname=302:http://127.0.0.1:1/", "local-hostname"),
        ("meta-data/mac=reset", "mac"),
        ("meta-data/mac=hang", "mac"),
        ("meta-data/mac=dribble:0.05", "mac"),
        ("meta-data/mac=401", "mac"),
        ("meta-data/mac=403", "mac"),
    ],
)
def test_unknown_leaf_fails_the_read_by_name(fault: str, leaf: str | None) -> None:
    """A wanted leaf that nobody could tell about is never taken for an absent one, and is named."""
    if leaf is None:
        assert read("aws-one-nic", fault)[0].instance_id
        return
    error, _ = fail(SourceUnreachable, fault)
    assert error.where is not None
    assert error.where.endswith(leaf)


@pytest.mark.parametrize("fault", ["token=huge:5000", "meta-data/ami-id=huge:70000", "user-data=huge:16777217"])
def test_size_is_bounded(fault: str) -> None:
    """Token, leaf and user data have their own limits."""
    error, _ = fail(SourceInvalid, fault)
    assert "larger than" in error.message


@pytest.mark.parametrize(
    "fault", ["*=html", "meta-data/instance-id=html", "meta-data/instance-id=empty", "meta-data/instance-id=inject"]
)
def test_captive_portal_is_no_metadata_service(fault: str) -> None:
    """What answers 200 to anything is recognised by its instance id."""
    error, _ = fail(SourceInvalid, fault)
    assert "instance id" in error.message


@pytest.mark.parametrize("instance_id", ["../../etc", "a b", "x" * 300, "i-\x07", "ü"])
def test_strange_instance_ids_are_refused(instance_id: str) -> None:
    """An instance id is one short printable word that could never name a path."""
    sample = tree("aws-one-nic")
    sample["meta-data"]["instance-id"] = instance_id
    with MetadataServer(sample) as server, pytest.raises(SourceInvalid):
        ask(server.url)


def test_server_without_a_tree_is_absent() -> None:
    """A named server that answers 404 to every version has positively nothing."""
    with MetadataServer({"versions": []}) as server, pytest.raises(SourceAbsent):
        ask(server.url)
    with MetadataServer({"meta-data": {"ami-id": "ami-1"}}) as server, pytest.raises(SourceAbsent):
        ask(server.url)


def test_a_service_that_lists_nothing_is_known_by_its_id() -> None:
    """Where meta-data/ itself is 404 every leaf is asked for: the id tells a metadata service, not a listing."""
    without, server = read("nova", "meta-data=404x1", tokens="none")
    listed, _ = read("nova", tokens="none")
    assert (without.public_keys, without.hostname) == (listed.public_keys, listed.hostname)
    assert all(path.startswith("/latest/") for path in server.paths())


def test_certain_leaf_is_unknown_when_it_is_404() -> None:
    """Nova says 404 while it does not know a guest yet; where there must be a tree, that is not taken for nothing."""
    with MetadataServer(tree("nova"), ["meta-data=404x2"], tokens="none") as server:
        with metadata_service([server.url], Deadline(2)) as service:
            assert service.leaf("/latest/meta-data/", certain=True)
        server.faults.clear()
        with metadata_service([server.url], Deadline(0.3)) as service, pytest.raises(SourceUnreachable):
            service.leaf("/latest/nothing", certain=True)


@pytest.mark.parametrize("document", ["[" * 100000, "{", "[]", '{"region": 7}', '{"region": "a\\u0000b"}'])
def test_hostile_identity_document_is_left_out(document: str) -> None:
    """A document that is no object of texts leaves the region empty and the rest alone."""
    sample = tree("nova")
    sample["dynamic"] = {"instance-identity": {"document": document[:60000]}}
    with MetadataServer(sample) as server:
        metadata = ask(server.url)
    assert (metadata.region, metadata.instance_id) == (None, "i-00000001")


def test_hostile_names_lead_nowhere() -> None:
    """Names in listings cannot make a path of their own, and what cannot be used is reported."""
    sample = tree("aws-one-nic")
    macs = sample["meta-data"]["network"]["interfaces"]["macs"]
    macs["../../../iam"] = macs["02:29:96:8f:6a:2d"]
    macs["02:29:96:8f:6a:2d"]["local-ipv4s"] = "172.31.16.139\n$(reboot)"
    sample["meta-data"]["ami-id"] = "ami\x00"
    with MetadataServer(sample) as server:
        metadata = ask(server.url)
        assert not [path for path in server.paths() if "iam" in path]
    assert [nic.mac for nic in metadata.nics] == ["02:29:96:8f:6a:2d"]
    assert metadata.nics[0].addresses == ("172.31.16.139/20",)
    assert {problem.field for problem in metadata.problems} == {"nics", "properties.ami-id"}
    sample["meta-data"]["public-keys"] = {"0/../../iam=x": {"openssh-key": KEY}}
    with MetadataServer(sample) as server, pytest.raises(SourceInvalid, match="list of keys"):
        ask(server.url)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "127.0.0.1",
        "ftp://h",
        "http://",
        "http://h:0",
        "http://h:99999999",
        "http://u@h",
        "http://[::1",
        "http://a b/",
        "http://a\r\nb",
    ],
)
def test_malformed_base_urls_are_refused(location: str) -> None:
    """What is no base URL is an error that says how one looks."""
    with pytest.raises(SourceInvalid) as caught:
        ask(location)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [{"metadata_urls": "http://h"}, {"metadata_urls": [7]}, {"timeout": "5"}, {"timeout": 0}, {"timeout": True}],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    """Settings of the wrong type are named."""
    source = Ec2()
    source.settings = {"metadata_urls": ["http://127.0.0.1:1"], **settings}
    with pytest.raises(SourceInvalid, match=r"ec2[.]"):
        source.read(Host("/nonexistent"), Deadline(1))


def test_nobody_listens() -> None:
    """A closed port is unreachable, at the deadline, with the system's reason."""
    server = MetadataServer({})
    server.close()
    with pytest.raises(SourceUnreachable, match="refused"):
        ask(server.url, 0.3)
