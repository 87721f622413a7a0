"""`daemon`: what ovfinit.service runs at every boot."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "daemon": "The boot-time daemon that ovfinit.service starts: local, network and final stage of one boot,\n"
    "then it ends. Without systemd's notify socket the stages run in order."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Only the options that mean the same everywhere."""


def run(name: str, options: Namespace) -> int:
    """Run the daemon on this machine; a tree is customized by `apply`."""
    del name
    from ..daemon import main

    return main(options.root, options.wanted, options.config)
