"""Asking one duty about a tree, with cloud-config as a user writes it: typed by the duty's own table, as at a boot."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ovfinit.changes import Change
from ovfinit.config import Config
from ovfinit.errors import OvfinitError
from ovfinit.finding import Finding
from ovfinit.formats import yamltext
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past
from ovfinit.userdata import UserData
from ovfinit.userdata.reading import UNFIT, Reading


class Answer:
    """What a duty handed out: changes, problems as texts, the error it ended with, and what its table found."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.changes: list[Change] = []
        self.problems: list[str] = []
        self.error: OvfinitError | None = None

    def one(self, target: str) -> Any:
        """The only change about a target."""
        found = [change for change in self.changes if change.target == target]
        assert len(found) == 1, [change.target for change in self.changes]
        return found[0]

    @property
    def targets(self) -> list[str]:
        """What the changes are about, in order."""
        return [change.target for change in self.changes]

    @property
    def said(self) -> list[str]:
        """The findings without their place: `error: path: message (hint)`."""
        return [finding.text.split(": ", 1)[1] for finding in self.findings]


def ask(duty: ModuleType, root: str | Path, text: str = "", **metadata: Any) -> Answer:
    """The answer of a duty to this cloud-config and metadata, in a tree without a past."""
    document = yamltext.load(text, "user-data")
    reading = Reading(document)
    typed = {}
    for key, value in (document.value or {}).items():
        read = duty.KEYS[key].read(value, (key,), reading)
        if read is not UNFIT:
            typed[key] = read
    answer = Answer(reading.findings)
    known = Metadata(**{"instance_id": "i-1", **metadata})
    try:
        for item in duty.changes(known, Config(), Host(str(root)), Past(), UserData(typed)):
            if isinstance(item, Problem):
                answer.problems.append(item.text)
            else:
                answer.changes.append(item)
    except OvfinitError as error:
        answer.error = error
    return answer
