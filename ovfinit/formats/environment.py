"""The OVF environment document: what the deployment platform tells a virtual machine (DMTF DSP8027, DSP0243 section 9).

Elements and attributes are matched by namespace, never by prefix. Producers are many, so a missing namespace, a bare
attribute and a prefix that is bound to something else, or to nothing, are accepted too; the 0.9 draft's
`Section xsi:type` as well. A document type declaration, and with it every entity of its own, is refused.
"""

from __future__ import annotations

from ..errors import InputError
from ..model import Nic, Problem, Secret
from ..normalize.properties import OWNER, secret
from ..record import Record
from .xmlwalk import ENCODING, UNFINISHED, Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 4 * 1024 * 1024
DEPTH = 32
ELEMENTS = 100_000
ATTRIBUTES = 200_000
TEXT = 4096
PROPERTIES = 4096
BINDINGS = 256
PROBLEMS = 100

NAMESPACES = frozenset(
    {
        "http://schemas.dmtf.org/ovf/environment/1",
        "http://schemas.dmtf.org/ovf/environment/1/",
        "http://schemas.dmtf.org/ovf/environment/2",
        "http://www.vmware.com/schema/ovf/1/environment",
    }
)
PLACE = "#/Environment/PropertySection/"
_SEVERAL = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


class Environment(Record):
    """What one document says about the machine that it was made for; what it says of siblings is left out.

    `properties` has those with a value, in order; names that tell so carry a Secret. `sections` are the local names of
    the root's sections, `foreign` those of namespaces that are not OVF's. `timezone` is `UTC`, or like `UTC+120`.
    """

    id: str
    sections: tuple[str, ...]
    foreign: tuple[str, ...]
    properties: Mapping[str, str | Secret]
    platform: str | None
    locale: str | None
    timezone: str | None
    nics: tuple[Nic, ...]
    problems: tuple[Problem, ...]


def parse(data: bytes, where: str) -> Environment:
    """The environment in a document, whatever its encoding; zeros behind it (a guestinfo buffer) are ignored.

    Raises InputError with `where:line:column` for what is not well-formed, not an Environment or out of bounds.
    """
    if len(data) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=where)
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")):
        data = data.partition(b"\0")[0].lstrip()
    reader = _Reader(where)
    broken = reader.through(data)
    if broken is not None:
        code, reason, place = broken
        raise InputError(f"is not well-formed XML: {reason}", where=place, remedy=_remedy(code, data))
    return reader.result()


def _remedy(code: int, data: bytes) -> str:
    if code in UNFINISHED:
        return "the document is cut off: write it again, whole"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "save it as UTF-8, or declare its encoding in the first line"
    if code in ENCODING:
        return "declare the encoding that it is really in: UTF-8"
    return 'in values write &amp; for &, &lt; for < and &quot; for "'


class _Reader(Walk):
    """Collects what counts while expat walks through the document."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self._bindings: list[Mapping[str, str]] = [{}]
        self._own = NAMESPACES | {""}
        self._elements = self._attributes = 0
        self._section = self._capturing = ""
        self._id = ""
        self._sections: list[str] = []
        self._foreign: list[str] = []
        self._platform: dict[str, str] = {}
        self._properties: dict[str, list[str]] = {}
        self._count = 0
        self._adapters: list[tuple[int, Nic]] = []
        self._problems: list[Problem] = []

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        depth = len(self._bindings)
        self._elements += 1
        self._attributes += len(attributes)
        if depth > DEPTH:
            raise self._error(f"is nested deeper than {DEPTH} elements")
        if self._elements > ELEMENTS or self._attributes > ATTRIBUTES:
            raise self._error(f"has more than {ELEMENTS} elements or {ATTRIBUTES} attributes")
        self._bind(attributes)
        namespace, name = self._split(qualified)
        if depth == 1:
            self._root(namespace, name, attributes)
        elif depth == 2:
            self._begin_section(namespace, name, attributes)
        elif depth == 3:
            self._entry(namespace, name, attributes)

    def end(self, qualified: str) -> None:
        """An element ends."""
        self._bindings.pop()
        if len(self._bindings) <= 3:
            self._capturing = ""
        if len(self._bindings) <= 2:
            self._section = ""

    def text(self, text: str) -> None:
        """Characters between tags count only inside the platform's few elements."""
        if self._capturing and len(self._bindings) == 4:
            known = self._platform.get(self._capturing, "")
            self._platform[self._capturing] = (known + text)[:TEXT]

    def result(self) -> Environment:
        """What was collected."""
        properties: dict[str, str | Secret] = {}
        for key, values in self._properties.items():
            value = self._one(key, values)
            properties[key] = Secret(value) if secret(key, value) else value
        # the id is of use only where a name is qualified by it
        if self._id and any(key.lower().endswith(f".{self._id.lower()}") for key in properties):
            properties[OWNER] = self._id
        ordered = sorted(self._adapters, key=lambda adapter: adapter[0])
        return Environment(
            self._id,
            tuple(self._sections),
            tuple(self._foreign),
            properties,
            self._platform.get("Kind", "").strip() or None,
            self._platform.get("Locale", "").strip() or None,
            self._timezone(self._platform.get("Timezone", "").strip()),
            tuple(nic.with_(index=index) for index, (_, nic) in enumerate(ordered)),
            tuple(self._problems),
        )

    def _bind(self, attributes: Mapping[str, str]) -> None:
        known = self._bindings[-1]
        for name, value in attributes.items():
            if name.startswith("xmlns") and (name == "xmlns" or name[5] == ":"):
                known = {**known, name[6:]: value.strip()}
                if len(known) > BINDINGS:
                    raise self._error(f"declares more than {BINDINGS} namespaces")
        self._bindings.append(known)

    def _split(self, qualified: str) -> tuple[str, str]:
        prefix, _, name = qualified.rpartition(":")
        return self._bindings[-1].get(prefix, ""), name

    def _attribute(self, attributes: Mapping[str, str], wanted: str) -> str | None:
        """The attribute of OVF's namespace, else the bare one, else one of that name whose prefix means nothing."""
        best: tuple[int, str] | None = None
        for qualified, value in attributes.items():
            prefix, _, name = qualified.rpartition(":")
            if name != wanted or prefix == "xmlns":
                continue
            rank = 1 if not prefix else 0 if self._bindings[-1].get(prefix, "") in NAMESPACES else 2
            if best is None or rank < best[0]:
                best = rank, value
        return best[1] if best else None

    def _root(self, namespace: str, name: str, attributes: Mapping[str, str]) -> None:
        if name != "Environment":
            remedy = "an OVF descriptor describes a machine before it is deployed; the guest gets an <Environment>"
            message = f"is not an OVF environment: its root is <{name[:60]}>"
            raise self._error(message, remedy if name == "Envelope" else None)
        self._own = NAMESPACES | {"", namespace}
        self._id = (self._attribute(attributes, "id") or "").strip()

    def _begin_section(self, namespace: str, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Section":
            name = (self._attribute(attributes, "type") or "").rpartition(":")[2].removesuffix("_Type")
        if namespace in self._own:
            self._sections.append(name)
            self._section = name
        else:
            self._foreign.append(name)
            # VMware's own, in http://www.vmware.com/schema/ovfenv; nobody else has a section of that name
            self._section = name if name == "EthernetAdapterSection" else ""

    def _entry(self, namespace: str, name: str, attributes: Mapping[str, str]) -> None:
        if self._section == "PropertySection" and name == "Property" and namespace in self._own:
            self._property(self._attribute(attributes, "key"), self._attribute(attributes, "value"))
        elif (
            self._section == "PlatformSection" and name in ("Kind", "Locale", "Timezone") and name not in self._platform
        ):
            self._capturing = name
        elif self._section == "EthernetAdapterSection" and name == "Adapter":
            self._adapter(attributes)

    def _property(self, key: str | None, value: str | None) -> None:
        key = (key or "").strip()
        if not key or key == OWNER or not value or not value.strip():
            return
        self._count += 1
        if self._count > PROPERTIES:
            raise self._error(f"has more than {PROPERTIES} properties")
        self._properties.setdefault(key, []).append(value)

    def _one(self, key: str, values: list[str]) -> str:
        """What a property holds that was given once or more often: public keys all count, else the last value does."""
        different = list(dict.fromkeys(values))
        if len(different) > 1:
            if all(_is_key(value) for value in different):
                return "\n".join(different)
            message = "is given more than once with different values; the last one counts"
            self._report(f"properties.{key}", message, PLACE + key)
        return values[-1]

    def _report(self, field: str, message: str, where: str) -> None:
        if len(self._problems) < PROBLEMS:
            self._problems.append(Problem(field, message, where))

    def _adapter(self, attributes: Mapping[str, str]) -> None:
        mac = (self._attribute(attributes, "mac") or "").strip().lower().replace("-", ":")
        parts = mac.split(":")
        if len(parts) != 6 or not all(len(part) == 2 and set(part) <= set("0123456789abcdef") for part in parts):
            self._report("nics", f"the adapter in line {self._line()} has no MAC address", "#/Environment")
            return
        number = self._attribute(attributes, "unitNumber") or ""
        unit = int(number) if number.isascii() and number.isdecimal() and len(number) <= 9 else -1
        self._adapters.append((unit, Nic(mac, network=self._attribute(attributes, "network") or None)))

    def _timezone(self, minutes: str) -> str | None:
        if not minutes:
            return None
        digits = minutes[1:] if minutes[0] in "+-" else minutes
        if digits.isascii() and digits.isdecimal() and len(digits) <= 4 and int(digits) <= 14 * 60:
            offset = -int(digits) if minutes[0] == "-" else int(digits)
            return f"UTC{offset:+d}" if offset else "UTC"
        message = "Timezone must be minutes from UTC, at most 840"
        self._report("timezone", message, "#/Environment/PlatformSection/Timezone")
        return None


def _is_key(value: str) -> bool:
    return any(word.startswith(_SEVERAL) for word in value.split())
