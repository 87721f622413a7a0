"""NoCloud seeds: real folders, images and servers, read through the datasource."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from ovfinit.datasource import Deadline, SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.errors import OvfinitError
from ovfinit.host import BlockDevice, Host
from ovfinit.model import Metadata
from ovfinit.plugins import find

OWN = "var/lib/ovfinit/seed"
CLOUD = "var/lib/cloud/seed/nocloud"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0 me@home"


class Machine(Host):
    """A tree that counts as a running machine with these drives; no test may need real ones."""

    def __init__(self, root: Path, *images: Path) -> None:
        super().__init__(str(root))
        self._images = images

    @property
    def live(self) -> bool:
        """It is no tree of an image's."""
        return True

    def block_devices(self) -> Sequence[BlockDevice]:
        """The images, as drives."""
        return [BlockDevice(path.name, str(path), 1, removable=True, optical=True) for path in self._images]


def source(location: str | Path | None = None) -> Any:
    from ovfinit.config import Config

    found = find(Host("/nonexistent"), Config(), [("seed", str(location) if location is not None else None)])
    assert found[0].source is not None
    return found[0].source


def read(host: Host | Path, location: str | Path | None = None) -> Metadata:
    result = source(location).read(host if isinstance(host, Host) else Host(str(host)), Deadline(60))
    assert isinstance(result, Metadata)
    json.dumps(result.fingerprint)
    return result


def put(root: Path, folder: str, **files: str | bytes) -> Path:
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (place / name.replace("_", "-")).write_bytes(data)
    return place


def say(root: Path, *, cmdline: str = "", serial: str = "", **dmi: str) -> None:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cmdline").write_text(f"BOOT_IMAGE=/vmlinuz root=/dev/vda1 {cmdline} quiet\n")
    (root / "sys/class/dmi/id").mkdir(parents=True, exist_ok=True)
    for name, value in {"product_serial": serial, **dmi}.items():
        (root / "sys/class/dmi/id" / name).write_text(value + "\n")


def image(path: Path, label: str = "cidata", **files: bytes) -> Path:
    disc = pycdlib.PyCdlib()
    disc.new(vol_ident=label, joliet=3, rock_ridge="1.09")
    for number, (name, content) in enumerate(files.items()):
        true = name.replace("_", "-")
        disc.add_fp(BytesIO(content), len(content), f"/F{number}.;1", rr_name=true, joliet_path=f"/{true}")
    disc.write(str(path))
    disc.close()
    return path


class Server:
    """What is at which path; a number is a status. `asked` are the paths in order."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path, 404)
                self.send_response(content if isinstance(content, int) else 200)
                body = b"" if isinstance(content, int) else content
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


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


def test_order_of_places(tmp_path: Path) -> None:
    """Our own folder goes before cloud-init's two, these before volumes; one place only is the seed."""
    volume = image(tmp_path / "sr0", meta_data=b"instance-id: volume")
    host = Machine(tmp_path, volume)
    assert read(host).instance_id == "volume"
    put(tmp_path, "var/lib/cloud/seed/nocloud-net", meta_data="instance-id: net")
    assert read(host).instance_id == "net"
    put(tmp_path, CLOUD, meta_data="instance-id: cloud", user_data="cloud")
    assert read(host).instance_id == "cloud"
    put(tmp_path, OWN, meta_data="instance-id: own")
    assert read(host).instance_id == "own"
    assert read(host).user_data is None


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


@pytest.mark.parametrize("place", ["cmdline", "serial"])
@pytest.mark.parametrize("kind", ["nocloud", "nocloud-net", "NoCloud"])
def test_words(tmp_path: Path, place: str, kind: str) -> None:
    """`ds=nocloud` words, short and long, make a seed of their own."""
    say(tmp_path, **{place: f"ds={kind};h=web1;instance-id=0x1;role=a=b"})  # type: ignore[arg-type]
    origin = "/proc/cmdline" if place == "cmdline" else "/sys/class/dmi/id/product_serial"
    found = read(tmp_path)
    assert (found.hostname, found.instance_id, found.properties) == ("web1", "0x1", {"role": "a=b"})
    assert found.origins["hostname"] == f"{origin}#local-hostname"
    assert found.location == origin
    assert source().detect(Host(str(tmp_path))).answer == "yes"


@pytest.mark.parametrize("word", ["ds=nocloud", "ds=nocloud;", "ds=nocloud;h=", "ds=ec2;h=x", "ds=nocloudy;h=x", "h=x"])
def test_words_that_say_nothing(tmp_path: Path, word: str) -> None:
    """A bare `ds=nocloud`, or what is said to another source, is no seed."""
    say(tmp_path, cmdline=word, serial="VMware-42 1d")
    assert source().detect(Host(str(tmp_path))).answer == "no"
    with pytest.raises(SourceAbsent):
        read(tmp_path)


def test_words_go_first(tmp_path: Path) -> None:
    """The serial number goes before the command line, this before meta-data; the rest of the seed completes them."""
    say(tmp_path, cmdline="ds=nocloud;i=line;h=line", serial="ds=nocloud;i=serial")
    put(tmp_path, OWN, meta_data="instance-id: file\nlocal-hostname: file\nregion: file\n", user_data="u")
    found = read(tmp_path)
    assert (found.instance_id, found.hostname, found.region) == ("serial", "line", "file")
    assert (found.user_data, found.location) == (b"u", f"/{OWN}")


def test_seedfrom_folder(tmp_path: Path) -> None:
    """`seedfrom` completes meta-data and replaces files; its path is the tree's."""
    put(tmp_path, OWN, meta_data="instance-id: first\nseedfrom: /srv/seed\n", user_data="first", vendor_data="v")
    put(tmp_path, "srv/seed", meta_data="instance-id: second\nlocal-hostname: second\n", user_data="second")
    for form in ("/srv/seed", "/srv/seed/", "file:///srv/seed", "/srv/seed/%s"):
        put(tmp_path, OWN, meta_data=f"instance-id: first\nseedfrom: {form}\n")
        found = read(tmp_path)
        assert (found.instance_id, found.hostname) == ("first", "second")
        assert (found.user_data, found.vendor_data) == (b"second", b"v")
        assert found.origins["user_data"] == "/srv/seed/user-data"
    (tmp_path / "srv/seed/user-data").unlink()
    with pytest.raises(SourceInvalid, match="without user-data") as caught:
        read(tmp_path)
    assert caught.value.where == "/srv/seed/user-data"


def test_seedfrom_words(tmp_path: Path) -> None:
    """A seed may lie wherever a word says."""
    say(tmp_path, cmdline="ds=nocloud;s=/srv/seed/")
    put(tmp_path, "srv/seed", meta_data="instance-id: there\n", user_data="u")
    assert read(tmp_path).instance_id == "there"
    assert read(tmp_path).location == "/srv/seed/"


def test_seedfrom_url(tmp_path: Path, server: Server) -> None:
    """A seed on a server: four requests, those of optional files may say 404."""
    server.files = {"/seed/meta-data": b"instance-id: web\nlocal-hostname: w\n", "/seed/user-data": b"u"}
    say(tmp_path, serial=f"ds=nocloud;h=mine;s={server.url}/seed/")
    host = Machine(tmp_path)
    found = read(host)
    assert (found.instance_id, found.hostname, found.user_data) == ("web", "mine", b"u")
    assert found.location == f"{server.url}/seed/"
    assert found.origins["instance_id"] == f"{server.url}/seed/meta-data#instance-id"
    assert sorted(server.asked) == [
        f"/seed/{name}" for name in ("meta-data", "network-config", "user-data", "vendor-data")
    ]
    assert not source().unchanged(host, found.fingerprint)


@pytest.mark.parametrize(
    ("form", "path"), [("/a", "/a/meta-data"), ("/%s.txt", "/meta-data.txt"), ("/q?f=", "/q?f=meta-data")]
)
def test_seedfrom_url_forms(tmp_path: Path, server: Server, form: str, path: str) -> None:
    """`%s` is the file's name; it follows a slash, or a query as it is."""
    for name in ("meta-data", "user-data"):
        server.files[path.replace("meta-data", name)] = b"instance-id: x"
    assert read(tmp_path, server.url + form).instance_id == "x"


def test_seedfrom_dmi(tmp_path: Path, server: Server) -> None:
    """`__dmi.NAME__` in a place stands for what the firmware says."""
    server.files = {"/S-1/Acme/U-2/meta-data": b"instance-id: x", "/S-1/Acme/U-2/user-data": b""}
    place = f"{server.url}/__dmi.chassis-serial-number__/__dmi.system-manufacturer__/__dmi.system-uuid__"
    say(tmp_path, cmdline=f"ds=nocloud;s={place}", chassis_serial="S-1", sys_vendor="Acme", product_uuid="U-2")
    assert read(Machine(tmp_path)).instance_id == "x"
    say(tmp_path, cmdline="ds=nocloud;s=http://127.0.0.1/__dmi.baseboard-asset-tag__/")
    with pytest.raises(SourceInvalid, match="firmware does not tell 'baseboard-asset-tag'") as caught:
        read(Machine(tmp_path))
    assert caught.value.where == "/proc/cmdline"


def test_seedfrom_url_without_required_file(tmp_path: Path, server: Server) -> None:
    """A server that has no seed is no proof that there is none: nothing is taken from the machine for that."""
    server.files = {"/meta-data": b"instance-id: x"}
    with pytest.raises(SourceInvalid, match="must have user-data") as caught:
        read(tmp_path, server.url)
    assert caught.value.where == f"{server.url}/user-data"
    server.files["/user-data"] = 403
    with pytest.raises(SourceUnreachable):
        read(tmp_path, server.url)


def test_no_network(tmp_path: Path) -> None:
    """Without a route nobody is asked, and the seed is unreachable, not absent; under --root nobody is asked at all."""
    say(tmp_path, cmdline="ds=nocloud;i=x;s=http://user:hunter2@192.0.2.1/seed/")
    for host, reason in ((Machine(tmp_path), "no route"), (Host(str(tmp_path)), "under --root")):
        with pytest.raises(SourceUnreachable, match=reason) as caught:
            read(host)
        assert caught.value.where == "http://192.0.2.1/seed/"
        assert source().detect(host).answer == "yes"


@pytest.mark.parametrize("label", ["cidata", "CIDATA"])
def test_volume(tmp_path: Path, label: str) -> None:
    """A volume labelled cidata, in any case, among others."""
    other = image(tmp_path / "sr0", "config-2", meta_data=b"instance-id: other")
    volume = image(
        tmp_path / "sr1", label, meta_data=b"instance-id: v\na: b", user_data=b"u", network_config=b"{version: 2}"
    )
    blank = tmp_path / "sr2"
    blank.write_bytes(b"\0" * 100_000)
    host = Machine(tmp_path, blank, other, volume)
    assert source().detect(host).answer == "yes"
    found = read(host)
    assert (found.instance_id, found.user_data, found.network) == ("v", b"u", {"version": 2})
    assert found.location == str(volume)
    assert found.origins["properties.a"] == f"{volume}:meta-data#a"
    assert not found.problems
    assert source().unchanged(host, json.loads(json.dumps(found.fingerprint)))
    assert source().detect(Machine(tmp_path, blank, other)).answer == "no"
    with pytest.raises(SourceAbsent, match="no volume is labelled cidata"):
        read(Machine(tmp_path, blank, other))


@pytest.mark.skipif(not (shutil.which("mkfs.vfat") and shutil.which("mcopy")), reason="dosfstools or mtools is missing")
def test_vfat_volume(tmp_path: Path) -> None:
    """A seed on a FAT image, as many tools make it."""
    place = put(tmp_path, "files", meta_data="instance-id: fat\n", user_data="u")
    volume = tmp_path / "vdb"
    with volume.open("wb") as file:
        file.truncate(1_474_560)
    subprocess.run(["mkfs.vfat", "-n", "CIDATA", volume], check=True, timeout=30, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", volume, *sorted(place.iterdir()), "::"], check=True, timeout=30)
    assert read(Machine(tmp_path, volume)).instance_id == "fat"
    assert read(tmp_path, volume).user_data == b"u"


def test_volumes_are_the_running_machines_only(tmp_path: Path) -> None:
    """Under --root no drive of the host is looked at."""
    (tmp_path / "sys/class/block/sr0").mkdir(parents=True)
    (tmp_path / "sys/class/block/sr0/size").write_text("800\n")
    (tmp_path / "dev").mkdir()
    image(tmp_path / "dev/sr0", meta_data=b"instance-id: x")
    assert source().detect(Host(str(tmp_path))).answer == "no"


def test_drive_that_fails(tmp_path: Path) -> None:
    """A drive that nobody could look at leaves it open whether there is a seed, unless one is found elsewhere."""
    loop = tmp_path / "sr0"
    loop.symlink_to("sr0")
    host = Machine(tmp_path, loop)
    assert source().detect(host).answer == "maybe"
    with pytest.raises(SourceUnreachable, match="symbolic links") as caught:
        read(host)
    assert caught.value.where == str(loop)
    volume = image(tmp_path / "sr1", meta_data=b"instance-id: x")
    assert read(Machine(tmp_path, loop, volume)).instance_id == "x"
    assert read(Machine(tmp_path, tmp_path / "gone", volume)).instance_id == "x"


def test_truncated_volume(tmp_path: Path) -> None:
    """An image that is cut off is invalid, not empty."""
    volume = image(tmp_path / "sr0", meta_data=b"instance-id: x", user_data=b"u" * 200_000)
    volume.write_bytes(volume.read_bytes()[:150_000])
    with pytest.raises(SourceInvalid, match=r"damaged|truncated") as caught:
        read(Machine(tmp_path, volume))
    assert caught.value.where == str(volume)


def test_named_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is the caller's, as typed, whatever the tree; words and other places are not asked."""
    root = tmp_path / "root"
    put(root, OWN, meta_data="instance-id: tree")
    say(root, cmdline="ds=nocloud;i=word")
    put(tmp_path, "mine", meta_data="instance-id: mine\n", user_data="u")
    monkeypatch.chdir(tmp_path)
    for typed in (str(tmp_path / "mine"), "mine", "./mine/", f"file://{tmp_path}/mine"):
        found = read(root, typed)
        assert (found.instance_id, found.location) == ("mine", typed)
        assert source(typed).unchanged(Host(str(root)), found.fingerprint)
        assert not source().unchanged(Host(str(root)), found.fingerprint)
    assert read(root, "mine").origins["instance_id"] == "mine/meta-data#instance-id"
    (tmp_path / "mine/meta-data").write_text("a: [")
    with pytest.raises(SourceInvalid) as caught:
        read(root, "mine")
    assert caught.value.where == "mine/meta-data:1:5"


def test_named_places_without_a_seed(tmp_path: Path) -> None:
    """What is not there is absent, what is there and no seed is absent or invalid."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    for place, kind in (
        (tmp_path / "nothing", SourceAbsent),
        (tmp_path / "empty", SourceAbsent),
        (tmp_path / "text", SourceInvalid),
        (image(tmp_path / "o.iso", ovf_env=b""), SourceAbsent),
    ):
        with pytest.raises(kind) as caught:
            read(tmp_path, place)
        assert caught.value.where == str(place)


def test_named_image_with_another_label(tmp_path: Path) -> None:
    """An image that no machine would take for a seed is read, and that is said."""
    volume = image(tmp_path / "s.iso", "SEED", meta_data=b"instance-id: x")
    found = read(tmp_path, volume)
    assert found.instance_id == "x"
    assert [problem.message for problem in found.problems] == [
        "the volume is labelled 'SEED': a machine looks for cidata when it boots"
    ]


def test_unchanged(tmp_path: Path) -> None:
    """Each change of a file, a word, an earlier place or a `seedfrom` is seen; nothing else is."""
    put(tmp_path, CLOUD, meta_data="seedfrom: /srv/seed", user_data="u")
    put(tmp_path, "srv/seed", meta_data="", user_data="")
    host = Host(str(tmp_path))
    fingerprint = json.loads(json.dumps(read(host).fingerprint))
    assert source().unchanged(host, fingerprint)

    def appear(path: str, content: str) -> Iterator[None]:
        file = tmp_path / path
        before = file.read_bytes() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        yield
        file.unlink() if before is None else file.write_bytes(before)

    for path in (
        f"{CLOUD}/meta-data",
        f"{CLOUD}/vendor-data",
        f"{CLOUD}/network-config",
        "srv/seed/user-data",
        f"{OWN}/user-data",
        "proc/cmdline",
    ):
        for _ in appear(path, "ds=nocloud;h=x"):
            assert not source().unchanged(Host(str(tmp_path)), fingerprint), path
        assert source().unchanged(Host(str(tmp_path)), fingerprint), path
    for _ in appear(f"{CLOUD}/other", "x"):
        assert source().unchanged(host, fingerprint)
    (tmp_path / CLOUD / "user-data").unlink()
    assert not source().unchanged(host, fingerprint)


def test_unchanged_volume(tmp_path: Path) -> None:
    """A volume is recognised by its bytes, and no longer once a folder or another volume goes before it."""
    volume = image(tmp_path / "sr1", meta_data=b"instance-id: x")
    host = Machine(tmp_path, volume)
    fingerprint = read(host).fingerprint
    assert source().unchanged(host, fingerprint)
    first = image(tmp_path / "sr0", meta_data=b"instance-id: y")
    assert not source().unchanged(Machine(tmp_path, first, volume), fingerprint)
    assert not source().unchanged(Machine(tmp_path), fingerprint)
    shutil.copy(first, volume)
    assert not source().unchanged(host, fingerprint)


@pytest.mark.parametrize("fingerprint", [None, {}, [], {"url": False, "location": None, "words": 5}, "x", 7])
def test_unchanged_with_a_damaged_record(tmp_path: Path, fingerprint: object) -> None:
    """A record that makes no sense proves nothing."""
    assert source().unchanged(Host(str(tmp_path)), fingerprint) is False


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
