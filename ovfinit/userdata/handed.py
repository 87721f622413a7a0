"""What was handed over, as the duties take it."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..finding import Finding


# the duty that has failed where it is not known whose data could not be read
ANY = "scripts"


class Script(Record):
    """A program of the user's: `name` is safe as a file name, `when` is how often it runs (see changes.py)."""

    name: str
    content: bytes
    when: str = "instance"
    origin: str | None = None
    vendor: bool = False


class UserData(Record):
    """What was handed over, vendor data below user data.

    Attributes:
        config: cloud-config, merged and typed by the duties' schemas; only keys that can be used.
        scripts, boothooks: in the order given, the vendor's first.
        findings: what is off, with its place; in the order of the parts.
        wanting: URLs of includes that could not be fetched yet.
        broken: duty → the first error in one of its keys.
        fetched: URL → what an include brought.
        incomplete: an include could not be read.
        unread: something of it could not be read, so that what it does not ask for may be asked for all the same.
    """

    config: Mapping[str, Any] = {}
    scripts: Sequence[Script] = ()
    boothooks: Sequence[Script] = ()
    findings: Sequence[Finding] = ()
    wanting: Sequence[str] = ()
    broken: Mapping[str, Finding] = {}
    fetched: Mapping[str, bytes] = {}
    incomplete: bool = False
    unread: Finding | None = None


NOTHING = UserData()


def withheld(handed: UserData) -> UserData:
    """Nothing of it but what is wrong with it: for whoever wants all of the user data or none."""
    first = next((finding for finding in handed.findings if finding.severity == "error"), None)
    broken = {ANY: first} if first is not None else {}
    return UserData(
        findings=handed.findings, broken=broken, fetched=handed.fetched, incomplete=True, unread=handed.unread or first
    )
