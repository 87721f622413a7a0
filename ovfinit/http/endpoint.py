"""Where a service is, and how to get a connection to it: literal addresses are not looked up, the fastest one wins.

`socket` and `selectors` cost a boot nine milliseconds; `_socket` and `select`, the C modules below them, less than one.
"""

from __future__ import annotations

import _socket
import errno
import os
import select

from ..errors import SourceInvalid
from ..record import Record
from .wire import CONNECT, DENIED, RESET, TIMEOUT, Broken, Connection, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deadline import Deadline

    Target = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

STAGGER = 0.15


class Endpoint(Record):
    """Where a service is: `host` without brackets, `prefix` is the path in front of everything, without final slash."""

    tls: bool
    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Take `http[s]://HOST[:PORT][/PREFIX]` apart; HOST may be an IPv6 address in brackets, with a zone.

        Raises SourceInvalid for anything else. User names and queries are refused: there is no use for them here.
        """
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        if authority.startswith("["):
            host, bracket, port = authority[1:].partition("]")
            fine = bracket == "]" and ":" in host and (not port or port.startswith(":"))
            port = port[1:]
        else:
            host, _, port = authority.partition(":")
            fine = True
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0 if port else None
        plain = url.isascii() and not any(character <= " " or character in '@?#"\\<>\x7f' for character in url)
        if scheme.lower() not in ("http", "https") or not (fine and host and plain) or number == 0:
            remedy = "give http://HOST[:PORT], an IPv6 address in brackets"
            raise SourceInvalid("is not the URL of a metadata service", where=_printable(url), remedy=remedy)
        tls = scheme.lower() == "https"
        return cls(tls, host.replace("%25", "%"), number or (443 if tls else 80), (slash + path).rstrip("/"))

    @property
    def authority(self) -> str:
        """The Host header: brackets where needed, no zone, no default port (RFC 9110, 7.2)."""
        host = self.host.partition("%")[0]
        name = f"[{host}]" if ":" in host else host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, without final slash."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"


def connect(endpoints: Sequence[Endpoint], deadline: Deadline) -> tuple[Connection, Endpoint]:
    """The first of these that accepts a connection; each further one is tried 150 ms after the one before it.

    Raises Broken, of kind DENIED where no retry can help. Literal addresses cause no name look-up.
    """
    failures: list[OSError] = []
    waiting = [(each, *target) for each in endpoints for target in _targets(each, deadline, failures)]
    racing: dict[int, tuple[_socket.socket, Endpoint]] = {}
    won: int | None = None
    try:
        while won is None and (waiting or racing) and not deadline.expired():
            if waiting:
                _start(racing, *waiting.pop(0), failures)
            won = _winner(racing, deadline.within(STAGGER) if waiting else deadline, failures)
        if won is not None:
            channel, endpoint = racing.pop(won)
            return _ready(channel, endpoint, deadline), endpoint
    finally:
        for channel, _ in racing.values():
            channel.close()
    if any(error.errno in (errno.EACCES, errno.EPERM) for error in failures):
        raise Broken(DENIED, "this machine's own routes or filters forbid the connection")
    raise Broken(CONNECT, words(failures[0]) if failures else "nobody accepted a connection in time")


def _start(
    racing: dict[int, tuple[_socket.socket, Endpoint]],
    endpoint: Endpoint,
    family: int,
    target: Target,
    failures: list[OSError],
) -> None:
    try:
        channel = _socket.socket(family, _socket.SOCK_STREAM)
    except OSError as error:
        # a kernel without IPv6
        failures.append(error)
        return
    channel.setblocking(False)
    code = channel.connect_ex(target)
    if code in (0, errno.EINPROGRESS):
        racing[channel.fileno()] = channel, endpoint
    else:
        channel.close()
        failures.append(OSError(code, os.strerror(code)))


def _winner(racing: dict[int, tuple[_socket.socket, Endpoint]], until: Deadline, failures: list[OSError]) -> int | None:
    """The descriptor of the first connection that stands; None when time is up or all that were started have failed."""
    poll = select.poll()
    for descriptor in racing:
        poll.register(descriptor, select.POLLOUT)
    while racing and not until.expired():
        for descriptor, _ in poll.poll(until.remaining() * 1000):
            code = racing[descriptor][0].getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if code == 0:
                return descriptor
            poll.unregister(descriptor)
            racing.pop(descriptor)[0].close()
            failures.append(OSError(code, os.strerror(code)))
    return None


def _ready(channel: _socket.socket, endpoint: Endpoint, deadline: Deadline) -> Connection:
    channel.settimeout(max(0.001, deadline.remaining()))
    channel.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return Connection(_secured(channel, endpoint) if endpoint.tls else channel, endpoint.authority, endpoint.prefix)


def _secured(channel: _socket.socket, endpoint: Endpoint) -> _socket.socket:
    import socket
    import ssl

    left = channel.gettimeout()
    whole = socket.socket(fileno=channel.detach())
    whole.settimeout(left)
    try:
        return ssl.create_default_context().wrap_socket(whole, server_hostname=endpoint.host)
    except TimeoutError:
        whole.close()
        raise Broken(TIMEOUT, "TLS was not set up in time") from None
    except ssl.SSLError as error:
        whole.close()
        raise Broken(DENIED, f"TLS could not be set up: {error.reason or 'refused'}") from None
    except OSError as error:
        whole.close()
        raise Broken(RESET, words(error)) from None


def _targets(endpoint: Endpoint, deadline: Deadline, failures: list[OSError]) -> list[tuple[int, Target]]:
    """(family, socket address) pairs; a name, which only an admin can have given, is looked up under the deadline."""
    # as bytes, because a str would load the codec for international names
    host, port, stream = endpoint.host.encode("ascii"), endpoint.port, _socket.SOCK_STREAM
    try:
        found = _socket.getaddrinfo(host, port, 0, stream, 0, _socket.AI_NUMERICHOST)
    except OSError:
        from threading import Thread

        answers: list[tuple[int, Target]] = []
        errors = [OSError(errno.ETIMEDOUT, "the name was not looked up in time")]

        def look_up() -> None:
            try:
                known = _socket.getaddrinfo(host, port, 0, stream)
            except OSError as error:
                errors[0] = OSError(errno.EHOSTUNREACH, f"the name cannot be looked up: {words(error)}")
            else:
                answers.extend((entry[0], entry[4]) for entry in known)

        worker = Thread(target=look_up, daemon=True, name="look-up")
        worker.start()
        worker.join(deadline.remaining())
        if not answers:
            failures.append(errors[0])
        return list(answers)
    return [(entry[0], entry[4]) for entry in found]


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
