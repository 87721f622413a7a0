"""Asking a package's questions on a terminal: by category, with defaults, until each answer can be taken.

One may go back, and sees what was answered before it is written. Questions go to standard error, so that the document
may go to standard output.
"""

from __future__ import annotations

import contextlib
import sys

from ..errors import OvfinitError
from ..image.package.constraint import BOOLEAN, INTEGER, REAL, TRUE
from ..image.package.presentation import is_secret
from .output import harmless
from .table import cells, folded, line_width, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..image.environment.answering import Question

NOTHING = ("''", '""')
BACK = "<"
FILE = "@"
LISTED = 30
WIDEST = 100
SHOWN = 48
_KINDS = {INTEGER: "whole number", REAL: "number"}


class _BackError(Exception):
    """Raised where somebody wants to see the question before again."""


class Questionnaire:
    """One run of questions; `ask` is what `answering.settle` takes.

    `target` is what will be written. `read` gets a name and `@FILE`, and gives the value.
    """

    def __init__(self, target: str, read: Callable[[str, str], str], *, colour: bool, several: bool) -> None:
        self._target = target
        self._read = read
        self._colour = colour
        self._several = several
        self._width = min(WIDEST, line_width())
        self._answers: dict[int, str | None] = {}
        self._editing = sys.stdout.isatty() and _editing()

    def ask(self, questions: Sequence[Question]) -> list[str | None]:
        """The answers, None for a default. Raises OvfinitError where the answers end."""
        if not questions:
            return []
        number = len(questions)
        many = f"{number} questions" if number > 1 else "One question"
        self._paragraph(
            f"{many}. Enter takes what stands in [brackets], '' is no value at all, @FILE takes the value from a file, "
            f"{BACK} goes back; Ctrl-C gives up, and nothing is written.",
            "",
        )
        at, shown = 0, None
        while True:
            heading = (questions[at].node, questions[at].asks.category)
            if heading != shown:
                self._head(questions, at)
                shown = heading
            try:
                self._answers[at] = self._one(questions[at], at)
                if at + 1 < number:
                    at += 1
                    continue
            except _BackError:
                if at == 0:
                    self._wrong("This is the first question.")
                at, shown = max(0, at - 1), None
                continue
            try:
                self._review(questions)
            except _BackError:
                shown = None
                continue
            return [self._answers[each] for each in range(number)]

    def _head(self, questions: Sequence[Question], at: int) -> None:
        """The category, and where its questions stand among all."""
        question = questions[at]
        heading = (question.node, question.asks.category)
        last = at
        while last + 1 < len(questions) and (questions[last + 1].node, questions[last + 1].asks.category) == heading:
            last += 1
        where = f" ({question.node})" if self._several and question.node else ""
        numbers = f"{at + 1}" if last == at else f"{at + 1} to {last + 1}"
        title = self._paint("1", f"{question.asks.category or 'Properties'}{where}")
        self._say(f"\n{title}  {self._paint('2', f'({numbers} of {len(questions)})')}")

    def _one(self, question: Question, at: int) -> str | None:
        self._introduce(question)
        secret = is_secret(question.asks)
        while True:
            kept = self._answers.get(at)
            answer = self._hidden(question, kept) if secret else self._plain(question, kept)
            if answer is None:
                # Enter: what was answered before, else the default
                wrong = question.wrong(question.asks.default if kept is None else kept)
                if wrong is None:
                    return kept
            else:
                wrong = question.wrong(answer)
                if wrong is None:
                    return answer
            self._wrong(f"The answer {wrong}.")

    def _introduce(self, question: Question) -> None:
        asked = question.asks
        label = asked.label or asked.name
        self._say("")
        name = f"({asked.name})" if asked.label else ""
        if not name or cells(label) + cells(name) + 4 <= self._width:
            self._say(f"  {self._paint('36', label)}{f'  {name}' if name else ''}")
        else:
            self._say(f"  {self._paint('36', label)}\n    {name}")
        for paragraph in asked.description.splitlines():
            self._paragraph(" ".join(paragraph.split()), "    ")
        choices = question.rule.choices
        if choices is not None:
            for number, choice in enumerate(choices[:LISTED], 1):
                self._say(f"    {number}) {choice or '(nothing)'}")
            if len(choices) > LISTED:
                self._say(f"    and {len(choices) - LISTED} more")

    def _plain(self, question: Question, kept: str | None) -> str | None:
        answer = self._line(self._prompt(question, kept), question.rule.choices or ())
        if answer is None:
            return None
        if answer.startswith(FILE):
            try:
                return self._read(question.name, answer)
            except OvfinitError as error:
                self._wrong(str(error))
                return self._plain(question, kept)
        return self._chosen(question, answer)

    def _prompt(self, question: Question, kept: str | None) -> str:
        rule, default = question.rule, question.asks.default
        if rule.kind == BOOLEAN:
            hint = "yes or no"
        elif rule.choices is not None:
            hint = "number or value"
        else:
            hint = ", ".join(part for part in (_KINDS.get(rule.kind, ""), rule.words()) if part) or "text"
        if kept is not None:
            return f"  {hint} [{_short(kept) or chr(39) * 2}]: "
        if default and question.wrong(default) is None:
            shown = ("yes" if default.lower() in TRUE else "no") if rule.kind == BOOLEAN else _short(default)
            return f"  {hint} [{shown}]: "
        return f"  {hint} ({'required' if question.wrong('') else 'optional'}): "

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

    def _hidden(self, question: Question, kept: str | None) -> str | None:
        from getpass import getpass

        if kept is not None:
            hint = " [as you gave it]"
        elif question.asks.default:
            hint = " [as the package has it]"
        else:
            hint = f" ({'required' if question.wrong('') else 'optional'})"
        words = question.rule.words()
        try:
            while True:
                first = getpass(f"  hidden{f', {words}' if words else ''}{hint}: ", sys.stderr)
                if first == BACK:
                    raise _BackError
                if not first:
                    return None
                if first in NOTHING:
                    return ""
                if question.wrong(first) is not None or getpass("  once more: ", sys.stderr) == first:
                    return first
                self._wrong("The two are not the same.")
        except EOFError:
            raise _ended() from None

    def _review(self, questions: Sequence[Question]) -> None:
        """What was answered, to be agreed to. Raises _BackError where it is not."""
        said = []
        for at, question in enumerate(questions):
            answer = self._answers[at]
            if answer is not None:
                shown = "(hidden)" if is_secret(question.asks) else _short(answer) or "(nothing)"
                said.append((question.asks.label or question.name, shown))
        self._say("")
        self._say(self._paint("1", "Your answers") if said else "Everything as the package has it.")
        for line in table(said, indent="  "):
            self._say(line)
        while self._line(f"\nEnter writes {self._target}, {BACK} goes back, Ctrl-C gives up: ", ()) is not None:
            pass

    def _line(self, prompt: str, choices: Sequence[str]) -> str | None:
        if self._editing:
            with contextlib.suppress(ImportError):
                import readline

                readline.set_completer(_Completer(choices))
            try:
                line = input(harmless(prompt))
            except EOFError:
                raise _ended() from None
        else:
            print(harmless(prompt), end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                raise _ended()
        line = line.rstrip("\r\n")
        if line == BACK:
            raise _BackError
        return line or None

    def _paragraph(self, text: str, indent: str) -> None:
        for line in folded(text, self._width - len(indent)):
            self._say(f"{indent}{line}")

    def _wrong(self, text: str) -> None:
        self._say(f"  {self._paint('31', text)}")

    def _say(self, text: str) -> None:
        print(harmless(text, colours=self._colour), file=sys.stderr)

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text


class _Completer:
    """What Tab offers: the values of a list."""

    def __init__(self, choices: Sequence[str]) -> None:
        self._choices = choices

    def __call__(self, text: str, number: int) -> str | None:
        found = [choice for choice in self._choices if choice.startswith(text)]
        return found[number] if number < len(found) else None


def _editing() -> bool:
    """True if answers can be edited, and be longer than the 4095 bytes that a terminal takes for one line."""
    try:
        import readline
    except ImportError:
        return False
    readline.set_auto_history(False)
    readline.set_completer_delims("")
    readline.parse_and_bind("tab: complete")
    readline.parse_and_bind("set enable-bracketed-paste off")
    return True


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else f"{flat[:SHOWN]}…"


def _ended() -> OvfinitError:
    return OvfinitError("the answers ended before the questions did", remedy="nothing was written")
