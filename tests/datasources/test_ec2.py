"""EC2-compatible metadata services, spoken to over loopback: every fact and every fault that is known of them."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from metadata_server import TOKEN, MetadataServer, Request

from datasources.ec2 import Ec2, identify
from ovfinit.deadline import Deadline
from ovfinit.errors import SourceAbsent, SourceError, SourceInvalid, SourceUnreachable
from ovfinit.host import Host
from ovfinit.http import metadata_service
from ovfinit.model import Metadata, Nic

TREES = Path(__file__).parents[1] / "data/ec2"
KEY, KEY2 = json.loads((TREES / "aws-three-nics.json").read_text())["meta-data"]["public-keys"]["0=ops"][
    "openssh-key"
].split("\n")


def tree(name: str) -> dict[str, Any]:
    """One of the sample trees."""
    loaded: dict[str, Any] = json.loads((TREES / f"{name}.json").read_text())
    return loaded


def ask(url: str, seconds: float = 30, root: str = "/nonexistent") -> Metadata:
    """Read from a base URL as `--from ec2:URL` does."""
    source = Ec2()
    source.location = url
    source.settings = {"timeout": seconds}
    return source.read(Host(root), Deadline(60))


def read(name: str, *faults: str, seconds: float = 30, **switches: Any) -> tuple[Metadata, MetadataServer]:
    """Read one of the sample trees from a server with these faults and switches."""
    with MetadataServer(tree(name), faults, **switches) as server:
        return ask(server.url, seconds), server


def fail(
    kind: type[SourceError], *faults: str, seconds: float = 1.0, **switches: Any
) -> tuple[SourceError, MetadataServer]:
    """The error that these faults lead to."""
    with MetadataServer(tree("aws-one-nic"), faults, **switches) as server, pytest.raises(kind) as caught:
        ask(server.url, seconds)
    assert caught.type is kind
    return caught.value, server


def pose(root: Path, **dmi: str) -> Host:
    """A host with these DMI values."""
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True)
    for name, value in dmi.items():
        (folder / name).write_text(value + "\n")
    return Host(str(root))


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


@pytest.mark.parametrize("status", [404, 405, 501])
def test_version_one_where_version_two_is_absent(status: int) -> None:
    """A service that does not know the token call is asked without one."""
    metadata, server = read("aws-one-nic", f"token={status}")
    assert metadata.instance_id
    assert len(server.paths("PUT")) == 1


@pytest.mark.parametrize("fault", ["token=403", "token=401", "*=403"])
def test_refusal_is_no_reason_for_version_one(fault: str) -> None:
    """A service that is switched off is not asked again, in no version, and the error says what to do."""
    error, server = fail(SourceUnreachable, fault)
    assert "enable" in (error.remedy or "")
    assert len(server.requests) == 1


def test_bad_request_is_our_defect() -> None:
    """400 on the token call is reported as what it is."""
    error, server = fail(SourceInvalid, "token=400")
    assert "defect" in (error.remedy or "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["token=hang", "token=503", "token=reset", "token=empty", "token=inject"])
def test_token_that_cannot_be_had_is_tried_without_once(fault: str) -> None:
    """Where the token call gives nothing usable, plain questions may still be answered."""
    metadata, server = read("aws-one-nic", fault, seconds=2)
    assert metadata.instance_id
    assert all("x-aws-ec2-metadata-token" not in request.headers for request in server.requests)


def test_lost_token_on_a_version_two_service_points_to_the_hop_limit() -> None:
    """A PUT without an answer and a GET that wants a token are the signs of a hop limit."""
    error, server = fail(SourceUnreachable, "token=hang", tokens="required")
    assert "hop limit" in (error.remedy or "")
    assert len(server.paths("PUT")) == 2


def test_token_is_renewed_once_on_401() -> None:
    """A refused token costs one more PUT and one more GET each time; other leaves are not lost."""
    # the first hits the listing, which is asked alone, the second one of many, whose token stays good for the others
    refused = ["meta-data=401x1", "meta-data/ami-id=401x1"]
    metadata, server = read("aws-one-nic", *refused, tokens="required")
    plain, undisturbed = read("aws-one-nic", tokens="required")
    assert metadata.fingerprint == plain.fingerprint
    assert len(server.paths("PUT")) == 3
    assert len(server.paths()) == len(undisturbed.paths()) + 2
    error, server = fail(SourceUnreachable, "meta-data/ami-id=401")
    assert server.paths().count("/latest/meta-data/ami-id") == 2
    assert "401" in error.message


def test_token_that_has_run_out_is_replaced_once() -> None:
    """However many questions meet the end of a token side by side, there is one more PUT, and no leaf is lost."""
    metadata, server = read("aws-one-nic", tokens="required", token_uses=12)
    assert metadata.fingerprint == read("aws-one-nic")[0].fingerprint
    assert len(server.paths("PUT")) == 2
    assert len({request.headers[TOKEN] for request in server.requests if request.status == 401}) == 1


def test_token_is_renewed_at_half_life() -> None:
    """A token that lives two seconds is replaced before anybody refuses it."""
    metadata, server = read(
        "aws-one-nic", "meta-data/mac=slow:1.05", tokens="required", token_seconds=2, token_grace=60
    )
    assert metadata.instance_id
    assert len(server.paths("PUT")) >= 2
    assert 401 not in [request.status for request in server.requests]


def test_tokens_reach_no_error() -> None:
    """Whatever goes wrong, the token stays out of the text, the cause and the representation."""
    error, server = fail(SourceUnreachable, "meta-data/ami-id=503", "user-data=slow:0.05", tokens="required")
    assert server.issued
    for token in server.issued:
        assert token not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"


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


def test_certain_leaf_is_unknown_when_it_is_404() -> None:
    """Nova says 404 while it does not know a guest yet; where there must be a tree, that is not taken for nothing."""
    with MetadataServer(tree("nova"), ["meta-data=404x2"], tokens="none") as server:
        with metadata_service([server.url], Deadline(2)) as service:
            assert service.leaf("/latest/meta-data/", certain=True)
        server.faults.clear()
        with metadata_service([server.url], Deadline(0.3)) as service, pytest.raises(SourceUnreachable):
            service.leaf("/latest/nothing", certain=True)


def test_versions_depend_on_the_platform(tmp_path: Path) -> None:
    """Amazon is asked for a dated tree and falls back to `latest`; others are asked for `latest`, then 2009-04-04."""
    pose(tmp_path, sys_vendor="Amazon EC2")
    with MetadataServer(tree("aws-one-nic")) as server:
        metadata = ask(server.url, root=str(tmp_path))
        assert metadata.platform == "Amazon EC2"
        assert {path.split("/")[1] for path in server.paths()} == {"2021-03-23"}
    with MetadataServer({**tree("aws-one-nic"), "versions": ["latest"]}) as server:
        assert ask(server.url, root=str(tmp_path)).instance_id
        assert [path for path in server.paths() if "2021" in path] == ["/2021-03-23/meta-data/"]
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


@pytest.mark.parametrize(
    ("dmi", "platform"),
    [
        ({"sys_vendor": "Amazon EC2"}, "Amazon EC2"),
        ({"bios_vendor": "Amazon EC2"}, "Amazon EC2"),
        ({"product_uuid": "EC2E1916-9099-7CAF-FD21-012345ABCDEF"}, "Amazon EC2"),
        ({"product_uuid": "45E12AEC-DCD1-B213-94ED-012345ABCDEF"}, "Amazon EC2"),
        ({"product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef", "sys_vendor": "Xen"}, "Amazon EC2"),
        ({"product_name": "Eucalyptus"}, "Eucalyptus"),
        ({"product_serial": "srv-abcde.gb1.brightbox.com"}, "Brightbox"),
        ({"chassis_asset_tag": "123.zstack.io"}, "ZStack"),
        ({"sys_vendor": "e24cloud"}, "e24cloud"),
        ({"product_name": "3DS Outscale VM", "sys_vendor": "3DS Outscale"}, "Outscale"),
        ({"sys_vendor": "Tilaa"}, "Tilaa"),
    ],
)
def test_platforms_are_recognised(dmi: dict[str, str], platform: str, tmp_path: Path) -> None:
    """DMI tells which platform this is, and the reason says so."""
    host = pose(tmp_path, **dmi)
    assert identify(host)[0] == platform
    detection = Ec2().detect(host)
    assert detection.answer == "yes"
    assert platform in detection.reason


@pytest.mark.parametrize(
    ("dmi", "answer"),
    [
        ({}, "no"),
        ({"sys_vendor": "VMware, Inc.", "product_name": "VMware Virtual Platform"}, "no"),
        ({"sys_vendor": "Dell Inc."}, "no"),
        ({"sys_vendor": "VMware, Inc.", "product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}, "no"),
        ({"sys_vendor": "QEMU", "product_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}, "maybe"),
        ({"sys_vendor": "QEMU"}, "maybe"),
        ({"sys_vendor": "Red Hat", "product_name": "KVM"}, "maybe"),
        ({"sys_vendor": "Xen", "product_name": "HVM domU"}, "maybe"),
        ({"product_serial": "brightbox.com.example.org"}, "no"),
    ],
)
def test_others_are_not(dmi: dict[str, str], answer: str, tmp_path: Path) -> None:
    """No evidence, no question; a bare KVM or Xen guest is only a maybe."""
    assert Ec2().detect(pose(tmp_path, **dmi)).answer == answer


def test_hypervisor_uuid_of_a_xen_guest(tmp_path: Path) -> None:
    """Paravirtual guests have no DMI; Xen itself knows."""
    (tmp_path / "sys/hypervisor").mkdir(parents=True)
    (tmp_path / "sys/hypervisor/uuid").write_text("ec2e1916-9099-7caf-fd21-012345abcdef\n")
    assert identify(Host(str(tmp_path)))[0] == "Amazon EC2"


def test_eucalyptus_is_known_by_its_adapters(tmp_path: Path) -> None:
    """UEC says nothing in DMI, but makes hardware addresses out of instance ids."""
    host = pose(tmp_path, sys_vendor="Bochs")
    (tmp_path / "sys/class/net/eth0/device").mkdir(parents=True)
    (tmp_path / "sys/class/net/eth0/address").write_text("d0:0d:4e:34:08:f2\n")
    assert identify(host)[0] == "Eucalyptus"
