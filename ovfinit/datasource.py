"""The datasource contract: all that a plugin needs, and all that it may use.

A plugin reads and returns data. It writes nothing, configures nothing and knows no handler. See docs/datasource.md for
a walk through the examples.
"""

from __future__ import annotations

from .deadline import Deadline
from .digest import digest
from .errors import InputError, SourceAbsent, SourceError, SourceInvalid, SourceUnreachable
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from .formats.environment import Environment
    from .formats.guestinfo import Guestinfo as Guestinfo
    from .formats.nocloud import NoCloud as NoCloud
    from .formats.nocloud import SeedFile as SeedFile
    from .formats.yamltext import Document
    from .host import Host
    from .model import Metadata

__all__ = [
    "Datasource",
    "Deadline",
    "Detection",
    "SourceAbsent",
    "SourceInvalid",
    "SourceUnreachable",
    "digest",
    "guestinfo",
    "image_error",
    "ip_address",
    "ip_network",
    "mac_address",
    "nocloud",
    "nova_metadata",
    "ovf_environment",
    "volumes",
    "yaml_document",
]


class Detection(Record):
    """Whether a platform is here: `answer` is yes, no or maybe, `reason` says why in words."""

    answer: str
    reason: str

    @classmethod
    def yes(cls, reason: str) -> Detection:
        """Local evidence says it is here."""
        return cls("yes", reason)

    @classmethod
    def no(cls, reason: str) -> Detection:
        """Local evidence says it is not: the source is not asked."""
        return cls("no", reason)

    @classmethod
    def maybe(cls, reason: str) -> Detection:
        """No evidence either way. A local source is asked; one that needs the network is not, unless named."""
        return cls("maybe", reason)


class Datasource:
    """Base class of plugins. A subclass sets `name` and `needs_network` and writes `detect` and `read`.

    Attributes:
        settings: what stands under the source's name in ovfinit.yaml.
        options: the names that settings may have; None takes any.
        location: what follows the colon in `--from NAME:LOCATION`, None when the source was not named with one.
    """

    name: str = ""
    needs_network: bool = False
    settings: Mapping[str, Any] = {}
    options: tuple[str, ...] | None = None
    location: str | None = None

    def detect(self, host: Host) -> Detection:
        """Is this platform here? Fast, local, without network traffic. Not called when `location` is given."""
        raise TypeError(f"datasource {self.name} has no detect()")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """The metadata.

        Raises SourceAbsent (positively nothing here), SourceUnreachable (it may be here, nobody could tell) or
        SourceInvalid (it is here and cannot be used).
        """
        raise TypeError(f"datasource {self.name} has no read()")

    def urls(self) -> list[str]:
        """The setting `metadata_urls`, empty if it is not set. Raises SourceInvalid if it is no list of texts."""
        urls = self.settings.get("metadata_urls") or []
        if not isinstance(urls, (list, tuple)) or not all(isinstance(url, str) for url in urls):
            remedy = "for example [http://169.254.169.254]"
            raise SourceInvalid(f"{self.name}.metadata_urls must be a list of URLs", remedy=remedy)
        return list(urls)

    def seconds(self, default: float) -> float:
        """The setting `timeout`, how long a whole read may take. Raises SourceInvalid if it is no such number."""
        timeout = self.settings.get("timeout", default)
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
            remedy = f"leave it out for {default:g} s"
            raise SourceInvalid(f"{self.name}.timeout must be a number of seconds above 0", remedy=remedy)
        return float(timeout)

    def unchanged(self, host: Host, fingerprint: Any) -> bool:
        """True if a read would surely give again what was read when `fingerprint` (Metadata.fingerprint) was made.

        Optional, must be much cheaper than `read`; False is always right.
        """
        return False


def yaml_document(text: bytes | str, where: str) -> Document:
    """Parse YAML (or JSON) that came from outside; see `ovfinit.yamltext`, which is imported only now.

    Raises InputError with `where:line:column` for what is malformed, doubled or out of bounds.
    """
    from .formats.yamltext import load

    return load(text, where)


def ovf_environment(data: bytes, where: str) -> Environment:
    """Parse an OVF environment document; see `ovfinit.environment`, which is imported only now.

    Raises InputError with `where:line:column` for what is malformed, hostile or out of bounds.
    """
    from .formats.environment import parse

    return parse(data, where)


def guestinfo(host: Host, deadline: Deadline) -> Guestinfo:
    """Ask VMware's hypervisor for the guestinfo variables; see `ovfinit.guestinfo`, which is imported only now."""
    from .formats.guestinfo import Guestinfo as Reader

    return Reader(host, deadline)


def volumes(host: Host, label: str) -> Iterator[str]:
    """Devices of the running machine with a file system of this label (lower case), in any case.

    Raises SourceUnreachable, after the others, if a device could not be looked at.
    """
    trouble: SourceError | None = None
    for device in host.block_devices() if host.live else ():
        # a floppy drive answers after seconds, also without a disk in it
        if device.name.startswith("fd"):
            continue
        try:
            look = host.look(device.path)
        except InputError as error:
            reason = image_error(error)
            if isinstance(reason, SourceUnreachable):
                trouble = trouble or reason
            continue
        if look is not None and look.label.lower() == label:
            yield device.path
    if trouble is not None:
        raise trouble


def image_error(error: InputError) -> SourceError:
    """What a failed read of a file, an image or a device means for a source.

    The system's error makes it unreachable or absent, anything else is damaged.
    """
    from errno import ENODEV, ENOENT, ENOMEDIUM, ENOTDIR, ENXIO

    cause = error.__cause__
    if not isinstance(cause, OSError):
        return SourceInvalid(error.message, where=error.where, remedy=error.remedy)
    if cause.errno in (ENOENT, ENOTDIR, ENOMEDIUM, ENXIO, ENODEV):
        return SourceAbsent((cause.strerror or "is not there").lower(), where=error.where)
    return SourceUnreachable(error.message, where=error.where, remedy=error.remedy)


def not_for_a_tree(name: str, where: str | None = None) -> SourceUnreachable:
    """Why a source of the network is not asked on behalf of a tree: who works on it is at another place."""
    remedy = f"name the source with --from {name}:URL to have it asked"
    return SourceUnreachable("the network is not asked for a tree under --root", where=where, remedy=remedy)


def ip_address(text: str) -> str:
    """An IPv4 or IPv6 address in its canonical spelling. Raises ValueError."""
    from .network.address import parse_ip

    return parse_ip(text)


def ip_network(text: str) -> str:
    """`NETWORK/LENGTH` in canonical spelling, without host bits. Raises ValueError."""
    from .network.address import parse_network

    return parse_network(text)


def mac_address(text: str) -> str:
    """A hardware address in lower case with colons. Raises ValueError."""
    from .network.address import parse_mac

    return parse_mac(text)


def nova_metadata(
    files: Mapping[str, bytes], where: Callable[[str], str], content: Callable[[str], tuple[bytes | None, str]]
) -> Metadata:
    """OpenStack's documents turned into metadata; see `ovfinit.formats.nova`, which is imported only now."""
    from .formats.nova import metadata

    return metadata(files, where, content)


def nocloud() -> NoCloud:
    """The files of a NoCloud seed turned into metadata; see `ovfinit.nocloud`, which is imported only now."""
    from .formats.nocloud import NoCloud as Seeds

    return Seeds()
