"""What the files of a NoCloud seed say, in the model's terms.

After cloud-init's documentation of the NoCloud datasource: `meta-data` and `network-config` are YAML, `user-data` and
`vendor-data` are the user's bytes; `ds=nocloud;h=NAME` words give single keys. Seeds are laid over each other: of a key
in meta-data the first one wins, of a whole file the last one.
"""

from __future__ import annotations

from ..errors import SourceInvalid
from ..model import Metadata, Problem
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .yamltext import Document

META, USER, VENDOR, NETWORK = FILES = ("meta-data", "user-data", "vendor-data", "network-config")
SHORT = {"h": "local-hostname", "i": "instance-id", "s": "seedfrom"}

# field → the keys it goes by, the best first; EC2's, and those of cloud-init's other sources
_TEXTS = {
    "instance_id": ("instance-id",),
    "hostname": ("local-hostname", "hostname"),
    "fqdn": ("fqdn",),
    "region": ("region",),
    "availability_zone": ("availability-zone",),
    "instance_type": ("instance-type",),
}
_KEYS = ("public-keys", "public-ssh-keys")
_INDEX = ("launch-index", "ami-launch-index")
# what is said to cloud-init itself, not about the machine
_IGNORED = ("dsmode", "seedfrom")


class SeedFile(Record):
    """One file of a seed: what it holds, and what to call it in messages and origins."""

    content: bytes
    name: str


class _Value(Record):
    """A value of meta-data: its key and itself as written (None for what is no scalar), as YAML sees it, and where."""

    key: str
    value: Any
    spelling: str | None
    origin: str
    where: str


class NoCloud:
    """Seeds laid over each other, first `words`, then files in the order of the places they were found in."""

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}
        self._files: dict[str, SeedFile] = {}
        self._problems: list[Problem] = []

    @staticmethod
    def file(content: bytes, name: str) -> SeedFile:
        """A file for `files`; `name` is what messages and origins call it."""
        return SeedFile(content, name)

    def words(self, words: Mapping[str, str], origin: str) -> None:
        """Keys of meta-data that were given one by one; the short ones are written out."""
        for name, value in words.items():
            key = SHORT.get(name, name)
            self._values.setdefault(_folded(key), _Value(key, value, value, f"{origin}#{key}", origin))

    def files(self, files: Mapping[str, SeedFile]) -> None:
        """The files of one place, by their plain names (`FILES`); raises InputError or SourceInvalid for meta-data."""
        from .yamltext import load

        for name, file in files.items():
            if name != META:
                self._files[name] = file
            elif file.content.strip():
                document = load(file.content, file.name)
                for key in _mapping(document, "meta-data"):
                    value, spelling = document.value[key], document.spelling(key)
                    # a blank text says as little as a null
                    if value is not None and (spelling is None or spelling.strip()):
                        found = _Value(key, value, spelling, f"{file.name}#{key}", document.where(key))
                        self._values.setdefault(_folded(key), found)

    @property
    def seedfrom(self) -> tuple[str, str] | None:
        """Where the rest of the seed is, and the origin of that."""
        value = self._values.get("seedfrom")
        return (value.spelling, value.where) if value is not None and value.spelling else None

    def metadata(self) -> Metadata:
        """Everything that was said. Raises InputError or SourceInvalid for a network-config or an id of no use."""
        fields: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for field, value in self._fields():
            fields[field], origins[field] = value.value, value.origin
        network = self._network()
        if network is not None:
            fields["network"], origins["network"] = network.value, network.origin
        for field, name in (("user_data", USER), ("vendor_data", VENDOR)):
            if name in self._files and self._files[name].content:
                fields[field], origins[field] = self._files[name].content, self._files[name].name
        properties = dict(self._properties(origins))
        return Metadata(**fields, properties=properties, origins=origins, problems=tuple(self._problems))

    def _fields(self) -> Iterator[tuple[str, _Value]]:
        self._place()
        for field, names in _TEXTS.items():
            for value in self._take(names):
                if value.spelling is not None:
                    yield field, value.with_(value=value.spelling)
                elif field == "instance_id":
                    raise SourceInvalid("instance-id must be one value, not a list or a mapping", where=value.where)
                else:
                    self._problem(field, "must be one value, not a list or a mapping", value)
        for value in self._take(_INDEX):
            number = (value.spelling or "").strip()
            if number.isascii() and number.isdecimal() and len(number) < 10:
                yield "launch_index", value.with_(value=int(number))
            else:
                self._problem("launch_index", "must be a number", value)
        for value in self._take(_KEYS):
            yield "public_keys", value.with_(value=tuple(self._public_keys(value.value, value)))

    def _take(self, names: tuple[str, ...]) -> list[_Value]:
        """The best one of these keys, as a list of one, or none; all of them are used up."""
        return [self._values.pop(name) for name in names if name in self._values][:1]

    def _place(self) -> None:
        """EC2's `placement`: a mapping with region and zone."""
        placement = self._values.get("placement")
        if placement is None or not isinstance(placement.value, dict):
            return
        for key, value in placement.value.items():
            if _folded(key) in ("region", "availability-zone") and isinstance(value, str):
                inner = placement.with_(value=value, spelling=value, origin=f"{placement.origin}/{key}")
                self._values.setdefault(_folded(key), inner)

    def _public_keys(self, value: Any, whole: _Value) -> Iterator[str]:
        """A text of lines, a list, or a mapping of names to either, as the platforms write it."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for item in value:
                yield from self._public_keys(item, whole)
        elif isinstance(value, dict):
            for item in value.values():
                yield from self._public_keys(item, whole)
        elif value is not None:
            self._problem("public_keys", "has something that is no text among the keys", whole)

    def _network(self) -> _Value | None:
        file = self._files.get(NETWORK)
        inside = self._values.pop("network", None)
        interfaces = self._values.pop("network-interfaces", None)
        if file is not None and file.content.strip():
            from .yamltext import load

            document = load(file.content, file.name)
            value = _mapping(document, "network-config")
            if set(value) == {"network"}:
                value = value["network"]
                if value is not None and not isinstance(value, dict):
                    raise SourceInvalid("network must be a mapping", where=document.where("network"))
            if value:
                return _Value(NETWORK, value, None, file.name, file.name)
        if inside is not None:
            if isinstance(inside.value, dict):
                value = inside.value
                return inside.with_(value=value["network"] if set(value) == {"network"} else value)
            self._problem("network", "must be a mapping", inside)
        elif interfaces is not None:
            if isinstance(interfaces.value, str):
                return interfaces.with_(value={interfaces.key: interfaces.value})
            self._problem("network", "network-interfaces must be a text", interfaces)
        return None

    def _properties(self, origins: dict[str, str]) -> Iterator[tuple[str, str]]:
        for folded, value in self._values.items():
            if folded in _IGNORED:
                continue
            name, text = value.key, value.spelling
            if text is None:
                from json import dumps

                try:
                    text = dumps(value.value, ensure_ascii=False)
                except TypeError:
                    self._problem(f"properties.{name}", "has binary data in it", value)
                    continue
            origins[f"properties.{name}"] = value.origin
            yield name, text

    def _problem(self, field: str, message: str, value: _Value) -> None:
        self._problems.append(Problem(field, message, value.origin))


def _folded(key: str) -> str:
    return key.strip().lower().replace("_", "-")


def _mapping(document: Document, what: str) -> dict[str, Any]:
    value = document.value
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SourceInvalid(f"{what} must be a mapping of keys to values", where=document.where())
    return value
