"""The OVF environment and VMware's guestinfo: what a virtual appliance's deployment form says.

The places, in the order of asking: a seed file in the tree; a file that QEMU hands over (`-fw_cfg`); on VMware the
guestinfo variables, of which the plain ones (`guestinfo.metadata` and the like) go before their equals in the OVF
environment; a CD-ROM or another small volume with `ovf-env.xml` in its root folder (DMTF DSP0243, transport `iso`),
read without mounting it.
"""

from __future__ import annotations

import os
import stat

from ovfinit.datasource import (
    Datasource,
    Deadline,
    Detection,
    SourceAbsent,
    SourceInvalid,
    SourceUnreachable,
    digest,
    guestinfo,
    ovf_environment,
)
from ovfinit.errors import InputError, SourceError
from ovfinit.model import Metadata, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ovfinit.datasource import Guestinfo
    from ovfinit.host import BlockDevice, Host

SEED = "/var/lib/ovfinit/seed/ovf-env.xml"
# Linux, Documentation/ABI/testing/sysfs-firmware-qemu_fw_cfg; the name is what `ovfinit ovf env --format qemu` writes
FW_CFG = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.dmtf.ovf/ovf-env.xml/raw"
FILE = "ovf-env.xml"
# as a volume without Rock Ridge and Joliet spells it, and as people do
SPELLINGS = (FILE, "ovf_env.xml")
LABELS = ("ovf env", "ovf_env", "ovfenv", "ovf-env", "ovf-transport")
LIMIT = 4 * 1024 * 1024
# a disk, as opposed to a CD-ROM, that carries nothing but an environment is small
DISK = 1024**3
RECHECK_SECONDS = 15.0
GUESTINFO = "guestinfo"


class Ovf(Datasource):
    """`location` is None, `guestinfo`, or a path: a document, an image or a device, told apart by its content."""

    name = "ovf"
    needs_network = False
    options = ("properties",)

    def detect(self, host: Host) -> Detection:
        """Looks for the seed file, the root folders of volumes and VMware's name in DMI; starts no program."""
        place = _place(host)
        if place is not None:
            return Detection.yes(f"{place} is there")
        if not host.live:
            return Detection.no(f"no {SEED} in this tree")
        trouble = ""
        try:
            for device, label in _volumes(host):
                kind = "CD-ROM" if device.optical else "disk"
                return Detection.yes(f"{kind} {device.path} labelled {label!r} has {FILE}")
        except SourceUnreachable as error:
            trouble = str(error)
        if _on_vmware(host):
            return Detection.maybe("this is VMware: guestinfo may have something")
        return Detection.maybe(trouble) if trouble else Detection.no(f"no {FILE} on any volume, and this is not VMware")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """The first place that has something; a named one is the only one."""
        if self.location == GUESTINFO:
            return self._compose(None, guestinfo(host, deadline))
        if self.location is not None:
            return self._named(host, self.location)
        place = _place(host)
        try:
            seed = host.read(place, LIMIT) if place is not None else None
        except InputError as error:
            raise SourceInvalid(error.message, where=error.where) from error
        if place is not None and seed is not None:
            return self._compose(_Found.document(seed, place), None)
        if not host.live:
            raise SourceAbsent(f"no {SEED} in this tree")
        guest = guestinfo(host, deadline) if _on_vmware(host) else None
        if guest is not None and guest.environment is not None:
            return self._compose(None, guest)
        trouble: SourceError | None = guest.trouble if guest else None
        try:
            for device, _ in _volumes(host):
                try:
                    return self._compose(_Found.volume(host, device.path), guest)
                except SourceAbsent:
                    continue
                except (SourceInvalid, SourceUnreachable) as error:
                    trouble = trouble or error
        except SourceUnreachable as error:
            trouble = trouble or error
        if guest is not None and guest.values:
            return self._compose(None, guest)
        raise trouble or SourceAbsent(f"no volume has {FILE} in its root folder")

    def unchanged(self, host: Host, fingerprint: Any) -> bool:
        """Reads again only the bytes that the answer came from; neither XML nor the volume's folders are parsed."""
        try:
            named, file, volume, guest = (fingerprint[key] for key in ("location", "file", "volume", "guestinfo"))
            if named != self.location:
                return False
            if named is None and not self._same_place(host, file, volume, guest):
                return False
            if file is not None:
                place = _place(host)
                data = (
                    _content(_document_of(named)) if named is not None else host.read(place, LIMIT) if place else None
                )
                return data is not None and digest(data) == file
            if guest is not None and guestinfo(host, Deadline(RECHECK_SECONDS)).digest() != guest:
                return False
            return volume is None or bool(host.volume_unchanged(volume[0], volume[1]))
        except (InputError, SourceError, KeyError, TypeError, ValueError, IndexError):
            return False

    def _same_place(self, host: Host, file: str | None, volume: list[Any] | None, guest: str | None) -> bool:
        """True if no place that is asked earlier has come or gone."""
        if (_place(host) is not None) != (file is not None):
            return False
        if file is not None:
            return True
        if not host.live or _on_vmware(host) != (guest is not None):
            return False
        return volume is None or next((device.path for device, _ in _volumes(host)), None) == volume[0]

    def _named(self, host: Host, path: str) -> Metadata:
        path = _document_of(path)
        head = _content(path, 512)
        if _is_xml(head):
            return self._compose(_Found.document(_content(path), path), None)
        try:
            look = host.look(path)
        except InputError as error:
            raise _sorted(error, path) from error
        if look is None:
            raise SourceInvalid(
                "is neither an OVF environment (XML) nor an ISO 9660 or FAT volume",
                where=path,
                remedy=f"name the {FILE}, the image or the device that has it",
            )
        if not set(look.names) & set(SPELLINGS):
            raise SourceAbsent(f"the volume {look.label!r} has no {FILE} in its root folder", where=path)
        return self._compose(_Found.volume(host, path), None)

    def _compose(self, found: _Found | None, guest: Guestinfo | None) -> Metadata:
        """One answer out of an environment and the plain guestinfo variables, which win."""
        problems = []
        if guest is not None and guest.trouble is not None:
            if found is None:
                raise guest.trouble
            problems.append(Problem("properties", f"guestinfo could not be asked: {guest.trouble.message}", GUESTINFO))
        if found is None and guest is not None:
            if not guest.values:
                raise SourceAbsent("guestinfo has nothing for this machine")
            if guest.environment is not None:
                found = _Found.document(guest.environment, GUESTINFO, "guestinfo.ovfEnv")
        said = found.metadata() if found else Metadata(platform="VMware", location=GUESTINFO)
        if guest is not None:
            said = guest.over(said)
        fingerprint = {
            "location": self.location,
            "file": found.digest if found and found.digest and guest is None else None,
            "volume": found.footprint if found else None,
            "guestinfo": guest.digest() if guest else None,
        }
        return said.with_(
            location=self.location or said.location, fingerprint=fingerprint, problems=(*said.problems, *problems)
        )


class _Found:
    """One environment document, where it was, and how to know it again."""

    def __init__(self, data: bytes, location: str, where: str) -> None:
        self._data = data
        self._location = location
        self._where = where
        self.digest: str | None = None
        self.footprint: list[Any] | None = None

    @classmethod
    def document(cls, data: bytes, location: str, where: str | None = None) -> _Found:
        """A plain document."""
        found = cls(data, location, where or location)
        found.digest = digest(data)
        return found

    @classmethod
    def volume(cls, host: Host, path: str) -> _Found:
        """The document in the root folder of a volume. Raises SourceAbsent, SourceInvalid or SourceUnreachable."""
        try:
            files = host.read_volume(path, dict.fromkeys(SPELLINGS, LIMIT))
        except InputError as error:
            raise _sorted(error, path) from error
        name = next((name for name in SPELLINGS if name in files.files), None)
        if name is None:
            raise SourceAbsent(f"the volume {files.label!r} has no {FILE} in its root folder", where=path)
        found = cls(files.files[name], path, f"{path}:{name}")
        found.footprint = [path, files.footprint]
        # what is not ours is found out here, so that the next volume gets its turn
        found.metadata()
        return found

    def metadata(self) -> Metadata:
        """What the document says, in the model's terms. Raises SourceInvalid, or SourceAbsent if it says nothing."""
        try:
            environment = ovf_environment(self._data, self._where)
        except InputError as error:
            raise SourceInvalid(error.message, where=error.where, remedy=error.remedy) from error
        if "PropertySection" not in environment.sections:
            if "ProvisioningSection" in environment.foreign:
                raise SourceAbsent(
                    "the document is Azure's own and not an OVF environment: not ours", where=self._where
                )
            raise SourceAbsent("the environment has no PropertySection", where=self._where)
        origins = {f"properties.{key}": f"#/Environment/PropertySection/{key}" for key in environment.properties}
        for field, element in (("platform", "Kind"), ("locale", "Locale"), ("timezone", "Timezone")):
            if getattr(environment, field) is not None:
                origins[field] = f"#/Environment/PlatformSection/{element}"
        problems = list(environment.problems)
        if "seedfrom" in environment.properties:
            message = (
                "is not followed from an OVF environment: give the place as ds=nocloud;s=URL on the kernel command "
                "line, or the data itself as user-data"
            )
            problems.append(Problem("properties.seedfrom", message, origins["properties.seedfrom"]))
        return Metadata(
            platform=environment.platform,
            locale=environment.locale,
            timezone=environment.timezone,
            nics=environment.nics,
            properties=environment.properties,
            origins=origins,
            problems=tuple(problems),
            location=self._location,
        )


def _place(host: Host) -> str | None:
    """The file that is asked first, if there is one."""
    return next((place for place in (SEED, FW_CFG) if host.exists(place)), None)


def _on_vmware(host: Host) -> bool:
    names = (host.dmi("sys_vendor"), host.dmi("product_name"))
    return any("vmware" in name.lower() for name in names if name)


def _volumes(host: Host) -> Iterator[tuple[BlockDevice, str]]:
    """Volumes that list the document in their root folder, with their label; those with a well-known label first.

    Raises SourceUnreachable, after the others, if a drive with a medium could not be looked at.
    """
    found, trouble = [], None
    for device in host.block_devices():
        if not device.optical and device.size > DISK:
            continue
        try:
            look = host.look(device.path)
        except InputError as error:
            reason = _sorted(error, device.path)
            if device.optical and isinstance(reason, SourceUnreachable):
                trouble = trouble or reason
            continue
        if look is not None and set(look.names) & set(SPELLINGS):
            found.append((device, look.label))
    yield from sorted(found, key=lambda one: one[1].strip().lower() not in LABELS)
    if trouble is not None:
        raise trouble


def _sorted(error: InputError, path: str) -> SourceError:
    """What a failed read of a volume means: the system's error makes it unreachable or absent, else it is damaged."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        return _os_error(cause, path)
    return SourceInvalid(error.message, where=error.where or path, remedy=error.remedy)


def _os_error(error: OSError, path: str) -> SourceError:
    from errno import ENODEV, ENOENT, ENOMEDIUM, ENOTDIR, ENXIO

    reason = error.strerror or str(error)
    if error.errno in (ENOENT, ENOTDIR, ENOMEDIUM, ENXIO, ENODEV):
        return SourceAbsent(reason[0].lower() + reason[1:], where=path)
    return SourceUnreachable(f"cannot be read: {reason}", where=path)


def _content(path: str, head: int | None = None) -> bytes:
    """The content of a file, or its first bytes (those of a device too).

    Raises SourceAbsent, SourceUnreachable or SourceInvalid.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            mode = os.fstat(descriptor).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise SourceInvalid("is neither a file nor a block device", where=path)
            data = b""
            while len(data) <= (head or LIMIT):
                more = file.read((head or LIMIT + 1) - len(data))
                if not more:
                    break
                data += more
    except OSError as error:
        raise _os_error(error, path) from error
    if head is None and len(data) > LIMIT:
        raise SourceInvalid(f"is larger than {LIMIT} bytes", where=path)
    return data


def _document_of(path: str) -> str:
    return os.path.join(path, FILE) if os.path.isdir(path) else path


def _is_xml(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<", b"\0<"))
