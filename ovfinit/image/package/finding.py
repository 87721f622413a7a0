"""What is wrong with a package: one finding a defect, so that reading goes on wherever sense can be made."""

from __future__ import annotations

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR, WARNING, NOTE = "error", "warning", "note"
MOST = 1000


class Finding(Record):
    """One defect.

    `severity` is error (the package cannot be relied on), warning (some importer will trip) or note (good to know).
    `code` is a stable word for programs, `message` says what and why it matters, `where` is `file:line`.
    """

    severity: str
    code: str
    message: str
    where: str
    remedy: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.severity}: {self.message}"
        return f"{text}; {self.remedy}" if self.remedy else text


class Findings:
    """Findings about one package, in the order in which they were made; those beyond 1000 are only counted."""

    def __init__(self) -> None:
        self._all: list[Finding] = []
        self._known: set[Finding] = set()
        self.omitted = 0
        self.omitted_errors = 0

    def add(self, severity: str, code: str, message: str, where: str, remedy: str | None = None) -> None:
        """Note a defect; the very same one is noted once."""
        if len(self._all) >= MOST:
            self.omitted += 1
            self.omitted_errors += severity == ERROR
            return
        finding = Finding(severity, code, message, where, remedy)
        if finding in self._known:
            return
        self._known.add(finding)
        self._all.append(finding)

    def error(self, code: str, message: str, where: str, remedy: str | None = None) -> None:
        """The package cannot be relied on."""
        self.add(ERROR, code, message, where, remedy)

    def warning(self, code: str, message: str, where: str, remedy: str | None = None) -> None:
        """Some importer will trip, or something is lost."""
        self.add(WARNING, code, message, where, remedy)

    def note(self, code: str, message: str, where: str, remedy: str | None = None) -> None:
        """Good to know; nothing has to be done."""
        self.add(NOTE, code, message, where, remedy)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, severity: str) -> list[Finding]:
        """Those of one severity."""
        return [finding for finding in self._all if finding.severity == severity]

    @property
    def errors(self) -> int:
        """How many errors there are, those beyond the bound included."""
        return len(self.of(ERROR)) + self.omitted_errors
