"""Version 2 documents of one adapter, parsed."""

from __future__ import annotations

from typing import Any

from ovfinit.network import v2
from ovfinit.network.outcome import Parsed


def ethernet(**settings: Any) -> Parsed:
    """A document with one adapter called eth0; `_` in keys stands for `-`."""
    return v2.parse(
        {"version": 2, "ethernets": {"eth0": {key.replace("_", "-"): value for key, value in settings.items()}}}
    )


def errors(parsed: Parsed) -> list[str]:
    """All mistakes as texts."""
    return [str(finding) for finding in parsed.errors]
