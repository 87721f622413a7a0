"""A scripted EC2 metadata server for tests, demonstrations and benches: a tree, a switch for every fact, a request log.

As a program it serves until it is killed:

    python3 tests/metadata_server.py tests/data/ec2/aws-one-nic.json --v2-only --fault meta-data/ami-id=503x2

The tree is JSON, served below every version: {"meta-data": {...}, "user-data": "text", "dynamic": {...}}. A mapping is
a directory, {"base64": "..."} is a leaf of bytes, a missing leaf is a 404; the keys of public-keys are "0=name". An
optional "versions" lists the versions served. What stands under "openstack" is served at /openstack, beside them.

A fault is PATH=KIND[:VALUE][xCOUNT]. PATH is without the version, `token` for the token call, `*` for everything, and
covers what is below it; COUNT is how many requests it hits (default: all). KIND is one of
    NNN         that status; VALUE is a Retry-After header (for 3xx: a Location header)
    empty       200 without a body                gzip        the body gzip'ed
    slow        first byte after VALUE seconds    dribble     a byte every VALUE seconds
    reset       connection reset                  close       closed without an answer
    truncate    half the announced body           huge        a body of VALUE bytes
    hang        no answer                         garbage     something that is not HTTP
    inject      a body with a line break and a header in it
    chunked     the body in chunks                html        a page of a captive portal
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"
VERSIONS = ["1.0", "2009-04-04", "2021-03-23", "latest"]
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
HTML = b"<html><head><title>Welcome to the hotel</title></head><body>Please log in</body></html>\n"


class Request:
    """One request as it came in: method, path, header names in lower case; `status` as answered."""

    def __init__(self, connection: int, method: str, path: str, headers: dict[str, str]) -> None:
        self.connection, self.method, self.path, self.headers = connection, method, path, headers
        self.status: int | str = 0
        self.time = time.time()

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class Fault:
    """One scripted fault, see the module's docstring."""

    def __init__(self, text: str) -> None:
        self.path, _, what = text.partition("=")
        head, x, count = what.rpartition("x")
        if x and count.isdigit():
            what, self.left = head, int(count)
        else:
            self.left = -1
        self.kind, _, self.value = what.partition(":")

    def hits(self, path: str) -> bool:
        """True if it meets this path (without version), and counts it."""
        if self.left == 0 or not (self.path in ("*", path) or path.startswith(self.path.rstrip("/") + "/")):
            return False
        self.left -= 1
        return True


class MetadataServer:
    """Serves in threads of its own from construction until `close` (or the end of a `with`).

    Args:
        tree: as in the module's docstring.
        faults: texts as in the module's docstring; `server.faults` may be changed while it runs.
        newline: every body ends in one more newline, as AEMM's first levels do.
        slashes: directories are listed with a final slash.
        keys: how public-keys are listed: "name" (0=name), "slash" (0/), "bare" (0).
        tokens: "optional" (v1 and v2), "required" (v2 only) or "none" (404 on the PUT, as Nova).
        token_seconds: the longest life granted to a token.
        token_grace: seconds that a token lives on beyond what was granted.
        token_uses: a token answers 401 after so many GETs.
        below_leaf: status for a path below a leaf; Nova says 500.
        latency: seconds before each answer.
    """

    def __init__(
        self,
        tree: dict[str, Any],
        faults: tuple[str, ...] | list[str] = (),
        *,
        newline: bool = False,
        slashes: bool = True,
        keys: str = "name",
        tokens: str = "optional",
        token_seconds: int = 21600,
        token_grace: int = 0,
        token_uses: int = 0,
        below_leaf: int = 404,
        latency: float = 0.0,
        bind: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.tree, self.faults = tree, [Fault(text) for text in faults]
        self.newline, self.slashes, self.keys = newline, slashes, keys
        self.tokens, self.token_seconds, self.token_uses = tokens, token_seconds, token_uses
        self.token_grace = token_grace
        self.below_leaf, self.latency = below_leaf, latency
        self.requests: list[Request] = []
        self.connections = 0
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.issued: dict[str, list[float]] = {}
        self.open: set[socket.socket] = set()
        self.server = _Listener((bind, port), self)
        host = f"[{bind}]" if ":" in bind else bind
        self.url = f"http://{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self) -> MetadataServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and wait for every thread."""
        self.stopping.set()
        self.server.shutdown()
        with self.lock:
            for channel in self.open:
                try:
                    channel.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.server.server_close()
        self.thread.join()

    def paths(self, method: str = "GET") -> list[str]:
        """The paths asked for, in order."""
        return [request.path for request in self.requests if request.method == method]

    def answer(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers) for a request without faults."""
        if request.method == "PUT" and request.path.rstrip("/") == "/latest/api/token":
            return self._new_token(request)
        if request.method != "GET":
            return 405, b"", {}
        parts = [part for part in request.path.split("?")[0].split("/") if part]
        node, below = self._find(parts)
        if node is None:
            return (self.below_leaf if below else 404), HTML, {}
        token = request.headers.get(TOKEN)
        if self.tokens != "none" and ((token is None and self.tokens == "required") or not self._good(token)):
            return 401, HTML, {}
        body = _leaf(node)
        if body is None:
            body = self._listing(node, parts)
        return 200, body + (b"\n" if self.newline else b""), {}

    def _new_token(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        if self.tokens == "none":
            return 404, HTML, {}
        if "x-forwarded-for" in request.headers:
            return 403, b"", {}
        ttl = request.headers.get(TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return 400, HTML, {}
        seconds = min(int(ttl), self.token_seconds)
        token = base64.b64encode(secrets.token_bytes(32)).decode()
        with self.lock:
            self.issued[token] = [time.monotonic() + seconds + self.token_grace, self.token_uses or float("inf")]
        return 200, token.encode(), {"X-aws-ec2-metadata-token-ttl-seconds": str(seconds)}

    def _good(self, token: str | None) -> bool:
        if token is None:
            return True
        with self.lock:
            known = self.issued.get(token)
            if known is None or known[0] < time.monotonic() or known[1] <= 0:
                return False
            known[1] -= 1
            return True

    def _find(self, parts: list[str]) -> tuple[Any, bool]:
        """The node at a path, or None and whether the path leads below a leaf."""
        versions = self.tree.get("versions", VERSIONS)
        node: Any = {name: value for name, value in self.tree.items() if name not in ("versions", "openstack")}
        if not parts:
            return dict.fromkeys(versions, ""), False
        if parts[0] == "openstack" and "openstack" in self.tree:
            node = self.tree["openstack"]
        elif parts[0] not in versions:
            return None, False
        for part in parts[1:]:
            if _leaf(node) is not None:
                return None, True
            name = next((name for name in node if name == part or name.startswith(part + "=")), None)
            if name is None:
                return None, False
            node = node[name]
        return node, False

    def _listing(self, node: dict[str, Any], parts: list[str]) -> bytes:
        lines = []
        for name, value in sorted(node.items()):
            if parts[-1:] == ["public-keys"]:
                bare = name.partition("=")[0]
                lines.append({"name": name, "slash": bare + "/", "bare": bare}[self.keys])
            else:
                lines.append(name + ("/" if self.slashes and _leaf(value) is None and parts else ""))
        return "\n".join(lines).encode()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    # server_close waits for the threads of all connections
    daemon_threads = False

    def __init__(self, address: tuple[str, int], owner: MetadataServer) -> None:
        self.owner = owner
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that goes away is a client's right."""


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        owner: MetadataServer = self.server.owner  # type: ignore[attr-defined]
        with owner.lock:
            owner.connections += 1
            number = owner.connections
            owner.open.add(self.connection)
        try:
            while (request := self._read(number)) is not None and self._serve(owner, request):
                pass
        except OSError:
            pass
        finally:
            with owner.lock:
                owner.open.discard(self.connection)

    def _read(self, number: int) -> Request | None:
        line = self.rfile.readline(8192).decode("latin-1").split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while (header := self.rfile.readline(8192).decode("latin-1").strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        self.rfile.read(int(headers.get("content-length", "0")))
        return Request(number, line[0], line[1], headers)

    def _serve(self, owner: MetadataServer, request: Request) -> bool:
        """Answer one request; False when the connection is over."""
        with owner.lock:
            owner.requests.append(request)
            path = "token" if request.method == "PUT" else request.path.strip("/").partition("/")[2]
            fault = next((fault for fault in owner.faults if fault.hits(path)), None)
        kind, value = (fault.kind, fault.value) if fault else ("", "")
        owner.stopping.wait(owner.latency)
        status, body, headers = owner.answer(request)
        request.status = kind or status
        if self._broken(owner, kind):
            return False
        if kind.isdigit():
            status, body = int(kind), HTML
            if value:
                headers = {"Location" if kind.startswith("3") else "Retry-After": value}
        elif kind == "html":
            status, body = 200, HTML
        elif kind == "slow":
            owner.stopping.wait(float(value))
        body = _spoiled(kind, value, body)
        if kind == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            parts = [body[:7], body[7:]] if len(body) > 7 else [body]
            sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
        else:
            headers["Content-Length"] = str(len(body))
            sent = body
        head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", "Content-Type: text/plain", "Server: EC2ws"]
        whole = "\r\n".join([*head, *(f"{name}: {text}" for name, text in headers.items()), "", ""]).encode() + sent
        if kind == "truncate":
            self.connection.sendall(whole[: len(whole) - len(sent) // 2 - 1])
            return False
        if kind == "dribble":
            for byte in whole:
                self.connection.sendall(bytes([byte]))
                if owner.stopping.wait(float(value)):
                    return False
            return True
        # one packet: header and body apart would meet the client's delayed ACK
        self.connection.sendall(whole)
        return True

    def _broken(self, owner: MetadataServer, kind: str) -> bool:
        """Leave the connection in the way of `kind`, if it is one of these."""
        if kind == "hang":
            owner.stopping.wait(60)
        elif kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # closed here, because socketserver would send an orderly end first
            os.close(self.connection.detach())
        elif kind == "garbage":
            self.connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
        return kind in ("hang", "reset", "garbage", "close")


def _spoiled(kind: str, value: str, body: bytes) -> bytes:
    if kind == "gzip":
        return gzip.compress(body)
    return {
        "empty": b"",
        "huge": b"x" * (int(value) if kind == "huge" else 0),
        "inject": b"value\r\nX-Injected: yes",
    }.get(kind, body)


def _leaf(node: Any) -> bytes | None:
    """The bytes of a leaf, None for a directory."""
    if isinstance(node, dict):
        return base64.b64decode(node["base64"]) if set(node) == {"base64"} else None
    return str(node).encode()


def serve(tree: Path, faults: tuple[str, ...] | list[str] = (), **switches: Any) -> MetadataServer:
    """A server of the tree in this file."""
    return MetadataServer(json.loads(tree.read_text()), faults, **switches)


def main(arguments: list[str] | None = None) -> None:
    """Serve a tree until killed; requests go to standard error or `--log`, one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--fault", action="append", default=[], metavar="PATH=KIND[:VALUE][xCOUNT]")
    parser.add_argument("--newline", action="store_true", help="bodies end in a newline")
    parser.add_argument("--no-slashes", action="store_true", help="directories are listed without a slash")
    parser.add_argument("--keys", choices=["name", "slash", "bare"], default="name")
    parser.add_argument("--v2-only", action="store_true", help="refuse questions without a token")
    parser.add_argument("--no-tokens", action="store_true", help="404 on the token call")
    parser.add_argument("--token-seconds", type=int, default=21600)
    parser.add_argument("--token-uses", type=int, default=0)
    parser.add_argument("--below-leaf", type=int, default=404)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--log", type=Path, help="append one JSON line a request here")
    given = parser.parse_args(arguments)
    server = serve(
        given.tree,
        given.fault,
        newline=given.newline,
        slashes=not given.no_slashes,
        keys=given.keys,
        tokens="none" if given.no_tokens else "required" if given.v2_only else "optional",
        token_seconds=given.token_seconds,
        token_uses=given.token_uses,
        below_leaf=given.below_leaf,
        latency=given.latency,
        bind=given.bind,
        port=given.port,
    )
    sys.stderr.write(f"serving {given.tree} at {server.url}\n")
    log = given.log.open("a", buffering=1) if given.log else sys.stderr
    done = 0
    try:
        while server.thread.is_alive():
            server.stopping.wait(0.05)
            for request in server.requests[done:]:
                line = {"time": round(request.time, 3), "connection": request.connection, "method": request.method}
                shown = {name: "..." if name == TOKEN else value for name, value in request.headers.items()}
                record = {**line, "path": request.path, "status": request.status, "headers": shown}
                log.write(json.dumps(record) + "\n")
                done += 1
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main()
