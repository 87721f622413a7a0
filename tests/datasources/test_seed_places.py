"""Where a seed comes from: folders in their order, words of the kernel and of DMI, URLs, places that were named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from seeds import CLOUD, OWN, Machine, image, put, read, source

from ovfinit.datasource import SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.host import Host


def say(root: Path, *, cmdline: str = "", serial: str = "", **dmi: str) -> None:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cmdline").write_text(f"BOOT_IMAGE=/vmlinuz root=/dev/vda1 {cmdline} quiet\n")
    (root / "sys/class/dmi/id").mkdir(parents=True, exist_ok=True)
    for name, value in {"product_serial": serial, **dmi}.items():
        (root / "sys/class/dmi/id" / name).write_text(value + "\n")


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
