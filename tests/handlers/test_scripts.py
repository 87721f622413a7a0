"""The scripts duty: what is kept and run, what is only reported; and a real run in a machine of its own."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from scratch import make_seed

from ovfinit.changes import FINAL, Change, Run, WriteFile
from ovfinit.config import Config, ScriptsConfig
from ovfinit.handlers import scripts
from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.state import Past
from ovfinit.userdata import collect

SCRIPT = b"#!/bin/sh\necho hello\n"
FOLDER = "/var/lib/ovfinit/instances/i-1/scripts"


def wanted(config: Config | None = None, **metadata: Any) -> list[Change]:
    """What the duty yields for this metadata."""
    known = Metadata(**{"instance_id": "i-1", **metadata})
    return list(scripts.changes(known, config or Config(), Host(), Past(), collect(known)))


def test_script_is_kept_and_run() -> None:
    """A script is a file for root alone and a run in the final stage, with the time that the admin set."""
    path = f"{FOLDER}/user-data"
    config = Config(scripts=ScriptsConfig(timeout=5.0))
    assert wanted(config, user_data=SCRIPT) == [
        WriteFile("scripts", path, FINAL, content=SCRIPT, mode=0o700, ours=False),
        Run("scripts", path, FINAL, command=(path,), timeout=5.0),
    ]


def test_vendor_before_user() -> None:
    """The vendor's script runs first, so that the user has the last word."""
    runs = [change.target for change in wanted(user_data=SCRIPT, vendor_data=SCRIPT) if isinstance(change, Run)]
    assert runs == [f"{FOLDER}/vendor-data", f"{FOLDER}/user-data"]


def test_hostile_instance_id() -> None:
    """The folder of an id that looks like a path stays a folder of ours."""
    assert wanted(instance_id="../../etc", user_data=SCRIPT)[0].target.startswith(
        "/var/lib/ovfinit/instances/%2E.%2F..%2Fetc/"
    )


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (gzip.compress(SCRIPT, mtime=0), SCRIPT),
        (b"#!/bin/sh\r\necho\r\n", b"#!/bin/sh\necho\n"),
        (b"#!/bin/sh\nprintf 'a\\r\\n'\r\n", b"#!/bin/sh\nprintf 'a\\r\\n'\r\n"),
        (b"#!/bin/sh", b"#!/bin/sh"),
    ],
)
def test_forms_of_a_script(data: bytes, kept: bytes) -> None:
    """Compressed scripts are unpacked, those of Windows get the line ends that the kernel understands, no other."""
    file = wanted(user_data=data)[0]
    assert isinstance(file, WriteFile)
    assert file.content == kept


@pytest.mark.parametrize("data", [None, b"", b"\n \n"])
def test_nothing(data: bytes | None) -> None:
    """Nothing to run is no problem."""
    assert wanted(user_data=data) == []


@pytest.mark.parametrize(
    "data", [b"hello", b"\x00\x01", gzip.compress(b"text", mtime=0), b"\x1f\x8b broken", b"<html>"]
)
def test_what_is_no_script(data: bytes) -> None:
    """What is no script is reported, and neither kept nor run."""
    assert wanted(user_data=data) == []
    assert [finding.severity for finding in collect(Metadata(user_data=data)).findings] == ["error"]


def test_scripts_run_on_a_real_machine(machine: Any, tmp_path: Path) -> None:
    """On the machine itself scripts run once, in a session of their own; exit codes are told, output is logged."""
    own = tmp_path / "data"
    vendor = "#!/bin/sh\necho vendor was here\nexit 3\n"
    user = "#!/bin/sh\necho run >> /tmp/runs\necho out; echo err >&2; pwd; id -un; cat\n"
    source = make_seed(own, user_data=user, network=False)
    (own / "vendor-data").write_text(vendor)
    (tmp_path / "own.yaml").write_text("disable: [users, network, ssh_keys]\n")
    program = f"{sys.executable} -m ovfinit"
    words = f"--from {source} --config {tmp_path}/own.yaml"
    result = machine(
        f"cd /; {program} apply {words} --json > /tmp/first; echo code $?; hostname; cat /tmp/runs;"
        f"{program} apply {words} --json > /tmp/second; echo code $?; cat /tmp/runs; cat /var/log/ovfinit-output.log;"
        "stat -c %a /var/log/ovfinit-output.log; cat /tmp/first /dev/null; echo; echo ---; cat /tmp/second; echo ---;"
        f"{program} undo > /dev/null 2>&1; echo code $?; hostname; cat /etc/hostname; ls /var/lib/ovfinit"
    )
    told, first, rest = result.stdout.partition("{\n")
    assert told.splitlines()[:3] == ["code 1", "web1", "run"], result
    assert told.splitlines()[3:5] == ["code 1", "run"], "the script that worked has not run again"
    assert "vendor was here" in told
    assert "out\nerr\n/\nroot\n" in told
    assert told.rstrip().endswith("640")
    status = json.loads(first + rest.partition("\n---")[0])
    assert {script["name"]: script["exit_code"] for script in status["scripts"]} == {"vendor-data": 3, "user-data": 0}
    assert "ended with exit code 3" in status["errors"][0]["message"]
    assert "code 0" in rest.rpartition("---")[2]


def test_script_that_does_not_end(machine: Any, tmp_path: Path) -> None:
    """A script is ended at its time limit, with all it started, and the others run."""
    own = tmp_path / "data"
    source = make_seed(own, user_data="#!/bin/sh\necho second\n", network=False)
    (own / "vendor-data").write_text("#!/bin/sh\nsleep 1234 & sleep 1234\n")
    (tmp_path / "own.yaml").write_text("disable: [users, network, ssh_keys]\nscripts: {timeout: 0.3}\n")
    result = machine(
        f"cd /; {sys.executable} -m ovfinit apply --from {source} --config {tmp_path}/own.yaml; echo code $?;"
        "cat /var/log/ovfinit-output.log; grep -c 1234 /proc/[0-9]*/cmdline | grep -v :0"
    )
    assert "was not done after 0.3 seconds" in result.stderr
    assert "code 1" in result.stdout
    assert "second" in result.stdout
    left = [line for line in result.stdout.splitlines() if line.startswith("/proc/") and "/1/" not in line]
    assert not [line for line in left if "sleep" in line]
