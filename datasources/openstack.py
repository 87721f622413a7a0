"""OpenStack: a config drive, or the metadata service's own tree below `/openstack/`; Rackspace's images as well.

The places, in the order of asking: cloud-init's seed folder in the tree; a volume labelled `config-2` (ISO 9660 or
FAT), read without mounting it; the metadata service, where DMI says that this is OpenStack or the configuration names
it. The service cannot be read before there is a route: until then it is unreachable, and asked again later.

Settings: `metadata_urls` and `timeout`, as of `ec2`.
"""

from __future__ import annotations

import os

from ovfinit.datasource import (
    Datasource,
    Detection,
    SourceAbsent,
    SourceUnreachable,
    digest,
    image_error,
    not_for_a_tree,
    nova_metadata,
    volumes,
)
from ovfinit.errors import InputError, SourceError
from ovfinit.host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ovfinit.datasource import Deadline
    from ovfinit.http import MetadataService
    from ovfinit.model import Metadata

SEED = "/var/lib/cloud/seed/config_drive"
LABEL = "config-2"
URL = "http://169.254.169.254"
TIMEOUT = 50.0
# DMI value → what it is on OpenStack and on clouds that are built of it, in lower case
PLATFORMS = {
    "product_name": ("openstack nova", "openstack compute"),
    "sys_vendor": ("openstack foundation",),
    "chassis_asset_tag": (
        *("openstack nova", "openstack compute", "huaweicloud", "opentelekomcloud", "sap ccloud vm"),
        *("samsung cloud platform",),
    ),
}

# a dated version keeps its form for ever; older ones know no network_data.json
DATED = ("2018-08-27", "2017-02-22", "2016-10-06", "2016-06-30", "2015-10-15")
LATEST = "latest"
OLD = ("2013-10-17", "2013-04-04", "2012-08-10")

MIB = 1024 * 1024
META, USER, VENDOR, NETWORK = "meta_data.json", "user_data", "vendor_data.json", "network_data.json"
LIMITS = {META: MIB, USER: 16 * MIB, VENDOR: 16 * MIB, NETWORK: MIB}
CONTENT_LIMIT = MIB


class OpenStack(Datasource):
    """`location` is None, an http(s) URL, or a folder, an image or a device that is a config drive."""

    name = "openstack"
    needs_network = False
    options = ("metadata_urls", "timeout")

    def detect(self, host: Host) -> Detection:
        """Looks at names only: the seed folder, labels of volumes, DMI."""
        if host.exists(f"{SEED}/openstack"):
            return Detection.yes(f"{SEED} has a config drive's files")
        trouble = ""
        try:
            for path in volumes(host, LABEL):
                return Detection.yes(f"{path} is a volume labelled {LABEL}")
        except SourceUnreachable as error:
            trouble = f"{error.where} {error.message}"
        if self.settings.get("metadata_urls"):
            return Detection.yes("metadata_urls is configured")
        evidence = identify(host)
        if evidence is not None:
            return Detection.yes(evidence)
        nor = f"no volume is labelled {LABEL}, and DMI does not name OpenStack"
        return Detection.maybe(trouble) if trouble else Detection.no(nor)

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """The first place that has something; a named one is the only one."""
        if self.location is not None:
            if "://" in self.location:
                return self._service([self.location], deadline, certain=False)
            return self._drive(_Folder(Host(), self.location) if os.path.isdir(self.location) else None, host)
        if host.exists(f"{SEED}/openstack"):
            return self._drive(_Folder(host, SEED), host)
        for path in volumes(host, LABEL):
            try:
                return self._drive(None, host, path)
            except SourceAbsent:
                continue
        configured = self.urls()
        if not configured and identify(host) is None:
            raise SourceAbsent(f"no volume is labelled {LABEL}, and DMI does not name OpenStack")
        if not host.live:
            raise not_for_a_tree(self.name, URL)
        if not host.routed(near=bool(configured)):
            raise SourceUnreachable("there is no route to the network yet", where=(configured or [URL])[0])
        return self._service(configured or [URL], deadline, certain=True)

    def unchanged(self, host: Host, fingerprint: Any) -> bool:
        """Reads again the bytes that a drive's answer came from; the service is always asked."""
        try:
            if fingerprint["location"] != self.location or not fingerprint["drive"]:
                return False
            for outside, path, known in fingerprint["files"]:
                content = (Host() if outside else host).read(path, 16 * MIB)
                if (None if content is None else digest(content)) != known:
                    return False
            if not fingerprint["volumes"]:
                return True
            place = fingerprint["volumes"][0][0]
            if self.location is None and (host.exists(SEED) or next(volumes(host, LABEL), None) != place):
                return False
            return all(host.volume_unchanged(path, footprint) for path, footprint in fingerprint["volumes"])
        except (InputError, SourceError, KeyError, TypeError, ValueError, IndexError):
            return False

    def _drive(self, folder: _Folder | None, host: Host, path: str | None = None) -> Metadata:
        """A config drive: a folder with its files, or the volume at `path` (the location unless given)."""
        drive = folder or _Volume(host, path or self.location or "")
        try:
            return _read(drive, (LATEST, *DATED, *OLD)).with_(
                fingerprint={**drive.fingerprint(), "location": self.location}
            )
        except InputError as error:
            raise image_error(error) from error

    def _service(self, bases: list[str], deadline: Deadline, *, certain: bool) -> Metadata:
        from ovfinit.http import metadata_service

        with metadata_service(bases, deadline.within(self.seconds(TIMEOUT))) as service:
            listing = service.leaf("/openstack/", certain=certain)
            listed = service.names(listing or b"") or ()
            served = [version for version in (*DATED, LATEST, *OLD) if version in listed]
            if not served:
                remedy = "an OpenStack metadata service lists its versions there"
                raise SourceAbsent("there is no OpenStack tree", where=f"{service.url}/openstack/", remedy=remedy)
            found = _read(_Service(service, certain), served[:1])
        said = (found.instance_id, found.hostname, found.public_keys, found.user_data, found.network)
        return found.with_(
            fingerprint={"location": self.location, "drive": False, "sha256": digest(repr(said).encode())}
        )


def identify(host: Host) -> str | None:
    """The evidence in DMI that this is OpenStack, None if there is none."""
    for name, values in PLATFORMS.items():
        if (host.dmi(name) or "").lower() in values:
            return f"DMI {name} is {host.dmi(name)}"
    return None


class _Folder:
    """A folder that holds what a config drive does."""

    def __init__(self, tree: Host, path: str) -> None:
        self._tree = tree
        self._outside = tree.live
        self.place = path
        self._files: list[list[Any]] = []

    def files(self, limits: Mapping[str, int]) -> dict[str, bytes]:
        """Files by their paths below the top."""
        found = {}
        for name, limit in limits.items():
            path = os.path.abspath(os.path.join(self.place, name))
            content = self._tree.read(path, limit)
            self._files.append([self._outside, path, None if content is None else digest(content)])
            if content is not None:
                found[name] = content
        return found

    def where(self, name: str) -> str:
        """What messages and origins call a file."""
        return os.path.join(self.place, name)

    def fingerprint(self) -> dict[str, Any]:
        """What is needed to know it again."""
        return {"drive": True, "files": self._files, "volumes": []}


class _Volume:
    """A config drive that is an image or a device."""

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self.place = path
        self._volumes: list[list[Any]] = []

    def files(self, limits: Mapping[str, int]) -> dict[str, bytes]:
        found = self._host.read_volume(self.place, limits)
        self._volumes.append([self.place, found.footprint])
        return dict(found.files)

    def where(self, name: str) -> str:
        return f"{self.place}:{name}"

    def fingerprint(self) -> dict[str, Any]:
        return {"drive": True, "files": [], "volumes": self._volumes}


class _Service:
    """The metadata service."""

    def __init__(self, service: MetadataService, certain: bool) -> None:
        self._service = service
        self._certain = certain
        self.place = service.url

    def files(self, limits: Mapping[str, int]) -> dict[str, bytes]:
        found: dict[str, bytes | None] = {}
        for name, limit in limits.items():
            # Nova says 404 as well while it does not know the port of a guest that has only just started
            if self._certain and name.endswith(META):
                found[name] = self._service.leaf(f"/{name}", limit, certain=True)
        rest = {f"/{name}": limit for name, limit in limits.items() if name not in found}
        found.update({path[1:]: body for path, body in self._service.leaves(rest).items()})
        return {name: body for name, body in found.items() if body is not None}

    def where(self, name: str) -> str:
        return f"{self.place}/{name}"


def _read(place: _Folder | _Volume | _Service, versions: Iterable[str]) -> Metadata:
    """Everything of the first of these versions that is there."""
    for version in versions:
        folder = f"openstack/{version}/"
        found = place.files({folder + name: limit for name, limit in LIMITS.items()})
        if folder + META in found:
            break
    else:
        raise SourceAbsent(f"there is no openstack/latest/{META}", where=place.place)
    files = {name.removeprefix(folder): body for name, body in found.items()}

    def content(name: str) -> tuple[bytes | None, str]:
        path = f"openstack/{name}"
        return place.files({path: CONTENT_LIMIT}).get(path), place.where(path)

    return nova_metadata(files, lambda name: place.where(folder + name), content).with_(location=place.place)
