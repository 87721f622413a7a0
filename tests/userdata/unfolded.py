"""What comes of user data."""

from __future__ import annotations

from typing import Any

from ovfinit.model import Metadata
from ovfinit.userdata import UserData, collect

SCRIPT = "#!/bin/sh\necho hello\n"
CONFIG = "#cloud-config\ntimezone: Europe/Vienna\n"


def handed(user: bytes | str | None = None, vendor: bytes | str | None = None, **known: Any) -> UserData:
    """What comes of this data, without a network."""
    texts = {"user_data": user, "vendor_data": vendor}
    data = {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}
    return collect(Metadata(**data, **known))


def words(found: UserData) -> list[str]:
    """The findings as people see them."""
    return [finding.text for finding in found.findings]
