"""The one HTTP policy: what a status means, how long to wait, what is never done.

A question has three answers: a value, absent (404, 410: final), or unknown. Unknown is tried again with a jittered
exponential back-off inside the caller's deadline where time may heal it (408, 429, 5xx, a broken connection), and is
final at once where it cannot (401, 403, redirects, anything else). Nothing follows a redirect, uses a proxy, keeps a
cookie or reads the environment.

Two transports work under this policy. `fetch` is for URLs that people name (a seed's `seedfrom`, an `#include`): any
host, TLS, any server's idea of HTTP, hence requests. `metadata_service` reads a dozen tiny leaves from a link-local
address on every boot, over the connections of `ovfinit.http.wire`. The reason is the price of the first import,
measured on two shared cores under Python 3.11, whose bare start took 10 ms: requests 100 ms, http.client 27 ms, wire
with all that is above it 3 ms. Besides, http.client has a time-out for each read only, so that a server that dribbles
header bytes outstays any deadline.
"""

from __future__ import annotations

from ..errors import SourceAbsent, SourceInvalid, SourceUnreachable
from .policy import (
    ABSENT,
    AGAIN,
    AGENT,
    FINAL,
    REFUSED,
    VALUE,
    Backoff,
    explained,
    retry_after,
    shown,
    text_lines,
    verdict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..deadline import Deadline
    from .imds import MetadataService

__all__ = [
    "ABSENT",
    "AGAIN",
    "FINAL",
    "REFUSED",
    "VALUE",
    "Backoff",
    "MetadataService",
    "explained",
    "fetch",
    "metadata_service",
    "post",
    "retry_after",
    "shown",
    "text_lines",
    "verdict",
]

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
CHUNK = 64 * 1024


class _Again(Exception):
    """Raised by one try when another may do better."""

    def __init__(self, reason: str, asked: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.asked = asked


def fetch(url: str, deadline: Deadline, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The body at an http or https URL that somebody named, as it came (no content coding is undone).

    Args:
        url: certificates of https are verified against the system's.
        deadline: for everything, name look-up and retries included.
        limit: the most bytes accepted.
        headers: sent besides our own, before which they go.

    Raises:
        SourceAbsent: 404 or 410.
        SourceUnreachable: refused, redirected, or no whole answer before the deadline.
        SourceInvalid: not such a URL, or the body is larger than `limit`.
    """
    where = shown(url)
    if not url.lower().startswith(("http://", "https://")) or not url.isprintable() or " " in url:
        raise SourceInvalid("is not an http or https URL", where=where)
    backoff = Backoff(deadline)
    reason, asked, tried = "there was no time left to ask", None, False
    while not deadline.expired():
        try:
            return _in_time(url, deadline, limit, where, headers=headers)
        except _Again as again:
            # a try that the deadline cut off says less than the one before it
            reason, asked = (reason if tried and deadline.expired() else again.reason), again.asked
        tried = True
        if not backoff.wait(asked):
            break
    raise SourceUnreachable(f"could not be read: {reason}", where=where, remedy="check the URL and the network")


def post(url: str, fields: Mapping[str, str], deadline: Deadline) -> None:
    """Send form fields to an http or https URL that somebody named, once; what is answered is not read.

    Raises:
        SourceAbsent, SourceUnreachable: it was not taken, or nobody can tell.
        SourceInvalid: not such a URL.
    """
    where = shown(url)
    if not url.lower().startswith(("http://", "https://")) or not url.isprintable() or " " in url:
        raise SourceInvalid("is not an http or https URL", where=where)
    try:
        _in_time(url, deadline, 0, where, fields)
    except _Again as again:
        raise SourceUnreachable(again.reason, where=where, remedy="check the URL and the network") from again


def _in_time(
    url: str,
    deadline: Deadline,
    limit: int,
    where: str,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """One try in a thread of its own: neither a name look-up nor a dribbling server heeds a deadline by itself."""
    from threading import Thread

    outcome: list[bytes | BaseException] = []

    def run() -> None:
        try:
            outcome.append(_try(url, deadline, limit, where, fields, headers or {}))
        except BaseException as error:
            outcome.append(error)

    worker = Thread(target=run, daemon=True, name="fetch")
    worker.start()
    worker.join(deadline.remaining())
    if not outcome:
        raise _Again("no whole answer in time")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _try(
    url: str,
    deadline: Deadline,
    limit: int,
    where: str,
    fields: Mapping[str, str] | None,
    headers: Mapping[str, str],
) -> bytes:
    import requests
    from urllib3.exceptions import HTTPError

    left = max(0.05, deadline.remaining())
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.request(
                "GET" if fields is None else "POST",
                url,
                data=fields,
                headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **headers},
                allow_redirects=False,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
            )
            with answer:
                if fields is not None and 200 <= answer.status_code < 300:
                    return b""
                meaning = verdict(answer.status_code)
                if meaning is ABSENT:
                    raise SourceAbsent(explained(answer.status_code), where=where)
                if meaning is AGAIN:
                    raise _Again(explained(answer.status_code), retry_after(answer.headers.get("Retry-After")))
                if meaning is not VALUE or fields is not None:
                    raise SourceUnreachable(explained(answer.status_code), where=where)
                return _body(answer, deadline, limit, where)
        except requests.exceptions.SSLError as error:
            remedy = "check the certificate, the system's trust store and its clock"
            raise SourceUnreachable("TLS could not be set up", where=where, remedy=remedy) from error
        except requests.exceptions.Timeout as error:
            raise _Again("no answer in time") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, HTTPError) as error:
            raise _Again(_system_words(error) or "the connection broke") from error
        except (requests.exceptions.RequestException, ValueError) as error:
            raise SourceInvalid("is not a URL that can be fetched", where=where) from error


def _body(answer: requests.Response, deadline: Deadline, limit: int, where: str) -> bytes:
    """The body, bounded; a shorter one than announced is no body (urllib3 before 2 does not tell)."""
    announced = answer.headers.get("Content-Length", "")
    length = int(announced) if len(announced) <= 18 and announced.isascii() and announced.isdigit() else None
    parts: list[bytes] = []
    size = 0
    while length is None or length <= limit:
        part = answer.raw.read(CHUNK, decode_content=False)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > limit or deadline.expired():
            break
    if size > limit or (length is not None and length > limit):
        raise SourceInvalid(f"is larger than {limit} bytes", where=where)
    if (length is not None and size != length) or deadline.expired():
        raise _Again("the body was cut short")
    return b"".join(parts)


def _system_words(error: BaseException | None) -> str | None:
    """What the operating system said, out of the layers around it; a library's own text could show the whole URL."""
    for _ in range(10):
        if isinstance(error, OSError) and error.strerror:
            return str(error.strerror)
        if error is None:
            break
        error = error.__cause__ or error.__context__
    return None


def metadata_service(bases: Sequence[str], deadline: Deadline) -> MetadataService:
    """A session with an EC2-compatible metadata service, see `ovfinit.http.imds.MetadataService`.

    `bases` are URLs (`http://169.254.169.254`); the first that connects is used.
    """
    from .imds import MetadataService

    return MetadataService(bases, deadline)


if TYPE_CHECKING:
    import requests
