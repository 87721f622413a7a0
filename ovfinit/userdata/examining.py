"""User data looked at before any machine meets it: the same way a boot takes it, nothing fetched, nothing rendered."""

from __future__ import annotations

from ..finding import ERROR, WARNING, Finding
from ..payload import BOM, sniff
from .collecting import sort_out
from .kinds import BOOTHOOK, CONFIG, WHEN
from .part import Part
from .unfolding import Unfolding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def examine(content: bytes, file: str) -> Sequence[Finding]:
    """All that is wrong with it, in the order of the parts; `file` is what findings call it."""
    work = Unfolding()
    kind = None
    if _is_headless(content):
        # what else it is, is judged as well
        kind = CONFIG
        from .unknown import explain

        work.error(Part(content, file, file), *explain(Part(content, file, file)))
    parts = list(work.unfold(Part(content, file, file, kind)))
    for part in parts:
        if part.kind in WHEN or part.kind == BOOTHOOK:
            work.findings += _script(part)
    return sort_out(parts, work).findings


def _is_headless(content: bytes) -> bool:
    """True for a mapping in YAML that says nothing of what it is."""
    from ..errors import InputError
    from ..formats.yamltext import load

    if sniff(content) is not None:
        return False
    try:
        return isinstance(load(content, "").value, dict)
    except InputError:
        return False


def _script(part: Part) -> Iterator[Finding]:
    """What the kernel would make of its first line."""
    first = part.content.removeprefix(BOM).lstrip().partition(b"\n")[0]
    if first.endswith(b"\r"):
        message = "lines end as on Windows; they are converted before the script runs"
        yield Finding(WARNING, f"{part.where}:1:1", "", message)
    if not first.startswith(b"#!"):
        return
    program = first[2:].decode("utf-8", "replace").split()
    if not program or not program[0].startswith("/"):
        yield Finding(ERROR, f"{part.where}:1:3", "", "the interpreter after #! must be an absolute path", "#!/bin/sh")
