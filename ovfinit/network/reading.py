"""Reading an untyped mapping key by key, collecting every mistake with its path instead of stopping at the first."""

from __future__ import annotations

from .address import parse_interface, parse_ip, parse_mac, parse_network
from .outcome import Converted, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    T = TypeVar("T")
    Path = tuple[str | int, ...]
    Reader = Callable[[object], T]

ITEMS_LIMIT = 4096
FINDINGS_LIMIT = 100
SHOWN_LIMIT = 60
NAME_LIMIT = 15  # IFNAMSIZ of linux/if.h, less the final zero
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+")
_PATTERN = _NAME | frozenset("*?[]!^")
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_YES = {"true": True, "on": True, "yes": True, "y": True, "false": False, "off": False, "no": False, "n": False}
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "sec": 10**6, "m": 60 * 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}


class Unusable(Exception):
    """Raised by a reader of one value; the text says what the value should have been."""


class Findings:
    """Mistakes, warnings and deprecations of one document, at most FINDINGS_LIMIT of each."""

    def __init__(self) -> None:
        self.errors: list[Finding] = []
        self.mistakes = 0
        self.lost: list[Finding] = []
        self.warnings: list[Finding] = []
        self.deprecations: list[Finding] = []

    def error(self, path: Path, message: str) -> None:
        """A value that is not used. All are counted in `mistakes`, also those that are not kept."""
        self.mistakes += 1
        if len(self.errors) < FINDINGS_LIMIT:
            self.errors.append(Finding(path, message))

    def lose(self, path: Path, message: str) -> None:
        """A mistake that costs a whole device."""
        self.error(path, message)
        if len(self.lost) < FINDINGS_LIMIT:
            self.lost.append(Finding(path, message))

    def warn(self, path: Path, message: str) -> None:
        """A value that is not understood, and left out."""
        if len(self.warnings) < FINDINGS_LIMIT:
            self.warnings.append(Finding(path, message))

    def deprecate(self, path: Path, message: str) -> None:
        """A value that is used, and should be written otherwise."""
        if len(self.deprecations) < FINDINGS_LIMIT:
            self.deprecations.append(Finding(path, message))

    def converted(
        self, sections: Mapping[str, Mapping[str, object]], places: Mapping[tuple[str, str], Path]
    ) -> Converted:
        """A document in another form as these sections of version 2, with what was found in it."""
        whole = {"version": 2, **sections}
        return Converted(whole, tuple(self.errors), tuple(self.warnings), tuple(self.lost), places)


class Section:
    """One mapping of the document. Keys that nobody asked for are warned of by `close`."""

    def __init__(self, value: Mapping[object, object], path: Path, findings: Findings) -> None:
        self.value = value
        self.path = path
        self.findings = findings
        self._asked: set[object] = set()

    def has(self, key: str) -> bool:
        """True if the key is there with any value but null, which stands for absent."""
        self._asked.add(key)
        return self.value.get(key) is not None

    def take(self, key: str, reader: Reader[T]) -> T | None:
        """The value of `key`; None if it is absent or unusable, the latter reported."""
        return self.read(self.value[key], (*self.path, key), reader) if self.has(key) else None

    def flag(self, key: str) -> bool:
        """A boolean that is False when absent."""
        return bool(self.take(key, flag))

    def items(self, key: str) -> Iterator[tuple[Path, object]]:
        """Path and value of each item of a list, up to ITEMS_LIMIT."""
        if not self.has(key):
            return
        value, path = self.value[key], (*self.path, key)
        if not isinstance(value, (list, tuple)):
            self.findings.error(path, f"must be a list, not {kind(value)}")
            return
        if len(value) > ITEMS_LIMIT:
            self.findings.error(path, f"has more than {ITEMS_LIMIT} items")
            return
        for index, item in enumerate(value):
            yield (*path, index), item

    def every(self, key: str, reader: Reader[T]) -> tuple[T, ...]:
        """The usable items of a list, doubles left out."""
        found = (self.read(item, path, reader) for path, item in self.items(key))
        return tuple(dict.fromkeys(item for item in found if item is not None))

    def section(self, key: str) -> Section | None:
        """The mapping under `key`, None if it is absent or something else, the latter reported."""
        return self.below(self.value[key], (*self.path, key)) if self.has(key) else None

    def below(self, value: object, path: Path) -> Section | None:
        """A section for a value of this document, None (reported) if it is no mapping."""
        if not isinstance(value, dict):
            self.findings.error(path, f"must be a mapping, not {kind(value)}")
            return None
        if len(value) > ITEMS_LIMIT:
            self.findings.error(path, f"has more than {ITEMS_LIMIT} keys")
            return None
        return Section(value, path, self.findings)

    def read(self, value: object, path: Path, reader: Reader[T]) -> T | None:
        """One value through its reader; None, and a finding, if it is unusable."""
        try:
            return reader(value)
        except Unusable as error:
            self.findings.error(path, str(error))
            return None

    def error(self, key: str, message: str) -> None:
        """A mistake that lies in `key`."""
        self.findings.error((*self.path, key), message)

    def warn(self, key: str, message: str) -> None:
        """A warning about `key`."""
        self.findings.warn((*self.path, key), message)

    def deprecate(self, key: str, message: str) -> None:
        """A word on how `key` is written today."""
        self.findings.deprecate((*self.path, key), message)

    def close(self) -> None:
        """Warn of each key that nobody asked for."""
        for key in self.value:
            if key not in self._asked:
                self.findings.warn(
                    (*self.path, shown(key) if not isinstance(key, str) else key), "is not known, left out"
                )


def kind(value: object) -> str:
    """What a value is, in the words of people who write YAML."""
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
    }
    return "nothing" if value is None else names.get(type(value), "something else")


def shown(value: object) -> str:
    """A value for a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN_LIMIT else text[:SHOWN_LIMIT] + "…"


def flag(value: object) -> bool:
    """A boolean, or one of the words that netplan takes for one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _YES:
        return _YES[value.lower()]
    raise Unusable(f"{shown(value)} is neither true nor false")


def text(value: object) -> str:
    """A text of printable characters."""
    if not isinstance(value, str) or not value.isprintable():
        raise Unusable(f"must be a text, not {shown(value)}")
    return value


def number(low: int, high: int) -> Reader[int]:
    """A whole number between two limits, both included; digits in quotes will do."""

    def read(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Unusable(f"{shown(value)} is not a whole number from {low} to {high}")
        return value

    return read


def choice(*words: str) -> Reader[str]:
    """One of these words."""

    def read(value: object) -> str:
        if value not in words:
            raise Unusable(f"{shown(value)} is not one of {', '.join(words)}")
        return str(value)

    return read


def duration(unit: str) -> Reader[int]:
    """A span of time in milliseconds; a bare number counts in `unit` (`s` or `ms`)."""

    def read(value: object) -> int:
        written = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        digits = written.rstrip("abcdefghijklmnopqrstuvwxyz ")
        suffix = written[len(digits) :].strip() or unit
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 9 or suffix not in _MICROSECONDS:
            raise Unusable(f"{shown(value)} is not a span of time such as 100ms or 4s")
        return int(digits) * _MICROSECONDS[suffix] // 1000

    return read


def ip(value: object) -> str:
    """An IPv4 or IPv6 address."""
    return _parsed(value, parse_ip, "an IP address")


def ipv4(value: object) -> str:
    """An IPv4 address."""
    found = ip(value)
    if ":" in found:
        raise Unusable(f"{shown(value)} is not an IPv4 address")
    return found


def ipv6(value: object) -> str:
    """An IPv6 address."""
    found = ip(value)
    if ":" not in found:
        raise Unusable(f"{shown(value)} is not an IPv6 address")
    return found


def interface_address(value: object) -> tuple[str, int]:
    """An address with prefix length."""
    return _parsed(value, parse_interface, "an address with prefix length")


def network(value: object) -> str:
    """A network in CIDR form."""
    return _parsed(value, parse_network, "a network such as 10.0.0.0/8")


def mac(value: object) -> str:
    """A hardware address."""
    try:
        return parse_mac(value)
    except ValueError:
        raise Unusable(f"{shown(value)} is not a hardware address such as 52:54:00:12:34:56") from None


def interface_name(value: object) -> str:
    """A name the kernel, networkd, ifupdown and a shell all take as one plain word."""
    name = _name(value)
    if len(name) > NAME_LIMIT:
        raise Unusable(f"{shown(value)} is longer than the {NAME_LIMIT} characters of an interface's name")
    if name.isdecimal() or name in {"all", "default"}:
        raise Unusable(f"{shown(value)} cannot be the name of an interface")
    return name


def label(value: object) -> str:
    """The label of an address, `NAME` or `NAME:ALIAS`."""
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LIMIT or not set(value) <= _NAME | {":"}:
        raise Unusable(f"{shown(value)} is not a label: at most {NAME_LIMIT} letters, digits and . _ - : @ +")
    return value


def device_id(value: object) -> str:
    """The id of a device that has a match: any word that can be part of a file's name."""
    name = _name(value)
    if len(name) > 64:
        raise Unusable(f"{shown(value)} is longer than 64 characters")
    return name


def pattern(value: object) -> str:
    """A shell pattern for names of interfaces or drivers."""
    written = value if isinstance(value, str) else ""
    paired = written.count("[") == written.count("]")
    if not 0 < len(written) <= 64 or not set(written) <= _PATTERN or written[0] in "!-" or not paired:
        raise Unusable(f"{shown(value)} is not a name or shell pattern such as en*")
    return written


def domain(value: object) -> str:
    """A search domain, or networkd's `~domain` that only routes queries."""
    written = value if isinstance(value, str) else ""
    bare = written.removeprefix("~")
    if not 0 < len(bare) <= 253 or not set(bare) <= _DOMAIN or bare[0] == "-":
        raise Unusable(f"{shown(value)} is not a domain name")
    return written


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise Unusable(f"must be a text, not {shown(value)}")
    if not value or not set(value) <= _NAME or value in {".", ".."} or value[0] == "-":
        raise Unusable(f"{shown(value)} is not a name: letters, digits and . _ - @ + only")
    return value


def _parsed(value: object, parse: Callable[[str], T], expected: str) -> T:
    try:
        if isinstance(value, str):
            return parse(value)
    except ValueError:
        pass
    raise Unusable(f"{shown(value)} is not {expected}")
