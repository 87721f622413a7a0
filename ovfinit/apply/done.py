"""What came of a step."""

from __future__ import annotations

from ..record import Record


class Done(Record):
    """`deferred` to the first boot, or a program's `exit_code` and the `seconds` it took."""

    deferred: bool = False
    exit_code: int | None = None
    seconds: float | None = None
