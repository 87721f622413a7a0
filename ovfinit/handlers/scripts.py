"""Users' scripts: kept, and run in the final stage, in the order given; the vendor's run before the user's."""

from __future__ import annotations

from ..changes import FINAL, Run, WriteFile
from ..paths import INSTANCES
from ..state import folder_name
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData
    from ..userdata.spec import Spec

NAME = "scripts"
# looks its first word up in PATH
ENV = "/usr/bin/env"


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING) -> Iterator[Change]:
    """A file for root alone, and a run of it, for each script; `vendor_data.prefix` goes before a vendor's."""
    del host, past
    assert metadata.instance_id is not None
    folder = f"{INSTANCES}/{folder_name(metadata.instance_id)}/scripts"
    prefix = handed.config.get("vendor_data", {}).get("prefix", ())
    for script in handed.scripts:
        path = f"{folder}/{script.name}"
        command = (ENV, *prefix, path) if script.vendor and prefix else (path,)
        yield WriteFile(NAME, path, FINAL, content=script.content, mode=0o700, ours=False)
        yield Run(NAME, path, FINAL, command=command, timeout=config.scripts.timeout, when=script.when)


def __getattr__(name: str) -> Mapping[str, Spec]:
    """`KEYS`, only for whoever hands over such a key: every boot loads this module."""
    if name != "KEYS":
        raise AttributeError(name)
    from ..userdata.scalars import Flag, Text
    from ..userdata.schema import Many, Table

    return {
        "vendor_data": Table(
            "What the user wants of the vendor's data.",
            keys={
                "enabled": Flag("False: nothing of the vendor's data is used."),
                "prefix": Many("Words that go before each of the vendor's scripts.", item=Text(), single=True),
            },
        )
    }
