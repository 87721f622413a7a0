"""Putting the agent into a tree, offline: nothing of the tree is run, nothing outside of it is touched."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from ... import atomic
from ...errors import InputError, OvfinitError
from ...tree import Tree
from . import payload, starting
from .payload import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SEED = "/var/lib/ovfinit/seed"
SEED_FILES = ("meta-data", "user-data", "vendor-data", "network-config", "ovf-env.xml")
DROPIN = "/etc/ovfinit/ovfinit.yaml.d/50-image.yaml"
PLUGINS = "/etc/ovfinit/datasources"
UNIT_FOLDERS = ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system")
WANTED = "ovfinit.service"
LIMIT = 16 * 1024 * 1024
STATUS = "/var/lib/dpkg/status"
_PYTHON = re.compile(r"python(3\.(\d+))$")
_OLDEST = 10
# module → Debian's package of it
_NEEDED = {
    "yaml": "python3-yaml",
    "requests": "python3-requests",
    "pycdlib": "python3-pycdlib",
    "netifaces": "python3-netifaces",
}
_SITES = ("dist-packages", "site-packages")


class Baking:
    """The work on one tree; `made` are the paths that were written, `warn` is told what will not work."""

    def __init__(self, root: str, warn: Callable[[str], None]) -> None:
        self.tree = Tree(root)
        self.made: list[str] = []
        self._warn = warn
        if not os.path.isdir(self.tree.real("/etc")):
            raise InputError("is no root of a system: it has no /etc", where=root)
        if self.tree.live:
            raise InputError("is the running system: install the package there", where=root)

    def put(self, entry: Entry) -> None:
        """One file, link or folder, links on the way followed inside the tree. Raises OvfinitError."""
        real = self.tree.real(entry.path, follow=entry.content is None and entry.target is None)
        try:
            if entry.content is None and entry.target is None:
                if not os.path.isdir(real):
                    self._folder(entry.path, entry.mode)
                return
            self._folder(os.path.dirname(entry.path), 0o755)
            real = self.tree.real(entry.path, follow=False)
            if entry.content is not None:
                if os.path.islink(real):
                    os.unlink(real)
                atomic.write(real, entry.content, entry.mode, (0, 0))
            else:
                if os.path.lexists(real):
                    os.unlink(real)
                assert entry.target is not None
                os.symlink(entry.target, real)
        except OSError as error:
            raise OvfinitError(f"cannot be written: {error.strerror}", where=real) from error
        self.made.append(entry.path)

    def _folder(self, path: str, mode: int) -> None:
        missing = []
        while path not in ("", "/") and not os.path.isdir(self.tree.real(path)):
            missing.append(path)
            path = os.path.dirname(path)
        for each in reversed(missing):
            real = self.tree.real(each)
            os.mkdir(real)
            os.chmod(real, mode if each == missing[0] else 0o755)
            if os.geteuid() == 0:
                os.chown(real, 0, 0)

    def install(self, entries: Iterable[Entry]) -> None:
        """Files of the agent, and its bytecode where the tree's Python is of our version."""
        version = self._python()
        for entry in entries:
            if entry.path == "/etc/ovfinit/ovfinit.yaml" and self.tree.exists(entry.path):
                continue  # the admin's
            self.put(entry)
            code = payload.compiled(entry, version)
            if code is not None:
                self.put(code)

    def _python(self) -> str:
        """The version of the tree's Python. Raises InputError if it has none, or one too old."""
        found = [match for name in self.tree.listing("/usr/bin") if (match := _PYTHON.match(name))]
        newest = max(found, key=lambda match: int(match[2]), default=None)
        if newest is None or int(newest[2]) < _OLDEST:
            what = f"only Python {newest[1]}" if newest else "no Python"
            raise InputError(f"has {what}; the agent needs 3.{_OLDEST} or later", where=self.tree.root)
        return newest[1]

    def missing(self) -> list[str]:
        """Debian's names of the packages whose modules the tree lacks."""
        places = [f"/usr/lib/python3/{_SITES[0]}"]
        for parent in ("/usr/lib", "/usr/local/lib", "/usr/lib64"):
            places += [
                f"{parent}/{name}/{site}"
                for name in self.tree.listing(parent)
                if name.startswith("python3")
                for site in _SITES
            ]
        names = {name.split(".")[0] for place in places for name in self.tree.listing(place)}
        return [package for module, package in _NEEDED.items() if module not in names]

    def enable(self) -> None:
        """Let the agent start at boot, as the tree's init does it. Raises OvfinitError."""
        init = starting.init_of(self.tree)
        if init is None:
            self._warn(
                "the tree boots by none of systemd, sysvinit and OpenRC, so nothing starts the agent:"
                " let its init call `ovfinit daemon` before the network"
            )
        elif init == "openrc":
            starting.openrc(self.tree, self.put)
        elif init == "sysvinit":
            starting.sysvinit(self.tree, self.put)
        else:
            self._unit()

    def _unit(self) -> None:
        """The links that the unit's [Install] section asks for (systemctl(1), enable)."""
        for folder in UNIT_FOLDERS:
            text = self.tree.text(f"{folder}/{WANTED}")
            if text is None:
                continue
            for target in re.findall(r"^WantedBy=(.+)$", text, re.MULTILINE):
                for name in target.split():
                    link = f"/etc/systemd/system/{name}.wants/{WANTED}"
                    if not os.path.lexists(self.tree.real(link, follow=False)):
                        self.put(Entry(link, 0o777, target=f"{folder}/{WANTED}"))
            return
        raise OvfinitError(f"has no {WANTED}, so that nothing starts the agent", where=self.tree.root)

    def other_agent(self, *, replace: bool) -> None:
        """Next to cloud-init ours stands aside; with `replace` it is switched off in the way that it documents."""
        marker = "/etc/cloud/cloud-init.disabled"
        if not self.tree.exists("/etc/cloud") or self.tree.exists(marker):
            return
        if replace:
            self.put(Entry(marker, 0o644, content=b"By ovfinit image bake --replace-cloud-init.\n"))
        else:
            self._warn("cloud-init is in the image and goes first; --replace-cloud-init switches it off there")

    def seed(self, source: str) -> None:
        """A seed for the first boot: a folder of seed files, or an ovf-env.xml. Raises InputError."""
        if os.path.isdir(source):
            files = [name for name in SEED_FILES if os.path.isfile(os.path.join(source, name))]
            if not files:
                raise InputError(f"has none of {', '.join(SEED_FILES)}", where=source)
            for name in files:
                self._seed(name, os.path.join(source, name))
            return
        self._seed("ovf-env.xml", source)

    def _seed(self, name: str, path: str) -> None:
        self._folder(SEED, 0o700)
        self.put(Entry(f"{SEED}/{name}", 0o600, content=read(path)))

    def configure(self, content: bytes) -> None:
        """A drop-in for ovfinit.yaml."""
        self.put(Entry(DROPIN, 0o644, content=content))

    def plugin(self, path: str) -> None:
        """A datasource of the admin's."""
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.put(Entry(f"{PLUGINS}/{os.path.basename(path)}", mode, content=read(path)))

    def register(self, path: str, files: Sequence[str]) -> None:
        """Tell the tree's dpkg that the package is there, so that it upgrades and removes it; if it has a dpkg."""
        known = self.tree.read(STATUS)
        if known is None:
            return
        parts = payload.control(path)
        fields = parts.pop("control", b"").decode("utf-8", "replace").strip("\n")
        name = _field(fields, "Package")
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            raise InputError("is no Debian package", where=path)
        stanza = fields.replace(f"Package: {name}", f"Package: {name}\nStatus: install ok installed", 1)
        kept = [line for line in parts.get("conffiles", b"").decode().splitlines() if line.startswith("/")]
        if kept:
            rows = [f" {each} {self._md5(each)}" for each in kept]
            stanza += "\n" + "\n".join(["Conffiles:", *rows])
        others = [
            one for one in known.decode("utf-8", "surrogateescape").split("\n\n") if _field(one, "Package") != name
        ]
        text = "\n\n".join([*(one.strip("\n") for one in others if one.strip()), stanza]) + "\n\n"
        base = f"/var/lib/dpkg/info/{name}"
        for part, content in parts.items():
            mode = 0o755 if part in ("postinst", "prerm", "postrm", "preinst") else 0o644
            self.put(Entry(f"{base}.{part}", mode, content=content))
        self.put(Entry(f"{base}.list", 0o644, content="".join(f"{each}\n" for each in ("/.", *files)).encode()))
        self.put(Entry(STATUS, 0o644, content=text.encode("utf-8", "surrogateescape")))

    def _md5(self, path: str) -> str:
        return hashlib.md5(self.tree.read(path) or b"", usedforsecurity=False).hexdigest()

    def finish(self) -> None:
        """Flush what was written to the disk."""
        atomic.flush()


def _field(stanza: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.+)$", stanza, re.MULTILINE)
    return found[1].strip() if found else ""


def read(path: str) -> bytes:
    """A file that the caller named. Raises InputError."""
    try:
        with open(path, "rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if len(content) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=path)
    return content
