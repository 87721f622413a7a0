"""The names in an OVF descriptor: namespaces of all versions, the 0.9 draft's way of naming sections, attributes.

Matched by namespace, never by prefix. Elements and attributes without any namespace count as OVF's own, because
producers forget it; so does the namespace of the root, whatever it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .xmltree import Element

OVF1 = "http://schemas.dmtf.org/ovf/envelope/1"
# namespace → what we call the version; DSP8023 for 1 and 2
VERSIONS = {
    OVF1: "1",
    "http://schemas.dmtf.org/ovf/envelope/2": "2",
    "http://www.vmware.com/schema/ovf/1/envelope": "0.9",
    "http://schemas.dmtf.org/ovf/envelope/1/": "oVirt",
}
VMWARE = "http://www.vmware.com/schema/ovf"
VIRTUALBOX = "http://www.virtualbox.org/ovf/machine"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/"

# every section that DSP0243 defines, 1.0 to 2.1, and those of the draft
SECTIONS = frozenset(
    {
        *("AnnotationSection", "BootDeviceSection", "DeploymentOptionSection", "DiskSection", "EncryptionSection"),
        *("EnvironmentFilesSection", "EulaSection", "InstallSection", "NetworkSection", "OperatingSystemSection"),
        *("PlacementGroupSection", "PlacementSection", "ProductSection", "ResourceAllocationSection"),
        *("ScaleOutSection", "SharedDiskSection", "StartupSection", "VirtualHardwareSection", "SnapshotSection"),
    }
)


class Vocabulary:
    """How the elements of one document are to be read, given the namespace of its root."""

    def __init__(self, namespace: str) -> None:
        self.version = VERSIONS.get(namespace, "1")
        self._own = dict.fromkeys((namespace, *VERSIONS, ""), True)

    def own(self, element: Element) -> bool:
        """True for an element of OVF itself."""
        return element.namespace in self._own

    def attribute(self, element: Element, name: str) -> str | None:
        """An attribute of OVF's own, qualified or not."""
        bare = None
        for namespace, local, value in element.attributes:
            if local == name:
                if not namespace:
                    bare = value
                elif namespace in self._own:
                    return value
        return bare

    def kind(self, element: Element) -> str:
        """The name of a section or of content, with the draft's `Section xsi:type="ovf:DiskSection_Type"` undone."""
        if element.name in ("Section", "Content") and self.own(element):
            # xsi:type, whatever people have bound xsi to; the first drafts had a name there
            types = (value for _, name, value in element.attributes if name in ("type", "name"))
            declared = next((value for value in types if value.endswith("_Type")), "")
            return declared.rpartition(":")[2].removesuffix("_Type") or element.name
        return element.name

    def sections(self, element: Element, *kinds: str) -> Iterator[Element]:
        """OVF's own sections of these kinds in an element, in order."""
        return (child for child in element.children if self.own(child) and self.kind(child) in kinds)

    def children(self, element: Element, *names: str) -> Iterator[Element]:
        """OVF's own children of these local names, in order."""
        return (child for child in element.each(*names) if self.own(child))
