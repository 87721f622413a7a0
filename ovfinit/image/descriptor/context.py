"""What the readers of a descriptor's parts share: its names, its texts, and where its defects are noted."""

from __future__ import annotations

from ..package.units import integer
from .strings import Strings
from .vocabulary import Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..package.finding import Findings
    from .xmltree import Element


class Context:
    """One document being read."""

    def __init__(self, root: Element, where: str, findings: Findings, language: str | None) -> None:
        self.vocabulary = Vocabulary(root.namespace)
        self.strings = Strings(self.vocabulary, language)
        self.findings = findings
        self.where = where
        # what devices call a disk in oVirt: the reference to its file
        self.disk_of: dict[str, str] = {}

    def place(self, element: Element) -> str:
        """`file:line` of an element."""
        return f"{self.where}:{element.line}"

    def attribute(self, element: Element, name: str) -> str:
        """An attribute of OVF's own, stripped; empty if there is none."""
        return (self.vocabulary.attribute(element, name) or "").strip()

    def text(self, element: Element, *names: str) -> str:
        """The text of the first child of these names, in the reader's language."""
        return self.strings.text(next(self.vocabulary.children(element, *names), None))

    def truth(self, element: Element, name: str, default: bool = False) -> bool:
        """A boolean attribute as XML Schema spells it."""
        text = self.attribute(element, name)
        if text.lower() in ("true", "1", "false", "0"):
            return text.lower() in ("true", "1")
        if text:
            message = f"{name}={text[:40]!r} is neither true nor false; {str(default).lower()} is assumed"
            self.findings.warning("bad-boolean", message, self.place(element), "write true or false")
        return default

    def number(self, element: Element, name: str) -> int | None:
        """An attribute that must be a whole number from 0."""
        text = self.attribute(element, name)
        value = integer(text)
        if text and (value is None or value < 0):
            message = f"{name}={text[:40]!r} is not a whole number, so that it is ignored"
            self.findings.warning("bad-number", message, self.place(element), "write it in digits")
            return None
        return value

    def words(self, element: Element, name: str) -> tuple[str, ...]:
        """An attribute that is a list, with blanks or commas between."""
        return tuple(self.attribute(element, name).replace(",", " ").split())
