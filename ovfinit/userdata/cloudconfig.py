"""`#cloud-config`: YAML documents of a user's and a vendor's, merged into one that knows where each value stands."""

from __future__ import annotations

from ..errors import InputError
from ..formats.yamltext import load
from . import jsonpatch, merging
from .kinds import PATCH
from .node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..finding import Finding
    from .part import Part
    from .unfolding import Unfolding


class _Nowhere:
    """Where values of an empty config stand."""

    def where(self, *_: str | int) -> str:
        return "user data"

    def where_key(self, *_: str | int) -> str:
        return "user data"

    def spelling(self, *_: str | int) -> str | None:
        return None


class Merged:
    """The cloud-config of all parts so far."""

    def __init__(self) -> None:
        self.config = Node({}, _Nowhere())
        # the first reason for which a part of it could not be read
        self.unread: Finding | None = None
        self._rules = merging.DEFAULT

    def add(self, part: Part, work: Unfolding) -> None:
        """Merge in one part; one that cannot be read is a finding and changes nothing.

        The rules are those of its own header or key, or else the last that a part before it gave.
        """
        repeated: list[InputError] = []
        try:
            document = load(part.content, part.where, repeated)
        except InputError as error:
            self._lost(error, work)
            return
        for one in repeated:
            work.invalid(one)
        if part.kind == PATCH:
            self.config, findings = jsonpatch.patch(self.config, document)
            work.findings += findings
            return
        node = Node(document.value, document)
        keys = node.mapping()
        if keys is None:
            if document.value is not None:
                message = "cloud-config must be a mapping of keys"
                self._lost(InputError(message, where=document.where(), remedy=_remedy(document.value)), work)
            return
        index = keys.pop("launch-index", None)
        if index is not None and not work.is_for_us(index.plain):
            return
        given, where = part.merge, f"{part.where}:1:1"
        for key in merging.KEYS:
            found = keys.pop(key, None)
            if found is not None and given is None:
                given, where = found.value, found.where()
        if given is not None:
            try:
                self._rules = merging.rules(given)
            except merging.RulesError as wrong:
                work.invalid(InputError(f"merge_how {wrong}", where=where))
        self.config = merging.merge(self.config, node, self._rules)

    def _lost(self, error: InputError, work: Unfolding) -> None:
        work.invalid(error, whole=True)
        self.unread = self.unread or work.findings[-1]


def _remedy(value: object) -> str | None:
    return "take out the dashes in front of the keys" if isinstance(value, list) else "write key: value"
