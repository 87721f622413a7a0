"""Trees that pose as machines with one network manager or another, and what the network duty hands out for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovfinit.changes import LeaveAlone, RemoveFile, WriteBlock, WriteFile
from ovfinit.config import Config, NetworkConfig
from ovfinit.errors import ChangeError
from ovfinit.handlers import network
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem
from ovfinit.state import Past

NOTHING_BEFORE = Past()
IFUPDOWN_FILE = "/etc/network/interfaces.d/50-ovfinit"
MAIN = "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n"
DOCUMENT: dict[str, Any] = {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}}


class Outcome:
    """What the duty handed out: files, problems as texts, and the error it ended with."""

    def __init__(self, root: Path, document: dict[str, Any] | None, renderer: str, past: Past = NOTHING_BEFORE) -> None:
        self.files: dict[str, WriteFile] = {}
        self.blocks: dict[str, WriteBlock] = {}
        self.removed: list[str] = []
        self.problems: list[str] = []
        self.error: ChangeError | None = None
        self.alone = False
        metadata = Metadata(instance_id="i-1", network=document, origins={"network": "#/network-config"})
        config = Config(network=NetworkConfig(renderer=renderer))
        try:
            for item in network.changes(metadata, config, Host(str(root)), past):
                if isinstance(item, Problem):
                    self.problems.append(f"{item.where}: {item.message}" if item.where else item.message)
                elif isinstance(item, WriteBlock):
                    self.blocks[item.target] = item
                elif isinstance(item, RemoveFile):
                    self.removed.append(item.target)
                else:
                    assert isinstance(item, WriteFile)
                    self.files[item.target] = item
        except ChangeError as error:
            self.error = error
        except LeaveAlone:
            self.alone = True


def plan(root: Path, document: dict[str, Any] | None = DOCUMENT, renderer: str = "auto") -> Outcome:
    """Ask the duty about a tree."""
    return Outcome(root, document, renderer)


def make(root: Path, *paths: str, **contents: str) -> None:
    """Make files in the tree: empty ones by path, and by keyword (`interfaces`) those with content."""
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    for name, content in contents.items():
        target = root / "etc/network" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def enable(root: Path, unit: str, target: str = "multi-user.target") -> None:
    """Enable a service as systemctl does, with an absolute link into the tree."""
    link = root / f"etc/systemd/system/{target}.wants/{unit}.service"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"/lib/systemd/system/{unit}.service")


def ifupdown(root: Path, main: str = MAIN) -> None:
    """A tree as the Debian installer leaves it."""
    make(
        root,
        "usr/sbin/ifup",
        "usr/sbin/resolvconf",
        "lib/systemd/systemd",
        "lib/systemd/systemd-networkd",
        interfaces=main,
    )
    enable(root, "networking")
