"""`ovf env`: make an OVF environment for a guest whose platform gives it none."""

from __future__ import annotations

import os
import sys

from .. import atomic
from ..errors import InputError, OvfinitError, UsageError
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "ovf env": "Make an OVF environment, as an ISO image to attach as a CD-ROM, or as the bare document.\n"
    "For platforms that hand none to their guests: KVM and libvirt, VirtualBox, Xen, bare ESXi."
}
VALUE_LIMIT = 1024 * 1024


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one property; KEY=@FILE takes the value from a file, user-data from a file is base64 encoded",
    )
    parser.add_argument("--id", default="", metavar="ID", help="the Environment's id: which virtual system this is")
    parser.add_argument(
        "--mac", action="append", default=[], metavar="MAC", help="an adapter, in order; may be repeated"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="FILE.iso, FILE.xml or - for the document")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image import environment, iso

    output = Output(options)
    properties = dict(_property(text) for text in options.property)
    if not properties:
        raise UsageError("an environment without properties tells nothing", remedy="add --property hostname=web1")
    document = environment.compose(properties, environment_id=options.id, macs=options.mac)
    if options.output == "-":
        sys.stdout.write(document.decode())
        return 0
    if not options.output.endswith((".iso", ".xml")):
        raise UsageError("the output must end in .iso or .xml, or be -", remedy="--output env.iso")
    content = iso.compose(document) if options.output.endswith(".iso") else document
    try:
        # it may hold a password
        atomic.write(os.path.abspath(options.output), content, 0o600)
    except OSError as error:
        raise OvfinitError(f"cannot be written: {error.strerror}", where=options.output) from error
    if output.json:
        output.document({"version": 1, "file": options.output, "properties": sorted(properties), "size": len(content)})
    output.say(f"{options.output}: {len(properties)} properties, {len(content)} bytes")
    return 0


def _property(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--property {text.split('=', maxsplit=1)[0]!r} is not KEY=VALUE")
    if not value.startswith("@"):
        return key, value
    try:
        with open(value[1:], "rb") as file:
            content = file.read(VALUE_LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=value[1:]) from error
    if len(content) > VALUE_LIMIT:
        raise InputError(f"is larger than {VALUE_LIMIT} bytes", where=value[1:])
    if key.replace("_", "-").endswith(("user-data", "userdata")):
        from binascii import b2a_base64

        return key, b2a_base64(content, newline=False).decode()
    try:
        return key, content.decode().rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", where=value[1:]) from error
