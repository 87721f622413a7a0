"""Plugins for tests, planted in a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scratch import Result


def plant(tree: Path, name: str, text: str | bytes, mode: int = 0o755) -> Path:
    """Put a plugin into the tree's folder."""
    path = tree / "etc/ovfinit/datasources" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def verdicts(result: Result) -> dict[str, dict[str, Any]]:
    """The verdicts of `explain --json` by name."""
    return {verdict["name"]: verdict for verdict in result.json["sources"]}


def plant_seed(tree: Path) -> None:
    """A seed in the tree itself, for the chain to go on to."""
    folder = tree / "var/lib/ovfinit/seed"
    folder.mkdir(parents=True)
    (folder / "meta-data").write_text("instance-id: from-seed\n")


EXECUTABLE = """#!/bin/sh
case $1 in
detect) test -e "$OVFINIT_ROOT/etc/rack" && echo "rack label found" >&2 ;;
read) echo '{"instance_id": "x-1", "hostname": "rack9", "user_data": {"base64": "IyEvYmluL3NoCg=="}}' ;;
esac
"""
