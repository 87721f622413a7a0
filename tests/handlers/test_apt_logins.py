"""Passwords in URLs of APT sources: where they end up, judged by APT and a server that wants them."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

from duty import ask
from handlers.apttree import install, run_apt, tree

from ovfinit.changes import WriteFile
from ovfinit.handlers import apt
from ovfinit.packaging.logins import FILE


class Guarded(BaseHTTPRequestHandler):
    """A repository that wants a login, and tells which one it got for which path."""

    got: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        """Nothing is here, for those who may come in."""
        kind, _, word = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            self.got[self.path.partition("/dists/")[0]] = base64.b64decode(word).decode()
        self.send_response(404 if kind else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """In silence."""


def test_passwords_of_repositories_are_for_root(tmp_path: Path, as_root: None) -> None:
    """They stand in a file that root alone reads, in no list and in no plan, and APT sends each where it belongs."""
    del as_root
    server = HTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    text = f"""apt:
  primary: [{{arches: [default], uri: "http://me:first%21@{host}/debian"}}]
  sources:
    deep: {{source: "deb [trusted=yes] http://you:second@{host}/debian/deep/ $RELEASE main"}}
    stanza:
      source: |
        Types: deb
        URIs: http://us:third@{host}/else/
        Suites: x
        Components: main
        Trusted: yes
    spaced: {{source: "deb http://us:a%20b@spaced.example.com/ x main"}}
    onion: {{source: "deb tor+https://us:fourth@onion.example.com/ x main"}}
"""
    root = tree(tmp_path, classic="deb http://deb.debian.org/debian bookworm main\n")
    changes = [change for change in ask(apt, root, text).changes if isinstance(change, WriteFile)]
    install(root, text)
    secret = [change for change in changes if change.secret]
    assert [(change.target, change.mode) for change in secret] == [(FILE, 0o600)]
    for change in changes:
        assert change in secret or not any(word in change.content for word in (b"first", b"second", b"third"))
    # what apt_auth.conf(5) cannot hold, or APT would not look up there, stays a login that works
    spaced = root / "etc/apt/sources.list.d/spaced.list"
    assert "us:a%20b@spaced.example.com" in spaced.read_text()
    spaced.unlink()
    onion = root / "etc/apt/sources.list.d/onion.list"
    assert "tor+https://us:fourth@onion.example.com" in onion.read_text()
    onion.unlink()
    run_apt(root, "apt-get", "update", "--print-uris")
    subprocess.run(
        ["apt-get", "update", "-o", "APT::Sandbox::User=root"],
        env={"PATH": os.environ["PATH"], "APT_CONFIG": str(root / "judge.conf")},
        capture_output=True,
        check=False,
    )
    server.shutdown()
    server.server_close()
    assert Guarded.got == {"/debian": "me:first!", "/debian/deep": "you:second", "/else": "us:third"}
