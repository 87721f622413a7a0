"""`ovf env`: a package's questions answered by options, files and defaults, and what the agent makes of the answers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answered import HOSTILE, QUESTIONS, properties, valid
from packages import envelope, folder, product
from scratch import Result, environment

from ovfinit.errors import InputError
from ovfinit.image.environment import document, iso

Program = Callable[..., Result]
VAPP = (
    '<VirtualSystemCollection ovf:id="shop"><Info/>'
    + product('ovf:key="zone" ovf:userConfigurable="true" ovf:value="eu"', 'ovf:key="over" ovf:value="parent"')
    + '<VirtualSystem ovf:id="web"><Info/>'
    + product('ovf:key="ip" ovf:userConfigurable="true"', 'ovf:key="over" ovf:value="${zone}-web"')
    + '</VirtualSystem><VirtualSystem ovf:id="db"><Info/>'
    + product('ovf:key="ip" ovf:userConfigurable="true" ovf:value="192.0.2.2"')
    + "</VirtualSystem></VirtualSystemCollection>"
)


def vapp() -> str:
    """A descriptor with two machines in a collection."""
    head, _, rest = envelope().partition("<VirtualSystem ")
    return head + VAPP + rest.rpartition("</VirtualSystem>")[2]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An image with values that need every kind of escaping."""
    values = {"hostname": "web1", "instance-id": "i-1", "shop.motto": HOSTILE}
    path = tmp_path / "env.iso"
    adapters = [document.Adapter("00:50:56:00:00:01", "VM Network")]
    path.write_bytes(iso.compose(document.compose(values, environment_id="web", adapters=adapters)))
    return path


def test_the_agent_reads_what_we_write(ovfinit: Program, made: Path, tmp_path: Path) -> None:
    """Values come back to the character, whatever XML makes of quotes and line breaks."""
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{made}").json
    assert shown["hostname"] == "web1"
    assert shown["properties"]["shop.motto"] == HOSTILE
    assert (shown["nics"][0]["mac"], shown["nics"][0]["network"]) == ("00:50:56:00:00:01", "VM Network")


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ufffe", "\ud800"])
def test_characters_that_xml_cannot_carry(character: str) -> None:
    """What XML cannot carry is an error that names the property, not a broken document."""
    with pytest.raises(InputError, match="control character"):
        document.compose({"hostname": f"a{character}b"})


def test_without_a_package(ovfinit: Program, tmp_path: Path) -> None:
    """Properties alone make an environment; user data from a file travels as base64, so that not a byte is lost."""
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\r\nprintf '\\377'\n")
    out = tmp_path / "env.xml"
    ovfinit("ovf", "env", "--property", "instance-id=i-1", "--set", f"user-data=@{script}", "--output", out)
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{out}", "user_data").json
    assert shown["size"] == script.stat().st_size
    assert shown["type"] == "text/x-shellscript"
    assert out.stat().st_mode & 0o777 == 0o600
    valid(out)


def test_answers_defaults_and_substitution(ovfinit: Program, tmp_path: Path) -> None:
    """Answers go before defaults, names in values are replaced, unknown ones stay and are told."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    result = ovfinit("ovf", "env", path, "--set", "hostname=web1", "--set", "size=9", "-o", out)
    assert properties(out) == {"hostname": "web1", "size": "9", "mode": "dhcp", "url": "http://web1/${unknown}"}
    assert "unknown" in result.err
    valid(out)


def test_platform_section(ovfinit: Program, tmp_path: Path) -> None:
    """What is said about the platform is what the agent shows; names that VMware fills in stay, and are told."""
    path, out = (
        folder(tmp_path / "app", envelope(product('ovf:key="ip" ovf:value="${autoIp:net}"'))),
        tmp_path / "e.xml",
    )
    words = ("ovf", "env", path, "-o", out, "--platform", "KVM", "--locale", "de_DE", "--timezone")
    assert "is for VMware to fill in" in ovfinit(*words, "-60").err
    valid(out)
    shown = ovfinit("show", "--json", "--root", tmp_path, "--from", f"ovf:{out}").json
    assert (shown["platform"], shown["properties"]) == ("KVM", {"ip": "${autoIp:net}"})
    ovfinit(*words, "841", code=2)


def test_missing_and_wrong_answers_are_named(ovfinit: Program, tmp_path: Path) -> None:
    """Without a terminal a required answer that is missing is an error with its key, like one that cannot be taken."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    words = ("ovf", "env", path, "-o", out, "--json")
    assert "hostname (of web) must have a value" in ovfinit(*words, code=1).json["error"]["message"]
    wrong = ("--set", "hostname=w", "--set", "size=256", "--set", "mode=magic")
    message = ovfinit(*words, *wrong, code=1).json["error"]["message"]
    assert "at most 255" in message
    assert "one of: dhcp, static" in message
    assert "mode" in ovfinit(*words, "--set", "mod=x", code=2).json["error"]["remedy"]
    assert ovfinit(*words, "--set", "url=x", code=2).json["error"]["code"] == "usage"
    ovfinit(*words, "--set", "hostname=w", "--set", "url=x", "--hidden")
    assert properties(out)["url"] == "x"


def test_answers_from_a_file(ovfinit: Program, tmp_path: Path) -> None:
    """A YAML file answers by key or by machine and key, values as they are spelled; the command line goes before it."""
    path, out = folder(tmp_path / "app", vapp()), tmp_path / "env.xml"
    answers = tmp_path / "answers.yaml"
    answers.write_text("zone: 0644\nweb:\n  ip: 192.0.2.1\ndb:\n  ip: 192.0.2.9\n")
    ovfinit("ovf", "env", path, "--machine", "web", "--answers", answers, "--set", "web/ip=192.0.2.7", "-o", out)
    assert properties(out) == {"zone": "0644", "over": "0644-web", "ip": "192.0.2.7"}
    answers.write_text("zone: [a]\n")
    where = ovfinit("ovf", "env", path, "--machine", "web", "--answers", answers, "-o", out, "--json", code=1).json
    assert where["error"]["where"] == f"{answers}:1:7"


def test_siblings_are_entities(ovfinit: Program, tmp_path: Path) -> None:
    """A machine of a vApp sees its collection's properties below its own, and each sibling as that is told itself."""
    path, out = folder(tmp_path / "app", vapp()), tmp_path / "env.xml"
    ovfinit("ovf", "env", path, "-o", out, code=2)
    nic = "52:54:00:12:34:56=Elsewhere"
    ovfinit("ovf", "env", path, "--machine", "web", "-o", out, "--nic", nic, code=2)
    ovfinit("ovf", "env", path, "--machine", "web", "--set", "web/ip=192.0.2.1", "-o", out, "--mac", nic[:17])
    text = out.read_text()
    entity = text.partition('<Entity oe:id="db">')[2].partition("</Entity>")[0]
    assert 'oe:key="ip" oe:value="192.0.2.2"' in entity
    assert 'oe:key="over" oe:value="parent"' in entity
    assert properties(out) == {"zone": "eu", "over": "eu-web", "ip": "192.0.2.1"}
    valid(out)


def test_deployment_options(ovfinit: Program, tmp_path: Path) -> None:
    """A deployment option brings its own defaults and its own properties."""
    section = (
        '<DeploymentOptionSection><Info/><Configuration ovf:id="small"/><Configuration ovf:id="large"/>'
        "</DeploymentOptionSection>"
    )
    body = (
        '<ProductSection><Info/><Property ovf:key="n" ovf:value="1"><Value ovf:value="9" ovf:configuration="large"/>'
        '</Property><Property ovf:key="only" ovf:value="x" ovf:configuration="large"/></ProductSection>'
    )
    path, out = folder(tmp_path / "app", envelope(body, sections=section)), tmp_path / "env.xml"
    ovfinit("ovf", "env", path, "-o", out)
    assert properties(out) == {"n": "1"}
    ovfinit("ovf", "env", path, "-o", out, "--deployment-option", "large")
    assert properties(out) == {"n": "9", "only": "x"}
    ovfinit("ovf", "env", path, "-o", out, "--deployment-option", "huge", code=2)


def test_circles_are_refused(ovfinit: Program, tmp_path: Path) -> None:
    """Values that name each other, and values that grow without bounds, give no environment."""
    ring = product('ovf:key="a" ovf:value="${b}"', 'ovf:key="b" ovf:value="${a}"')
    bomb = product('ovf:key="p0" ovf:value="xxxxxxxxxx"', *(
        f'ovf:key="p{n}" ovf:value="{f"${{p{n - 1}}}" * 10}"' for n in range(1, 30)
    ))  # fmt: skip
    for body, words in ((ring, "circles"), (bomb, "grows beyond")):
        path, out = folder(tmp_path / "app", envelope(body)), tmp_path / "env.xml"
        assert words in ovfinit("ovf", "env", path, "-o", out, code=1).err
        assert not out.exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """Where the environment does not fit, what was there before stays, and nothing half-written."""
    out = tmp_path / "env.iso"
    out.write_bytes(b"before")
    command = [sys.executable, "-m", "ovfinit", "ovf", "env", "--property", "hostname=web1", "-o", str(out)]

    def limit() -> None:
        import signal

        # a file may not grow: what a full disk does, without filling one
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(command, capture_output=True, check=False, env=environment(), preexec_fn=limit)
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr
    assert out.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["env.iso"]


def test_json_document(ovfinit: Program, tmp_path: Path) -> None:
    """`--json` tells what was written, never a value."""
    out = tmp_path / "env.iso"
    result = ovfinit("ovf", "env", "--property", "password=secret", "-o", out, "--json")
    told: Any = result.json
    assert told["properties"] == ["password"]
    assert (told["format"], told["size"]) == ("iso", out.stat().st_size)
    assert "secret" not in result.out
