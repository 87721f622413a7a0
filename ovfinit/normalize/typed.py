"""The types of the model's fields, as they must be whatever a source or a plugin returned.

Plain forms that say the same are accepted and turned into the model's own: a list for a tuple, a text for bytes, a
number as a property's value, a network mapping below its `network:` key.
"""

from __future__ import annotations

from ..errors import InputError, SourceInvalid
from ..model import Metadata, Nic, Problem, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PAYLOAD = 16 * 1024 * 1024
PROPERTIES = 8192
NAME = 1024
TOTAL = 16 * 1024 * 1024
DEPTH = 32
NODES = 100_000
NICS = 256


def typed(metadata: Metadata) -> Metadata:
    """The same metadata with every field of the model's own type.

    Raises SourceInvalid naming the field, what was expected and what was found; never the value, which may be secret.
    """
    where = metadata.location if isinstance(metadata.location, str) else None
    fields: dict[str, Any] = {}
    for name, value in metadata.as_dict().items():
        try:
            fields[name] = _KINDS[name](value)
        except _WrongError as wrong:
            place = f"{name}{wrong.place}"
            raise SourceInvalid(f"{place} {wrong.message}", where=where) from None
    return Metadata(**fields)


def network(value: object) -> dict[str, Any]:
    """A network configuration as plain data, without its top `network:` key. Raises InputError if it is none."""
    try:
        found = _network(value)
    except _WrongError as wrong:
        raise InputError(f"network{wrong.place} {wrong.message}") from None
    return found or {}


class _WrongError(Exception):
    """Carries what is wrong up to where the field's name is known; `place` leads further into the field."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place


def _expected(kind: str, found: object, place: str = "") -> _WrongError:
    return _WrongError(f"must be {kind}, not {'null' if found is None else type(found).__name__}", place)


def _text(value: object, place: str = "") -> str | None:
    if value is not None and not isinstance(value, str):
        raise _expected("a text (str)", value, place)
    if value and not value.isascii():
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise _WrongError("has halves of characters (lone surrogates)", place) from None
    return value


def _line(value: object) -> str | None:
    text = _text(value)
    if text is not None and len(text) > NAME * 4:
        raise _WrongError(f"is longer than {NAME * 4} characters")
    return text


def _number(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise _expected("a number (int)", value)
    return value


def _payload(value: object) -> bytes | None:
    if isinstance(value, str):
        value = (_text(value) or "").encode("utf-8", "surrogateescape")
    elif isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    if value is not None and not isinstance(value, bytes):
        raise _expected("bytes or a text", value)
    if value is not None and len(value) > PAYLOAD:
        raise _WrongError(f"is larger than {PAYLOAD} bytes")
    return value


def _hidden(value: object) -> Secret | None:
    if isinstance(value, str):
        value = Secret(value)
    if value is not None and not isinstance(value, Secret):
        raise _expected("a Secret or a text", value)
    return value if value is None or value.reveal() else None


def _keys(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (_text(value) or "",)
    if not isinstance(value, (list, tuple)):
        raise _expected("a list of texts", value)
    keys = []
    for index, item in enumerate(value):
        text = _text(item, f"[{index}]")
        if text is None:
            raise _expected("a text (str)", item, f"[{index}]")
        keys.append(text)
    return tuple(keys)


def _network(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not hasattr(value, "items"):
        raise _expected("a mapping (netplan version 2)", value)
    plain: dict[str, Any] = _json(value, "", [0], 0)
    inner = plain.get("network")
    return inner if isinstance(inner, dict) and "version" not in plain else plain


def _properties(value: object) -> dict[str, str | Secret]:
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise _expected("a mapping", value)
    checked: dict[str, str | Secret] = {}
    total = 0
    for key, given in value.items():
        if not isinstance(key, str):
            raise _expected("texts as keys", key)
        if len(key) > NAME:
            raise _WrongError(f"has a name longer than {NAME} characters")
        _text(key)
        if given is None:
            continue
        item = _scalar(given)
        if item is None:
            raise _expected("a text (str) or a Secret", given, f".{key[:60]}")
        _text(item.reveal() if isinstance(item, Secret) else item, f".{key[:60]}")
        total += len(key) + len(item.reveal() if isinstance(item, Secret) else item)
        checked[key] = item
    if len(checked) > PROPERTIES or total > TOTAL:
        raise _WrongError(f"are more than {PROPERTIES} or larger than {TOTAL} characters")
    return checked


def _scalar(value: object) -> str | Secret | None:
    """A property's value as text; numbers and truth values as JSON spells them."""
    if isinstance(value, (str, Secret)):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else None


def _nics(value: object) -> tuple[Nic, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise _expected("a list of Nic", value)
    if len(value) > NICS:
        raise _WrongError(f"are more than {NICS}")
    checked = []
    for index, item in enumerate(value):
        plain = isinstance(item, dict) and "mac" in item and set(item) <= set(Nic._fields)
        nic = Nic(**item) if plain else item
        if not isinstance(nic, Nic):
            raise _expected("a Nic", item, f"[{index}]")
        checked.append(_nic(nic, f"[{index}]"))
    return tuple(checked)


def _nic(nic: Nic, place: str) -> Nic:
    kinds: tuple[tuple[str, tuple[type, ...], str], ...] = (
        ("mac", (str,), "a text (str)"),
        ("network", (str, type(None)), "a text (str)"),
        ("index", (int, type(None)), "a number (int)"),
        ("dhcp4", (bool,), "true or false"),
        ("dhcp6", (bool,), "true or false"),
        ("card", (int, type(None)), "a number (int)"),
    )
    for name, allowed, expected in kinds:
        value = getattr(nic, name)
        if not isinstance(value, allowed) or name in {"index", "card"} and isinstance(value, bool):
            raise _expected(expected, value, f"{place}.{name}")
    lists = {}
    for name in ("addresses", "prefixes", "routers"):
        value = getattr(nic, name)
        if not isinstance(value, (list, tuple)):
            raise _expected("a list of texts", value, f"{place}.{name}")
        for item in value:
            if not isinstance(item, str):
                raise _expected("texts", item, f"{place}.{name}")
        lists[name] = tuple(value)
    return nic.with_(mac=nic.mac.strip().lower().replace("-", ":"), **lists)


def _origins(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise _expected("a mapping", value)
    for key, item in value.items():
        if not isinstance(key, str) or not isinstance(item, str):
            raise _expected("texts", key if not isinstance(key, str) else item)
    return dict(value.items())


def _problems(value: object) -> tuple[Problem, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise _expected("a list of Problem", value)
    for index, item in enumerate(value):
        if not isinstance(item, Problem):
            raise _expected("a Problem", item, f"[{index}]")
    return tuple(value)


def _plain(value: object) -> Any:
    return _json(value, "", [0], 0)


def _json(value: Any, place: str, nodes: list[int], depth: int) -> Any:
    """The same as plain dicts and lists. `nodes` counts values over the whole walk."""
    nodes[0] += 1
    if nodes[0] > NODES or depth > DEPTH:
        raise _WrongError(f"has more than {NODES} values or is nested deeper than {DEPTH}")
    if value is None or isinstance(value, (str, bool, int, float)):
        return _text(value, place) if isinstance(value, str) else value
    if isinstance(value, (list, tuple)):
        return [_json(item, f"{place}[{index}]", nodes, depth + 1) for index, item in enumerate(value)]
    if not hasattr(value, "items"):
        raise _expected("a text, a number, true, false, null, a list or a mapping", value, place)
    found = {}
    for key, item in value.items():
        if not isinstance(key, (str, int)):
            raise _expected("texts as keys", key, place)
        found[str(key)] = _json(item, f"{place}.{str(key)[:60]}", nodes, depth + 1)
    return found


_KINDS: dict[str, Callable[[object], Any]] = {
    "instance_id": _line,
    "hostname": _line,
    "fqdn": _line,
    "public_keys": _keys,
    "network": _network,
    "user_data": _payload,
    "vendor_data": _payload,
    "properties": _properties,
    "platform": _line,
    "region": _line,
    "availability_zone": _line,
    "instance_type": _line,
    "launch_index": _number,
    "locale": _line,
    "timezone": _line,
    "username": _line,
    "password": _hidden,
    "nics": _nics,
    "origins": _origins,
    "problems": _problems,
    "datasource": _line,
    "location": _line,
    "fingerprint": _plain,
}
