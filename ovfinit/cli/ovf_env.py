"""`ovf env`: make an OVF environment for a guest whose platform gives it none."""

from __future__ import annotations

import os
import sys

from .. import atomic
from ..errors import InputError, OvfinitError, UsageError
from .output import Output
from .ovf import chosen_option, language

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ..image.environment.answering import Ask, Question, Told
    from ..image.environment.delivery import Delivery, Environment
    from ..image.environment.document import Adapter, Platform
    from ..image.package.reading import OpenPackage

FORMAT_HELP = """what to write, where the ending of the name does not tell:
iso, xml, guestinfo, xenstore, qemu, libvirt, nocloud"""
DESCRIPTION = {
    "ovf env": "Answer the questions of an OVF package, and write the environment that its machine reads at\n"
    "boot: for hypervisors that hand none to their guests (KVM and libvirt, VirtualBox, Xen, Proxmox,\n"
    "oVirt, bare ESXi).\n\n"
    "On a terminal the questions are asked, by category, with what the package says about each. --set,\n"
    "--answers and --accept-defaults answer them beforehand. Without FILE the properties are those of\n"
    "--property alone.\n\n"
    "examples:\n"
    "  ovfinit ovf env app.ova -o env.iso                    ask, and write a CD-ROM image to attach\n"
    "  ovfinit ovf env app.ova --answers web1.yaml --set hostname=web1 -o env.iso\n"
    "  ovfinit ovf env shop.ova --machine db --nic 52:54:00:12:34:56='VM Network' -o db.iso\n"
    "  ovfinit ovf env app.ova --accept-defaults --format guestinfo -o - >> app.vmx\n"
    "  ovfinit ovf env app.ova -o seed/                      a NoCloud seed, for cloud-init and others\n"
    "  ovfinit ovf env --property hostname=web1 --property user-data=@script.sh -o env.iso"
}
VALUE_LIMIT = 1024 * 1024
ANSWERS_LIMIT = 4 * 1024 * 1024
FARTHEST_ZONE = 14 * 60
# what a package may put on the environment's CD-ROM
FILES_LIMIT = 64 * 1024 * 1024


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    from ..image.environment.delivery import FORMATS

    del name
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the package: a folder, an .ovf, an .ova, or an http(s) URL of one"
    )
    parser.add_argument(
        "--output", "-o", required=True, metavar="OUTPUT", help="FILE.iso, FILE.xml, FOLDER/ for a NoCloud seed, - …"
    )
    parser.add_argument("--format", choices=FORMATS, metavar="FORMAT", help=FORMAT_HELP)
    answers = parser.add_argument_group("answers")
    answers.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="answer a question; MACHINE/KEY where several machines have it; KEY=@FILE takes the value from a file",
    )
    answers.add_argument("--answers", metavar="FILE", help="a YAML file of KEY: VALUE, or of MACHINE: {KEY: VALUE}")
    answers.add_argument(
        "--accept-defaults", action="store_true", help="ask only what has no default that can be taken"
    )
    answers.add_argument("--hidden", action="store_true", help="also set properties that are not for users")
    answers.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="add a property that the package does not have; as with --set, user-data from a file is base64 encoded",
    )
    package = parser.add_argument_group("of the package")
    package.add_argument("--machine", metavar="ID", help="which machine of a vApp is told")
    package.add_argument("--deployment-option", metavar="ID", help="instead of the package's default")
    package.add_argument("--language", metavar="TAG", default=language(), help="ask in this language, such as de")
    platform = parser.add_argument_group("about the platform")
    platform.add_argument(
        "--nic",
        action="append",
        default=[],
        metavar="MAC=NETWORK",
        help="an adapter and the network that it is plugged into, in order; may be repeated",
    )
    platform.add_argument("--mac", action="append", default=[], metavar="MAC", help="the same without a network")
    platform.add_argument("--id", metavar="ID", help="the Environment's id, instead of the machine's")
    platform.add_argument("--platform", metavar="KIND", help="words for the hypervisor, such as KVM")
    platform.add_argument("--locale", metavar="TAG", default="", help="such as en_US")
    platform.add_argument("--timezone", metavar="MINUTES", type=int, help="minutes east of UTC")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image.environment import delivery
    from ..image.environment.delivery import Environment

    output = Output(options)
    wanted: str = options.format or delivery.told_by(options.output)
    if options.timezone is not None and abs(options.timezone) > FARTHEST_ZONE:
        raise UsageError(f"--timezone {options.timezone} is not minutes from UTC, at most {FARTHEST_ZONE} either way")
    added = dict(_pair(text, "--property") for text in options.property)
    adapters = [*map(_adapter, options.nic), *map(_adapter, options.mac)]
    if options.file is None:
        given = {**added, **dict(_pair(text, "--set") for text in options.set)}
        if not given:
            raise UsageError("an environment without properties tells nothing", remedy="name a package, or --property")
        document = _compose(given, options, adapters, options.id or "", None)
        environment = Environment(document, given)
    else:
        environment = _of_package(options, output, added, adapters)
    made = delivery.deliver(environment, wanted, options.output)
    output.warn(made.lost)
    size = _write(made, options.output)
    if output.json and options.output != "-":
        output.document(_plain(environment, options, wanted, made, size))
    elif options.output != "-":
        output.say(f"{options.output}: {len(environment.properties)} properties, {size} bytes")
    return output.code()


def _plain(environment: Environment, options: Namespace, wanted: str, made: Delivery, size: int) -> dict[str, object]:
    return {
        "version": 1,
        "file": options.output,
        "format": wanted,
        "properties": sorted(environment.properties),
        "files": sorted(environment.files),
        "also": [one for one in made.files if one],
        "size": size,
    }


def _of_package(options: Namespace, output: Output, added: dict[str, str], adapters: Sequence[Adapter]) -> Environment:
    """Read the package, have its questions answered, and put the document together."""
    from .. import __version__
    from ..formats.environment import PROPERTIES
    from ..image.environment import answering
    from ..image.environment.delivery import Environment
    from ..image.environment.document import Platform
    from ..image.package.reading import open_package

    with open_package(options.file, language=options.language) as opened:
        package = opened.package
        output.warn(str(finding) for finding in opened.findings.of("error"))
        machine = answering.chosen_machine(package, options.machine)
        option = chosen_option(package, options)
        known = {network.name for network in package.networks}
        for adapter in adapters:
            if adapter.network and adapter.network not in known:
                remedy = f"it has: {', '.join(sorted(known))}" if known else "it has none at all"
                raise UsageError(f"the package has no network {adapter.network!r}", remedy=remedy)
        asked = answering.questions(package, machine, option)
        values = answering.settle(
            asked,
            _given(options),
            ask=_asker(asked, options.output),
            accept_defaults=options.accept_defaults,
            hidden=options.hidden,
        )
        told = answering.tell(package, machine, values)
        output.warn(told.troubles)
        if len(told.properties) > PROPERTIES:
            output.warn([f"{len(told.properties)} properties are more than ovfinit itself reads ({PROPERTIES})"])
        files = _environment_files(opened, told)
    properties = {**told.properties, **added}
    platform = Platform(
        options.platform or "ovfinit", "" if options.platform else __version__, "", options.locale, options.timezone
    )
    identity = machine.id if options.id is None else options.id
    document = _compose(properties, options, adapters, identity, platform, told)
    return Environment(document, properties, files)


def _compose(
    properties: dict[str, str],
    options: Namespace,
    adapters: Sequence[Adapter],
    identity: str,
    platform: Platform | None,
    told: Told | None = None,
) -> bytes:
    from ..image.environment import document
    from ..image.environment.document import Platform

    if platform is None and (options.platform or options.locale or options.timezone is not None):
        platform = Platform(options.platform or "", "", "", options.locale, options.timezone)
    return document.compose(
        properties,
        environment_id=identity,
        adapters=adapters,
        platform=platform,
        entities=told.siblings if told else (),
    )


def _asker(asked: Sequence[Question], target: str) -> Ask | None:
    """What asks a person, None where there is nobody."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    from .questionnaire import Questionnaire

    colour = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    several = len({question.node for question in asked}) > 1
    name = "the document" if target == "-" else target
    return Questionnaire(name, _value, colour=colour, several=several).ask


def _given(options: Namespace) -> dict[str, str]:
    """Answers by key: those of the file, then those of the command line over them."""
    given = _answers(options.answers) if options.answers else {}
    given.update(_pair(text, "--set") for text in options.set)
    return given


def _answers(path: str) -> dict[str, str]:
    from ..formats.yamltext import load

    document = load(_read(path, ANSWERS_LIMIT), path)
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        raise InputError("must be a mapping of property names to values", where=document.where())
    found: dict[str, str] = {}
    for key, value in document.value.items():
        nested = isinstance(value, dict)
        for name, one in value.items() if nested else ((key, value),):
            place = (key, name) if nested else (key,)
            if isinstance(one, (dict, list, bytes)):
                raise InputError(f"{name} must be a text, a number or a truth", where=document.where(*place))
            found["/".join(map(str, place))] = document.spelling(*place) or ""
    return found


def _environment_files(opened: OpenPackage, told: Told) -> dict[str, bytes]:
    """The package's files that the machine gets, below `ovffiles` (DSP0243 2.1, EnvironmentFilesSection)."""
    found: dict[str, bytes] = {}
    left = FILES_LIMIT
    for wanted in told.machine.environment_files:
        place = f"{opened.package.path}:{wanted.line}"
        file = opened.package.file(wanted.file)
        if file is None:
            raise InputError(f"fileRef {wanted.file[:100]!r} is not the id of a File", where=place)
        path = f"ovffiles/{wanted.path.strip('/') or file.href.rpartition('/')[2]}"
        if ".." in path.split("/") or "\\" in path:
            raise InputError(f"the path {wanted.path[:100]!r} leads out of the environment", where=place)
        try:
            with opened.content(file) as stream:
                content = b""
                while len(content) <= left and (more := stream.read(min(1 << 20, left + 1 - len(content)))):
                    content += more
        except (OSError, EOFError) as error:
            raise InputError(f"{file.href[:100]!r} cannot be read: {error}", where=place) from error
        left -= len(content)
        if left < 0:
            raise InputError(f"files of more than {FILES_LIMIT} bytes are too much for an environment", where=place)
        found[path] = content
    return found


def _adapter(text: str) -> Adapter:
    from ..image.environment.document import Adapter

    mac, _, network = text.partition("=")
    plain = mac.strip().lower().replace("-", ":")
    parts = plain.split(":")
    if len(parts) != 6 or not all(len(part) == 2 and set(part) <= set("0123456789abcdef") for part in parts):
        raise UsageError(f"{mac!r} is not a MAC address", remedy="--nic 52:54:00:12:34:56='VM Network'")
    return Adapter(plain, network.strip())


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"{option} {text.split('=', maxsplit=1)[0]!r} is not KEY=VALUE")
    return key, _value(key, value)


def _value(key: str, text: str) -> str:
    """The text, or with `@FILE` what is in that file, in base64 for user data."""
    if not text.startswith("@"):
        return text
    content = _read(text[1:], VALUE_LIMIT)
    if key.replace("_", "-").endswith(("user-data", "userdata")):
        from binascii import b2a_base64

        return b2a_base64(content, newline=False).decode()
    try:
        return content.decode().rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", where=text[1:]) from error


def _read(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    if len(content) > limit:
        raise InputError(f"is larger than {limit} bytes", where=path)
    return content


def _write(made: Delivery, output: str) -> int:
    """Write what was made, each file whole or not at all; how many bytes that were."""
    if output == "-":
        if made.folder:
            raise UsageError("a seed is several files", remedy="name a folder, or FILE.iso")
        sys.stdout.flush()
        sys.stdout.buffer.write(made.files[""])
        sys.stdout.buffer.flush()
    for name, content in made.files.items():
        path = os.path.join(output, name) if made.folder else name or output
        if path == "-":
            continue
        try:
            if made.folder:
                os.makedirs(output, mode=0o700, exist_ok=True)
            # it may hold a password
            atomic.write(os.path.abspath(path), content, 0o600)
        except OSError as error:
            raise OvfinitError(f"cannot be written: {error.strerror}", where=path) from error
    return sum(map(len, made.files.values()))
