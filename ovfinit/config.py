"""The admin's configuration: /etc/ovfinit/ovfinit.yaml, its drop-ins, the kernel command line.

Later wins: ovfinit.yaml, ovfinit.yaml.d/*.yaml by name, the command line. Mappings are merged, all else is replaced.
A file that holds only comments is recognised without importing yaml.
"""

from __future__ import annotations

import os

from .errors import ConfigError, InputError
from .paths import DROPINS, SETTINGS
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .formats.yamltext import Document
    from .host import Host

LIMIT = 1024 * 1024
WEEK = 7 * 24 * 3600
# what becomes of user data one of whose includes fails
SKIP, STOP = "skip", "stop"
WATCH_SECONDS = 10
GROUPS = ("adm", "audio", "cdrom", "dialout", "dip", "floppy", "netdev", "plugdev", "sudo", "video")


class HostnameConfig(Record):
    """`hosts`: whether /etc/hosts gets our block."""

    hosts: bool = True


class NetworkConfig(Record):
    """`renderer`: auto, or the name of one. `check`: what must stay in reach when the running network is changed, as

    addresses or ADDRESS:PORT, besides the routers and the metadata service; `check_seconds`: for how long it may be out
    of reach before the change is taken back. `config`: a network in any form, which goes before a source's, or
    `disabled`.
    """

    renderer: str = "auto"
    check: Sequence[str] = ()
    check_seconds: float = 30.0
    config: Mapping[str, Any] | str | None = None


class SshConfig(Record):
    """`host_keys`: types in the order they are made. `password_authentication`: None leaves sshd's own setting."""

    host_keys: Sequence[str] = ("ed25519", "ecdsa")
    disable_root: bool = True
    password_authentication: bool | None = None


class UserConfig(Record):
    """The default user; `name` None takes the ID of os-release. An empty `sudo` writes no rule."""

    name: str | None = None
    gecos: str = ""
    shell: str = "/bin/bash"
    groups: Sequence[str] = GROUPS
    sudo: str = "ALL=(ALL) NOPASSWD:ALL"


class ScriptsConfig(Record):
    """`timeout`: seconds that a user's script may run, None for as long as it likes.

    `stop_at_failure`: whether commands of bootcmd or runcmd after one that failed are not run.
    """

    timeout: float | None = None
    stop_at_failure: bool = False


class WatchConfig(Record):
    """`on`: whether the daemon stays after the boot; `interval`: seconds between two questions to the source."""

    on: bool = False
    interval: float = 300.0


class UserDataConfig(Record):
    """`include_failure`: whether user data is used without (`skip`), or not at all (`stop`), if an include fails."""

    include_failure: str = SKIP


class Config(Record):
    """All settings, complete with defaults.

    `datasources`: names in the order of asking, None for the order as shipped. `sources`: each source's own settings
    by its name, `places` where each of these stands. `disable`: duties that are left alone. `chosen`:
    `NAME[:LOCATION]` of the kernel command line. `errors`: files that could not be used, when loading was told to go
    on.
    """

    datasources: Sequence[str] | None = None
    disable: Sequence[str] = ()
    hostname: HostnameConfig = HostnameConfig()
    network: NetworkConfig = NetworkConfig()
    ssh: SshConfig = SshConfig()
    default_user: UserConfig = UserConfig()
    scripts: ScriptsConfig = ScriptsConfig()
    user_data: UserDataConfig = UserDataConfig()
    watch: WatchConfig = WatchConfig()
    sources: Mapping[str, Mapping[str, Any]] = {}
    places: Mapping[str, str] = {}
    chosen: str | None = None
    errors: Sequence[ConfigError] = ()


def load(host: Host, file: str | None = None, *, lenient: bool = False) -> Config:
    """Read the configuration of the tree, or only `file` (a path of the caller's).

    Raises ConfigError with file:line:column. With `lenient`, as at boot, a faulty file is left out and reported in
    `errors`: no typing mistake strands a machine.
    """
    merged: dict[str, Any] = {}
    places: dict[str, str] = {}
    errors = []
    for name in [None] if file else [SETTINGS, *_dropins(host)]:
        try:
            settings, stood = _read(host, name) if name else _read_own(file or "")
            _merge(merged, settings)
            places |= stood
        except ConfigError as error:
            if not lenient:
                raise
            errors.append(error)
    sections: dict[str, Any] = {name: kind(**merged.pop(name)) for name, kind in _SECTIONS.items() if name in merged}
    top = {name: merged.pop(name) for name in _TOP if name in merged}
    chosen = host.cmdline.get("ovfinit.from")
    return Config(**top, **sections, sources=merged, places=places, chosen=chosen, errors=tuple(errors))


def settings() -> set[str]:
    """The names that stand at the top of ovfinit.yaml, those of datasources aside."""
    return {*_TOP, *_SECTIONS}


def check(document: Document) -> dict[str, Any]:
    """The settings of one file, each of the right type. Raises ConfigError at the first that is not."""
    value = document.value
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError("must be a mapping of settings", where=document.where())
    settings: dict[str, Any] = {}
    for name, given in value.items():
        if name in _TOP:
            settings[name] = _TOP[name](given, document, (name,))
        elif name in _SECTIONS:
            settings[name] = _section(document, name, given)
        elif isinstance(name, str) and (isinstance(given, dict) or given is None):
            settings[name] = given or {}
        else:
            known = ", ".join(sorted([*_TOP, *_SECTIONS]))
            raise ConfigError(
                f"unknown setting {name!r}",
                where=document.where(name),
                remedy=f"known: {known}, and names of datasources",
            )
    return settings


def _dropins(host: Host) -> list[str]:
    return [
        f"{DROPINS}/{name}" for name in host.listing(DROPINS) if name.endswith(".yaml") and not name.startswith(".")
    ]


def _read(host: Host, path: str) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        content = host.read(path, LIMIT)
    except InputError as error:
        raise ConfigError(error.message, where=path) from error
    return _parse(content or b"", path)


def _read_own(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    from .tree import Tree

    try:
        content = Tree().read(os.path.abspath(path), LIMIT)
    except InputError as error:
        raise ConfigError(error.message, where=path) from error
    if content is None:
        raise ConfigError("there is no such file", where=path)
    return _parse(content, path)


def _parse(content: bytes, path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings, and where each of those stands that a datasource must know."""
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in content.splitlines()):
        return {}, {}
    from .formats.yamltext import load as load_yaml

    try:
        document = load_yaml(content, path)
        settings = check(document)
        return settings, {name: document.where(name) for name in settings if name not in _TOP and name not in _SECTIONS}
    except InputError as error:
        raise ConfigError(error.message, where=error.where, remedy=error.remedy) from error


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _section(document: Document, name: str, given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ConfigError(f"{name} must be a mapping", where=document.where(name))
    kinds = _KINDS[name]
    checked = {}
    for key, value in given.items():
        if key not in kinds:
            raise ConfigError(
                f"unknown setting {name}.{key}",
                where=document.where(name, key),
                remedy=f"known: {', '.join(sorted(kinds))}",
            )
        checked[key] = kinds[key](value, document, (name, key))
    return checked


def _wrong(document: Document, path: tuple[str, ...], expected: str) -> ConfigError:
    return ConfigError(f"{'.'.join(path)} must be {expected}", where=document.where(*path))


def _text(value: object, document: Document, path: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise _wrong(document, path, "a text")
    return value


def _flag(value: object, document: Document, path: tuple[str, ...]) -> bool:
    if not isinstance(value, bool):
        raise _wrong(document, path, "true or false")
    return value


def _flag_or_none(value: object, document: Document, path: tuple[str, ...]) -> bool | None:
    return None if value is None else _flag(value, document, path)


def _seconds(value: object, document: Document, path: tuple[str, ...]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= WEEK:
        raise _wrong(document, path, f"a number of seconds above 0, at most a week ({WEEK})")
    return float(value)


def _seconds_or_none(value: object, document: Document, path: tuple[str, ...]) -> float | None:
    return None if value is None else _seconds(value, document, path)


def _texts(value: object, document: Document, path: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(document, path, "a list of texts")
    return tuple(value)


def _targets(value: object, document: Document, path: tuple[str, ...]) -> tuple[str, ...]:
    from .network.reach import split

    for index, item in enumerate(_texts(value, document, path)):
        try:
            split(item)
        except ValueError:
            expected = "an address, ADDRESS:PORT or [IPv6 ADDRESS]:PORT"
            raise ConfigError(f"{'.'.join(path)} must hold {expected}", where=document.where(*path, index)) from None
    return _texts(value, document, path)


def _choices(*allowed: str) -> Callable[[object, Document, tuple[str, ...]], tuple[str, ...]]:
    def one_of(value: object, document: Document, path: tuple[str, ...]) -> tuple[str, ...]:
        for item in _texts(value, document, path):
            if item not in allowed:
                raise _wrong(document, path, f"a list out of {', '.join(allowed)}")
        return _texts(value, document, path)

    return one_of


def _duties(value: object, document: Document, path: tuple[str, ...]) -> tuple[str, ...]:
    from .duties import ORDER

    return _choices(*ORDER)(value, document, path)


def _choice(*allowed: str) -> Callable[[object, Document, tuple[str, ...]], str]:
    def one(value: object, document: Document, path: tuple[str, ...]) -> str:
        if value not in allowed:
            raise _wrong(document, path, f"one of {', '.join(allowed)}")
        return str(value)

    return one


def _network(value: object, document: Document, path: tuple[str, ...]) -> Mapping[str, Any] | str | None:
    if value is None or value == "disabled":
        return value if value is None else "disabled"
    if not isinstance(value, dict):
        raise _wrong(document, path, "`disabled` or a network configuration")
    from .network.forms import parse

    errors = parse(value).errors
    if errors:
        place = document.where(*path, *errors[0].path)
        raise ConfigError(f"{'.'.join(path)}: {errors[0]}", where=place, remedy="see network.md")
    return value


def _account(value: object, document: Document, path: tuple[str, ...]) -> str | None:
    from .accounts import valid_name

    if value is not None and not valid_name(_text(value, document, path)):
        raise _wrong(document, path, "a user name: lower-case letters, digits, - and _, at most 32")
    return None if value is None else str(value)


def _one_line(value: object, document: Document, path: tuple[str, ...]) -> str:
    text = _text(value, document, path)
    if not text.isprintable() or ":" in text and path[-1] != "sudo":
        raise _wrong(document, path, "one line without colons")
    return text


def _shell(value: object, document: Document, path: tuple[str, ...]) -> str:
    text = _one_line(value, document, path)
    if not text.startswith("/"):
        raise _wrong(document, path, "an absolute path")
    return text


def _watch(value: object, document: Document, path: tuple[str, ...]) -> WatchConfig:
    """`true`, `false`, or a mapping with the interval."""
    if isinstance(value, dict) and set(value) == {"interval"}:
        seconds = _seconds(value["interval"], document, (*path, "interval"))
        if seconds < WATCH_SECONDS:
            raise _wrong(document, (*path, "interval"), f"at least {WATCH_SECONDS} seconds")
        return WatchConfig(True, seconds)
    if not isinstance(value, bool):
        raise _wrong(document, path, "true, false, or a mapping with `interval` in seconds")
    return WatchConfig(value)


_TOP: dict[str, Callable[[object, Document, tuple[str, ...]], Any]] = {
    "datasources": _texts,
    "disable": _duties,
    "watch": _watch,
}
_SECTIONS: dict[str, type[Record]] = {
    "hostname": HostnameConfig,
    "network": NetworkConfig,
    "ssh": SshConfig,
    "default_user": UserConfig,
    "scripts": ScriptsConfig,
    "user_data": UserDataConfig,
}
_KINDS: dict[str, dict[str, Callable[[object, Document, tuple[str, ...]], Any]]] = {
    "hostname": {"hosts": _flag},
    "network": {
        "renderer": _choice("auto", "networkd", "netplan", "ifupdown", "networkmanager"),
        "check": _targets,
        "check_seconds": _seconds,
        "config": _network,
    },
    "ssh": {
        "host_keys": _choices("ed25519", "ecdsa", "rsa"),
        "disable_root": _flag,
        "password_authentication": _flag_or_none,
    },
    "default_user": {"name": _account, "gecos": _one_line, "shell": _shell, "groups": _texts, "sudo": _one_line},
    "scripts": {"timeout": _seconds_or_none, "stop_at_failure": _flag},
    "user_data": {"include_failure": _choice(SKIP, STOP)},
}
