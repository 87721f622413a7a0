"""What reading and writing a network configuration gives: the network or its files, and what its author should know."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Network

# the first line of each file that we write, in the comment that all four renderers' formats share
HEADER = "# Written by ovfinit from the network configuration of this instance.\n"


class Finding(Record):
    """Something to tell the author of a document: keys and indices that lead to the value, and what is off there."""

    path: tuple[str | int, ...]
    message: str

    @property
    def dotted(self) -> str:
        """The path as people write it: `ethernets.eth0.addresses[1]`; keys that nobody writes are quoted and cut."""
        words = (part if isinstance(part, int) or part.isprintable() else repr(part) for part in self.path)
        return "".join(f"[{word}]" if isinstance(word, int) else f".{word[:64]}" for word in words).removeprefix(".")

    def __str__(self) -> str:
        return f"{self.dotted}: {self.message}" if self.path else self.message


class Parsed(Record):
    """What a parser hands back: the network without what cannot be used, and what its author should know.

    An error costs the value it is in; where that value says which device is meant, it costs the device and is one of
    the `lost` as well. A warning is about something left out because we do not know it. What is deprecated is
    understood all the same.
    """

    network: Network
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    deprecations: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()


class Converted(Record):
    """What became of a document in another form: a version 2 mapping, and findings with paths in that document.

    `errors`, `warnings` and `lost` as in `Parsed`. `places`: section and id of a device → its place in the document.
    """

    network: Mapping[str, object]
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()
    places: Mapping[tuple[str, str], tuple[str | int, ...]] = {}


class RenderedFile(Record):
    """One configuration file: its text and mode."""

    text: str
    mode: int = 0o644


class Rendered(Record):
    """What a renderer hands back: files by path of the tree, what it had to refuse, what it cannot express.

    `names`: the interfaces that are configured, as far as their names can be known now. `left_out`: ids of devices
    that an error cost.
    """

    files: Mapping[str, RenderedFile]
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
