"""The metadata model: the waist of the hourglass.

Whatever the source, what it said ends up in one immutable `Metadata`; whatever the duty, it starts from there. The
names of the fields are the keys of `ovfinit show --json`, documented in docs/metadata.md.
"""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

VERSION = 1
REDACTED = "<redacted>"


class Secret:
    """A text that must reach no log, no world-readable file, no command line and no error message.

    `str()` and `repr()` give `<redacted>`; `reveal()` the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Every call of this is a place to look at in a review."""
        return self._text

    def __str__(self) -> str:
        return REDACTED

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("secret", self._text))


class Nic(Record):
    """What a platform tells about one network adapter.

    `mac` is lower case with colons. `network` is the platform's name for what it is plugged into (VMware's port
    group). `card`, then `index` order the adapters (EC2's network-card and device-number, VMware's order). `addresses`
    are in CIDR form, primary first; `dhcp4`/`dhcp6` whether the platform serves the address over DHCP. `prefixes` are
    networks that are led to the adapter for others behind this machine; `routers` the way out, one a family.
    """

    mac: str
    network: str | None = None
    index: int | None = None
    addresses: Sequence[str] = ()
    dhcp4: bool = False
    dhcp6: bool = False
    card: int | None = None
    prefixes: Sequence[str] = ()
    routers: Sequence[str] = ()


class Problem(Record):
    """A value that was given and cannot be used: the field stays empty, the rest of the metadata holds.

    `message` never contains a secret; `where` is an origin as in `Metadata.origins`.
    """

    field: str
    message: str
    where: str | None = None

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.where}: {self.field}: {self.message}" if self.where else f"{self.field}: {self.message}"


class Metadata(Record):
    """What is known about this instance. All fields are keywords and optional; None means: the source gives none.

    Attributes:
        instance_id: changes exactly when this is another instance.
        hostname: short name, or a full one (normalizing splits it). fqdn: the full name.
        public_keys: OpenSSH public keys for the default user, in order, each as one authorized_keys line.
        network: a netplan version 2 mapping, without the top `network:` key.
        user_data, vendor_data: bytes as the user gave them.
        properties: everything else the source said by name; values are str, or Secret.
        platform: words for the hypervisor or cloud.
        region, availability_zone, instance_type, launch_index: the cloud's.
        locale: as in LANG. timezone: an IANA name.
        username, password: for the default user. The password is a Secret, plain or in crypt(5) form.
        nics: the adapters that the platform knows of.
        origins: field or `properties.KEY` → where it was read: `#fragment` of the location, or a file or URL.
        problems: values that had to be left out.
        datasource, location: filled in by the chain; a source that has several places may set location.
        fingerprint: whatever `Datasource.unchanged` needs to recognise this answer later; JSON types only.
    """

    instance_id: str | None = None
    hostname: str | None = None
    fqdn: str | None = None
    public_keys: Sequence[str] = ()
    network: Mapping[str, Any] | None = None
    user_data: bytes | None = None
    vendor_data: bytes | None = None
    properties: Mapping[str, str | Secret] = {}
    platform: str | None = None
    region: str | None = None
    availability_zone: str | None = None
    instance_type: str | None = None
    launch_index: int | None = None
    locale: str | None = None
    timezone: str | None = None
    username: str | None = None
    password: Secret | None = None
    nics: Sequence[Nic] = ()
    origins: Mapping[str, str] = {}
    problems: Sequence[Problem] = ()
    datasource: str | None = None
    location: str | None = None
    fingerprint: Any = None
