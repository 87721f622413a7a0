"""Finding datasources: the admin's folder, the ones shipped with us, and pip-installed ones that are named.

The first of a name wins. What an admin dropped in runs in a child of its own (`sandbox.py`), so that a plugin that
raises, hangs or crashes takes nothing with it.
"""

from __future__ import annotations

import os
import stat

from .datasource import Datasource, not_for_a_tree
from .errors import ConfigError, InputError, PluginError, SourceError, UsageError
from .paths import PLUGINS
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .config import Config
    from .host import Host

# in the order of asking: which of them need the network
SHIPPED = {"ovf": False, "openstack": False, "ec2": True, "seed": False}
ENTRY_POINTS = "ovfinit.datasources"


class Found(Record):
    """A plugin: `origin` is its file or module, `error` why it cannot be used."""

    name: str
    origin: str
    kind: str
    made: Datasource | None = None
    error: SourceError | None = None
    warning: str | None = None

    @property
    def source(self) -> Datasource | None:
        """The thing itself, None if it cannot be used."""
        return self.made

    @property
    def needs_network(self) -> bool:
        """Whether it is asked only once a route exists."""
        return self.source is not None and self.source.needs_network


class Shipped(Found):
    """One of ours, loaded when it is asked: most machines have an answer before."""

    settings: Mapping[str, Any] = {}

    @property
    def source(self) -> Datasource:
        """The thing itself; the same one each time."""
        known: Datasource | None = self.__dict__.get("loaded")
        if known is None:
            module = _import_shipped(self.name)
            known = next(
                value()
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, Datasource) and value.name == self.name
            )
            known.settings = self.settings
            self.__dict__["loaded"] = known
        return known

    @property
    def needs_network(self) -> bool:
        """Known without loading it."""
        return SHIPPED[self.name]


def find(
    host: Host, config: Config, wanted: Sequence[tuple[str, str | None]] = (), *, place: str | None = None
) -> list[Found]:
    """The plugins to ask, in order; `wanted` are the (name, location) pairs of `--from`, which then are the only ones.

    Raises UsageError for a wanted name that nobody has. A configured one comes back as an error, and so does a wanted
    one that stands at a `place` where nobody typed it just now.
    """
    admin = _admin(host, config)
    names = [name for name, _ in wanted] if wanted else config.datasources
    known = {found.name: found for found in reversed(admin)}
    if names is None:
        overridden = [_shadow(found) if found.name in SHIPPED else found for found in admin]
        return [*overridden, *(_shipped(name, config) for name in SHIPPED if name not in known)]
    chosen = []
    for index, name in enumerate(names):
        found = known.get(name) or (_shipped(name, config) if name in SHIPPED else _installed(name, config))
        if found is None:
            have = ", ".join([*known, *SHIPPED])
            if wanted and place is None:
                raise UsageError(f"there is no datasource {name!r}", remedy=f"there are: {have}")
            error = PluginError(
                f"no plugin has this name; there are {have}", where=place or "datasources in ovfinit.yaml"
            )
            found = Found(name, "", "missing", error=error)
        location = wanted[index][1] if wanted else None
        if place is not None and not host.live and (found.needs_network or "://" in (location or "")):
            # the kernel command line is the tree's, and whoever works on the tree is at another place
            found = Found(name, found.origin, found.kind, error=not_for_a_tree(name, place))
        if found.source is not None and location is not None:
            found.source.location = location
        chosen.append(_shadow(found) if found.name in known and found.name in SHIPPED else found)
    return chosen


def strangers(host: Host, config: Config) -> list[ConfigError]:
    """Settings that nobody reads: of no datasource, or not among those that their datasource knows."""
    names = {name for name in config.sources if name not in SHIPPED and name not in (config.datasources or ())}
    if names:
        names -= {found.name for found in _admin(host, config)}
    errors = [
        ConfigError(
            f"{name!r} is neither a setting nor a datasource",
            where=config.places.get(name),
            remedy="see ovfinit.yaml(5)",
        )
        for name in sorted(names)
    ]
    for name in SHIPPED:
        if not config.sources.get(name):
            continue
        options = getattr(_shipped(name, config).source, "options", None) or ()
        errors += [
            ConfigError(
                f"unknown setting {name}.{key}", where=config.places.get(name), remedy=f"known: {', '.join(options)}"
            )
            for key in config.sources[name]
            if key not in options
        ]
    return errors


def load(host: Host, path: str, settings: Mapping[str, Any], *, entry: str | None = None) -> Found:
    """One plugin from a file of the operating system; `entry` is where the admin put it, if a link led here."""
    from .sandbox import ExecutablePlugin, PythonPlugin

    origin = entry or host.inside(path)
    name, suffix = os.path.splitext(os.path.basename(origin))
    kind = "python" if suffix == ".py" else "executable"
    try:
        _check_owner(path, host)
        source: Datasource = (
            PythonPlugin(path, settings) if kind == "python" else ExecutablePlugin(path, settings, name)
        )
    except PluginError as error:
        return Found(name, origin, kind, error=error)
    return Found(source.name, origin, kind, source)


def _admin(host: Host, config: Config) -> list[Found]:
    found: list[Found] = []
    for name in host.listing(PLUGINS):
        entry = f"{PLUGINS}/{name}"
        if name.startswith((".", "_")) or name.endswith("~"):
            continue
        try:
            real = host.real(entry)
        except InputError as error:
            broken = PluginError(error.message, where=entry)
            found.append(Found(os.path.splitext(name)[0], entry, "missing", error=broken))
            continue
        if os.path.isdir(real) or (not name.endswith(".py") and not os.access(real, os.X_OK)):
            continue
        plugin = load(host, real, {}, entry=entry)
        if plugin.source is not None:
            plugin.source.settings = config.sources.get(plugin.name, {})
        first = next((other for other in found if other.name == plugin.name), None)
        if first is not None:
            found[found.index(first)] = first.with_(warning=f"{plugin.origin} has the same name and is left out")
            continue
        found.append(plugin)
    return found


def _shadow(found: Found) -> Found:
    return found.with_(warning=found.warning or f"takes the place of the shipped datasource {found.name}")


def _check_owner(path: str, host: Host) -> None:
    """Only root may decide what runs as root. A tree that somebody unpacked is that somebody's own."""
    allowed = {0} if host.live else {0, os.geteuid()}
    target = os.path.realpath(path)
    for place in dict.fromkeys((path, os.path.dirname(os.path.abspath(path)), target, os.path.dirname(target))):
        try:
            status = os.stat(place)
        except OSError as error:
            raise PluginError(f"cannot be read: {error.strerror}", where=host.inside(place)) from error
        if place == target and not stat.S_ISREG(status.st_mode):
            raise PluginError("is not a regular file", where=host.inside(place))
        if status.st_uid not in allowed or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            remedy = f"chown root:root {place} && chmod go-w {place}"
            raise PluginError("does not belong to root alone and is not run", where=host.inside(place), remedy=remedy)


def _shipped(name: str, config: Config) -> Found:
    return Shipped(name, f"ovfinit.datasources.{name}", "shipped", settings=config.sources.get(name, {}))


def _import_shipped(name: str) -> Any:
    """Import a shipped plugin; in a checkout the folder stands beside the package."""
    import sys

    from . import __file__ as here

    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(here))), "datasources")
    package = "ovfinit.datasources"
    if package not in sys.modules and not os.path.isdir(os.path.join(os.path.dirname(here), "datasources")):
        from types import ModuleType

        module = ModuleType(package)
        module.__path__ = [beside]
        sys.modules[package] = module
    return __import__(f"{package}.{name}", fromlist=[name])


def _installed(name: str, config: Config) -> Found | None:
    """A pip-installed plugin. The scan of all packages is slow, so it is made only for a name nobody else has."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name != name:
            continue
        try:
            kind = entry.load()
            source = kind()
        except Exception as error:
            broken = PluginError(f"cannot be loaded: {type(error).__name__}: {error}", where=entry.value)
            return Found(name, entry.value, "installed", error=broken)
        if not isinstance(source, Datasource):
            return Found(name, entry.value, "installed", error=PluginError("is not a Datasource", where=entry.value))
        source.settings = config.sources.get(name, {})
        return Found(name, entry.value, "installed", source)
    return None
