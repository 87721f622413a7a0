"""The environment maker: what it writes is what the agent reads."""

import json
import subprocess
import sys

import pytest

from ovfinit.image import environment, iso

HOSTILE = "a \"quoted\" <tag> & 'more'\nsecond line\ttab"


@pytest.fixture
def made(tmp_path):
    """An image with values that need every kind of escaping."""
    properties = {"hostname": "web1", "instance-id": "i-1", "shop.motto": HOSTILE}
    path = tmp_path / "env.iso"
    path.write_bytes(iso.compose(environment.compose(properties, environment_id="web", macs=["00:50:56:00:00:01"])))
    return path


def test_the_agent_reads_what_we_write(made, tmp_path):
    """Values come back to the character, whatever XML makes of quotes and line breaks."""
    words = [sys.executable, "-m", "ovfinit", "show", "--json", "--root", str(tmp_path), "--from", f"ovf:{made}"]

    shown = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)

    assert shown["hostname"] == "web1"
    assert shown["properties"]["shop.motto"] == HOSTILE
    assert shown["nics"][0]["mac"] == "00:50:56:00:00:01"


def test_control_characters_are_refused():
    """What XML cannot carry is an error that names the property, not a broken document."""
    from ovfinit.errors import InputError

    with pytest.raises(InputError, match="control character"):
        environment.compose({"hostname": "a\x00b"})


def test_the_command_encodes_user_data(tmp_path):
    """User data from a file travels as base64, so that not a byte is lost."""
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\r\nprintf '\\377'\n")
    out = tmp_path / "env.xml"
    words = ["ovf", "env", "--property", "instance-id=i-1", "--property", f"user-data=@{script}", "--output", str(out)]

    subprocess.run([sys.executable, "-m", "ovfinit", *words], check=True, capture_output=True)
    words = ["show", "--json", "--root", str(tmp_path), "--from", f"ovf:{out}", "user_data"]
    shown = json.loads(
        subprocess.run([sys.executable, "-m", "ovfinit", *words], check=True, capture_output=True).stdout
    )

    assert shown["size"] == script.stat().st_size
    assert shown["type"] == "text/x-shellscript"
    assert out.stat().st_mode & 0o777 == 0o600
