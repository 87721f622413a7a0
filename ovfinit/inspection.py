"""Validating an input without using it: what it is, told from its content, and what is wrong with it."""

from __future__ import annotations

import os

from .errors import InputError, OvfinitError
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .formats.yamltext import Document

LIMIT = 16 * 1024 * 1024
# what only a network configuration has on top, beside its version
NETWORK_KEYS = {"ethernets", "bonds", "bridges", "vlans", "vrfs", "dummy-devices", "links", "networks"}
_NETWORK_FILES = {"seed": "network-config", "openstack": "openstack/latest/network_data.json"}
_VOLUMES = {"cidata": ("cidata volume", "seed"), "config-2": ("OpenStack config drive", "openstack")}
META_KEYS = {"instance-id", "local-hostname", "public-keys", "hostname"}


class Inspection(Record):
    """The finding for one file: what `kind` of input it is, the first error, all warnings."""

    path: str
    kind: str
    error: OvfinitError | None = None
    warnings: Sequence[str] = ()


def inspect(path: str) -> Inspection:
    """Look at a file, an image or a folder of the caller's."""
    kind = "unknown"
    try:
        kind, source = _kind(path)
        if source is not None:
            return Inspection(path, kind, warnings=[*_with_places(source, path), *_as_source(source, path)])
        return Inspection(path, kind, warnings=_as_text(kind, path))
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
    from .userdata.content import sniff

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
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error


def _with_places(name: str, path: str) -> Sequence[str]:
    """What is to be said about the network configuration in a folder, with lines and columns."""
    file = _network_file(name, path)
    if file is None:
        return ()
    from .formats.yamltext import load

    document = load(_read(file, LIMIT), file)
    return _network(document.value, file, document) if isinstance(document.value, dict) else ()


def _network_file(name: str, path: str) -> str | None:
    file = os.path.join(path, _NETWORK_FILES.get(name, ""))
    return file if name in _NETWORK_FILES and os.path.isfile(file) else None


def _as_source(name: str, path: str) -> list[str]:
    """Read it as its datasource would, and the network configuration that comes out."""
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
    placed = _network_file(name, path) is not None
    problems = [one for one in probed.metadata.problems if not (placed and one.field.startswith("network"))]
    warnings = [problem.text for problem in problems]
    if probed.metadata.network is not None and not placed:
        warnings += _network(probed.metadata.network, probed.metadata.origins.get("network", path))
    return warnings


def _network(value: object, where: str, document: Document | None = None) -> list[str]:
    """What the network duty would say: its first error is raised, with the others counted; its warnings come back."""
    from .network.forms import parse

    found = parse(value)
    if found.errors:
        first, more = found.errors[0], len(found.errors) - 1
        place = document.where(*first.path) if document is not None else where
        raise InputError(f"{first}{f' (and {more} more mistakes)' if more else ''}", where=place)
    places = {one: document.where(*one.path) if document is not None else where for one in found.warnings}
    places |= {one: document.where(*one.path) if document is not None else where for one in found.deprecations}
    return [f"{place}: {text}" for text, place in places.items()]


def _as_text(kind: str, path: str) -> list[str]:
    content = _read(path, LIMIT + 1)
    if len(content) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=path)
    if kind == "user data":
        from .userdata.content import expand, sniff

        content = expand(content)
        found = sniff(content)
        if found == "text/x-shellscript":
            return _interpreter(content, path)
        return [f"{path}: {found or 'no known type'}: only #! scripts are run"]
    from .config import check
    from .formats.yamltext import load

    document = load(content, path)
    value = document.value
    if kind == "ovfinit.yaml":
        check(document)
    elif isinstance(value, dict) and _is_network(value):
        return _network(value, path, document)
    elif isinstance(value, dict) and not set(value) & META_KEYS:
        check(document)
    elif not isinstance(value, dict):
        raise InputError("is no input that ovfinit knows", where=path, remedy="see ovfinit check --help")
    return []


def _is_network(value: dict[str, Any]) -> bool:
    """True for a network configuration, in any form; `network: {renderer: …}` alone is a setting of ovfinit.yaml."""
    inner = value.get("network") if set(value) == {"network"} else value
    if not isinstance(inner, dict):
        return inner is not value
    return "version" in inner or bool(set(inner) & NETWORK_KEYS) or inner.get("config") == "disabled"


def _interpreter(script: bytes, path: str) -> list[str]:
    first = script.partition(b"\n")[0].decode("utf-8", "replace")
    if first.endswith("\r"):
        return [f"{path}:1: lines end as on Windows; they are converted before the script runs"]
    program = first[2:].split()
    if not program or not program[0].startswith("/"):
        raise InputError("the interpreter after #! must be an absolute path", where=f"{path}:1")
    return []
