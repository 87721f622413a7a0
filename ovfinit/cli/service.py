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
    """Run the daemon on this machine, or as a boot of a tree would; the one document is the status that it leaves."""
    del name
    from .. import status
    from ..daemon import main
    from ..host import Host
    from .output import Output

    code = main(options.root, options.wanted, options.config)
    output = Output(options)
    if not output.json and not output.strict:
        return code
    known = status.read(Host(options.root))
    output.warned = known["status"] == status.WARNED
    if output.json:
        output.document(known)
    return output.code(code)
