"""Everyday YAML, read without PyYAML, whose import alone would be a third of a first boot.

Everyday is: block mappings and lists, flow ones on one line, texts in quotes or without on one line, `|` blocks,
comments. Whatever else YAML has (anchors, tags, folded texts, escapes, several lines for one text …), and whatever is
wrong, is `Unusual` and left to `yamltext`, so that there is one place for the rest and for every error message. What is
read here has the same values, places and spellings as PyYAML's events would give; tests/formats/test_plainyaml.py
holds the two against each other.
"""

from __future__ import annotations

from .yamlnode import Node, flag, integer, real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 128 * 1024
LONGEST_KEY = 512
DEEPEST = 32
_INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`")
_FLOW = frozenset(",[]{}")
_NOTHING = ("", "~", "null", "Null", "NULL")
_WORDS = frozenset(
    word for lower in ("yes", "no", "true", "false", "on", "off") for word in (lower, lower.title(), lower.upper())
)
_NUMBER = frozenset("0123456789+-.")


class Unusual(Exception):
    """Raised for what only the whole of YAML can tell."""


def read(text: str) -> Node | None:
    """The one document in the text, None for an empty one. Raises Unusual."""
    if len(text) > LONGEST:
        raise Unusual
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.ended = text.endswith("\n")
        self.at = 0
        self.depth = 0

    def document(self) -> Node | None:
        """See `read`."""
        begun = False
        for line in self.lines:
            if line.startswith(("---", "...", "%")):
                if begun or line != "---":
                    raise Unusual
                begun = True
            begun = begun or bool(line and not line.startswith("#"))
        if "---" in self.lines:
            self.lines[self.lines.index("---")] = ""
        indent = self._next()
        if indent < 0:
            return None
        content = self.lines[self.at][indent:]
        root = self._value(content, indent, -1) if content[0] in "[{" else self._block(indent)
        if self._next() >= 0:
            raise Unusual
        return root

    def _next(self) -> int:
        """Go to the next line that says something; its indentation, -1 at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            content = line.lstrip(" ")
            if content and not content.startswith("#"):
                if not line.isprintable():
                    raise Unusual
                return len(line) - len(content)
            if content and not content.isprintable():
                raise Unusual
            self.at += 1
        return -1

    def _block(self, indent: int) -> Node:
        """The mapping or list that begins on this line."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unusual
        content = self.lines[self.at][indent:]
        node = self._list(indent) if _is_item(content) else self._mapping(indent)
        self.depth -= 1
        return node

    def _list(self, indent: int) -> Node:
        node = Node([], self.at + 1, indent + 1)
        parts: list[Node] = []
        while self._next() == indent and _is_item(self.lines[self.at][indent:]):
            line = self.lines[self.at]
            content = line[indent + 1 :].lstrip(" ")
            start = len(line) - len(content)
            if not content or content.startswith("#"):
                raise Unusual
            if _is_item(content) or _key_end(content) is not None:
                # what begins behind the dash goes on below itself
                self.lines[self.at] = " " * start + content
                part = self._block(start)
            else:
                part = self._value(content, start, indent)
            parts.append(part)
            node.value.append(part.value)
        if self._next() > indent:
            raise Unusual
        node.parts = parts
        return node

    def _mapping(self, indent: int) -> Node:
        node = Node({}, self.at + 1, indent + 1)
        parts: dict[str, Node] = {}
        while self._next() == indent and not _is_item(self.lines[self.at][indent:]):
            line = self.lines[self.at]
            end = _key_end(line[indent:])
            if end is None:
                raise Unusual
            key = _key(line[indent : indent + end].rstrip(" "))
            if key in parts:
                raise Unusual
            node.names[key] = (self.at + 1, indent + 1)
            content = line[indent + end + 1 :].lstrip(" ")
            if content and not content.startswith("#"):
                part = self._value(content, len(line) - len(content), indent)
            else:
                part = self._below(indent, Node(None, self.at + 1, indent + 1, ""))
            parts[key] = part
            node.value[key] = part.value
        if self._next() > indent:
            raise Unusual
        node.parts = parts
        return node

    def _below(self, indent: int, nothing: Node) -> Node:
        """What stands on the lines below a key, which for a list need not be indented."""
        self.at += 1
        inner = self._next()
        if inner > indent or (inner == indent and _is_item(self.lines[self.at][indent:])):
            return self._block(inner)
        return nothing

    def _value(self, content: str, start: int, indent: int) -> Node:
        """A value that begins behind its key or dash; `indent` is that of what it belongs to."""
        number = self.at + 1
        if content.startswith("|"):
            return self._literal(content, start, indent)
        self.at += 1
        if content[0] in "[{":
            flow = _Flow(content, number, start)
            node = flow.item(self.depth)
            _no_more(content[flow.at :])
            return node
        if content[0] in "'\"":
            text, end = _quoted(content, 0)
            _no_more(content[end:])
            return Node(text, number, start + 1, text)
        text = content.partition(" #")[0].rstrip(" ")
        if text[0] in _INDICATORS and not (text[0] == "-" and text[1:2].isalnum()):
            raise Unusual
        if ": " in text or text.endswith(":"):
            raise Unusual
        return Node(_plain(text), number, start + 1, text)

    def _literal(self, header: str, start: int, indent: int) -> Node:
        number = self.at + 1
        if header not in ("|", "|-", "|+"):
            raise Unusual
        self.at += 1
        first = next((line for line in self.lines[self.at :] if line.strip(" ")), "")
        inner = len(first) - len(first.lstrip(" "))
        if inner <= indent or first[inner : inner + 1] == "\t":
            raise Unusual
        taken: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            blank = not line.strip(" ")
            if not blank and len(line) - len(line.lstrip(" ")) < inner:
                break
            if not line.replace("\t", "").isprintable() or (blank and len(line) > inner):
                raise Unusual
            taken.append(line[inner:])
            self.at += 1
        text = "\n".join(taken)
        if self.at < len(self.lines):
            text += "\n"
        if header != "|+":
            stripped = text.rstrip("\n")
            text = stripped + "\n" if header == "|" and len(text) > len(stripped) else stripped
        return Node(text, number, start + 1, text)


class _Flow:
    """A flow mapping or list on one line."""

    def __init__(self, content: str, line: int, start: int) -> None:
        self.content, self.line, self.start = content, line, start
        self.at = 0

    def item(self, depth: int) -> Node:
        """What begins here."""
        first, place = self._here(), self.start + self.at + 1
        if depth > DEEPEST:
            raise Unusual
        if first in "[{":
            self.at += 1
            return self._list(place, depth) if first == "[" else self._mapping(place, depth)
        if first in "'\"":
            text, self.at = _quoted(self.content, self.at)
            return Node(text, self.line, place, text)
        text = self._word()
        return Node(_plain(text), self.line, place, text)

    def _list(self, place: int, depth: int) -> Node:
        node = Node([], self.line, place)
        parts: list[Node] = []
        while not self._closed("]", first=not parts):
            part = self.item(depth + 1)
            parts.append(part)
            node.value.append(part.value)
        node.parts = parts
        return node

    def _mapping(self, place: int, depth: int) -> Node:
        node = Node({}, self.line, place)
        parts: dict[str, Node] = {}
        while not self._closed("}", first=not parts):
            key = self.item(depth) if self._here() not in "[{" else node
            name = key.spelling
            if name is None or name in parts or name == "<<" or self.content[self.at : self.at + 2] != ": ":
                raise Unusual
            self.at += 1
            self._skip()
            part = self.item(depth + 1)
            node.names[name] = (key.line, key.column)
            parts[name] = part
            node.value[name] = part.value
        node.parts = parts
        return node

    def _closed(self, closing: str, *, first: bool) -> bool:
        """Whether it ends here; between two parts there is a comma, and behind one another part."""
        self._skip()
        if self._here() == closing:
            self.at += 1
            return True
        if not first:
            if self._here() != ",":
                raise Unusual
            self.at += 1
            self._skip()
            if self._here() == closing:
                raise Unusual
        return False

    def _word(self) -> str:
        """A text without quotes, up to what ends it."""
        start = self.at
        while self._here() not in _FLOW and self.content[self.at : self.at + 2] != ": ":
            if self._here() in ":?#'\"&*!|>%@`":
                raise Unusual
            self.at += 1
        text = self.content[start : self.at].rstrip(" ")
        if not text or (text[0] == "-" and not text[1:2].isalnum()):
            raise Unusual
        return text

    def _skip(self) -> None:
        while self._here() == " ":
            self.at += 1

    def _here(self) -> str:
        if self.at >= len(self.content):
            raise Unusual  # it goes on on another line
        return self.content[self.at]


def _is_item(content: str) -> bool:
    return content.startswith("- ") or content == "-"


def _key_end(content: str) -> int | None:
    """Where the colon behind a key stands; None if the line does not begin with a key."""
    if content[0] in "'\"":
        _, end = _quoted(content, 0)
        behind = content[end:].lstrip(" ")
        return len(content) - len(behind) if behind == ":" or behind.startswith(": ") else None
    if content[0] in "[{|":
        return None
    if content[0] in _INDICATORS:
        raise Unusual
    end = content.find(": ")
    if end < 0:
        end = len(content) - 1 if content.endswith(":") else -1
    comment = content.find(" #")
    if end < 0 or 0 <= comment < end:
        return None
    if end > LONGEST_KEY:
        raise Unusual
    return end


def _key(text: str) -> str:
    if text[0] in "'\"":
        return _quoted(text, 0)[0]
    if text == "<<":
        raise Unusual
    return text


def _quoted(content: str, start: int) -> tuple[str, int]:
    """The text in quotes that begins here, and where it ends."""
    quote = content[start]
    end = content.find(quote, start + 1)
    while quote == "'" and 0 <= end < len(content) - 1 and content[end + 1] == "'":
        end = content.find(quote, end + 2)
    text = content[start + 1 : end]
    if end < 0 or (quote == '"' and "\\" in text):
        raise Unusual
    return (text.replace("''", "'") if quote == "'" else text), end + 1


def _no_more(rest: str) -> None:
    """Nothing but a comment may follow."""
    if rest.strip(" ") and not rest.lstrip(" ").startswith("#") or rest.startswith("#"):
        raise Unusual


def _plain(text: str) -> Any:
    """What a text without quotes means."""
    if text in _NOTHING:
        return None
    if text in _WORDS:
        return flag(text)
    return _number(text) if text[0] in _NUMBER else text


def _number(text: str) -> int | float | str:
    body = text[1:] if text[0] in "+-" else text
    if ":" in body or not body.isascii():
        return text  # base 60, and what is none
    if body.isdigit():
        if body[0] == "0" and body.strip("01234567"):
            return text
        return integer(text)
    whole, point, rest = body.partition(".")
    if body.startswith(("0x", "0b")) or "_" in body or not whole or (point and "e" in rest.lower()):
        raise Unusual
    if point and whole.isdigit() and (not rest or rest.isdigit()):
        return real(text)
    return text
