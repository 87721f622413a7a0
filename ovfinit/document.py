"""The metadata model as JSON: for people and programs (`show`), for our own state, and from executable plugins."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from .errors import SourceInvalid
from .model import REDACTED, VERSION, Metadata, Nic, Problem, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_BYTES = ("user_data", "vendor_data")
_INTERNAL = ("fingerprint", "problems")


def public(metadata: Metadata, *, secrets: bool = False) -> dict[str, Any]:
    """What `ovfinit show --json` prints and /run/ovfinit/metadata.json holds; see docs/metadata.md.

    Payloads are described, not shown; secrets are redacted unless asked for.
    """
    fields = metadata.as_dict()
    first = ("datasource", "location", "platform", "instance_id", "hostname", "fqdn", "username", "password")
    shown: dict[str, Any] = {"version": VERSION}
    for name in (*first, *(name for name in fields if name not in first and name not in _INTERNAL)):
        value = fields[name]
        if name in _BYTES and value is not None:
            shown[name] = _describe(value, secrets=secrets)
        else:
            shown[name] = _plain(value, secrets=secrets)
    return shown


def private(metadata: Metadata) -> dict[str, Any]:
    """Everything, secrets included, so that `restore` gives the same Metadata. For files of mode 0600 only."""
    fields = metadata.as_dict()
    stored = {name: _plain(value, secrets=True) for name, value in fields.items() if name not in _BYTES}
    for name in _BYTES:
        value = fields[name]
        stored[name] = None if value is None else b2a_base64(value, newline=False).decode()
    stored["secret_properties"] = [key for key, value in metadata.properties.items() if isinstance(value, Secret)]
    return stored


def restore(stored: Mapping[str, Any]) -> Metadata:
    """The reverse of `private`. Raises KeyError, TypeError or ValueError for what it did not write."""
    fields = dict(stored)
    hidden = set(fields.pop("secret_properties"))
    for name in _BYTES:
        if fields[name] is not None:
            fields[name] = a2b_base64(fields[name])
    fields["properties"] = {key: Secret(text) if key in hidden else text for key, text in fields["properties"].items()}
    fields["password"] = None if fields["password"] is None else Secret(fields["password"])
    fields["nics"] = tuple(Nic(**_tuples(nic)) for nic in fields["nics"])
    fields["problems"] = tuple(Problem(**problem) for problem in fields["problems"])
    fields["public_keys"] = tuple(fields["public_keys"])
    return Metadata(**fields)


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}


def from_plugin(value: object, where: str) -> Metadata:
    """The model from an executable plugin's document; keys as in `show --json`, all optional.

    `user_data` and `vendor_data` are texts, or `{"base64": "…"}` for bytes; `password` is a text. Raises SourceInvalid
    naming the key. Types of the other values are checked by normalizing, as for any source.
    """
    if not isinstance(value, dict):
        raise SourceInvalid("the document must be a JSON object", where=where)
    fields: dict[str, Any] = {key: item for key, item in value.items() if key not in {"version", "datasource"}}
    if value.get("version", VERSION) != VERSION:
        raise SourceInvalid(f"version {value['version']!r} of the model is not known, only {VERSION}", where=where)
    unknown = sorted(set(fields) - set(Metadata._fields) | set(fields) & set(_INTERNAL))
    if unknown:
        raise SourceInvalid(
            f"unknown key {unknown[0]!r}", where=where, remedy="the keys are those of ovfinit show --json"
        )
    for name in _BYTES:
        if fields.get(name) is not None:
            fields[name] = _payload(fields[name], name, where)
    if fields.get("password") is not None:
        fields["password"] = Secret(str(fields["password"]))
    try:
        fields["nics"] = tuple(Nic(**nic) for nic in fields.get("nics") or ())
    except TypeError as error:
        raise SourceInvalid(f"nics: {error}", where=where) from error
    return Metadata(**{name: item for name, item in fields.items() if item is not None})


def dumps(value: object, *, compact: bool = False) -> bytes:
    """One JSON document, for files and standard output, with a final newline; `compact` for our eyes only."""
    try:
        if compact:
            from .jsontext import dumps as write

            return (write(value) + "\n").encode()
        import json

        return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
    except UnicodeEncodeError:
        import json

        # halves of surrogate pairs and bytes of file names that are no text: only their escapes are UTF-8
        return (json.dumps(value, indent=1) + "\n").encode()


def _payload(value: object, name: str, where: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"base64"} and isinstance(value["base64"], str):
        from .userdata.content import unwrap

        decoded = unwrap(value["base64"]) if value["base64"] else b""
        if decoded is None:
            raise SourceInvalid(f"{name}.base64 is not base64", where=where)
        return decoded
    raise SourceInvalid(f'{name} must be a text or {{"base64": "…"}}', where=where)


def _describe(payload: bytes, *, secrets: bool) -> dict[str, Any]:
    from .digest import sha256
    from .payload import sniff

    known = {"type": sniff(payload), "size": len(payload), "sha256": sha256(payload).hexdigest()}
    return {**known, "base64": b2a_base64(payload, newline=False).decode()} if secrets else known


def _plain(value: Any, *, secrets: bool) -> Any:
    if isinstance(value, Secret):
        return value.reveal() if secrets else REDACTED
    if isinstance(value, (Nic, Problem)):
        return _plain(value.as_dict(), secrets=secrets)
    if isinstance(value, (list, tuple)):
        return [_plain(item, secrets=secrets) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item, secrets=secrets) for key, item in value.items()}
    return value
