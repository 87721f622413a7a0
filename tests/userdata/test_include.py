"""User data that stands elsewhere: fetched in order, kept for later boots, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from unfolded import CONFIG, SCRIPT, handed, words

from ovfinit.deadline import Deadline
from ovfinit.errors import SourceUnreachable
from ovfinit.http import fetch
from ovfinit.model import Metadata
from ovfinit.userdata import UserData, collect


class Pages(BaseHTTPRequestHandler):
    """User data by path."""

    pages: dict[str, str] = {}
    asked: list[str] = []

    def do_GET(self) -> None:
        """One page, or 404."""
        self.asked.append(self.path)
        page = self.pages.get(self.path)
        body = (page or "").encode()
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def site() -> Iterator[str]:
    """A server on loopback; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Pages.asked = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def included(user: str, kept: dict[str, bytes] | None = None) -> UserData:
    """What comes of user data with a network."""

    def get(url: str, limit: int) -> bytes:
        return fetch(url, Deadline(10.0), limit)

    return collect(Metadata(user_data=user.encode()), lambda: kept or {}, get)


def test_include(site: str) -> None:
    """What stands at the URLs is user data of any kind, in the order of the lines, and is kept for later boots."""
    Pages.pages = {"/a": SCRIPT, "/b": f"#include\n{site}/c\n", "/c": CONFIG}
    found = included(f"#include {site}/a\n# a comment\n\n{site}/b\n")
    assert words(found) == []
    assert found.scripts[0].origin == f"{site}/a"
    assert found.config == {"timezone": "Europe/Vienna"}
    Pages.asked.clear()
    again = included(f"#include-once\n{site}/a\n{site}/b\n", dict(found.fetched))
    assert Pages.asked == []
    assert again.config == found.config


def test_include_without_a_network(site: str) -> None:
    """Without a network includes are wanted, which is no mistake."""
    found = handed(f"#include\n{site}/a\n")
    assert (found.wanting, words(found)) == ((f"{site}/a",), [])


def test_includes_that_are_off(site: str) -> None:
    """A circle, a page that is not there and a place that is no URL are findings; the others are read."""
    Pages.pages = {"/a": f"#include\n{site}/b\n", "/b": f"#include\n{site}/a\n", "/c": SCRIPT}
    found = included(f"#include\n{site}/a\n{site}/none\nfile:///etc/passwd\n{site}/c\n")
    assert len(found.scripts) == 1
    assert found.incomplete
    text = "\n".join(words(found))
    assert f"{site}/b:2:1: error: includes {site}/a, which includes it: a circle" in text
    assert f"user-data:3:1: error: {site}/none: " in text
    assert "user-data:4:1: error: is not an http or https URL" in text


def test_include_that_is_too_deep(site: str) -> None:
    """A chain of includes ends at the tenth."""
    Pages.pages = {f"/{number}": f"#include\n{site}/{number + 1}\n" for number in range(20)}
    assert "nested more than 10 levels" in words(included(f"#include\n{site}/0\n"))[0]


def test_unreachable_include_is_unreachable() -> None:
    """A source error of the fetch is a finding with its words."""

    def get(url: str, limit: int) -> bytes:
        raise SourceUnreachable("no way", where=url)

    found = collect(Metadata(user_data=b"#include\nhttp://192.0.2.1/x\n"), dict, get)
    assert words(found) == ["user-data:2:1: error: http://192.0.2.1/x: no way"]
