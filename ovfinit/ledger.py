"""The ledger: which contents on this machine are ours, so that a change by somebody else's hand is recognised."""

from __future__ import annotations

from .changes import MakeFolder, MakeLink, RemoveFile, WriteBlock, WriteFile
from .digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence

    from .changes import Change
    from .state import Past
    from .step import Step

# neither a block nor a folder is recognised by a digest: the rest of the file is not ours, nor what is in the folder
BLOCK, FOLDER = ("block",), ("folder",)


def expected(past: Past, steps: Sequence[Step]) -> Past:
    """What may stand on the machine if we are killed now: what stands there, old contents of ours and new ones."""
    written, wanted_by = dict(past.written), dict(past.wanted_by)
    for step in steps:
        digests = _digests(step)
        if digests:
            path = step.change.target
            # not ours, but neither somebody's later work: the next run must go on replacing it
            replaced = (sha256(step.before).hexdigest(),) if step.due and step.before and digests != BLOCK else ()
            written[path] = tuple(dict.fromkeys((*written.get(path, ()), *replaced, *digests)))
            if _goes_with_us(step, past):
                wanted_by[path] = step.change.handler
    return past.with_(written=written, wanted_by=wanted_by)


def settled(past: Past, steps: Sequence[Step], made: Container[str]) -> Past:
    """What stands on the machine now that the changes to the targets in `made` were made."""
    written, wanted_by = dict(past.written), dict(past.wanted_by)
    for step in steps:
        change = step.change
        digests = _digests(step)
        if change.kind == "remove" or (isinstance(change, WriteBlock) and not change.lines):
            if not step.kept:
                written.pop(change.target, None)
                wanted_by.pop(change.target, None)
        elif digests and (not step.due or change.target in made):
            written[change.target] = digests
            if _goes_with_us(step, past):
                wanted_by[change.target] = change.handler
    return past.with_(new=False, written=written, wanted_by=wanted_by)


def leftover(past: Past, path: str, inside: Collection[str] = ()) -> Change:
    """What takes away something of ours that nobody wants any more; `inside` goes before a folder does."""
    handler, marked = past.wanted_by[path], past.written[path]
    if marked == BLOCK:
        return WriteBlock(handler, path)
    if marked == FOLDER:
        return RemoveFile(handler, path, folder=True, inside=tuple(sorted(inside)))
    return RemoveFile(handler, path)


def _digests(step: Step) -> tuple[str, ...]:
    change = step.change
    if step.kept or step.error is not None:
        return ()
    if isinstance(change, WriteFile):
        # what is added to is somebody else's
        return () if change.append else (sha256(change.content).hexdigest(),)
    if isinstance(change, MakeLink):
        return (sha256(change.to.encode()).hexdigest(),)
    if isinstance(change, MakeFolder):
        return FOLDER
    return BLOCK if isinstance(change, WriteBlock) and change.lines else ()


def _goes_with_us(step: Step, past: Past) -> bool:
    """True for what is removed once nobody wants it any more."""
    change = step.change
    if isinstance(change, WriteFile):
        return change.ours
    if isinstance(change, (MakeLink, MakeFolder)):
        return step.action == "create" or change.target in past.wanted_by
    return True
