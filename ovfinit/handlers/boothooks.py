"""Boothooks: programs of the user's that run at every boot, before anything else of the user's."""

from __future__ import annotations

from ..changes import BOOT, NETWORK, Run, WriteFile
from ..paths import INSTANCES
from ..state import folder_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "boothooks"


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change]:
    """In the order given, the vendor's first, in the network stage."""
    del host, past
    assert metadata.instance_id is not None
    folder = f"{INSTANCES}/{folder_name(metadata.instance_id)}/boothooks"
    for hook in handed.boothooks:
        path = f"{folder}/{hook.name}"
        yield WriteFile(NAME, path, NETWORK, content=hook.content, mode=0o700, ours=False)
        yield Run(NAME, path, NETWORK, command=(path,), timeout=config.scripts.timeout, when=BOOT)
