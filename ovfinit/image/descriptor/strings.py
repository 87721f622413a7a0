"""Texts in the reader's language: message ids and string bundles (DSP0243 1.1, section 10)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .vocabulary import Vocabulary
    from .xmltree import Element


class Strings:
    """The bundles of a package by language; `chosen` is the one that is read, None for the texts in place."""

    def __init__(self, vocabulary: Vocabulary, wanted: str | None) -> None:
        self._vocabulary = vocabulary
        self._wanted = _tag(wanted or "")
        self._bundles: dict[str, dict[str, str]] = {}
        self._nameless: dict[str, str] = {}
        self.chosen: str | None = None

    def add(self, bundle: Element) -> None:
        """Take the messages of a `Strings` element, in the envelope or the root of a file of its own."""
        language = next((value for _, name, value in bundle.attributes if name == "lang"), "")
        messages = self._bundles.setdefault(language, {}) if language else self._nameless
        for message in bundle.each("Msg"):
            key = self._vocabulary.attribute(message, "msgid")
            if key is not None:
                messages.setdefault(key, message.text.strip())
        self.chosen = next(self._matching(), None)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are bundles for."""
        return tuple(self._bundles)

    def text(self, element: Element | None) -> str:
        """What an element says in the wanted language, else in place, else in any language there is."""
        if element is None:
            return ""
        key = self._vocabulary.attribute(element, "msgid")
        plain = _trimmed(element.text)
        if key is None:
            return plain
        if self.chosen is not None and key in self._bundles[self.chosen]:
            return self._bundles[self.chosen][key]
        return self._nameless.get(key) or plain or self._any(self._bundles.values(), key)

    def _any(self, bundles: Iterable[Mapping[str, str]], key: str) -> str:
        return next((bundle[key] for bundle in bundles if key in bundle), "")

    def _matching(self) -> Iterator[str]:
        """Languages that match, the very same first, then those of the same primary tag."""
        if not self._wanted:
            return iter(())
        primary = self._wanted.partition("-")[0]
        exact = [name for name in self._bundles if _tag(name) == self._wanted]
        return iter(exact + [name for name in self._bundles if _tag(name).partition("-")[0] == primary])


def _tag(language: str) -> str:
    """`de-DE`, `de_DE.UTF-8` and `DE_de` alike; nothing for C and POSIX."""
    plain = language.partition(".")[0].partition("@")[0].replace("_", "-").lower()
    return "" if plain in ("c", "posix") else plain


def _trimmed(text: str) -> str:
    """The text without blank lines around it, and without the indentation that its lines share."""
    if "\n" not in text:
        return text.strip()
    lines = text.expandtabs().split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    shared = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    return "\n".join([line.strip() if not number else line[shared:].rstrip() for number, line in enumerate(lines)])
