"""Asking a package's questions on a terminal: by category, with defaults, until each answer can be taken.

The questions go to standard error, so that the document may go to standard output.
"""

from __future__ import annotations

import sys

from ..errors import OvfinitError
from ..image.package.constraint import BOOLEAN
from ..image.package.presentation import is_secret
from .output import harmless
from .table import folded, line_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.environment.answering import Question

NOTHING = ("''", '""')
LISTED = 30
WIDEST = 100


class Questionnaire:
    """One run of questions; `ask` is what `answering.settle` takes."""

    def __init__(self, colour: bool, several: bool) -> None:
        self._colour = colour
        self._several = several
        self._heading: tuple[str, str] | None = None
        self._width = min(WIDEST, line_width())

    def ask(self, question: Question) -> str | None:
        """The answer, None for the default. Raises OvfinitError where the answers end."""
        self._introduce(question)
        secret = is_secret(question.asks)
        while True:
            answer = self._hidden(question) if secret else self._line(f"  {self._prompt(question)}: ")
            if answer is None:
                wrong = question.wrong(question.asks.default)
                if wrong is None:
                    return None
            else:
                answer = self._chosen(question, answer)
                wrong = question.wrong(answer)
                if wrong is None:
                    return answer
            self._say(f"  {self._paint('31', f'The answer {wrong}.')}")

    def _introduce(self, question: Question) -> None:
        asked = question.asks
        if self._heading is None:
            self._say(
                "Enter takes what stands in [brackets]; '' is no value at all; Ctrl-C gives up, nothing is written."
            )
        heading = (question.node, asked.category)
        if heading != self._heading:
            self._heading = heading
            where = f" ({question.node})" if self._several and question.node else ""
            self._say("")
            self._say(self._paint("1", f"{asked.category or 'Properties'}{where}"))
        label = asked.label or asked.name
        name = f"  ({asked.name})" if asked.label else ""
        self._say(f"\n  {self._paint('36', label)}{name}")
        for paragraph in asked.description.splitlines():
            for line in folded(" ".join(paragraph.split()), self._width - 4):
                self._say(f"    {line}")
        if question.rule.choices is not None:
            for number, choice in enumerate(question.rule.choices[:LISTED], 1):
                self._say(f"    {number}) {choice or '(nothing)'}")
            if len(question.rule.choices) > LISTED:
                self._say(f"    and {len(question.rule.choices) - LISTED} more")

    def _prompt(self, question: Question) -> str:
        rule, asked = question.rule, question.asks
        kind = "yes or no" if rule.kind == BOOLEAN else rule.words() if rule.choices is None else "number or value"
        hint = ", ".join(part for part in (asked.type if rule.kind != BOOLEAN else "", kind) if part)
        if asked.default and question.wrong(asked.default) is None:
            return f"{hint} [{asked.default}]"
        return f"{hint} (required)" if question.wrong("") else f"{hint} []"

    def _chosen(self, question: Question, answer: str) -> str:
        """The value behind a number of a list, unless the number is a value itself."""
        if answer in NOTHING:
            return ""
        choices = question.rule.choices
        if choices is None or answer in choices or not (answer.isascii() and answer.isdecimal() and len(answer) < 6):
            if question.rule.kind == BOOLEAN and answer.lower() in ("y", "n"):
                return {"y": "yes", "n": "no"}[answer.lower()]
            return answer
        return choices[int(answer) - 1] if 1 <= int(answer) <= len(choices) else answer

    def _hidden(self, question: Question) -> str | None:
        from getpass import getpass

        kept = " [as the package has it]" if question.asks.default else " (required)" if question.wrong("") else " []"
        words = question.rule.words()
        try:
            while True:
                first = getpass(f"  hidden{f', {words}' if words else ''}{kept}: ", sys.stderr)
                if not first:
                    return None
                if question.wrong(first) is not None or getpass("  once more: ", sys.stderr) == first:
                    return first
                self._say(f"  {self._paint('31', 'The two are not the same.')}")
        except EOFError:
            raise _ended() from None

    def _line(self, prompt: str) -> str | None:
        print(harmless(prompt), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise _ended()
        return line.rstrip("\r\n") or None

    def _say(self, text: str) -> None:
        print(harmless(text, colours=self._colour), file=sys.stderr)

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text


def _ended() -> OvfinitError:
    return OvfinitError("the answers ended before the questions did", remedy="nothing was written")
