"""Folders on the way to what is written."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host


def make_folders(host: Host, path: str) -> None:
    """Make the folders above a path of the tree that are missing, 0755 root."""
    os.makedirs(os.path.dirname(host.real(path, follow=False)), mode=0o755, exist_ok=True)
