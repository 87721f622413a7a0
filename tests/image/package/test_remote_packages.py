"""Packages on a web server: read in place, with Range requests where the server knows them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packages import DISK, envelope, manifest, sound
from scratch import Result

Program = Callable[..., Result]


class Handler(BaseHTTPRequestHandler):
    """Serves what a test puts there; `/plain/` knows no ranges, `/moved/` redirects, `/short/` breaks off."""

    def do_HEAD(self) -> None:
        """The head alone."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """The whole, or what a Range asks for."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        place, _, name = self.path.lstrip("/").partition("/")
        self.server.asked.append((self.command, self.path, self.headers.get("Range")))  # type: ignore[attr-defined]
        if place == "moved":
            self.send_response(302)
            self.send_header("Location", f"/ranges/{name}")
            self.end_headers()
            return
        content = self.server.files.get(name)  # type: ignore[attr-defined]
        if content is None:
            self.send_error(404)
            return
        start = 0
        asked = self.headers.get("Range")
        if asked and place == "ranges":
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self.wfile.write(content[start : 1500 if place == "short" else None])

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback."""
    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.files, one.asked = {}, []  # type: ignore[attr-defined]
    thread = threading.Thread(target=one.serve_forever, daemon=True)
    thread.start()
    yield one
    one.shutdown()
    one.server_close()


def url(server: ThreadingHTTPServer, path: str) -> str:
    """The address of a file there."""
    return f"http://127.0.0.1:{server.server_port}/{path}"


@pytest.mark.parametrize("place", ["ranges", "plain", "moved"])
def test_an_archive(ovfinit: Program, tmp_path: Path, server: ThreadingHTTPServer, place: str) -> None:
    """An OVA is shown and checked whole, whether the server knows ranges or not, behind a redirect too."""
    server.files["app.ova"] = sound(tmp_path / "app.ova").read_bytes()  # type: ignore[attr-defined]
    assert "Machine web" in ovfinit("ovf", "show", url(server, f"{place}/app.ova")).out
    assert "ok, 0 errors, 0 warnings" in ovfinit("ovf", "check", url(server, f"{place}/app.ova")).out


def test_big_archives_are_not_fetched_whole(ovfinit: Program, tmp_path: Path, server: ThreadingHTTPServer) -> None:
    """What lies between the members that are wanted is skipped by a range."""
    import io
    import tarfile

    path = tmp_path / "app.ova"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("app.ovf", envelope().encode()), ("disk.vmdk", DISK + bytes(8 << 20)), ("z", b"")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    server.files["app.ova"] = path.read_bytes()  # type: ignore[attr-defined]
    ovfinit("ovf", "show", url(server, "ranges/app.ova"))
    ranges = [range_ for _, _, range_ in server.asked if range_]  # type: ignore[attr-defined]
    assert any(int(one.removeprefix("bytes=").rstrip("-")) > 8 << 20 for one in ranges)


def test_a_descriptor_and_its_files(ovfinit: Program, server: ThreadingHTTPServer) -> None:
    """The files beside a descriptor are fetched by their names, and missed by them."""
    files = {"app.ovf": envelope().encode(), "disk.vmdk": DISK}
    server.files.update({**files, "app.mf": manifest(files)})  # type: ignore[attr-defined]
    assert "ok, 0 errors" in ovfinit("ovf", "check", url(server, "plain/app.ovf")).out
    del server.files["disk.vmdk"]  # type: ignore[attr-defined]
    assert "'disk.vmdk' is not in the package" in ovfinit("ovf", "check", url(server, "plain/app.ovf"), code=1).out


def test_nothing_outside_is_asked(ovfinit: Program, server: ThreadingHTTPServer) -> None:
    """A reference to another place is an error, and no request."""
    server.files["app.ovf"] = envelope().replace("disk.vmdk", url(server, "ranges/x")).encode()  # type: ignore[attr-defined]
    ovfinit("ovf", "check", url(server, "plain/app.ovf"), code=1)
    assert not [path for _, path, _ in server.asked if path.endswith("/x")]  # type: ignore[attr-defined]


def test_what_a_server_can_do_wrong(ovfinit: Program, tmp_path: Path, server: ThreadingHTTPServer) -> None:
    """Not there, cut short, nobody listening: an error with the URL, without its password."""
    server.files["app.ova"] = sound(tmp_path / "app.ova").read_bytes()  # type: ignore[attr-defined]
    assert "is not there" in ovfinit("ovf", "show", url(server, "plain/none.ova"), code=1).err
    assert "the connection broke" in ovfinit("ovf", "check", url(server, "short/app.ova"), code=1).out
    closed = "http://me:hunter2@127.0.0.1:1/app.ova?token=hunter2"
    result = ovfinit("ovf", "show", closed, code=1)
    assert "Connection refused" in result.err
    assert "hunter2" not in result.err
