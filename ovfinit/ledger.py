"""The ledger: which contents on this machine are ours, so that a change by somebody else's hand is recognised."""

from __future__ import annotations

from .changes import WriteBlock, WriteFile
from .digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from .changes import Change
    from .compare import Step
    from .state import Past

# a block is not recognised by a digest: the rest of its file is not ours
BLOCK = ("block",)


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
            if _goes_with_us(step.change):
                wanted_by[path] = step.change.handler
    return past.with_(written=written, wanted_by=wanted_by)


def settled(past: Past, steps: Sequence[Step], made: Container[str]) -> Past:
    """What stands on the machine now that the changes to the targets in `made` were made."""
    written, wanted_by = dict(past.written), dict(past.wanted_by)
    for step in steps:
        change = step.change
        digests = _digests(step)
        if change.kind == "remove" or (change.kind == "block" and not digests):
            if not step.kept:
                written.pop(change.target, None)
                wanted_by.pop(change.target, None)
        elif digests and (not step.due or change.target in made):
            written[change.target] = digests
            if _goes_with_us(change):
                wanted_by[change.target] = change.handler
    return past.with_(new=False, written=written, wanted_by=wanted_by)


def _digests(step: Step) -> tuple[str, ...]:
    change = step.change
    if isinstance(change, WriteFile) and not step.kept and step.error is None:
        return (sha256(change.content).hexdigest(),)
    return BLOCK if isinstance(change, WriteBlock) and change.lines else ()


def _goes_with_us(change: Change) -> bool:
    """True for what is removed once nobody wants it any more."""
    return change.ours if isinstance(change, WriteFile) else True
