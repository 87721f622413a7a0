"""What cloud-init documents, in documents of our own with the same content: taken as it is, or reported by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scratch import Result

from ovfinit.userdata.unsupported import UNSUPPORTED

PEER = Path(__file__).resolve().parents[1] / "data/userdata/peer"
NAMES = sorted(path.name for path in PEER.iterdir())
# what is known in these and left out, each with a reason
LEFT_OUT = {"ssh_publish_hostkeys", "users[3].snapuser"}


def test_every_documented_form_is_taken(ovfinit: Callable[..., Result]) -> None:
    """No example is refused; what is not offered in one is a warning that names the key and says what to do."""
    files = ovfinit("check", *NAMES, "--json", cwd=PEER).json["files"]
    assert [file["file"] for file in files if not file["ok"] or file["kind"] != "user data"] == []
    findings = [one for file in files if file["file"] != "not-supported.yaml" for one in file["findings"]]
    assert {one["path"] for one in findings} == LEFT_OUT
    assert all(one["hint"] for one in findings)


def test_what_is_not_supported_is_named(ovfinit: Callable[..., Result]) -> None:
    """Each key of the peer's that is not supported is reported by its name, with what to do instead."""
    lines = ovfinit("check", "not-supported.yaml", cwd=PEER).out.splitlines()[:-1]
    assert len(lines) == 31
    for line in lines:
        key = line.split(": ")[2]
        assert line.endswith(f"warning: {key}: is known, but not supported ({UNSUPPORTED[key]})")
