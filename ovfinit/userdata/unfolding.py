"""Unfolding user data: containers are opened until only parts are left that somebody can use.

What is too deep, too large, too many or of no known type is a finding, and the rest goes on.
"""

from __future__ import annotations

from ..errors import InputError
from ..finding import ERROR, WARNING, Finding
from ..payload import BOM, GZIP, sniff
from .content import LIMIT, decompress
from .kinds import CONTAINERS, GENERIC, LEAVES, REFUSED, SCRIPT, describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from .part import Part

DEPTH_LIMIT, PARTS_LIMIT = 10, 1000
TOO_LARGE = f"is left out: all parts unpacked would be larger than {LIMIT} bytes"


class Unfolding:
    """The work on one instance's user data, and what is shared by all its parts.

    Attributes:
        room: bytes that may still be unpacked, decoded or fetched.
        launch_index: of this instance; parts for another one are left out. None takes all.
        variables: what templates are rendered with; None renders none.
        fetched: what was read from URLs, on this boot or an earlier one.
        fetch: reads a URL within so many bytes; None as long as there is no network.
        wanting: URLs that could not be read without one.
        failed: an include could not be read.
        unread: the first part of which nobody knows what it says, as a finding.
    """

    def __init__(
        self,
        *,
        launch_index: int | None = None,
        variables: Callable[[], Mapping[str, Any]] | None = None,
        fetched: Mapping[str, bytes] | None = None,
        fetch: Callable[[str, int], bytes] | None = None,
    ) -> None:
        self.room = LIMIT
        self.launch_index = launch_index
        self.variables = variables
        self.fetched = dict(fetched or {})
        self.fetch = fetch
        self.findings: list[Finding] = []
        self.wanting: list[str] = []
        self.parts = 0
        self.failed = False
        self.unread: Finding | None = None

    def error(self, part: Part, message: str, hint: str | None = None, *, line: int = 1, column: int = 1) -> None:
        """Something of this part cannot be used."""
        self.findings.append(Finding(ERROR, f"{part.where}:{line}:{column}", "", message, hint))

    def lose(self, part: Part, message: str, hint: str | None = None, *, line: int = 1) -> None:
        """What this part says is not known, which is another thing than that it says nothing."""
        self.error(part, message, hint, line=line)
        self.unread = self.unread or self.findings[-1]

    def warning(self, part: Part, message: str, hint: str | None = None, *, line: int = 1, column: int = 1) -> None:
        """Something of this part is off, and used nevertheless."""
        self.findings.append(Finding(WARNING, f"{part.where}:{line}:{column}", "", message, hint))

    def invalid(self, error: InputError, *, whole: bool = False) -> None:
        """A piece of a document of this part cannot be read, or the `whole` of it."""
        where = error.where or ""
        self.findings.append(Finding(ERROR, where, "", error.message, error.remedy))
        if whole:
            self.unread = self.unread or self.findings[-1]

    def is_for_us(self, launch_index: object) -> bool:
        """False for a part of another instance of the same launch; a part that names none is for all."""
        text = str(launch_index).strip() if launch_index is not None else ""
        return self.launch_index is None or not text.isdecimal() or int(text) == self.launch_index

    def unfold(self, part: Part) -> Iterator[Part]:
        """The parts that can be used, in order, each with its kind."""
        self.parts += 1
        if self.parts > PARTS_LIMIT:
            if self.parts == PARTS_LIMIT + 1:
                self.lose(part, f"is left out with all that follow: there are more than {PARTS_LIMIT} parts")
            return
        if len(part.numbers) + len(part.trail) > DEPTH_LIMIT:
            self.lose(part, f"is nested more than {DEPTH_LIMIT} levels deep")
            return
        content = self._unpacked(part)
        if content is None:
            return
        part = part.with_(content=content)
        kind = self._kind(part)
        if kind is None:
            return
        if kind in REFUSED:
            self.error(part, f"is {describe(kind)}, which is not supported", REFUSED[kind])
        elif kind in LEAVES:
            yield part.with_(kind=kind)
        else:
            name = "mime" if kind.startswith("multipart/") else CONTAINERS[kind]
            module = __import__(f"{__package__}.{name}", fromlist=["unfold"])
            for inner in module.unfold(part.with_(kind=kind), self):
                yield from self.unfold(inner)

    def take(self, part: Part, size: int) -> bool:
        """Count bytes that came out of a container; False and a finding if there is no room for them."""
        self.room -= size
        if self.room < 0:
            self.lose(part, TOO_LARGE)
        return self.room >= 0

    def _unpacked(self, part: Part) -> bytes | None:
        content = part.content
        for _ in range(DEPTH_LIMIT):
            if not content.startswith(GZIP):
                if not content.strip():
                    self.warning(part, "is empty")
                    return None
                return content
            try:
                content = decompress(content, max(self.room, 0))
            except InputError as error:
                # how much room is left depends on the other parts
                larger = error.message.startswith("would be larger")
                self.lose(part, TOO_LARGE if larger else error.message)
                return None
            self.room -= len(content)
        self.lose(part, f"is packed more than {DEPTH_LIMIT} times")
        return None

    def _kind(self, part: Part) -> str | None:
        """What a part is, as declared or as its content tells; None with a finding if nobody knows."""
        declared = part.kind
        known = declared is not None and (declared in LEAVES or declared in CONTAINERS or declared in REFUSED)
        if declared is not None and declared.startswith("multipart/"):
            return declared
        if declared is None or declared in GENERIC or not known:
            found = sniff(part.content)
            if found is None or found == "application/gzip":
                from .unknown import UTF16, explain

                # what nobody recognises may be for a program of the user's own, and asks nothing of us
                told = self.lose if part.content.startswith(UTF16) else self.error
                told(part, *explain(part))
                return None
            if declared is not None and declared not in GENERIC:
                self.warning(part, f"has the unknown type {declared[:60]!r}; it is taken for {describe(found)}")
            return found
        if declared.startswith(SCRIPT) and not part.content.removeprefix(BOM).lstrip().startswith(b"#!"):
            found = sniff(part.content)
            if found is None:
                self.error(
                    part, "is declared as a script, and has no first line that names its interpreter", "#!/bin/sh"
                )
                return None
            self.warning(part, f"is declared as a script; it is taken for {describe(found)}, as it begins")
            return found
        return declared
