"""EC2-compatible metadata services, spoken to over loopback: every fact and every fault that is known of them."""

from __future__ import annotations

import base64
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from amazon import KEY, KEY2, ask, pose, read, tree
from metadata_server import MetadataServer, Request

from datasources.ec2 import Ec2
from ovfinit.deadline import Deadline
from ovfinit.host import Host
from ovfinit.model import Nic


def test_amazon_instance_with_one_adapter() -> None:
    """Everything that Amazon tells ends up in its field, with the URL it came from."""
    metadata, server = read("aws-one-nic", tokens="required")
    base = f"{server.url}/latest/"
    assert metadata.instance_id == "i-0123456789abcdef0"
    assert metadata.hostname == "ip-172-31-16-139.ec2.internal"
    assert metadata.public_keys == (KEY,)
    assert metadata.user_data == b"#!/bin/sh\necho hello\n"
    assert (metadata.region, metadata.availability_zone) == ("us-east-1", "us-east-1a")
    assert (metadata.instance_type, metadata.launch_index) == ("t3.small", 0)
    assert metadata.nics == (Nic("02:29:96:8f:6a:2d", index=0, addresses=("172.31.16.139/20",), dhcp4=True),)
    assert metadata.properties["ami-id"] == "ami-0123456789abcdef0"
    assert metadata.properties["security-groups"] == "default\nweb"
    assert metadata.location == server.url
    assert metadata.problems == ()
    assert metadata.origins["hostname"] == base + "meta-data/local-hostname"
    assert metadata.origins["user_data"] == base + "user-data"
    assert metadata.origins["properties.mac"] == base + "meta-data/mac"


def test_only_wanted_leaves_are_asked_for_on_kept_connections() -> None:
    """Two dozen leaves are asked for, each once, over few connections, and never one with credentials."""
    _, server = read("aws-one-nic", tokens="required")
    assert server.connections <= 4
    assert len(server.paths()) == len(set(server.paths())) == 22
    assert len(server.paths("PUT")) == 1
    assert not [path for path in server.paths() if "iam" in path or "credentials" in path or "/latest/" not in path]


def test_far_service_is_asked_in_parallel() -> None:
    """Answers that take milliseconds are worth further connections, four at most."""
    metadata, server = read("aws-three-nics", latency=0.01)
    assert metadata.instance_id
    assert 1 < server.connections <= 4


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_server_of_one_thread_is_not_starved(protocol: str) -> None:
    """A slow server that serves one connection at a time, kept or not, is read well before the deadline."""
    sample = tree("aws-three-nics")
    owner = MetadataServer(sample)
    owner.close()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            time.sleep(0.005)
            status, body, _ = owner.answer(Request(0, "GET", self.path, {}))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        metadata = ask(f"http://127.0.0.1:{server.server_address[1]}", 9)
        server.shutdown()
        thread.join()
    assert metadata.fingerprint == read("aws-three-nics")[0].fingerprint


def test_requests_carry_nothing_but_what_they_need() -> None:
    """No cookie, no forwarded-for, no coding: a token, and who asks."""
    _, server = read("aws-one-nic", tokens="required")
    token, *others = server.requests
    assert set(token.headers) == {
        "host",
        "user-agent",
        "accept",
        "content-length",
        "x-aws-ec2-metadata-token-ttl-seconds",
    }
    assert {frozenset(other.headers) for other in others} == {
        frozenset({"host", "user-agent", "accept", "x-aws-ec2-metadata-token"})
    }


def test_three_adapters_with_ipv6() -> None:
    """Adapters come in the order of their device numbers, with all addresses and the subnet's prefix."""
    metadata, _ = read("aws-three-nics")
    assert [nic.index for nic in metadata.nics] == [0, 1, 2]
    assert [nic.dhcp6 for nic in metadata.nics] == [True, True, False]
    assert metadata.nics[0].addresses == (
        "172.31.16.10/20",
        "172.31.16.11/20",
        "172.31.16.12/20",
        "2001:db8:1234:1a00::10/128",
        "2001:db8:1234:1a00::11/128",
    )


def test_keys_of_several_lines_keep_their_order() -> None:
    """One entry may hold several keys, and the name of a key may contain an equals sign."""
    metadata, _ = read("aws-three-nics")
    assert metadata.public_keys == (KEY, KEY2, KEY2 + " third")


def test_openstack_tree() -> None:
    """Nova has no token, no adapters and no region, and empty leaves; nothing of that is an error."""
    metadata, server = read("nova", tokens="none", below_leaf=500)
    assert (metadata.instance_id, metadata.hostname) == ("i-00000001", "web-1.novalocal")
    assert (metadata.availability_zone, metadata.region) == ("nova", None)
    assert (metadata.nics, metadata.public_keys) == ((), (KEY,))
    assert "public-ipv4" not in metadata.properties
    assert [request.status for request in server.requests if request.method == "PUT"] == [404]


def test_eucalyptus_tree() -> None:
    """UEC's host name is an address, its user data may be gzip'ed, and its images betray it."""
    metadata, _ = read("eucalyptus", tokens="none")
    assert metadata.platform == "Eucalyptus"
    assert (metadata.instance_id, metadata.hostname) == ("i-4E3408F2", "ip-172-19-1-2")
    assert metadata.launch_index == 3
    assert metadata.user_data is not None
    assert metadata.user_data.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(
    "switches",
    [
        {"newline": True},
        {"slashes": False},
        {"keys": "slash"},
        {"keys": "bare"},
        {"tokens": "required"},
        {"tokens": "none", "below_leaf": 500},
    ],
)
def test_all_spellings_mean_the_same(switches: dict[str, Any]) -> None:
    """Final newlines, slashes, forms of the key list and versions of the protocol make no difference."""
    plain, _ = read("aws-one-nic")
    other, _ = read("aws-one-nic", **switches)
    for field in ("instance_id", "hostname", "public_keys", "nics", "properties", "region", "launch_index"):
        assert getattr(plain, field) == getattr(other, field)


@pytest.mark.parametrize("name", ["aws-one-nic", "aws-three-nics", "nova", "eucalyptus"])
def test_chunked_answers_mean_the_same(name: str) -> None:
    """Bodies in chunks are put together."""
    assert read(name)[0].fingerprint == read(name, "*=chunked")[0].fingerprint


@pytest.mark.parametrize(
    ("fault", "field"),
    [("user-data=404", "user_data"), ("meta-data/public-keys=404", "public_keys"), ("meta-data/network=404", "nics")],
)
def test_absent_leaf_is_none(fault: str, field: str) -> None:
    """404 is positively nothing, and is asked once."""
    metadata, server = read("aws-one-nic", fault)
    assert not getattr(metadata, field)
    assert field not in metadata.origins
    assert len(server.paths()) == len(set(server.paths()))


def test_empty_leaf_is_none() -> None:
    """A leaf without a word in it gives no value and no complaint."""
    faults = ["meta-data/local-hostname=empty", "meta-data/public-keys=empty", "user-data=empty", "meta-data/mac=empty"]
    metadata, _ = read("aws-one-nic", *faults)
    assert (metadata.hostname, metadata.public_keys, metadata.user_data) == (None, (), None)
    assert "mac" not in metadata.properties
    assert metadata.problems == ()


def test_user_data_stays_bytes() -> None:
    """Nothing is decoded or unpacked on the way."""
    sample = tree("aws-one-nic")
    sample["user-data"] = {"base64": base64.b64encode(bytes(range(256))).decode()}
    with MetadataServer(sample) as server:
        assert ask(server.url).user_data == bytes(range(256))
    assert (read("aws-one-nic", "user-data=gzip")[0].user_data or b"")[:2] == b"\x1f\x8b"


def test_versions_depend_on_the_platform(tmp_path: Path) -> None:
    """Amazon is asked for a dated tree and falls back to `latest`; others are asked for `latest`, then 2009-04-04."""
    pose(tmp_path, sys_vendor="Amazon EC2")
    with MetadataServer(tree("aws-one-nic")) as server:
        metadata = ask(server.url, root=str(tmp_path))
        assert metadata.platform == "Amazon EC2"
        assert {path.split("/")[1] for path in server.paths()} == {"2021-03-23"}
    with MetadataServer({**tree("aws-one-nic"), "versions": ["latest"]}) as server:
        assert ask(server.url, root=str(tmp_path)).instance_id
        tried = [path for path in server.paths() if "2021" in path]
        assert tried == ["/2021-03-23/meta-data/", "/2021-03-23/meta-data/instance-id"]
    with MetadataServer({**tree("nova"), "versions": ["2009-04-04"]}) as server:
        assert ask(server.url).origins["instance_id"].endswith("/2009-04-04/meta-data/instance-id")


def test_identity_document_fills_in() -> None:
    """Region and zone come from the identity document where the tree itself lacks them."""
    sample = tree("aws-one-nic")
    del sample["meta-data"]["placement"]
    with MetadataServer(sample) as server:
        metadata = ask(server.url)
    assert (metadata.region, metadata.availability_zone) == ("us-east-1", "us-east-1a")
    assert metadata.origins["region"].endswith("/dynamic/instance-identity/document#/region")


def test_adapter_that_is_still_appearing_keeps_dhcp() -> None:
    """An adapter whose leaves are not there yet is known by its address only, and is served over DHCP."""
    sample = tree("aws-one-nic")
    sample["meta-data"]["network"]["interfaces"]["macs"]["0a:00:00:00:00:09"] = {}
    with MetadataServer(sample) as server:
        assert ask(server.url).nics[1] == Nic("0a:00:00:00:00:09", dhcp4=True)


def test_any_base_url_of_an_admin_will_do() -> None:
    """`metadata_urls` are tried together, over IPv4 and IPv6, and the first that connects is used."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with MetadataServer(tree("aws-one-nic"), bind="::1") as server:
            source = Ec2()
            source.settings = {"metadata_urls": [dead, server.url]}
            assert source.detect(Host("/nonexistent")).answer == "yes"
            assert source.read(Host("/nonexistent"), Deadline(5)).location == server.url


def test_names_and_prefixes_in_a_base_url() -> None:
    """An admin may give a name, and a path in front of the tree."""
    with MetadataServer({"versions": ["proxy"], "latest": tree("aws-one-nic")}) as server:
        metadata = ask(server.url.replace("127.0.0.1", "localhost") + "/proxy/")
    assert metadata.instance_id
    assert (metadata.location or "").endswith("/proxy")


def test_fingerprint_follows_every_leaf() -> None:
    """The same tree has the same fingerprint; one other character has another."""
    sample = tree("aws-one-nic")
    sample["meta-data"]["public-keys"]["0=ops"]["openssh-key"] += "x"
    with MetadataServer(sample) as server:
        other = ask(server.url).fingerprint
    first = read("aws-one-nic")[0].fingerprint
    assert first == read("aws-one-nic")[0].fingerprint
    assert first["instance_id"] == other["instance_id"]
    assert first["sha256"] != other["sha256"]


def test_unchanged_is_never_claimed() -> None:
    """Only reading everything again would prove it, so the source does not say so."""
    metadata, server = read("aws-one-nic")
    assert not Ec2().unchanged(Host("/nonexistent"), metadata.fingerprint)
    assert server.thread.is_alive() is False
