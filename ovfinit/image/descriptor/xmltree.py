"""XML of unknown make as a small tree: bounded, with line numbers, and as much of a broken document as can be read.

Namespaces are resolved here and not by expat, because real descriptors use prefixes that they never declare. A document
type declaration, and with it every entity of its own, is refused.
"""

from __future__ import annotations

from ...errors import InputError
from ...formats.xmlwalk import ENCODING, UNFINISHED, Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..package.finding import Findings

LIMIT = 16 * 1024 * 1024
DEPTH = 64
ELEMENTS = 200_000
ATTRIBUTES = 400_000
ATTRIBUTES_OF_ONE = 512
BINDINGS = 256

# what people mean by a prefix that they forgot to declare
CUSTOMARY = {
    "ovf": "http://schemas.dmtf.org/ovf/envelope/1",
    "rasd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
    "vssd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData",
    "sasd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_StorageAllocationSettingData",
    "epasd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_EthernetPortAllocationSettingData",
    "vmw": "http://www.vmware.com/schema/ovf",
    "vbox": "http://www.virtualbox.org/ovf/machine",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
XML = "http://www.w3.org/XML/1998/namespace"
# expat's error codes
_NO_ELEMENT, _JUNK_AFTER, _MISPLACED_DECLARATION = 3, 9, 17
_INVALID_TOKEN = 4


class Element:
    """An element: `attributes` are (namespace, name, value), `text` all character data directly inside it."""

    __slots__ = ("attributes", "children", "line", "name", "namespace", "text")

    def __init__(self, namespace: str, name: str, attributes: tuple[tuple[str, str, str], ...], line: int) -> None:
        self.namespace = namespace
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""
        self.line = line

    def get(self, name: str, *namespaces: str) -> str | None:
        """The attribute of this name in the first of the namespaces that has it; "" is none at all."""
        for wanted in namespaces:
            for namespace, own, value in self.attributes:
                if own == name and namespace == wanted:
                    return value
        return None

    def each(self, *names: str) -> Iterator[Element]:
        """The children of these local names, in order."""
        return (child for child in self.children if child.name in names)

    def first(self, *names: str) -> Element | None:
        """The first child of these local names."""
        return next(self.each(*names), None)


def parse(data: bytes, where: str, findings: Findings) -> Element:
    """The root element.

    A document that breaks off or goes wrong half-way gives what stands before that, and a finding with the line.
    Raises InputError with `where:line:column` if there is no element, and for what is over the bounds.
    """
    if len(data) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes, too much for a description", where=where)
    start = _start(data)
    if start:
        message = f"has {start} bytes of something else in front of the XML: most readers refuse it"
        findings.warning("xml-prologue", message, f"{where}:1", "remove what stands before <?xml")
    skipped = data.count(b"\n", 0, start)
    data = data[start:].rstrip(b"\0")
    reader, code = _attempt(data, where, None, skipped)
    if code in ENCODING or (code == _INVALID_TOKEN and not _is_utf8(data)):
        name = "utf-8" if _is_utf8(data) else "iso-8859-1"
        other, other_code = _attempt(data, where, name, skipped)
        if other.root is not None and not other_code:
            message = f"declares an encoding that it is not in; it was read as {name.upper()}"
            findings.error("xml-encoding", message, f"{where}:1", "declare the encoding that it is really in")
            reader, code = other, 0
    for prefix, line in reader.undeclared.items():
        message = f"the prefix {prefix[:60]!r} is never declared, so that XML parsers refuse the document"
        known = CUSTOMARY.get(prefix)
        remedy = f'add xmlns:{prefix}="{known}" to the root' if known else f"declare xmlns:{prefix[:60]}"
        findings.error("xml-prefix", message, f"{where}:{line}", remedy)
    if reader.root is None or not code:
        if reader.root is None:
            raise InputError(f"is not XML: {reader.trouble or 'it has no element'}", where=reader.place or where)
        return reader.root
    if code == _JUNK_AFTER:
        findings.warning("xml-trailing", "has something behind the end of the document", reader.place, "remove it")
    else:
        message = f"is not well-formed XML ({reader.trouble}); what stands after this place is lost"
        remedy = "the document is cut off: get it again, whole" if code in UNFINISHED else "correct it here"
        findings.error("xml-broken", message, reader.place, remedy)
    return reader.root


def _start(data: bytes) -> int:
    """Where the document begins, 0 where it begins at once."""
    head = data[: 64 * 1024]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"<\0", b"\0<")):
        return 0
    declaration = head.find(b"<?xml ")
    return declaration if declaration > 0 and b"<" not in head[:declaration] else 0


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _attempt(data: bytes, where: str, encoding: str | None, skipped: int) -> tuple[_Reader, int]:
    reader = _Reader(where, skipped=skipped, encoding=encoding)
    broken = reader.through(data)
    if broken is None:
        return reader, 0
    code, reader.trouble, reader.place = broken
    return reader, code


class _Reader(Walk):
    """Builds the tree while expat walks through the document."""

    def __init__(self, where: str, *, skipped: int, encoding: str | None) -> None:
        super().__init__(where, skipped=skipped, encoding=encoding)
        self.root: Element | None = None
        self.undeclared: dict[str, int] = {}
        self.trouble = self.place = ""
        self._open: list[Element] = []
        self._parts: list[list[str]] = []
        self._bindings: list[Mapping[str, str]] = [{"xml": XML, "": ""}]
        self._elements = self._attributes = 0

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        self._attributes += len(attributes)
        if len(self._open) >= DEPTH:
            raise self._error(f"is nested deeper than {DEPTH} elements")
        if self._elements > ELEMENTS or self._attributes > ATTRIBUTES or len(attributes) > ATTRIBUTES_OF_ONE:
            raise self._error(f"has more than {ELEMENTS} elements or {ATTRIBUTES} attributes, or too many in one")
        bindings = self._bindings[-1]
        found = []
        for name, value in attributes.items():
            if name.startswith("xmlns") and (name == "xmlns" or name[5] == ":"):
                bindings = {**bindings, name[6:]: value.strip()}
                if len(bindings) > BINDINGS:
                    raise self._error(f"declares more than {BINDINGS} namespaces")
        self._bindings.append(bindings)
        for name, value in attributes.items():
            prefix, colon, local = name.rpartition(":")
            if name != "xmlns" and prefix != "xmlns":
                # an attribute never takes the default namespace
                found.append((self._namespace(prefix) if colon else "", local, value))
        prefix, _, local = qualified.rpartition(":")
        line = self._line()
        element = Element(self._namespace(prefix), local, tuple(found), line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._parts.append([])

    def end(self, qualified: str) -> None:
        """An element ends."""
        self._bindings.pop()
        self._open.pop().text = "".join(self._parts.pop())

    def text(self, text: str) -> None:
        """Characters between tags."""
        self._parts[-1].append(text)

    def _namespace(self, prefix: str) -> str:
        known = self._bindings[-1].get(prefix)
        if known is None:
            line = self._line()
            if len(self.undeclared) < BINDINGS:
                self.undeclared.setdefault(prefix, line)
            known = CUSTOMARY.get(prefix, f"undeclared:{prefix}")
        return known
