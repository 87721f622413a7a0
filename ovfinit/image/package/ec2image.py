"""What EC2 keeps with an image, and ec2-bundle-vol takes over into a bundle of a running instance; how OVF carries it.

DSP0243 (1.1, section 6.1) lets anybody add elements of their own to a section. Ours stands in the
VirtualHardwareSection, is marked as not required, so that other importers ignore it, and names things as the manifest
of a bundle does.
"""

from __future__ import annotations

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE = "urn:ovfinit:ec2-image"
ELEMENT = "Ec2Image"
MOST, LONGEST = 64, 255
# what stands in the place of an id in bundles that are kernels and ramdisks themselves
NO_IDS = ("true", "yes")


class Ec2Image(Record):
    """Ids of the images it descends from, oldest first; virtual name → device; product codes; what boots it."""

    ancestors: tuple[str, ...] = ()
    mappings: Mapping[str, str] = {}
    product_codes: tuple[str, ...] = ()
    kernel_id: str | None = None
    ramdisk_id: str | None = None


def usable(text: str) -> bool:
    """True for what can be an id, a code, or the name of a device: one printable word of a moderate length."""
    return 0 < len(text) <= LONGEST and text.isascii() and text.isprintable() and " " not in text


def kept(texts: Iterable[str]) -> tuple[str, ...]:
    """Those that are usable, each once, MOST of them at most."""
    return tuple(dict.fromkeys(text for text in texts if usable(text)))[:MOST]
