"""YAML (and JSON) from outside, read safely: bounded, plain data only, every value with its place.

The text is taken event by event, not by `yaml.load`: so a limit holds before anything is built, no alias can multiply,
and each scalar keeps its place and its spelling. Types are YAML 1.1's as PyYAML resolves them (`yes` is true, `0644` is
420), because that is what people's netplan and cloud-config files are written for, except where 1.1 makes another thing
of a text than anybody means: base-60 numbers (a MAC address), dates, infinities and numbers of more than 64 characters
stay text, as in the YAML 1.2 core schema (10.3).
"""

from __future__ import annotations

from ..errors import InputError
from . import plainyaml
from .yamlnode import Node, flag, integer, real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_SHOWN = 40
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = ("str", "timestamp", "value", "merge")


class Document:
    """One document.

    Attributes:
        value: dict (keys as they are spelled), list, str, int, float, bool or None; bytes for what is tagged
            `!!binary`. What stands behind an alias is shared, so it must not be changed.
        name: what it was read from, for messages.
    """

    __slots__ = ("_root", "name", "value")

    def __init__(self, name: str, root: Node | None) -> None:
        self.name = name
        self.value: Any = None if root is None else root.value
        self._root = root

    def where(self, *path: str | int) -> str:
        """`FILE:LINE:COLUMN`, counted from 1, of the value at that path of keys and indexes.

        A value left empty is where its key is; for what is not there it is the nearest thing around it.
        """
        node = self._root
        for step in path:
            inner = _inner(node, step)
            if inner is None:
                break
            node = inner
        return f"{self.name}:1:1" if node is None else f"{self.name}:{node.line}:{node.column}"

    def where_key(self, *path: str | int) -> str:
        """The same of the key that ends the path, not of its value."""
        node = self._root
        for step in path[:-1]:
            node = _inner(node, step)
        last = path[-1]
        place = node.names.get(last) if node is not None and isinstance(last, str) else None
        return self.where(*path) if place is None else f"{self.name}:{place[0]}:{place[1]}"

    def spelling(self, *path: str | int) -> str | None:
        """The scalar at that path as it is written (`0644`, `yes`), without quotes.

        None for a null, for a mapping or a list, and for what is not there.
        """
        node = self._root
        for step in path:
            node = _inner(node, step)
        return None if node is None or node.value is None else node.spelling


def load(text: bytes | str, where: str, repeated: list[InputError] | None = None) -> Document:
    """Read one YAML or JSON document; an empty one has the value None.

    Args:
        text: as bytes it must be UTF-8, with or without a byte order mark.
        where: the file or URL it came from, for messages.
        repeated: takes the errors about keys that are given twice, which are none then: the later value counts.

    Raises:
        InputError: with `where:line:column` for what is not UTF-8, malformed, a second document, a key given twice, a
            key that is no scalar, a tag other than YAML's own plain types, more than 64 levels deep, more than 100000
            values or 4 MiB, both counted with aliases written out.
    """
    content = _decoded(text, where)
    try:
        root = plainyaml.read(content)
    except plainyaml.Unusual:
        root = _Builder(content, where, repeated).build()
    return Document(where, root)


def _decoded(text: bytes | str, where: str) -> str:
    if len(text) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES} bytes", where=where)
    try:
        # both ways: a lone surrogate in a str cannot be handed to libyaml
        # without the mark by hand: the codec utf-8-sig is a module
        content = (text if isinstance(text, bytes) else text.encode()).removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        line, column = _place(error.object[: error.start].decode("utf-8", "replace"))
        raise InputError("is not UTF-8 text", where=f"{where}:{line}:{column}", remedy="save it as UTF-8") from None
    except UnicodeEncodeError as error:
        line, column = _place(error.object[: error.start])
        raise InputError("is not Unicode text", where=f"{where}:{line}:{column}") from None
    if "\\u" in content and content.lstrip()[:1] in ("{", "["):
        return _joined(content)
    return content


def _joined(text: str) -> str:
    """JSON's escaped surrogate pairs (RFC 8259, 7) as the character they mean: YAML knows no such escape."""
    import re

    pair = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")

    def character(found: re.Match[str]) -> str:
        high, low = int(found[2], 16), int(found[3], 16)
        return found[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    return pair.sub(character, text)


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def _inner(node: Node | None, step: str | int) -> Node | None:
    parts = None if node is None else node.parts
    if isinstance(parts, dict):
        return parts.get(step) if isinstance(step, str) else None
    if isinstance(parts, list) and isinstance(step, int) and 0 <= step < len(parts):
        return parts[step]
    return None


def _at(event: Any, value: Any, spelling: str | None = None) -> Node:
    return Node(value, event.start_mark.line + 1, event.start_mark.column + 1, spelling)


class _Open:
    """A mapping or list whose end has not been seen yet."""

    __slots__ = ("anchor", "key", "merges", "node", "waits")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: Node | None = None
        self.waits = False
        self.merges: list[Node] = []


class _Builder:
    def __init__(self, text: str, where: str, repeated: list[InputError] | None) -> None:
        import yaml

        self._repeated = repeated
        self._yaml = yaml
        self._text = text
        self._where = where
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._root: Node | None = None
        self._nodes = self._characters = 0

    def build(self) -> Node | None:
        yaml = self._yaml
        kind: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            loader = kind(self._text)
            try:
                return self._run(loader)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark or error.context_mark
            if "nesting depth" in (error.problem or ""):
                # libyaml has a limit of its own since 0.2.6, which it meets while it reads ahead of its events
                raise self._bad(f"is nested more than {MAX_DEPTH} levels deep", mark) from None
            advice = self._advice(mark) if "cannot start any token" in (error.problem or "") else None
            raise self._bad(error.problem or "is malformed", mark, advice) from None
        except yaml.reader.ReaderError as error:
            code = error.character if isinstance(error.character, int) else 0
            line, column = _place(self._text[: max(0, self._text.find(chr(code)))])
            message = f"the character U+{code:04X} is not allowed in YAML"
            raise InputError(message, where=f"{self._where}:{line}:{column}") from None

    def _run(self, loader: Any) -> Node | None:
        yaml = self._yaml
        documents = 0
        while True:
            event = loader.get_event()
            if isinstance(event, yaml.ScalarEvent):
                node = _at(event, self._scalar(event, loader), event.value)
                self._count(1, node.characters, event)
                self._keep(event.anchor, node)
                self._add(node, event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._begin(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._bad("a second document starts here, one was expected", event.start_mark)
            elif isinstance(event, yaml.StreamEndEvent):
                # a document of nothing but a comment or `---` says nothing
                return self._root

    def _bad(self, message: str, mark: Any, remedy: str | None = None) -> InputError:
        if mark is None:
            return InputError(message, where=self._where, remedy=remedy)
        line, column = mark.line + 1, mark.column + 1
        if mark.index >= len(self._text):
            # libyaml puts the end on a line of its own
            line, column = _place(self._text.rstrip())
        return InputError(message, where=f"{self._where}:{line}:{column}", remedy=remedy)

    def _advice(self, mark: Any) -> str | None:
        character = self._text[mark.index : mark.index + 1] if mark is not None else ""
        if character == "\t":
            return "indent with spaces: YAML takes no tabs there"
        return f"put a value that starts with {character} in quotes" if character and character in "@`%" else None

    def _count(self, nodes: int, characters: int, event: Any) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise self._bad(f"has more than {MAX_NODES} values", event.start_mark)
        if self._characters > MAX_BYTES:
            raise self._bad(f"is larger than {MAX_BYTES} characters with its aliases written out", event.start_mark)

    def _keep(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _begin(self, event: Any) -> None:
        mapping = isinstance(event, self._yaml.MappingStartEvent)
        plain = "map" if mapping else "seq"
        if event.tag not in (None, "!", _TAG + plain):
            raise self._tag(event)
        if len(self._open) >= MAX_DEPTH:
            raise self._bad(f"is nested more than {MAX_DEPTH} levels deep", event.start_mark)
        self._count(1, 0, event)
        node = _at(event, {} if mapping else [])
        node.parts = {} if mapping else []
        self._keep(event.anchor, None)
        self._open.append(_Open(node, event.anchor))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        node = done.node
        for merge in done.merges:
            assert isinstance(merge.parts, dict)
            assert isinstance(node.parts, dict)
            for key, part in merge.parts.items():
                if key not in node.parts:
                    node.parts[key] = part
                    node.value[key] = part.value
        self._keep(done.anchor, node)
        self._add(node, event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._bad(f"there is no anchor {_shown(event.anchor)} before this", event.start_mark)
        node = self._anchors[event.anchor]
        if node is None:
            raise self._bad(f"the alias {_shown(event.anchor)} stands inside what it means", event.start_mark)
        if len(self._open) + node.height > MAX_DEPTH + 1:
            raise self._bad(f"is nested more than {MAX_DEPTH} levels deep", event.start_mark)
        self._count(node.nodes, node.characters, event)
        self._add(node, event)

    def _add(self, node: Node, event: Any) -> None:
        """Put a finished value where it belongs: the top, a list, a key or the value of one."""
        if not self._open:
            self._root = node
            return
        here = self._open[-1]
        around = here.node
        around.nodes += node.nodes
        around.characters += node.characters
        around.height = max(around.height, node.height + 1)
        if isinstance(around.parts, list):
            around.parts.append(node)
            around.value.append(node.value)
        elif isinstance(around.parts, dict):
            if not here.waits:
                self._key(here, around.parts, node, event)
                here.waits = True
            else:
                self._entry(here, around.parts, node, event)
                here.waits, here.key = False, None

    def _key(self, here: _Open, parts: dict[str, Node], node: Node, event: Any) -> None:
        name = node.spelling
        if name is None:
            raise self._bad("a key must be a text, not a list or a mapping", event.start_mark)
        if name == "<<" and getattr(event, "implicit", (False,))[0]:
            here.key = None
            return
        if name in parts:
            first = parts[name]
            message = f"the key {_shown(name)} is given twice, first on line {first.line}"
            error = self._bad(message, event.start_mark, "keep one of the two")
            if self._repeated is None:
                raise error
            self._repeated.append(error)
        here.key = node

    def _entry(self, here: _Open, parts: dict[str, Node], node: Node, event: Any) -> None:
        key = here.key
        if key is not None and key.spelling is not None:
            if node.value is None and not node.spelling:
                node.line, node.column = key.line, key.column
            parts[key.spelling] = node
            here.node.names[key.spelling] = (key.line, key.column)
            here.node.value[key.spelling] = node.value
            return
        merged = node.parts if isinstance(node.parts, list) else [node]
        if not all(isinstance(each.parts, dict) for each in merged):
            raise self._bad("`<<` takes a mapping or a list of mappings", event.start_mark)
        here.merges += merged

    def _tag(self, event: Any) -> InputError:
        return self._bad(
            f"the tag {_shown(event.tag.replace(_TAG, '!!'))} is not allowed", event.start_mark, "write the plain value"
        )

    def _scalar(self, event: Any, loader: Any) -> Any:
        text: str = event.value
        tag: str = event.tag
        if tag == "!":
            # 1.1 and 1.2 agree: this says that it is a text
            return text
        if tag is None:
            tag = loader.resolve(self._yaml.ScalarNode, text, event.implicit)
        name = tag[len(_TAG) :] if tag.startswith(_TAG) else ""
        if name in _TEXT_TAGS:
            return text
        try:
            if name == "null":
                return None
            if name == "bool":
                return flag(text)
            if name == "int":
                return integer(text)
            if name == "float":
                return real(text)
            if name == "binary":
                from base64 import b64decode

                return b64decode("".join(text.split()), validate=True)
        except (ValueError, KeyError):
            raise self._bad(f"is not what its tag !!{name} says", event.start_mark) from None
        raise self._tag(event)
