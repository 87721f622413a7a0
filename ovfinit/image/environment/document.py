"""Writing an OVF environment document (DMTF DSP8027), as the platforms do that hand one to their guests."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from ...errors import InputError
from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .answering import Member

NAMESPACE = "http://schemas.dmtf.org/ovf/environment/1"
# four times what ovfinit itself reads
LIMIT = 16 * 1024 * 1024
VMWARE = "http://www.vmware.com/schema/ovfenv"


class Platform(Record):
    """The PlatformSection; empty fields are left out. `timezone` is in minutes east of UTC."""

    kind: str = ""
    version: str = ""
    vendor: str = ""
    locale: str = ""
    timezone: int | None = None


class Adapter(Record):
    """An Ethernet adapter in VMware's EthernetAdapterSection, with the network that it is plugged into."""

    mac: str
    network: str = ""


def compose(
    properties: Mapping[str, str],
    *,
    environment_id: str = "",
    adapters: Sequence[Adapter] = (),
    platform: Platform | None = None,
    entities: Sequence[Member] = (),
) -> bytes:
    """The document, UTF-8, with qualified attributes as the schema wants them.

    Line breaks in values are written as character references, so that readers get them back. `adapters` are in order,
    `entities` are the siblings of the machine. Raises InputError for characters that XML cannot carry.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Environment xmlns="{NAMESPACE}" xmlns:oe="{NAMESPACE}" xmlns:ve="{VMWARE}"',
        f"    oe:id={_quoted('id', environment_id)}>",
        *(_platform(platform) if platform is not None else ()),
        *_section(properties, "  "),
    ]
    for entity in entities:
        lines += [f"  <Entity oe:id={_quoted('id', entity.id)}>", *_section(entity.properties, "    "), "  </Entity>"]
    if adapters:
        # the schema has sections of others behind all of its own
        lines += ["  <ve:EthernetAdapterSection>", *map(_adapter, adapters), "  </ve:EthernetAdapterSection>"]
    if sum(map(len, lines)) > LIMIT:
        raise InputError(f"the environment would have more than {LIMIT} bytes, and no guest reads that")
    return ("\n".join([*lines, "</Environment>"]) + "\n").encode()


def _platform(platform: Platform) -> Iterator[str]:
    yield "  <PlatformSection>"
    fields = (
        ("Kind", platform.kind),
        ("Version", platform.version),
        ("Vendor", platform.vendor),
        ("Locale", platform.locale),
        ("Timezone", "" if platform.timezone is None else str(platform.timezone)),
    )
    yield from (f"    <{name}>{escape(_carried(name, value))}</{name}>" for name, value in fields if value)
    yield "  </PlatformSection>"


def _section(properties: Mapping[str, str], indent: str) -> Iterator[str]:
    yield f"{indent}<PropertySection>"
    for key, value in properties.items():
        yield f"{indent}  <Property oe:key={_quoted('key', key)} oe:value={_quoted(key, value)}/>"
    yield f"{indent}</PropertySection>"


def _adapter(adapter: Adapter) -> str:
    network = f" ve:network={_quoted('network', adapter.network)}" if adapter.network else ""
    return f"    <ve:Adapter ve:mac={_quoted('mac', adapter.mac)}{network}/>"


def _carried(name: str, value: str) -> str:
    """The value, if XML 1.0 can carry its characters (section 2.2)."""
    for character in value:
        if (
            (character < " " and character not in "\t\n\r")
            or character in "\ufffe\uffff"
            or "\ud800" <= character < "\ue000"
        ):
            raise InputError(f"has the character {character!r}, a control character that XML cannot carry", where=name)
    return value


def _quoted(name: str, value: str) -> str:
    return quoteattr(_carried(name, value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
