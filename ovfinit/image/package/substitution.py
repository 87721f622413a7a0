"""`${name}` in values: what another property says (DSP0243 1.1, section 9.5.1.2), bounded and without going in circles.

Only names that are known are replaced. `${autoIp:network}` and the like are VMware's own, and template files of other
tools look alike: both stay as they are.
"""

from __future__ import annotations

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 64 * 1024
# of all values together
MOST = 16 * 1024 * 1024
DEPTH = 64
# PLATFORM is for `${autoIp:NETWORK}` and the like, which a platform fills in
CYCLE, UNKNOWN, PLATFORM, TOO_LARGE = "cycle", "unknown", "platform", "too-large"


class Trouble(Record):
    """A value that could not be completed: `kind` is one of the constants above, `detail` names what it is about."""

    kind: str
    name: str
    detail: str


def expand(values: Mapping[str, str], outer: Mapping[str, str]) -> tuple[dict[str, str], list[Trouble]]:
    """All values with the names in them replaced.

    Args:
        values: by name, as written.
        outer: names that are known besides, of a parent collection, already complete; those in `values` go before.

    Returns:
        The same names, and what could not be completed; such a value keeps the `${…}`.
    """
    work = _Expansion(values, outer)
    return {name: work.value(name, ()) for name in values}, work.troubles


class _Expansion:
    def __init__(self, values: Mapping[str, str], outer: Mapping[str, str]) -> None:
        self._values, self._outer = values, outer
        self._done: dict[str, str] = {}
        self._size = 0
        self.troubles: list[Trouble] = []

    def value(self, name: str, chain: tuple[str, ...]) -> str:
        """A value, complete; worked out once."""
        if name not in self._done:
            self._done[name] = self.replaced(self._values[name], name, (*chain, name))
        return self._done[name]

    def replaced(self, text: str, owner: str, chain: tuple[str, ...]) -> str:
        """A text with the names in it replaced; `owner` is whose it is."""
        parts: list[str] = []
        size = at = 0
        while (start := text.find("${", at)) >= 0 and (end := text.find("}", start)) >= 0:
            piece = text[at:start] + self._one(text[start + 2 : end].strip(), text[start : end + 1], owner, chain)
            parts.append(piece)
            size += len(piece)
            at = end + 1
            if size > LONGEST or self._size + size > MOST:
                self.troubles.append(Trouble(TOO_LARGE, owner, f"{LONGEST} characters"))
                return text
        self._size += size
        return "".join(parts) + text[at:]

    def _one(self, wanted: str, written: str, owner: str, chain: tuple[str, ...]) -> str:
        if wanted in self._values:
            if wanted in chain or len(chain) >= DEPTH:
                ring = (*chain[chain.index(wanted) :], wanted) if wanted in chain else (*chain[:3], "…")
                self.troubles.append(Trouble(CYCLE, owner, " → ".join(ring)))
                return written
            return self.value(wanted, chain)
        if wanted in self._outer:
            return self._outer[wanted]
        self.troubles.append(Trouble(PLATFORM if ":" in wanted else UNKNOWN, owner, wanted))
        return written
