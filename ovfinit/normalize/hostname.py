"""Host names: which are usable (RFC 1123, section 2.1), and what the short and the full one are."""

from __future__ import annotations

from ..record import Record

LABEL = 63
LENGTH = 253
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class HostName(Record):
    """`short` without dots, `full` with the domain where one is known; `problems` are (field, words).

    `domain` is True where the domain was needed to make the full name.
    """

    short: str | None
    full: str | None
    problems: tuple[tuple[str, str], ...]
    domain: bool = False


def settle(hostname: str | None, fqdn: str | None, domain: str | None = None) -> HostName:
    """What a machine is to be called.

    A dotted `hostname` is short and full name in one, an IPv4 address becomes `ip-10-0-0-7` (as EC2 names machines), a
    lone `fqdn` gives the short name too, and `domain` makes a full name where there is none. What is not a host name is
    left out and reported; underscores pass, since names with them are out there and work.
    """
    problems = []
    short, full, domain = _given(hostname), _given(fqdn), _given(domain)
    if short is not None:
        short = _from_address(short) or short
        if not valid(short):
            problems.append(("hostname", _reason(short)))
            short = None
    if full is not None and not valid(full):
        problems.append(("fqdn", _reason(full)))
        full = None
    if short is not None and "." in short:
        full = full or short
        short = short.partition(".")[0]
    if short is None and full is not None:
        short = full.partition(".")[0]
    completed = short is not None and full is None and domain is not None and valid(f"{short}.{domain}")
    return HostName(short, f"{short}.{domain}" if completed else full, tuple(problems), completed)


def valid(name: str) -> bool:
    """True for labels of letters, digits, `-` and `_` between dots, none empty or with a hyphen at an end."""
    if len(name) > LENGTH:
        return False
    labels = name.lower().split(".")
    return all(
        0 < len(label) <= LABEL and set(label) <= _LETTERS and label[0] != "-" and label[-1] != "-" for label in labels
    )


def _reason(text: str) -> str:
    """Why it is none; for a name in letters of other alphabets also its form in ASCII (RFC 3490), if it has one."""
    if not text.isascii():
        try:
            ascii_form = text.encode("idna").decode("ascii")
        except UnicodeError:
            ascii_form = ""
        if valid(ascii_form):
            return f"is not a host name, but {ascii_form} is its form in ASCII: write that"
    return "is not a host name (letters, digits and -, at most 63 between dots)"


def _given(name: str | None) -> str | None:
    return (name.strip().removesuffix(".") or None) if name else None


def _from_address(name: str) -> str | None:
    parts = name.split(".")
    if len(parts) == 4 and all(part.isascii() and part.isdecimal() and int(part[:4]) <= 255 for part in parts):
        return "ip-" + "-".join(parts)
    return None
