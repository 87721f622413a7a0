"""Files whose content lies at a URL, from a real server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ovfinit.apply import perform
from ovfinit.changes import FINAL, FetchFile
from ovfinit.compare import compare
from ovfinit.errors import ChangeError
from ovfinit.host import Host
from ovfinit.model import Secret
from ovfinit.state import Past
from ovfinit.step import Step


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/file" and self.headers.get("Authorization") == "Basic eA=="
        body = b"far away\n" if known else b""
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that has one file, for whoever shows the right header."""
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def wanted(url: str, fallback: bytes | None = None, owner: str = "root") -> FetchFile:
    """A file with that source."""
    headers = {"Authorization": Secret("Basic eA==")}
    return FetchFile(
        "test", "/srv/new/file", FINAL, url=url, headers=headers, fallback=fallback, mode=0o640, owner=owner
    )


def test_it_is_fetched_with_its_headers(tree: Path, url: str) -> None:
    """Content, mode and the folders above it are there; the header went with the request."""
    perform(Step(wanted(f"{url}/file"), "create"), Host(str(tree)))
    file = tree / "srv/new/file"
    assert file.read_bytes() == b"far away\n"
    assert oct(file.stat().st_mode & 0o7777) == "0o640"


def test_what_is_written_when_it_fails(tree: Path, url: str) -> None:
    """The fallback takes its place; without one nothing is written, and where and why is said, without the header."""
    perform(Step(wanted(f"{url}/gone", b"rest"), "create"), Host(str(tree)))
    assert (tree / "srv/new/file").read_bytes() == b"rest"
    (tree / "srv/new/file").unlink()
    with pytest.raises(ChangeError) as failure:
        perform(Step(wanted(f"{url}/gone"), "create"), Host(str(tree)))
    assert failure.value.where == "/srv/new/file"
    assert f"could not be fetched: {url}/gone: " in failure.value.message
    assert "eA==" not in str(failure.value)
    assert not (tree / "srv/new/file").exists()


def test_a_user_who_is_not_there(tree: Path, url: str) -> None:
    """An unknown owner is found before anything is fetched."""
    with pytest.raises(ChangeError, match="there is no user nobody-here"):
        perform(Step(wanted(f"{url}/file", owner="nobody-here"), "create"), Host(str(tree)))
    assert not (tree / "srv/new").exists()


def test_it_waits_for_the_first_boot(tree: Path) -> None:
    """A tree is filled without a network; what was fetched for this instance is not fetched again."""
    step = compare(wanted("http://user:pw@a.example/x?token=1"), Host(str(tree)), Past())
    assert (step.action, step.deferred) == ("create", True)
    assert "pw" not in step.reason
    assert "token" not in step.reason
    done = Past(new=False, done={"fetch//srv/new/file": {}})
    assert compare(wanted("http://a.example/x"), Host(), done).action == "none"
