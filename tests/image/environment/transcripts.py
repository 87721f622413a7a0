"""docs/questions.md: what people see who answer the questions of real packages, as a terminal has it.

`python tests/image/environment/transcripts.py` writes it anew; a test compares.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPO), str(REPO / "tests"), str(REPO / "tests/image")]

from terminal import Person  # noqa: E402

PAGE = REPO / "docs/questions.md"
DATA = REPO / "tests/data/ovf-packages"
HEAD = """# The questions of a package

What `ovfinit ovf env` asks on a terminal, for packages of three makers. This page is written by
`tests/image/environment/transcripts.py` and compared with the program by a test. What is hidden is not seen.
"""
INTERRUPT = "\x03"
# title, file, options, answers to what is asked in turn
SCENES: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Canonical's Ubuntu: a way back, and a password that was mistyped",
        "ubuntu24.10.ovf",
        (),
        ("i-web1", "web", "<", "web1", "", "@key.pub", "", "secret", "secert", "secret", "secret", ""),
    ),
    (
        "SugarCRM, made with VMware Studio: one of two machines, given up half-way",
        "SugarCRM.ovf",
        ("--machine", "web"),
        ("", "mauve", "2", "300", INTERRUPT),
    ),
    (
        "Cisco's router: what a file has answered is not asked",
        "csr1000v_2017.ovf",
        ("--answers", "router.yaml"),
        ("router1", "", "192.0.2.100/24 or is it 192.0.2.101/24", "192.0.2.100/24", "192.0.2.1", "y", "", ""),
    ),
)
# beside the package
FILES = {
    "key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzH me@example.com\n",
    "router.yaml": "".join(
        f"com.cisco.csr1000v.{name}.1: {value}\n"
        for name, value in {
            "login-username": "admin",
            "login-password": "not-shown-in-here",
            "mgmt-vlan": "''",
            "mgmt-ipv4-network": "''",
            "pnsc-ipv4-addr": "''",
            "pnsc-agent-local-port": "''",
            "pnsc-shared-secret-key": "''",
            "remote-mgmt-ipv4-addr": "''",
            "privilege-password": "''",
            "domain-name": "''",
            "license": "ax",
            "resource-template": "default",
            "Mode": "''",
            "MGMT_KEY": "''",
            "CONTROL_PORT": "''",
            "TUNNEL_PORT": "''",
            "ic-tunnel-header-size": "'148'",
            "ic-tunnel-ipv4-addr": "''",
            "ic-tunnel-ipv4-gateway": "''",
        }.items()
    ),
}


def transcript(file: str, options: Sequence[str], answers: Sequence[str]) -> str:
    """The command and all that was seen."""
    words = ["ovf", "env", file, *options, "-o", "env.iso"]
    before = {name: os.environ.get(name) for name in ("NO_COLOR", "SOURCE_DATE_EPOCH", "PYTHONPATH")}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file).write_bytes((DATA / file).read_bytes())
        for name, content in FILES.items():
            if name in str((*options, *answers)):
                (Path(folder) / name).write_text(content)
        here = os.getcwd()
        os.chdir(folder)
        os.environ.update(NO_COLOR="1", SOURCE_DATE_EPOCH="1700000000", PYTHONPATH=str(REPO))
        try:
            somebody = Person(*words)
            for answer in answers:
                somebody.expect(":", answer)
            code = somebody.end()
            left = sorted(os.listdir("."))
        finally:
            os.chdir(here)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    seen = re.sub(r"[ \t]+$", "", somebody.said.replace("\r\n", "\n").replace("\r", ""), flags=re.MULTILINE)
    return f"$ ovfinit {' '.join(words)}\n{seen.rstrip()}\n$ echo $?; ls\n{code}\n{'  '.join(left)}\n"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, file, options, answers in SCENES:
        parts.append(f"\n## {title}\n\n```\n{transcript(file, options, answers)}```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
