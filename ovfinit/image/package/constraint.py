"""What a property's value may be: its type and its qualifiers (DSP0243 1.1, section 9.5.1, tables 6 and 7).

VMware's types (`int`, `ip:NETWORK`, `password`, `string(1..64)`) and qualifiers (`MinValue`, `Ip("NETWORK")` …) are
understood too, and commas or blanks between qualifiers.
"""

from __future__ import annotations

from ...record import Record
from .units import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .model import Property

STRING, INTEGER, REAL, BOOLEAN, ADDRESS, EXPRESSION = "string", "integer", "real", "boolean", "address", "expression"
_SIZES = {f"{sign}int{bits}": (sign, bits) for sign in ("u", "s") for bits in (8, 16, 32, 64)}
RANGES = {
    name: (0, (1 << bits) - 1) if sign == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
    for name, (sign, bits) in _SIZES.items()
}
RANGES["int"] = RANGES["sint32"]
KINDS = {
    **dict.fromkeys(RANGES, INTEGER),
    **dict.fromkeys(("real", "real32", "real64"), REAL),
    "string": STRING,
    "password": STRING,
    "boolean": BOOLEAN,
    "ip": ADDRESS,
    "expression": EXPRESSION,
}
# types that DSP0243 does not have
FOREIGN = frozenset({"int", "real", "password", "ip", "expression"})
# VMware's words for what a value means on a network: which form it must have
FORMS = {
    "ip": ADDRESS,
    "vimip": ADDRESS,
    "gateway": ADDRESS,
    "netmask": "netmask",
    "dns": "addresses",
    **dict.fromkeys(("domainname", "hostprefix", "subnet", "searchpath", "httpproxy", "net", "autoip"), STRING),
}
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")
MOST_CHOICES = 10_000


class Constraint(Record):
    """What a value may be.

    `kind` is one of the constants above, `low` and `high` bound a number, `shortest` and `longest` a text in
    characters. `choices` is None where anything goes, `form` what a text must look like, `network` the network that it
    is about. `unknown` are the words of type and qualifiers that nobody could make sense of.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    shortest: int | None = None
    longest: int | None = None
    choices: tuple[str, ...] | None = None
    form: str = ""
    network: str = ""
    unknown: tuple[str, ...] = ()

    def wrong(self, value: str) -> str | None:
        """Why a value cannot be taken, in words that follow a name; None for one that can."""
        if self.choices is not None and value not in self.choices:
            some = ", ".join(self.choices[:8])
            return f"must be one of: {some}{', …' if len(self.choices) > 8 else ''}"
        if self.kind == INTEGER:
            number = integer(value)
            if number is None:
                return "must be a whole number"
            return self._outside(number)
        if self.kind == REAL:
            return self._outside(_real(value)) if _real(value) is not None else "must be a number"
        if self.kind == BOOLEAN and value.lower() not in (*TRUE, *FALSE):
            return "must be true or false"
        if self.shortest is not None and len(value) < self.shortest:
            return f"must have at least {self.shortest} characters, not {len(value)}"
        if self.longest is not None and len(value) > self.longest:
            return f"must have at most {self.longest} characters, not {len(value)}"
        return _misshapen(self.form or self.kind, value)

    def _outside(self, number: float | None) -> str | None:
        if number is None or (self.low is not None and number < self.low):
            return f"must be at least {self.low:g}" if abs(self.low or 0) < 1e6 else f"must be at least {self.low}"
        if self.high is not None and number > self.high:
            return f"must be at most {self.high:g}" if abs(self.high) < 1e6 else f"must be at most {self.high}"
        return None

    @property
    def may_be_empty(self) -> bool:
        """True if no value at all is a value too; an address, a text without bounds or a truth may be left open."""
        if self.choices is not None:
            return "" in self.choices
        return self.kind not in (INTEGER, REAL) and not self.shortest

    def words(self) -> str:
        """The constraint for people: `1 to 64 characters`, `10 to 1000`, `one of: low, high`."""
        if self.choices is not None:
            return f"one of: {', '.join(choice or '(nothing)' for choice in self.choices)}"
        if self.form and self.form != STRING:
            network = f" on {self.network}" if self.network else ""
            return f"{_FORM_WORDS[self.form]}{network}"
        if self.kind in (INTEGER, REAL):
            return _span(self.low, self.high, "")
        return _span(self.shortest or None, self.longest, " characters")


_FORM_WORDS = {ADDRESS: "IP address", "netmask": "netmask", "addresses": "IP addresses"}


def _span(low: float | None, high: float | None, unit: str) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {high}{unit.removesuffix('s') if high == 1 else unit}"
    return f"at least {low}{unit.removesuffix('s') if low == 1 else unit}" if high is None else f"{low} to {high}{unit}"


def constraint(question: Property) -> Constraint:
    """What a property's type, qualifiers and platform qualifiers say together; never raises."""
    kind, fields, unknown = _type(question.type)
    for text in (question.qualifiers, question.platform_qualifiers):
        for name, content in _qualifiers(text):
            if not _qualify(fields, name.lower(), content):
                unknown.append(name)
    return Constraint(kind, **fields, unknown=tuple(unknown))


def base_type(text: str) -> str:
    """The type without VMware's range or network, lower case: `string(1..64)` is `string`."""
    return text.strip().lower().partition("(")[0].partition("[")[0].partition(":")[0].strip()


def _type(text: str) -> tuple[str, dict[str, Any], list[str]]:
    name = base_type(text)
    kind = KINDS.get(name)
    if kind is None:
        return STRING, {}, [text] if name else []
    fields: dict[str, Any] = {}
    if name in RANGES:
        fields["low"], fields["high"] = RANGES[name]
    rest = text.strip()[len(name) :].strip()
    if rest.startswith("(") and rest.endswith(")"):
        low, _, high = rest[1:-1].partition("..")
        names = ("low", "high") if kind in (INTEGER, REAL) else ("shortest", "longest")
        for field, bound in zip(names, (low, high)):
            if bound.strip():
                fields[field] = integer(bound) if kind != REAL else _real(bound)
    elif rest.startswith("["):
        fields["choices"] = tuple(_items(rest.strip("[]")))
    elif rest.startswith(":"):
        fields["network"], fields["form"] = rest[1:].strip(), ADDRESS
    return kind, fields, []


def _qualify(fields: dict[str, Any], name: str, content: str) -> bool:
    """Take one qualifier; False for one that is unknown or makes no sense."""
    if name in ("minlen", "maxlen", "minvalue", "maxvalue"):
        bound = integer(content) if name.endswith("len") or "." not in content else _real(content)
        field = {"minlen": "shortest", "maxlen": "longest", "minvalue": "low", "maxvalue": "high"}[name]
        if bound is None:
            return False
        fields[field] = bound
        return True
    if name == "valuemap":
        fields["choices"] = tuple(_items(content))
        return True
    if name in FORMS:
        fields["form"] = FORMS[name]
        fields["network"] = content.strip().strip("\"'")
        return True
    return False


def _qualifiers(text: str) -> list[tuple[str, str]]:
    """Names and what stands in their brackets: `MinLen(1), ValueMap{"a", "b"}`; a name alone has nothing."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        if text[at] in " ,;\t\r\n":
            at += 1
            continue
        start = at
        while at < len(text) and text[at] not in " ,;\t\r\n({":
            at += 1
        name = text[start:at]
        after = at
        while after < len(text) and text[after] in " \t":
            after += 1
        content = ""
        if after < len(text) and text[after] in "({":
            content, at = _bracketed(text, after)
        found.append((name, content))
    return found


def _bracketed(text: str, at: int) -> tuple[str, int]:
    """What stands in the brackets that open here, and where to go on."""
    closing = {"(": ")", "{": "}"}[text[at]]
    start = at = at + 1
    quoted = ""
    while at < len(text):
        character = text[at]
        if quoted:
            if character == "\\":
                at += 1
            elif character == quoted:
                quoted = ""
        elif character in "\"'":
            quoted = character
        elif character == closing:
            return text[start:at], at + 1
        at += 1
    return text[start:], at


def _items(content: str) -> list[str]:
    """The values of a list: quoted, a backslash before a quote or another one, or bare."""
    found: list[str] = []
    at = 0
    while at < len(content) and len(found) < MOST_CHOICES:
        if content[at] in " ,\t\r\n":
            at += 1
            continue
        if content[at] in "\"'":
            quote, at = content[at], at + 1
            value = ""
            while at < len(content) and content[at] != quote:
                at += content[at] == "\\" and at + 1 < len(content)
                value += content[at]
                at += 1
            found.append(value)
            at += 1
        else:
            end = content.find(",", at)
            end = len(content) if end < 0 else end
            found.append(content[at:end].strip())
            at = end
    return found


def _real(text: str) -> float | None:
    try:
        value = float(text) if len(text) <= 64 else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < float("inf") else None


def _misshapen(form: str, value: str) -> str | None:
    """Why a text does not have its form; no text at all leaves the matter to the platform."""
    if not value.strip():
        return None
    if form == ADDRESS:
        return None if _is_address(value) else "must be an IP address"
    if form == "addresses":
        words = value.replace(",", " ").split()
        return None if all(map(_is_address, words)) else "must be IP addresses with commas between"
    if form == "netmask":
        return None if _is_netmask(value.strip()) else "must be a netmask such as 255.255.255.0, or a prefix length"
    return None


def _is_address(text: str) -> bool:
    from socket import AF_INET, AF_INET6, inet_pton

    for family in (AF_INET, AF_INET6):
        try:
            inet_pton(family, text.strip())
        except (OSError, ValueError):
            continue
        return True
    return False


def _is_netmask(text: str) -> bool:
    length = integer(text.removeprefix("/"))
    if length is not None:
        return 0 <= length <= 128
    parts = text.split(".")
    octets = [integer(part) for part in parts]
    if len(parts) != 4 or any(octet is None or not 0 <= octet <= 255 for octet in octets):
        return False
    bits = "".join(f"{octet:08b}" for octet in octets)
    return "01" not in bits
