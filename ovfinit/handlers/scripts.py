"""Users' scripts: user data and vendor data that start with `#!`, kept and run once, in the final stage."""

from __future__ import annotations

from ..changes import FINAL, Run, WriteFile
from ..errors import InputError
from ..model import Problem
from ..paths import INSTANCES
from ..state import folder_name
from ..userdata import NOTHING
from ..userdata.content import expand, sniff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "scripts"
SCRIPT = "text/x-shellscript"


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """The vendor's script runs before the user's. What is not a script is reported, never guessed at."""
    del host, past, handed
    assert metadata.instance_id is not None
    folder = f"{INSTANCES}/{folder_name(metadata.instance_id)}/scripts"
    for field in ("vendor_data", "user_data"):
        data: bytes | None = getattr(metadata, field)
        if not data or not data.strip():
            continue
        origin = metadata.origins.get(field)
        try:
            data = expand(data)
        except InputError as error:
            yield Problem(field, error.message, origin)
            continue
        kind = sniff(data)
        if kind != SCRIPT:
            yield Problem(field, f"is {kind or 'of no known type'}; only #! scripts are run", origin)
            continue
        if data.partition(b"\n")[0].endswith(b"\r"):
            # written on Windows: the kernel would look for an interpreter whose name ends in a carriage return
            data = data.replace(b"\r\n", b"\n")
        path = f"{folder}/{field.replace('_', '-')}"
        yield WriteFile(NAME, path, FINAL, content=data, mode=0o700, ours=False)
        yield Run(NAME, path, FINAL, command=(path,), timeout=config.scripts.timeout)
