"""The datasource contract: all that a plugin needs, and all that it may use.

A plugin reads and returns data. It writes nothing, configures nothing and knows no handler. See docs/datasource.md for
a walk through the examples.
"""

from __future__ import annotations

from .deadline import Deadline
from .digest import digest
from .errors import SourceAbsent, SourceInvalid, SourceUnreachable
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
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
    "nocloud",
    "ovf_environment",
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


def nocloud() -> NoCloud:
    """The files of a NoCloud seed turned into metadata; see `ovfinit.nocloud`, which is imported only now."""
    from .formats.nocloud import NoCloud as Seeds

    return Seeds()
