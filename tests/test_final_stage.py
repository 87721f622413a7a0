"""The final stage asks only the duties that the stage before it left something to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ovfinit import status
from ovfinit.boot import Boot
from ovfinit.stages import FINAL, LOCAL

SCRIPT = "#!/bin/sh\nexit 0\n"


def boot(tree: Path, word: str) -> Boot:
    """A boot on a tree, as the daemon has it; `word` is that of `--from`."""
    name, _, location = word.partition(":")
    return Boot(str(tree), [(name, location)], lenient=True)


def test_who_has_something_left(tree: Path, seed: Any) -> None:
    """Duties whose every step came before are left in peace, and what they wrote stays."""
    agent = boot(tree, seed(user_data=SCRIPT))
    found = agent.probe(network=False)
    assert found.metadata is not None
    whole = agent.plan(found.metadata)
    assert "scripts" in whole.unsettled()
    assert not {"hostname", "ssh_keys", "users"} & whole.unsettled()

    agent.apply(found, (LOCAL,), more=True)
    report = agent.apply(found, (FINAL,))

    assert {duty.handler for duty in agent.plan(found.metadata, whole.unsettled()).duties} <= whole.unsettled()
    assert (tree / "etc/sudoers.d/90-ovfinit").exists()
    assert report.status["handlers"]["hostname"]["result"] == "done"
    assert not [step for step in boot(tree, seed(user_data=SCRIPT)).plan(found.metadata).steps() if step.due]


def test_what_failed_before_is_not_forgotten(tree: Path, seed: Any) -> None:
    """A duty that failed before the final stage has failed after it as well."""
    (tree / "etc/hosts").unlink()
    (tree / "etc/hosts").mkdir()
    agent = boot(tree, seed(user_data=SCRIPT))
    found = agent.probe(network=False)
    agent.apply(found, (LOCAL,), more=True)
    agent.apply(found, (FINAL,))

    known = json.loads((tree / "run/ovfinit/status.json").read_text())
    assert known["status"] == status.FAILED
    assert known["handlers"]["hostname"]["result"] == "failed"
    assert [error["handler"] for error in known["errors"]] == ["hostname"]


def test_a_first_boot_tells_of_no_earlier_one(tree: Path, seed: Any) -> None:
    """Cloud-config that cannot be read has failed on a first boot; nothing is said of what another boot did by it."""
    parts = "#cloud-config-archive\n- '#!/bin/sh\n\n  exit 0'\n- \"#cloud-config\\nhostname: [\\n\"\n"
    agent = boot(tree, seed(user_data=parts))
    found = agent.probe(network=False)
    agent.apply(found, (LOCAL,), more=True)
    report = agent.apply(found, (FINAL,))

    assert report.status["status"] == status.FAILED
    assert report.status["warnings"] == []
