"""Writing an OVF environment document (DMTF DSP8027), as the platforms do that hand one to their guests."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from ..errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE = "http://schemas.dmtf.org/ovf/environment/1"
VMWARE = "http://www.vmware.com/schema/ovfenv"


def compose(properties: Mapping[str, str], *, environment_id: str = "", macs: Sequence[str] = ()) -> bytes:
    """The document, UTF-8, with qualified attributes as the schema wants them.

    Line breaks in values are written as character references, so that readers get them back. `macs` are the adapters
    in order, in VMware's EthernetAdapterSection. Raises InputError for characters that XML cannot carry.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Environment xmlns="{NAMESPACE}" xmlns:oe="{NAMESPACE}" xmlns:ve="{VMWARE}"',
        f"    oe:id={_quoted('id', environment_id)}>",
        "  <PropertySection>",
        *(
            f"    <Property oe:key={_quoted('key', key)} oe:value={_quoted(key, value)}/>"
            for key, value in properties.items()
        ),
        "  </PropertySection>",
    ]
    if macs:
        adapters = (f"    <ve:Adapter ve:mac={_quoted('mac', mac)}/>" for mac in macs)
        lines += ["  <ve:EthernetAdapterSection>", *adapters, "  </ve:EthernetAdapterSection>"]
    return ("\n".join([*lines, "</Environment>"]) + "\n").encode()


def _quoted(name: str, value: str) -> str:
    for character in value:
        if character < " " and character not in "\t\n\r":
            raise InputError(f"has the control character {character!r}, which XML cannot carry", where=name)
    return quoteattr(value, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
