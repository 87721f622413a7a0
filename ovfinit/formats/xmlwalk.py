"""Walking through XML from outside: one set-up of expat for everything that reads XML here.

A document type declaration, and with it every entity of its own, is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# expat's codes for a document that ends too soon, and for one in another encoding than it says
UNFINISHED = (3, 5, 6, 13, 20)
ENCODING = (18, 19, 30)


class Walk(ABC):
    """One document being read: its kinds have `start`, `end` and `text`, which expat calls.

    `where` names the document in errors; `skipped` is how many lines of its file stand before it.
    """

    def __init__(self, where: str, *, skipped: int = 0, encoding: str | None = None) -> None:
        import pyexpat

        self._where = where
        self._skipped = skipped
        self._parser: Any = pyexpat.ParserCreate(encoding)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self.start
        self._parser.EndElementHandler = self.end
        self._parser.CharacterDataHandler = self.text
        self._parser.StartDoctypeDeclHandler = self.refuse

    @abstractmethod
    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    @abstractmethod
    def end(self, qualified: str) -> None:
        """An element ends."""

    @abstractmethod
    def text(self, text: str) -> None:
        """Characters between tags."""

    def refuse(self, *_: object) -> None:
        """A document type declaration could define entities; no document that is read here needs one."""
        raise self._error("has a DOCTYPE, which is refused", "remove the <!DOCTYPE …> declaration")

    def through(self, data: bytes) -> tuple[int, str, str] | None:
        """Walk through a whole document; None, or expat's code, the reason and the place where it is no longer XML."""
        import pyexpat

        try:
            self._parser.Parse(data, True)
        except pyexpat.ExpatError as error:
            place = f"{self._where}:{error.lineno + self._skipped}:{error.offset + 1}"
            return int(error.code), str(pyexpat.ErrorString(error.code)), place
        except (ValueError, LookupError):
            # an encoding that Python knows and expat cannot use, or the other way round
            return ENCODING[0], "it is in an encoding that cannot be read", f"{self._where}:1:1"
        return None

    def _line(self) -> int:
        return int(self._parser.CurrentLineNumber) + self._skipped

    def _error(self, message: str, remedy: str | None = None) -> InputError:
        """An error with the place where the walk is."""
        place = f"{self._where}:{self._line()}:{self._parser.CurrentColumnNumber + 1}"
        return InputError(message, where=place, remedy=remedy)
