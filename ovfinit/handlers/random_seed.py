"""Random seeds: what the user and the platform give is mixed into the kernel's, and a command may fetch more."""

from __future__ import annotations

from ..changes import NETWORK, Call, WriteFile
from ..errors import InputError
from ..model import Problem, Secret
from ..userdata.content import decompress, unwrap
from ..userdata.scalars import Command, Data, Flag, Text
from ..userdata.schema import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "random_seed"
KERNEL = "/dev/urandom"


def _judge_file(path: str) -> str | None:
    good = path.startswith("/") and ".." not in path.split("/") and not path.endswith("/")
    return None if good else "must be the absolute path of a file"


KEYS = {
    "random_seed": Table(
        "Randomness for a machine that has none of its own yet.",
        keys={
            "file": Text(f"Where it goes, {KERNEL} by default.", check=_judge_file),
            "data": Data("The seed."),
            "encoding": Text("How it is written.", choices=("raw", "base64", "b64", "gzip", "gz")),
            "command": Command("A command that gives more; it finds the file in RANDOM_SEED_FILE."),
            "command_required": Flag("Whether it is an error if there is no such command."),
        },
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """A device is written to, never replaced; a file keeps what it has."""
    del config, past
    wanted: Mapping[str, Any] = handed.config.get("random_seed", {})
    path = wanted.get("file", KERNEL)
    seed = b""
    try:
        seed = _decoded(wanted.get("data", b""), wanted.get("encoding", "raw"))
    except InputError as error:
        yield Problem("random_seed.data", error.message)
    given = metadata.properties.get("random_seed")
    if given is not None:
        text = given.reveal() if isinstance(given, Secret) else given
        seed += unwrap(text) or text.encode("utf-8", "surrogateescape")
    if seed and path.startswith("/dev/"):
        yield Call(
            NAME,
            path,
            command=("dd", "status=none", f"of={path}", "conv=notrunc"),
            hidden=Secret(seed.decode("utf-8", "surrogateescape")),
        )
    elif seed:
        yield WriteFile(NAME, path, content=seed, mode=0o600, ours=False, secret=True, append=True)
    command = wanted.get("command")
    if command is None:
        return
    words = ("sh", "-c", command) if isinstance(command, str) else command
    if not wanted.get("command_required", False) and host.live and host.tool(words[0]) is None:
        return
    yield Call(NAME, f"command {words[0]}", NETWORK, command=words, environment={"RANDOM_SEED_FILE": path})


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding in ("base64", "b64"):
        found = unwrap(data.decode("ascii", "replace"))
        if found is None:
            raise InputError("is not base64, though its encoding is given as such")
        return found
    return decompress(data) if encoding in ("gzip", "gz") else data
