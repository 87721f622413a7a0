"""What `image create` is told in a YAML file: machine, product and questions; each mistake has its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...formats.yamltext import load
from ...record import Record
from ..convert.appliance import ADAPTER_MODELS, CONTROLLERS, Adapter
from ..package import units
from . import questions

if TYPE_CHECKING:
    from ...formats.yamltext import Document
    from ..package.model import Property

LIMIT = 1024 * 1024
_PRODUCT = ("name", "vendor", "version", "full_version", "url", "vendor_url", "app_url")
_PROPERTY = (
    "key",
    "type",
    "default",
    "label",
    "description",
    "category",
    "password",
    "user_configurable",
    "qualifiers",
)


class Spec(Record):
    """What the file says; None where it says nothing. `memory` in bytes; `product` by the keys of the file."""

    name: str | None = None
    memory: int | None = None
    cpus: int | None = None
    firmware: str | None = None
    architecture: str | None = None
    controller: str | None = None
    adapters: tuple[Adapter, ...] | None = None
    transports: tuple[str, ...] | None = None
    product: dict[str, str] = {}
    eulas: tuple[str, ...] = ()
    annotation: str | None = None
    properties: tuple[Property, ...] | None = None


def read(path: str) -> Spec:
    """The specification in a file. Raises InputError with `file:line:column`."""
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if len(data) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=path)
    return _Reader(load(data, path), os.path.dirname(path)).spec()


def size(text: object) -> int | None:
    """Bytes of `512M`, `2 GiB` or `2G`; of a bare number as MiB. None for what is no size, or an absurd one."""
    words = "".join(str(text).split())
    digits = words.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = words[len(digits) :].lower()
    one = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "": 1 << 20}.get(unit) or units.factor(unit)
    number = units.integer(digits)
    if one is None or number is None or not 0 < number * one < 1 << 46:
        return None
    return number * one


class _Reader:
    def __init__(self, document: Document, folder: str) -> None:
        self._document = document
        self._folder = folder
        self._value: dict[str, Any] = self._mapping(document.value, (), Spec._fields)

    def _wrong(self, message: str, *path: str | int) -> InputError:
        return InputError(message, where=self._document.where(*path))

    def _mapping(self, value: Any, path: tuple[str | int, ...], known: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"is to be a mapping with {', '.join(known)}", *path)
        for name in value:
            if name not in known:
                raise self._wrong(f"{name!r} is not known; there are {', '.join(known)}", *path, name)
        return value

    def _text(self, name: str, choices: tuple[str, ...] = ()) -> str | None:
        value = self._value.get(name)
        if value is None:
            return None
        text = self._document.spelling(name) if not isinstance(value, str) else value
        if text is None:
            raise self._wrong(f"{name} is to be a text", name)
        if choices and text not in choices:
            raise self._wrong(f"{name} is {' or '.join(choices)}, not {text!r}", name)
        return text

    def spec(self) -> Spec:
        memory = self._value.get("memory")
        if memory is not None and (memory := size(memory)) is None:
            raise self._wrong("memory is a size such as 2 GiB", "memory")
        cpus = self._value.get("cpus")
        if cpus is not None and (not isinstance(cpus, int) or isinstance(cpus, bool) or not 0 < cpus <= 4096):
            raise self._wrong("cpus is a number", "cpus")
        return Spec(
            self._text("name"),
            memory,
            cpus,
            self._text("firmware", ("bios", "efi")),
            self._text("architecture"),
            self._text("controller", CONTROLLERS),
            self._adapters(),
            self._words("transports"),
            self._product(),
            self._eulas(),
            self._text("annotation"),
            self._properties(),
        )

    def _list(self, name: str) -> list[Any] | None:
        value = self._value.get(name)
        if value is None:
            return None
        return value if isinstance(value, list) else [value]

    def _words(self, name: str) -> tuple[str, ...] | None:
        values = self._list(name)
        if values is None:
            return None
        for number, value in enumerate(values):
            if not isinstance(value, str) or not value.split():
                raise self._wrong(f"{name} is a list of words", name, number)
        return tuple(values)

    def _adapters(self) -> tuple[Adapter, ...] | None:
        values = self._list("adapters")
        if values is None:
            return None
        found = []
        for number, value in enumerate(values):
            if isinstance(value, str):
                found.append(Adapter(value))
                continue
            row = self._mapping(value, ("adapters", number), ("network", "model", "mac"))
            model = row.get("model", "e1000")
            if not isinstance(row.get("network"), str) or model not in ADAPTER_MODELS:
                raise self._wrong(
                    f"an adapter has a network, and a model of {', '.join(ADAPTER_MODELS)}", "adapters", number
                )
            found.append(Adapter(row["network"], row.get("mac"), model))
        return tuple(found)

    def _product(self) -> dict[str, str]:
        value = self._value.get("product")
        if value is None:
            return {}
        row = self._mapping(value, ("product",), _PRODUCT)
        return {name: str(self._document.spelling("product", name) or "") for name in row}

    def _eulas(self) -> tuple[str, ...]:
        found = []
        for number, value in enumerate(self._list("eulas") or []):
            if isinstance(value, str):
                found.append(value)
                continue
            row = self._mapping(value, ("eulas", number), ("file",))
            found.append(text(os.path.join(self._folder, str(row.get("file", "")))))
        return tuple(found)

    def _properties(self) -> tuple[Property, ...] | None:
        values = self._list("properties")
        if values is None:
            return None
        found = []
        for number, value in enumerate(values):
            if isinstance(value, str):
                if value not in questions.STANDARD:
                    known = ", ".join(questions.STANDARD)
                    raise self._wrong(f"{value!r} is none of the agent's properties: {known}", "properties", number)
                found.append(questions.standard(value))
                continue
            row = self._mapping(value, ("properties", number), _PROPERTY)
            found.append(self._property(row, number))
        return tuple(found)

    def _property(self, row: dict[str, Any], number: int) -> Property:
        def spelled(name: str, default: str = "") -> str:
            return self._document.spelling("properties", number, name) or default if name in row else default

        key = spelled("key")
        if not key or any(character in key for character in ": \t\n"):
            raise self._wrong("a property has a key, without blanks and colons", "properties", number)
        kind = spelled("type", "string")
        if kind not in questions.TYPES:
            raise self._wrong(
                f"type {kind!r} is none of OVF's: {', '.join(sorted(questions.TYPES))}", "properties", number, "type"
            )
        flags = {}
        for name in ("password", "user_configurable"):
            if name in row:
                if not isinstance(row[name], bool):
                    raise self._wrong(f"{name} is true or false", "properties", number, name)
                flags[name] = row[name]
        texts = {name: spelled(name) for name in ("label", "description", "category", "qualifiers")}
        base = questions.standard(key) if key in questions.STANDARD else questions.own(key)
        given = {name: value for name, value in texts.items() if value}
        return base.with_(type=kind, default=spelled("default"), **given, **flags)


def text(path: str) -> str:
    """A text file, such as a licence. Raises InputError."""
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise InputError(f"is larger than {LIMIT} bytes", where=path)
        return data.decode().rstrip("\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", where=path) from error
