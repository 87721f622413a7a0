"""Validating an input without using it: what it is, told from its content, and what is wrong with it."""

from __future__ import annotations

import os

from .errors import InputError, OvfinitError
from .finding import ERROR, WARNING, Finding
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .formats.yamltext import Document
    from .model import Metadata

LIMIT = 16 * 1024 * 1024
# what only a network configuration has on top, beside its version
NETWORK_KEYS = {"ethernets", "bonds", "bridges", "vlans", "vrfs", "dummy-devices", "links", "networks"}
_NETWORK_FILES = {"seed": "network-config", "openstack": "openstack/latest/network_data.json"}
_VOLUMES = {"cidata": ("cidata volume", "seed"), "config-2": ("OpenStack config drive", "openstack")}
META_KEYS = {"instance-id", "local-hostname", "public-keys", "hostname"}


class Inspection(Record):
    """What there is to say about one file: what `kind` of input it is, the first error, warnings in words.

    `findings` are all mistakes in user data and network configurations; the first error among them is `error`.
    """

    path: str
    kind: str
    error: OvfinitError | None = None
    warnings: Sequence[str] = ()
    findings: Sequence[Finding] = ()


def inspect(path: str) -> Inspection:
    """Look at a file, an image or a folder of the caller's."""
    kind = "unknown"
    try:
        kind, source = _kind(path)
        if source is not None:
            network = _with_places(source, path)
            metadata = _metadata(source, path)
            if not network and metadata.network is not None and _network_file(source, path) is None:
                network = _network(metadata.network, metadata.origins.get("network", path))
            return _judged(path, kind, _told(source, path, metadata), [*network, *_handed(metadata)])
        content = _content(path)
        if kind == "user data" or _is_cloud_config(content, path):
            from .userdata.examining import examine

            return _judged(path, "user data", (), examine(content, path))
        told = _network_of(content, path) if kind != "ovfinit.yaml" else None
        if told is not None:
            return _judged(path, "network configuration", (), told)
        _check_text(kind, content, path)
        return Inspection(path, kind)
    except OvfinitError as error:
        placed = error if error.where else type(error)(error.message, where=path, remedy=error.remedy)
        return Inspection(path, kind, placed)


def _kind(path: str) -> tuple[str, str | None]:
    """What it is, and the datasource that reads it."""
    if os.path.isdir(path):
        names = set(os.listdir(path))
        if names & {"meta-data", "user-data", "network-config", "vendor-data"}:
            return "seed folder", "seed"
        if "ovf-env.xml" in names:
            return "OVF environment", "ovf"
        if "openstack" in names:
            return "OpenStack config drive", "openstack"
        raise InputError("is a folder without any file of a seed", where=path, remedy="a seed folder has meta-data")
    head = _read(path, 64 * 1024)
    if not head.strip():
        raise InputError("is empty", where=path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "OVF environment", "ovf"
    look = _look(path)
    if look is not None:
        return _VOLUMES.get(look.label.lower(), ("OVF environment volume", "ovf"))
    if os.path.basename(path) in ("ovfinit.yaml",) or "/ovfinit.yaml.d/" in os.path.abspath(path):
        return "ovfinit.yaml", None
    from .payload import sniff

    if head.startswith(b"\x1f\x8b") or sniff(head) is not None:
        return "user data", None
    return "yaml", None


def _look(path: str) -> Any:
    from .volume import look

    try:
        return look(path)
    except InputError:
        if _read(path, 8)[:1] in (b"#", b"{"):
            return None
        raise


def _read(path: str, limit: int) -> bytes:
    from stat import S_ISBLK, S_ISREG

    try:
        # without O_NONBLOCK a pipe would keep us waiting for somebody to write
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not (S_ISREG(mode) or S_ISBLK(mode)):
                raise InputError("is neither a file nor a block device", where=path)
            return file.read(limit)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error


def _with_places(name: str, path: str) -> list[Finding]:
    """What is to be said about the network configuration in a folder, with lines and columns."""
    file = _network_file(name, path)
    if file is None:
        return []
    from .formats.yamltext import load

    document = load(_read(file, LIMIT), file)
    return _network(document.value, file, document) if isinstance(document.value, dict) else []


def _network_file(name: str, path: str) -> str | None:
    file = os.path.join(path, _NETWORK_FILES.get(name, ""))
    return file if name in _NETWORK_FILES and os.path.isfile(file) else None


def _judged(path: str, kind: str, warnings: Sequence[str], findings: Sequence[Finding]) -> Inspection:
    first = next((finding for finding in findings if finding.severity == ERROR), None)
    error = InputError(first.words, where=first.where) if first is not None else None
    return Inspection(path, kind, error, warnings, findings)


def _metadata(name: str, path: str) -> Metadata:
    """Read it as its datasource would."""
    from . import chain, plugins
    from .config import Config
    from .host import Host

    if name == "ovf" and os.path.isdir(path):
        path = os.path.join(path, "ovf-env.xml")
    host = Host("/")
    found = plugins.find(host, Config(), [(name, path)])
    probed = chain.probe(host, found, named=True)
    if probed.metadata is None:
        failure = probed.failure()
        raise InputError(failure.message, where=failure.where if failure.where != name else path, remedy=failure.remedy)
    return probed.metadata


def _told(name: str, path: str, metadata: Metadata) -> list[str]:
    """What the source has to say, without what is told of the network's own file."""
    placed = _network_file(name, path) is not None
    return [one.text for one in metadata.problems if not (placed and one.field.startswith("network"))]


def _handed(metadata: Metadata) -> list[Finding]:
    """What is wrong with the user's and the vendor's data of a source."""
    findings: list[Finding] = []
    for field in ("vendor_data", "user_data"):
        data: bytes | None = getattr(metadata, field)
        if data and data.strip():
            from .userdata.examining import examine

            origin = metadata.origins.get(field) or field.replace("_", "-")
            findings += examine(data, origin.removeprefix(f"{metadata.datasource}:"))
    return findings


def _network(value: object, where: str, document: Document | None = None) -> list[Finding]:
    """What the network duty would say."""
    from .network.forms import parse

    found = parse(value)
    told = [(ERROR, one) for one in found.errors]
    told += [(WARNING, one) for one in (*found.warnings, *found.deprecations)]
    return [
        Finding(severity, document.where(*one.path) if document is not None else where, one.dotted, one.message)
        for severity, one in told
    ]


def _network_of(content: bytes, path: str) -> list[Finding] | None:
    """What is to be said about a document that is a network configuration; None if it is none."""
    from .formats.yamltext import load

    document = load(content, path)
    if not isinstance(document.value, dict) or not _is_network(document.value):
        return None
    return _network(document.value, path, document)


def _content(path: str) -> bytes:
    content = _read(path, LIMIT + 1)
    if len(content) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=path)
    return content


def _is_cloud_config(content: bytes, path: str) -> bool:
    """True for keys of cloud-config that nothing announces, or a misspelt line, and for what is of no kind at all."""
    from .config import settings
    from .duties import KEYS
    from .formats.yamltext import load
    from .userdata.unknown import intended

    if content.startswith(b"#") and intended(content) is not None:
        return True
    try:
        value = load(content, path).value
    except InputError:
        return False
    if not isinstance(value, dict):
        return not isinstance(value, list)
    keys = {str(key).replace("-", "_") for key in value if key not in META_KEYS}
    return not _is_network(value) and bool(keys & set(KEYS) - settings())


def _check_text(kind: str, content: bytes, path: str) -> None:
    """Raises InputError or ConfigError for settings, or whatever else this is, with a mistake in it."""
    from .config import check
    from .formats.yamltext import load

    document = load(content, path)
    value = document.value
    if kind == "ovfinit.yaml" or isinstance(value, dict) and not set(value) & META_KEYS:
        check(document)
    elif not isinstance(value, dict):
        raise InputError("is no input that ovfinit knows", where=path, remedy="see ovfinit check --help")


def _is_network(value: dict[str, Any]) -> bool:
    """True for a network configuration, in any form; `network: {renderer: …}` alone is a setting of ovfinit.yaml."""
    inner = value.get("network") if set(value) == {"network"} else value
    if not isinstance(inner, dict):
        return inner is not value
    return "version" in inner or bool(set(inner) & NETWORK_KEYS) or inner.get("config") == "disabled"
