"""The ways in which an environment gets into a guest, by hypervisor: what to write where, as text or as an image."""

from __future__ import annotations

import os

from ...errors import UsageError
from ...record import Record
from . import iso, seed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMATS = {
    "iso": "a CD-ROM image labelled OVF ENV, for every hypervisor",
    "xml": "the document alone",
    "guestinfo": "lines for a .vmx file: VMware's guestinfo.ovfEnv",
    "xenstore": "a script that puts the properties into XenStore's vm-data",
    "qemu": "words for QEMU's command line: SMBIOS and -fw_cfg",
    "libvirt": "elements for a libvirt domain: the CD-ROM, or fw_cfg",
    "nocloud": "a NoCloud seed: a folder, or an image labelled cidata",
}
_ENDINGS = {".iso": "iso", ".xml": "xml", ".vmx": "guestinfo", ".xenstore": "xenstore", ".qemu": "qemu"}
# xen/docs/misc/xenstore.txt: a message with path and value has at most 4096 bytes
XENSTORE_LIMIT = 2048
# the datasource ovf looks for it
FW_CFG = "opt/org.dmtf.ovf/ovf-env.xml"


class Environment(Record):
    """A document, the properties in it, and the package's files that go with it (by path below the root)."""

    document: bytes
    properties: Mapping[str, str]
    files: Mapping[str, bytes] = {}


class Delivery(Record):
    """Files to be written by name (`""` is the one that was asked for), and what could not be said in this form."""

    files: Mapping[str, bytes]
    lost: tuple[str, ...] = ()
    folder: bool = False


def told_by(output: str) -> str:
    """The format that the name of an output means. Raises UsageError if it means none."""
    if output == "-":
        return "xml"
    if output.endswith("/") or os.path.isdir(output):
        return "nocloud"
    found = _ENDINGS.get(os.path.splitext(output)[1].lower())
    if found is None:
        endings = ", ".join(_ENDINGS)
        raise UsageError("what to write cannot be told from the name", remedy=f"add --format, or end it in {endings}")
    return found


def deliver(environment: Environment, wanted: str, output: str) -> Delivery:
    """An environment in one of `FORMATS`."""
    maker = _MAKERS[wanted]
    made = maker(environment, output)
    if environment.files and wanted != "iso":
        names = ", ".join(list(environment.files)[:5])
        return made.with_(lost=(*made.lost, f"the package's files for the guest are only on an ISO: {names}"))
    return made


def _iso(environment: Environment, output: str) -> Delivery:
    del output
    return Delivery({"": iso.compose(environment.document, environment.files)})


def _xml(environment: Environment, output: str) -> Delivery:
    del output
    return Delivery({"": environment.document})


def _guestinfo(environment: Environment, output: str) -> Delivery:
    """A value in a .vmx has `|` and two hex digits for what would end it."""
    del output
    text = environment.document.decode().replace("\n", " ")
    for character in '|"#':
        text = text.replace(character, f"|{ord(character):02X}")
    return Delivery({"": f'guestinfo.ovfEnv = "{text.strip()}"\n'.encode()})


def _xenstore(environment: Environment, output: str) -> Delivery:
    """A property's dots are XenStore's folders; its paths have letters, digits and `-/_@` only."""
    from shlex import quote

    del output
    lost, rows = [], []
    for name, value in environment.properties.items():
        path = name.replace(".", "/")
        if not all(one.isascii() and (one.isalnum() or one in "-/_@") for one in path) or "//" in path:
            lost.append(f"{name}: XenStore has no such name")
        elif len(path) + len(value.encode()) > XENSTORE_LIMIT:
            lost.append(f"{name}: has more than the {XENSTORE_LIMIT} bytes that XenStore takes")
        else:
            rows.append(f"put {quote(path.strip('/'))} {quote(value)}")
    script = [
        "#!/bin/sh",
        "# sh FILE VM: the UUID of a machine of XenServer or XCP-ng, or the domain's number under xl",
        "set -eu",
        'vm=${1:?"which machine?"}',
        "put() {",
        "    if command -v xe >/dev/null 2>&1; then",
        '        xe vm-param-set uuid="$vm" "xenstore-data:vm-data/$1=$2"',
        "    else",
        '        xenstore-write "/local/domain/$vm/vm-data/$1" "$2"',
        "    fi",
        "}",
        *rows,
    ]
    return Delivery({"": ("\n".join(script) + "\n").encode()}, tuple(lost))


def _qemu(environment: Environment, output: str) -> Delivery:
    """SMBIOS has room for NoCloud's instance id and host name, `-fw_cfg` for the document."""
    from shlex import quote

    from ...jsontext import loads

    files, _ = seed.compose(environment.document, "the environment")
    meta = loads(files["meta-data"])
    serial = [f"i={meta['instance-id']}", *([f"h={meta['local-hostname']}"] if "local-hostname" in meta else [])]
    document = f"{_stem(output)}.xml"
    words = ["-fw_cfg", f"name={FW_CFG},file={_doubled(document)}"]
    lost = "SMBIOS has room for the instance id and the host name only; ovfinit reads the rest from -fw_cfg"
    if any(not word.isprintable() or ";" in word for word in serial):
        lost = "the instance id or host name cannot be carried by SMBIOS; ovfinit reads all from -fw_cfg"
    else:
        words = ["-smbios", f"type=1,serial={_doubled(';'.join(['ds=nocloud', *serial]))}", *words]
    return Delivery({"": f"{' '.join(map(quote, words))}\n".encode(), document: environment.document}, (lost,))


def _doubled(text: str) -> str:
    """A comma in a value of QEMU's options."""
    return text.replace(",", ",,")


def _libvirt(environment: Environment, output: str) -> Delivery:
    from xml.sax.saxutils import quoteattr

    image, document = f"{_stem(output)}.iso", f"{_stem(output)}.xml"
    text = (
        "<!-- into <devices>: what a guest finds on every hypervisor -->\n"
        "<disk type='file' device='cdrom'>\n  <driver name='qemu' type='raw'/>\n"
        f"  <source file={quoteattr(os.path.abspath(image))}/>\n"
        "  <target dev='sdz' bus='sata'/>\n  <readonly/>\n</disk>\n"
        "<!-- or, for ovfinit in the guest, into <domain> -->\n"
        f"<sysinfo type='fwcfg'>\n  <entry name='{FW_CFG}' file={quoteattr(os.path.abspath(document))}/>\n</sysinfo>\n"
    )
    disc = iso.compose(environment.document, environment.files)
    return Delivery({"": text.encode(), image: disc, document: environment.document})


def _nocloud(environment: Environment, output: str) -> Delivery:
    files, lost = seed.compose(environment.document, output)
    if output.lower().endswith((".iso", ".img")) or output == "-":
        return Delivery({"": iso.image(files, seed.LABEL)}, tuple(lost))
    return Delivery(files, tuple(lost), folder=True)


def _stem(output: str) -> str:
    return "ovf-env" if output == "-" else os.path.splitext(output)[0]


_MAKERS: Mapping[str, Callable[[Environment, str], Delivery]] = {
    "iso": _iso,
    "xml": _xml,
    "guestinfo": _guestinfo,
    "xenstore": _xenstore,
    "qemu": _qemu,
    "libvirt": _libvirt,
    "nocloud": _nocloud,
}
