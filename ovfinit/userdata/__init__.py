"""User data: everything that a user can hand over for the first boot, sorted out into what the duties take."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..finding import Finding


class Script(Record):
    """A program of the user's: `name` is safe as a file name, `when` is how often it runs (see changes.py)."""

    name: str
    content: bytes
    when: str = "instance"
    origin: str | None = None


class UserData(Record):
    """What was handed over, vendor data below user data.

    Attributes:
        config: cloud-config, merged and typed by the duties' schemas; only keys that can be used.
        scripts, boothooks: in the order given, the vendor's first.
        findings: what is off, with its place; in the order of the parts.
        wanting: URLs of includes that could not be fetched yet.
    """

    config: Mapping[str, Any] = {}
    scripts: Sequence[Script] = ()
    boothooks: Sequence[Script] = ()
    findings: Sequence[Finding] = ()
    wanting: Sequence[str] = ()


NOTHING = UserData()
