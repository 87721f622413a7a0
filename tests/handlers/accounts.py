"""What the users duty makes of a cloud-config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handlers.cloudconfig import handed
from scratch import KEY

from ovfinit.changes import Change
from ovfinit.config import Config, UserConfig
from ovfinit.handlers import users
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past

SETTINGS = Config(default_user=UserConfig(name="admin", groups=("adm", "sudo")))


def wanted(root: Path, text: str, past: Past | None = None, **metadata: Any) -> list[Change | Problem]:
    """What the duty yields for a cloud-config in which nothing is off."""
    known = {"public_keys": [KEY], **metadata}
    return list(users.changes(Metadata(**known), SETTINGS, Host(str(root)), past or Past(), handed(users, text)))


def kinds(changes: list[Change | Problem], kind: type) -> dict[str, Any]:
    """Those of one kind by target, problems by field."""
    return {
        item.field if isinstance(item, Problem) else item.target: item for item in changes if isinstance(item, kind)
    }


def problems(changes: list[Change | Problem]) -> list[str]:
    """What had to be left out."""
    return [f"{item.field}: {item.message}" for item in changes if isinstance(item, Problem)]
