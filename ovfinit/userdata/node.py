"""A value put together out of several documents, each piece of which knows the document and the place it came from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .reading import Places


class Node:
    """A value and where it stands: as it is in its document, or with parts of its own once something was merged in."""

    __slots__ = ("parts", "path", "places", "plain")

    def __init__(self, plain: Any, places: Places, path: tuple[str | int, ...] = ()) -> None:
        self.plain = plain
        self.places = places
        self.path = path
        self.parts: dict[str, Node] | list[Node] | None = None

    @property
    def value(self) -> Any:
        """The plain value, put together anew where it has parts."""
        if isinstance(self.parts, dict):
            return {key: part.value for key, part in self.parts.items()}
        if isinstance(self.parts, list):
            return [part.value for part in self.parts]
        return self.plain

    def mapping(self) -> dict[str, Node] | None:
        """The parts of a mapping, which may be changed; None if it is none."""
        if self.parts is None and isinstance(self.plain, dict):
            self.parts = {key: Node(inner, self.places, (*self.path, key)) for key, inner in self.plain.items()}
        return self.parts if isinstance(self.parts, dict) else None

    def items(self) -> list[Node] | None:
        """The parts of a list, which may be changed; None if it is none."""
        if self.parts is None and isinstance(self.plain, list):
            self.parts = [Node(inner, self.places, (*self.path, index)) for index, inner in enumerate(self.plain)]
        return self.parts if isinstance(self.parts, list) else None

    def copy(self) -> Node:
        """Another node of the same value, whose parts are its own."""
        made = Node(self.plain, self.places, self.path)
        if isinstance(self.parts, dict):
            made.parts = {key: part.copy() for key, part in self.parts.items()}
        elif isinstance(self.parts, list):
            made.parts = [part.copy() for part in self.parts]
        return made

    def where(self, *path: str | int) -> str:
        """See `reading.Places`."""
        node, rest = self._nearest(path)
        return node.places.where(*node.path, *rest)

    def where_key(self, *path: str | int) -> str:
        """See `reading.Places`."""
        node, rest = self._nearest(path)
        return node.places.where_key(*node.path, *rest)

    def spelling(self, *path: str | int) -> str | None:
        """See `reading.Places`."""
        node, rest = self._nearest(path)
        return None if node.parts is not None else node.places.spelling(*node.path, *rest)

    def _nearest(self, path: tuple[str | int, ...]) -> tuple[Node, tuple[str | int, ...]]:
        """The deepest node on the way, and what is left of the way in its document."""
        node = self
        for index, step in enumerate(path):
            inner = _inner(node.parts, step)
            if inner is None:
                return node, path[index:] if node.parts is None else ()
            node = inner
        return node, ()


def _inner(parts: dict[str, Node] | list[Node] | None, step: str | int) -> Node | None:
    if isinstance(parts, dict):
        return parts.get(step) if isinstance(step, str) else None
    if isinstance(parts, list) and isinstance(step, int) and 0 <= step < len(parts):
        return parts[step]
    return None
