"""The HTTP policy: what `fetch` makes of every kind of answer."""

from __future__ import annotations

import pytest
from metadata_server import MetadataServer

from ovfinit.deadline import Deadline
from ovfinit.errors import SourceAbsent, SourceInvalid, SourceUnreachable
from ovfinit.http import ABSENT, AGAIN, FINAL, REFUSED, VALUE, Backoff, fetch, retry_after, shown, text_lines, verdict

TREE = {"user-data": "#!/bin/sh\necho hello\n"}
PATH = "/latest/user-data"
BODY = b"#!/bin/sh\necho hello\n"


def get(*faults: str, seconds: float = 5, limit: int = 1024) -> tuple[bytes, MetadataServer]:
    """Fetch the one leaf of a server with these faults."""
    with MetadataServer(TREE, faults) as server:
        return fetch(server.url + PATH, Deadline(seconds), limit), server


def error(kind: type[Exception], *faults: str, seconds: float = 0.6, limit: int = 1024) -> tuple[str, MetadataServer]:
    """The text of the error that these faults lead to."""
    with MetadataServer(TREE, faults) as server, pytest.raises(kind) as caught:
        fetch(server.url + PATH, Deadline(seconds), limit)
    return str(caught.value), server


@pytest.mark.parametrize(
    ("meaning", "statuses"),
    [
        (VALUE, [200]),
        (ABSENT, [404, 410]),
        (REFUSED, [401, 403]),
        (AGAIN, [408, 429, 500, 502, 503, 504, 599]),
        (FINAL, [204, 206, 301, 302, 304, 307, 400, 405, 418]),
    ],
)
def test_every_status_has_one_meaning(meaning: str, statuses: list[int]) -> None:
    """Statuses are sorted into a value, absent, and three kinds of unknown."""
    assert {verdict(status) for status in statuses} == {meaning}


def test_body_comes_as_it_is() -> None:
    """A body is handed over byte for byte, after one request that names the agent and asks for no coding."""
    body, server = get()
    assert body == BODY
    assert len(server.requests) == 1
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert server.requests[0].headers["user-agent"] == "ovfinit"


@pytest.mark.parametrize("fault", ["*=503x2", "*=429x1", "*=resetx2", "*=closex1", "*=truncatex2"])
def test_passing_faults_are_tried_again(fault: str) -> None:
    """Busy answers, broken connections and bodies cut short are asked for again until the whole body is there."""
    body, server = get(fault)
    assert body == BODY
    assert len(server.requests) == 1 + int(fault[-1])


def test_chunked_body_is_put_together() -> None:
    """A chunked body arrives whole."""
    assert get("*=chunked")[0] == BODY


def test_absent_is_final() -> None:
    """404 is asked once only, and is positively absent."""
    text, server = error(SourceAbsent, "*=404")
    assert "404" in text
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 400, 204])
def test_refusals_are_final(status: int) -> None:
    """What waiting cannot heal is unknown at once."""
    text, server = error(SourceUnreachable, f"*={status}")
    assert str(status) in text
    assert len(server.requests) == 1


def test_redirects_are_not_followed() -> None:
    """A redirect is unknown, with the reason."""
    with MetadataServer(TREE) as other:
        text, server = error(SourceUnreachable, f"*=302:{other.url}/latest/user-data")
        assert "redirects are not followed" in text
        assert len(server.requests) == 1
        assert other.requests == []


@pytest.mark.parametrize(
    "fault", ["*=503", "*=reset", "*=truncate", "*=hang", "*=slow:30", "*=dribble:0.1", "*=garbage"]
)
def test_deadline_ends_every_wait(fault: str) -> None:
    """Whatever a server does, the answer is `unreachable` once the deadline is over."""
    text, _ = error(SourceUnreachable, fault)
    assert "could not be read" in text


def test_too_large_is_told_by_announcement_and_by_count() -> None:
    """A body over the limit is refused, one of exactly the limit is taken."""
    text, _ = error(SourceInvalid, limit=len(BODY) - 1)
    assert f"larger than {len(BODY) - 1} bytes" in text
    assert error(SourceInvalid, "*=chunked", limit=len(BODY) - 1)[0]
    assert get(limit=len(BODY))[0] == BODY


def test_retry_after_beyond_the_deadline_fails_at_once() -> None:
    """Nobody waits for a try that cannot take place in time."""
    _, server = error(SourceUnreachable, "*=503:3600", seconds=8)
    assert len(server.requests) == 1


def test_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are not used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert get()[0] == BODY


def test_credentials_and_queries_reach_no_error() -> None:
    """User, password and query of a URL are left out of every message."""
    with MetadataServer(TREE) as server:
        url = server.url.replace("://", "://user:hunter2@") + "/latest/nothing?signature=hunter2#hunter2"
        with pytest.raises(SourceAbsent) as caught:
            fetch(url, Deadline(5), 10)
    assert "hunter2" not in str(caught.value)
    assert "/latest/nothing?…" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://a:b@host:80/x?y#z", "http://host:80/x?…"),
        ("http://host", "http://host"),
        ("http://host?secret", "http://host"),
        ("host/x?secret", "host/x"),
        ("http://host/\x1b[2J", "http://host/[2J"),
    ],
)
def test_shown_urls_are_harmless(url: str, text: str) -> None:
    """A URL in a message has no secret part and no control character."""
    assert shown(url) == text


@pytest.mark.parametrize(
    "url", ["", "/etc/passwd", "file:///etc/passwd", "ftp://h/x", "http://h/a b", "http://h/a\r\nb", "http://[x/"]
)
def test_other_urls_are_refused(url: str) -> None:
    """Only http and https URLs of one printable word are fetched."""
    with pytest.raises(SourceInvalid):
        fetch(url, Deadline(1), 10)


def test_closed_port_says_so() -> None:
    """The system's own words tell why there is no connection."""
    server = MetadataServer(TREE)
    server.close()
    with pytest.raises(SourceUnreachable, match="Connection refused"):
        fetch(server.url + PATH, Deadline(0.3), 10)


def test_untrusted_certificate_is_refused_at_once() -> None:
    """A server that does not speak trusted TLS gives nothing."""
    with MetadataServer(TREE) as server, pytest.raises(SourceUnreachable):
        fetch(server.url.replace("http:", "https:") + PATH, Deadline(0.5), 10)


def test_retry_after_takes_seconds_only() -> None:
    """The date form needs a clock that nobody has set yet."""
    assert retry_after("7") == 7.0
    assert [
        retry_after(text) for text in (None, "", "-1", "1e9", "٣", "99999999", "Fri, 31 Dec 1999 23:59:59 GMT")
    ] == [None] * 7


def test_backoff_ends_with_the_deadline() -> None:
    """Pauses fit into the deadline, and none is granted that would end after it."""
    backoff = Backoff(Deadline(1.0))
    pauses = 0
    while backoff.wait():
        pauses += 1
    assert 1 <= pauses <= 8
    assert not Backoff(Deadline(0)).wait()
    assert not Backoff(Deadline(1)).wait(5.0)


def test_text_lines_are_printable_or_nothing() -> None:
    """Lines are stripped, empty ones left out; control characters and other encodings make the whole unusable."""
    assert text_lines(b" a \r\nb\n\n") == ["a", "b"]
    assert text_lines(b"") == []
    assert text_lines(b"a\x00") is None
    assert text_lines(b"a\rb") is None
    assert text_lines(b"\xff") is None
