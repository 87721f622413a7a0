"""One kept-alive HTTP/1.1 connection: as much of RFC 9112 as reading small bodies takes, every byte under a deadline.

Used for metadata services only; `ovfinit.http` says why, and holds the policy. Nothing here tries again.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from ..deadline import Deadline

HEAD_LIMIT = 16 * 1024
ERROR_BODY_LIMIT = 64 * 1024

CONNECT, DENIED, STALE, TIMEOUT, RESET, TRUNCATED, MALFORMED, TOO_LARGE = (
    "connect",  # no connection
    "denied",  # this machine's own rules, or TLS, forbid one
    "stale",  # closed before the first byte of an answer
    "timeout",  # connected, and no whole answer in time
    "reset",  # broken off
    "truncated",  # ended before its announced length
    "malformed",  # not HTTP
    "too-large",
)


class Broken(Exception):
    """An exchange that gave no answer: `kind` is one of the constants above, `reason` is for people."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class Answer(Record):
    """One response: `headers` by lower-case name, the last one of a name; `body` as sent, chunks put together."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection, to be used by one thread at a time."""

    def __init__(self, channel: socket, authority: str, prefix: str) -> None:
        self.reusable = True
        self._authority = authority
        self._prefix = prefix
        self._channel = channel
        self._buffer = bytearray()
        self._ended = False

    def close(self) -> None:
        """Give the socket back."""
        self.reusable = False
        self._channel.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], deadline: Deadline, limit: int) -> Answer:
        """One request and its answer; `limit` bounds the body in bytes.

        Raises Broken, after which the connection is closed. A ValueError for a path or header that would break out of
        its line is a defect of the caller.
        """
        self.reusable = False
        target = self._prefix + path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if " " in target or any(not line.isascii() or not line.isprintable() for line in lines):
            raise ValueError("a request must not contain control characters")
        try:
            self._send("\r\n".join([*lines, "", ""]).encode("ascii"), deadline)
            answer = self._answer(deadline, limit)
        except Broken:
            self.close()
            raise
        if not self.reusable:
            self.close()
        return answer

    def _send(self, request: bytes, deadline: Deadline) -> None:
        try:
            self._channel.settimeout(max(0.001, deadline.remaining()))
            self._channel.sendall(request)
        except TimeoutError:
            raise Broken(TIMEOUT, "no answer in time") from None
        except OSError as error:
            raise Broken(STALE, words(error)) from None

    def _answer(self, deadline: Deadline, limit: int) -> Answer:
        budget = HEAD_LIMIT
        while True:
            start, budget = self._line(deadline, budget)
            version, _, rest = start.partition(" ")
            code = rest[:3]
            if not version.startswith("HTTP/1.") or not (code.isdigit() and len(code) == 3) or rest[3:4].strip():
                raise Broken(MALFORMED, "the answer is not HTTP/1.1")
            headers: dict[str, str] = {}
            while True:
                line, budget = self._line(deadline, budget)
                if not line:
                    break
                name, colon, value = line.partition(":")
                name, value = name.lower(), value.strip(" \t")
                if not colon or not name or name != name.strip():
                    raise Broken(MALFORMED, "a header of the answer is malformed")
                if name == "content-length" and headers.get(name, value) != value:
                    raise Broken(MALFORMED, "the answer announces two lengths")
                headers[name] = value
            status = int(code)
            if status >= 200:
                break
        if status != 200:
            limit = ERROR_BODY_LIMIT
        body, framed = self._body(status, headers, deadline, limit)
        options = headers.get("connection", "").lower()
        stays = "keep-alive" in options if version == "HTTP/1.0" else "close" not in options
        # bytes that nobody asked for must not become the answer to the next question
        self.reusable = framed and stays and not self._buffer and not self._ended
        return Answer(status, headers, body)

    def _body(self, status: int, headers: Mapping[str, str], deadline: Deadline, limit: int) -> tuple[bytes, bool]:
        """The body, and whether its end was marked, so that another answer can follow."""
        if status in (204, 304):
            return b"", True
        coding = headers.get("transfer-encoding", "").lower()
        if coding:
            if coding != "chunked":
                raise Broken(MALFORMED, "the answer has an unknown transfer coding")
            return self._chunks(deadline, limit), True
        length = headers.get("content-length")
        if length is not None:
            if not (length.isascii() and length.isdigit() and len(length) <= 18):
                raise Broken(MALFORMED, "the answer's length is malformed")
            if int(length) > limit:
                if status != 200:
                    return b"", False
                raise Broken(TOO_LARGE, f"is larger than {limit} bytes")
            return self._take(int(length), deadline), True
        while self._fill(deadline):
            if len(self._buffer) > limit:
                raise Broken(TOO_LARGE, f"is larger than {limit} bytes")
        return self._take(len(self._buffer), deadline), False

    def _chunks(self, deadline: Deadline, limit: int) -> bytes:
        body = bytearray()
        while True:
            line, _ = self._line(deadline, 1024)
            digits = line.partition(";")[0].strip()
            if not digits or len(digits) > 8 or digits.strip("0123456789abcdefABCDEF"):
                raise Broken(MALFORMED, "a chunk of the answer is malformed")
            size = int(digits, 16)
            if len(body) + size > limit:
                raise Broken(TOO_LARGE, f"is larger than {limit} bytes")
            if size == 0:
                break
            body += self._take(size, deadline)
            if self._line(deadline, 2)[0]:
                raise Broken(MALFORMED, "a chunk of the answer is malformed")
        budget = HEAD_LIMIT
        while True:
            trailer, budget = self._line(deadline, budget)
            if not trailer:
                return bytes(body)

    def _line(self, deadline: Deadline, budget: int) -> tuple[str, int]:
        """The next line without its end, and what is left of `budget` bytes."""
        while (end := self._buffer.find(b"\n", 0, budget)) < 0:
            if len(self._buffer) >= budget:
                raise Broken(MALFORMED, "the head of the answer is too long")
            first = not self._buffer
            if not self._fill(deadline):
                raise Broken(STALE if first else TRUNCATED, "the connection was closed in the middle of an answer")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r").decode("latin-1"), budget - end - 1

    def _take(self, size: int, deadline: Deadline) -> bytes:
        while len(self._buffer) < size:
            if not self._fill(deadline):
                raise Broken(TRUNCATED, f"the answer ended after {len(self._buffer)} of {size} bytes")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self, deadline: Deadline) -> bool:
        """Receive some more; False at the end of the stream."""
        left = deadline.remaining()
        if left <= 0:
            raise Broken(TIMEOUT, "no whole answer in time")
        try:
            self._channel.settimeout(left)
            more = self._channel.recv(65536)
        except TimeoutError:
            raise Broken(TIMEOUT, "no whole answer in time" if self._buffer else "no answer in time") from None
        except OSError as error:
            raise Broken(RESET if self._buffer else STALE, words(error)) from None
        self._buffer += more
        self._ended = not more
        return not self._ended


def words(error: OSError) -> str:
    """What the operating system says, for the middle of a sentence."""
    return (error.strerror or "the connection broke").lower()
