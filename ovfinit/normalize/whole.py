"""From what a source said to what the duties can rely on: types checked, fields completed, every value judged.

A value of the wrong type is the source's fault and makes its answer unusable. One that is of the right type and no good
(a host name with a blank) is left out and reported as a Problem; the rest holds. An answer may come through twice (an
admin's plugin is checked in its own process first): nothing is decoded or reported a second time.
"""

from __future__ import annotations

from ..digest import digest
from ..errors import InputError, SourceInvalid
from ..model import Metadata, Problem, Secret
from .hostname import settle
from .properties import OWNER, Names, merged, secret
from .public_keys import read as read_keys
from .typed import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..host import Host

PAYLOAD = 16 * 1024 * 1024
ID_LENGTH = 255
_LOCALE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@")
_ZONE = _LOCALE | frozenset("/+")
_LINE = 1024
NETWORK = "network"


def normalize(metadata: Metadata, host: Host, table: Mapping[str, object]) -> Metadata:
    """The same metadata, complete, with every value checked and in its one form.

    Args:
        metadata: what a source returned; plain forms are accepted (lists, texts for bytes, a `network:` key on top).
        host: for what identifies this machine where the source gives no instance id.
        table: names of properties that an admin adds to the built-in ones, by field (`ovf: {properties: …}`).

    Raises SourceInvalid naming the field for a value of the wrong type, an impossible instance id or what is over its
    bounds, ConfigError for a table that names an unknown field.
    """
    given = typed(metadata)
    work = _Work(given, merged(table))
    if given.properties:
        work.complete(host)
    work.judge()
    return work.result(host)


class _Work:
    """One run: the fields as they stand, and what turned up on the way."""

    def __init__(self, given: Metadata, table: Mapping[str, Sequence[str]]) -> None:
        self._given = given
        self._table = table
        self._fields: dict[str, Any] = given.as_dict()
        self._origins = dict(given.origins)
        self._values = dict(given.properties)
        self._problems = dict.fromkeys(given.problems)
        self._domain: tuple[str, str] | None = None
        self._joined = False
        self._taken: dict[str, str] = {}

    def complete(self, host: Host) -> None:
        """Fill the fields that the source left empty from properties, which are used up by it."""
        own = self._values.pop(OWNER, None)
        name = self._values.get("vm.vmname")
        owners = [str(owner).strip() for owner in (name, own) if isinstance(owner, str) and owner.strip()]
        names = Names([key for key, value in self._values.items() if not _blank(value)], owners)
        values = dict(self._values)
        for field in ("instance_id", "hostname", "fqdn", "username", "region", "availability_zone", "instance_type"):
            if self._fields[field] is None:
                self._take(names, field)
        for field in ("locale", "timezone"):
            # what a source itself says here is the platform's own; a property is what a person asked for
            self._take(names, field)
        for field in ("user_data", "vendor_data"):
            if self._fields[field] is None:
                self._take_payload(names, field)
        if not self._fields["public_keys"]:
            self._take_keys(names)
        if self._fields["password"] is None:
            found = names.find("password", self._table)[:1]
            for name in found:
                self._fields["password"] = _secret(values[name])
                self._use("password", name)
        if self._fields["network"] is None:
            self._take_network(names, values, host)
        for name in names.find("network.domain", self._table)[:1]:
            if isinstance(values[name], str):
                self._domain = (name, str(values[name]).strip())

    def judge(self) -> None:
        """Check what there is, field by field."""
        fields = self._fields
        domain = self._domain[1] if self._domain else None
        settled = settle(fields["hostname"], fields["fqdn"], domain)
        for field, message in settled.problems:
            self._refuse(field, message)
        fields["hostname"], fields["fqdn"] = settled.short, settled.full
        if settled.full and "hostname" in self._origins:
            self._origins.setdefault("fqdn", self._origins["hostname"])
        if self._domain and settled.domain:
            self._use("fqdn", self._domain[0])
        for field in ("user_data", "vendor_data"):
            fields[field] = fields[field] or None
        keys = read_keys(fields["public_keys"], joined=self._joined)
        fields["public_keys"] = keys.lines
        for message in keys.problems:
            self._problem("public_keys", message)
        for field, allowed in (("locale", _LOCALE), ("timezone", _ZONE)):
            value = (fields[field] or "").strip()
            fields[field] = value or None
            if not set(value) <= allowed or len(value) > 64 or ".." in value or value.startswith(("/", "-")):
                self._refuse(field, f"is not a {field} that could be set")
        if fields[NETWORK] is not None:
            self._convert()
        for field in ("username", "platform", "region", "availability_zone", "instance_type"):
            value = (fields[field] or "").strip()
            fields[field] = value or None
            if not value.isprintable() or len(value) > _LINE:
                self._refuse(field, "has control characters or is too long")

    def result(self, host: Host) -> Metadata:
        """The metadata as it stands now."""
        fields = self._fields
        if fields["instance_id"] is not None:
            fields["instance_id"] = _checked_id(fields["instance_id"], self._origins.get("instance_id"))
        else:
            fields["instance_id"] = _derived_id(self._given, host)
        properties = {
            key: Secret(value) if isinstance(value, str) and secret(key, value) else value
            for key, value in self._values.items()
            if not _blank(value)
        }
        if fields["network"] is None and any(nic.dhcp4 or nic.dhcp6 or nic.addresses for nic in fields["nics"]):
            from ..network.imds import from_nics

            fields["network"] = from_nics(fields["nics"])
        gone = {f"properties.{key}" for key in self._given.properties if key not in properties}
        origins = {field: origin for field, origin in self._origins.items() if field not in gone}
        return Metadata(**{**fields, "properties": properties, "origins": origins, "problems": tuple(self._problems)})

    def _convert(self) -> None:
        """Another form of network configuration becomes version 2; a device that is lost is a problem of its own."""
        from ..network.forms import V2, convert, form

        given = self._fields["network"]
        if form(given) == V2:
            return
        converted = convert(given)
        self._fields["network"] = dict(converted.network)
        for finding in converted.lost:
            self._problem(f"{NETWORK}.{finding.dotted}", finding.message)
        for finding in (*converted.errors, *converted.warnings):
            if finding not in converted.lost:
                self._problem(NETWORK, str(finding))

    def _problem(self, field: str, message: str, *, property_name: str | None = None) -> None:
        whole = NETWORK if field.startswith(f"{NETWORK}.") else field
        origin = self._origins.get(f"properties.{property_name}" if property_name else whole)
        self._problems[Problem(field, message, origin)] = None

    def _refuse(self, field: str, message: str) -> None:
        """Leave a field empty; the property that it was to come from stays a property."""
        self._problem(field, message)
        self._fields[field] = None
        self._origins.pop(field, None)
        name = self._taken.get(field)
        if name:
            self._values[name] = self._given.properties[name]

    def _use(self, field: str, name: str) -> None:
        """The value of a property has become a field's."""
        self._values.pop(name, None)
        self._taken[field] = name
        origin = self._given.origins.get(f"properties.{name}")
        if origin:
            self._origins[field] = origin

    def _take(self, names: Names, field: str) -> None:
        for name in names.find(field, self._table)[:1]:
            value = self._given.properties[name]
            if isinstance(value, str):
                self._fields[field] = value
                self._use(field, name)

    def _take_payload(self, names: Names, field: str) -> None:
        from ..payload import sniff
        from ..userdata.content import decode

        for name in names.find(field, self._table)[:1]:
            value = self._given.properties[name]
            companion = next((key for key in self._values if key.lower() == f"{name.lower()}.encoding"), None)
            encoding = self._values.get(companion) if companion else None
            try:
                payload = decode(_text(value), _text(encoding) if encoding is not None else None)
            except InputError as error:
                self._problem(field, error.message, property_name=name)
                continue
            self._use(field, name)
            if companion:
                self._values.pop(companion)
            self._fields[field] = _bounded(payload, field)
            if b"\n" not in payload.strip() and len(payload.split(None, 2)) > 2 and sniff(payload) in _MANY_LINES:
                self._problem(
                    field,
                    "has a single line: XML turns line breaks in an attribute into blanks; give it as base64",
                )

    def _take_keys(self, names: Names) -> None:
        texts = []
        for name in names.find("public_keys", self._table):
            texts.append(_text(self._given.properties[name]))
            self._use("public_keys", name)
        self._fields["public_keys"] = tuple(texts)
        self._joined = bool(texts)

    def _take_network(self, names: Names, values: Mapping[str, str | Secret], host: Host) -> None:
        for name in names.find("network", self._table)[:1]:
            try:
                self._fields["network"] = _network(_text(values[name]), name)
            except InputError as error:
                where = f"{error.where}: " if error.where and error.where != name else ""
                self._problem("network", f"{where}{error.message}", property_name=name)
            else:
                self._use("network", name)
                return
        from ..network.properties import from_properties

        outcome = from_properties(
            names,
            self._table,
            values,
            self._fields["nics"],
            lambda: [interface.name for interface in host.interfaces()],
        )
        for problem in outcome.problems:
            self._problem("network", problem.message, property_name=problem.where)
        self._fields["network"] = outcome.network
        # the first of the names, an address where there is one, tells where the whole came from
        for name in reversed(outcome.used if outcome.network else ()):
            self._use("network", name)


_MANY_LINES = (
    "text/x-shellscript",
    "text/cloud-config",
    "text/cloud-boothook",
    "text/x-include-url",
    "multipart/mixed",
)


def _blank(value: str | Secret) -> bool:
    return not _text(value).strip()


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _secret(value: str | Secret) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _bounded(payload: bytes, field: str) -> bytes:
    if len(payload) > PAYLOAD:
        raise SourceInvalid(f"{field} is larger than {PAYLOAD} bytes")
    return payload


def _network(text: str, name: str) -> Mapping[str, Any]:
    """The mapping in a network-config property: YAML, or the base64 of it, with or without its `network:` key."""
    from ..formats.yamltext import load
    from ..userdata.content import decode_document
    from .typed import network

    document = load(decode_document(text), name)
    if not isinstance(document.value, dict):
        raise InputError("is neither a network configuration in YAML nor the base64 of one")
    return network(document.value)


def _checked_id(instance_id: str, origin: str | None) -> str:
    stripped = instance_id.strip()
    if stripped in ("", ".", ".."):
        raise SourceInvalid(f"instance_id must not be {stripped!r}", where=origin)
    if not all(character.isprintable() for character in stripped):
        raise SourceInvalid("instance_id has control characters", where=origin)
    if len(stripped.encode("utf-8", "surrogateescape")) > ID_LENGTH:
        raise SourceInvalid(f"instance_id is longer than {ID_LENGTH} bytes", where=origin)
    return stripped


def _derived_id(given: Metadata, host: Host) -> str:
    """An id that stays over reboots and differs in a clone: the machine's own and what it was told.

    Secrets are left out, so that the id, which everybody may see, proves no guess of them; so is what the platform says
    of itself, which changes with an upgrade of the hypervisor.
    """
    machine = (host.dmi("product_uuid") or "").lower()
    if not machine:
        try:
            machine = (host.text("/etc/machine-id", 4096) or "").strip()
        except InputError:
            machine = ""
    fields = (
        sorted((key, value) for key, value in given.properties.items() if isinstance(value, str)),
        tuple(given.public_keys),
        given.user_data,
        given.vendor_data,
        given.hostname,
        given.fqdn,
        _ordered(given.network),
    )
    return (
        "iid-" + digest(machine.encode("utf-8", "surrogateescape"), repr(fields).encode("utf-8", "surrogatepass"))[:32]
    )


def _ordered(value: Any) -> Any:
    """The same with mappings as sorted pairs, so that the order of keys does not count."""
    if isinstance(value, dict):
        return sorted(((key, _ordered(item)) for key, item in value.items()), key=lambda pair: str(pair[0]))
    return [_ordered(item) for item in value] if isinstance(value, (list, tuple)) else value
