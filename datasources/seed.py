"""NoCloud seeds: a folder, a volume labelled `cidata`, or a place that a few words name.

The places, in the order of asking: `/var/lib/ovfinit/seed`, cloud-init's two seed folders, then the volumes; the first
that has one of the four files is the seed. Words like `ds=nocloud;h=NAME;i=ID;s=PLACE` in the SMBIOS serial number and
on the kernel command line go before it, and what `seedfrom` names (the word `s`, or that key of meta-data) completes
it. A seed at a URL cannot be read before there is a route: until then it is unreachable, and asked again later.
"""

from __future__ import annotations

import os

from ovfinit.datasource import (
    Datasource,
    Deadline,
    Detection,
    SourceAbsent,
    SourceInvalid,
    SourceUnreachable,
    digest,
    image_error,
    nocloud,
    not_for_a_tree,
    volumes,
)
from ovfinit.errors import InputError, SourceError
from ovfinit.host import Host
from ovfinit.model import Metadata, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ovfinit.datasource import NoCloud, SeedFile

FOLDERS = ("/var/lib/ovfinit/seed", "/var/lib/cloud/seed/nocloud", "/var/lib/cloud/seed/nocloud-net")
MIB = 1024 * 1024
LIMITS = {"meta-data": MIB, "user-data": 16 * MIB, "vendor-data": 16 * MIB, "network-config": MIB}
PAYLOADS = ("user-data", "vendor-data")
REQUIRED = ("meta-data", "user-data")
LABEL = "cidata"
COMMAND_LINE, SERIAL = "/proc/cmdline", "/sys/class/dmi/id/product_serial"
URLS = ("http://", "https://")
LOOPBACK = ("127.", "localhost", "[::1]")


class Seed(Datasource):
    """`location` is None, a folder, an image, a device or an http(s) URL."""

    name = "seed"
    needs_network = False
    options = ()

    def detect(self, host: Host) -> Detection:
        """Looks at names only: words, files in the folders, labels of volumes."""
        for words, origin in _words(host):
            if words:
                return Detection.yes(f"{origin} says ds=nocloud")
        trouble = ""
        for folder in FOLDERS:
            try:
                if set(os.listdir(host.real(folder))) & set(LIMITS):
                    return Detection.yes(f"{folder} has a seed")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                trouble = trouble or f"{folder} cannot be read: {error.strerror}"
        try:
            for path in volumes(host, LABEL):
                return Detection.yes(f"{path} is a volume labelled {LABEL}")
        except SourceUnreachable as error:
            trouble = trouble or f"{error.where} {error.message}"
        if trouble:
            return Detection.maybe(trouble)
        nor = f" and no volume is labelled {LABEL}" if host.live else ""
        return Detection.no(f"no seed folder has a file{nor}")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """The first place that has a seed, or the one that was named, with what the words and `seedfrom` add."""
        return _Reading(host, deadline, self.location).metadata()

    def unchanged(self, host: Host, fingerprint: Any) -> bool:
        """Reads again what was read, without YAML; what came from a URL is never taken for unchanged."""
        try:
            if fingerprint["url"] or fingerprint["location"] != self.location:
                return False
            if fingerprint["words"] != _words_digest(host, self.location):
                return False
            for outside, path, name, known in fingerprint["files"]:
                content = (Host() if outside else host).read(path, LIMITS[name])
                if (None if content is None else digest(content)) != known:
                    return False
            volume = fingerprint["volume"]
            if volume is None:
                return True
            if self.location is None and next(volumes(host, LABEL), None) != volume[0]:
                return False
            return bool(host.volume_unchanged(volume[0], volume[1]))
        except (InputError, SourceError, KeyError, TypeError, ValueError, IndexError):
            return False


class _Reading:
    """One read, and what it looked at."""

    def __init__(self, host: Host, deadline: Deadline, location: str | None) -> None:
        self._host = host
        self._deadline = deadline
        self._location = location
        self._seed: NoCloud = nocloud()
        self._files: list[list[Any]] = []
        self._volume: list[Any] | None = None
        self._url = False
        self._problems: list[Problem] = []

    def metadata(self) -> Metadata:
        try:
            if self._location is not None:
                place: str | None = self._named(self._location)
            else:
                place = self._found()
            source = self._seed.seedfrom
            if source is not None:
                followed = self._follow(*source)
                place = place or followed
            said = self._seed.metadata()
        except InputError as error:
            raise image_error(error) from error
        fingerprint = {
            "location": self._location,
            "words": _words_digest(self._host, self._location),
            "files": self._files,
            "volume": self._volume,
            "url": self._url,
        }
        problems = (*said.problems, *self._problems)
        return said.with_(location=place, fingerprint=fingerprint, problems=problems)

    def _found(self) -> str | None:
        """Where the seed was; None if there is nothing but words."""
        worded = None
        for words, origin in _words(self._host):
            if words:
                worded = worded or origin
                self._seed.words(words, origin)
        for folder in FOLDERS:
            files = self._folder(self._host, folder, outside=False)
            if files:
                self._seed.files(files)
                return folder
        for path in volumes(self._host, LABEL):
            files = self._image(path)
            if files:
                self._seed.files(files)
                return path
        if worded is None:
            nor = f" and no volume is labelled {LABEL}" if self._host.live else ""
            raise SourceAbsent(f"no seed folder has a file{nor}")
        return worded if self._seed.seedfrom is None else None

    def _named(self, location: str) -> str:
        if location.lower().startswith(URLS):
            return self._fetch_all(location)
        path = location.removeprefix("file://")
        if os.path.isdir(path):
            files = self._folder(Host(), path, outside=True)
            if not files:
                raise SourceAbsent("the folder has none of " + ", ".join(LIMITS), where=path)
        else:
            files = self._image(path)
            if not files:
                raise SourceAbsent("the volume has none of " + ", ".join(LIMITS), where=path)
        self._seed.files(files)
        return location

    def _folder(self, tree: Host, folder: str, *, outside: bool) -> dict[str, SeedFile]:
        return {
            name: file
            for name in LIMITS
            if (file := self._file(tree, os.path.join(folder, name), name, outside=outside)) is not None
        }

    def _file(self, tree: Host, path: str, name: str, *, outside: bool) -> SeedFile | None:
        try:
            content = tree.read(path, LIMITS[name])
        except InputError as error:
            if name not in PAYLOADS or not error.message.startswith("is larger"):
                raise
            # a machine without its user data is better than one without its name and addresses
            self._problems.append(Problem(name.replace("-", "_"), error.message, path))
            content = b""
        self._files.append([outside, os.path.abspath(path), name, None if content is None else digest(content)])
        if content is None:
            if os.path.islink(tree.real(os.path.abspath(path), follow=False)):
                raise SourceInvalid("is a link to nothing", where=path)
            return None
        return self._seed.file(content, path)

    def _image(self, path: str) -> dict[str, SeedFile]:
        found = self._host.read_volume(path, LIMITS)
        self._volume = [path, found.footprint]
        if found.label.lower() != LABEL:
            message = f"the volume is labelled {found.label!r}: a machine looks for {LABEL} when it boots"
            self._problems.append(Problem("location", message, path))
        return {name: self._seed.file(content, f"{path}:{name}") for name, content in found.files.items()}

    def _follow(self, source: str, where: str) -> str:
        """`seedfrom`: a folder of the tree or a URL; it must have meta-data and user-data, as with cloud-init."""
        source = _expanded(self._host, source, where)
        if source.lower().startswith(URLS):
            return self._fetch_all(source)
        base = source.removeprefix("file://")
        if not base.startswith("/"):
            remedy = "give an absolute path, file:///…, http://… or https://…"
            raise SourceInvalid("seedfrom names a place of a kind that is not understood", where=where, remedy=remedy)
        files = {}
        for name in LIMITS:
            path = _place(base, name)
            file = self._file(self._host, path, name, outside=False)
            if file is not None:
                files[name] = file
            elif name in REQUIRED:
                raise SourceInvalid(f"seedfrom names a place without {name}", where=path)
        self._seed.files(files)
        return base

    def _fetch_all(self, url: str) -> str:
        """Also the place as messages may show it."""
        from ovfinit.http import fetch, shown

        self._url = True
        if self._location is None:
            self._check_network(url, shown(url))
        files = {}
        for name, limit in LIMITS.items():
            place = _place(url, name)
            try:
                content = fetch(place, self._deadline, limit)
            except SourceAbsent as absent:
                if name in REQUIRED:
                    # an empty server is no proof that there is nothing for this machine
                    raise SourceInvalid(f"a seed must have {name}: {absent.message}", where=absent.where) from absent
                continue
            files[name] = self._seed.file(content, shown(place))
        self._seed.files(files)
        return shown(url)

    def _check_network(self, url: str, where: str) -> None:
        if not self._host.live:
            raise not_for_a_tree(Seed.name, where)
        authority = url.partition("://")[2].rpartition("@")[2]
        if not authority.lower().startswith(LOOPBACK) and not self._host.routed(near=True):
            raise SourceUnreachable("there is no route to the network yet", where=where)


def _words(host: Host) -> Iterator[tuple[dict[str, str], str]]:
    """The `ds=nocloud` words of the SMBIOS serial number and of the kernel command line, and where they stand."""
    serial = next((word[3:] for word in (host.dmi("product_serial") or "").split() if word.startswith("ds=")), "")
    for text, origin in ((serial, SERIAL), (host.cmdline.get("ds", ""), COMMAND_LINE)):
        kind, _, rest = text.partition(";")
        if kind.lower() in ("nocloud", "nocloud-net"):
            pairs = (word.partition("=") for word in rest.split(";"))
            yield {name.strip(): value for name, _, value in pairs if name.strip() and value}, origin


def _words_digest(host: Host, location: str | None) -> str:
    """A named place is read without them."""
    return "" if location is not None else digest(repr(list(_words(host))).encode("utf-8", "surrogateescape"))


def _place(base: str, name: str) -> str:
    """Where a file is: `%s` stands for its name, else it follows a slash, or a query as it is."""
    if "%s" in base:
        return base.replace("%s", name)
    return base + name if base.endswith("/") or "?" in base else f"{base}/{name}"


def _expanded(host: Host, text: str, where: str) -> str:
    """`__dmi.system-uuid__` and the like replaced by what the firmware says; the names are dmidecode's."""
    first, marker, rest = text.partition("__dmi.")
    if not marker:
        return text
    name, end, rest = rest.partition("__")
    part, _, item = name.partition("-")
    item = item.removesuffix("-number").replace("product-name", "name").replace("-", "_")
    if item == "manufacturer":
        value = host.dmi({"system": "sys", "baseboard": "board"}.get(part, part) + "_vendor")
    else:
        value = host.dmi(f"{ {'system': 'product', 'baseboard': 'board'}.get(part, part) }_{item}")
    if not end or not value:
        raise SourceInvalid(f"the firmware does not tell {name!r}, which seedfrom needs", where=where)
    return first + value + _expanded(host, rest, where)
