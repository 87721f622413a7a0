"""The command line: which command is meant, the options that mean the same everywhere, errors for people or programs.

Only the command that was asked for is imported.
"""

from __future__ import annotations

import os
import sys

from ..errors import OvfinitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence
    from types import ModuleType

# command → module of this package, and one line for --help
COMMANDS = {
    "daemon": ("service", "the boot-time daemon that ovfinit.service starts"),
    "plan": ("change", "show what applying would change here; changes nothing"),
    "apply": ("change", "customize this machine now"),
    "undo": ("change", "take back what was applied for this instance"),
    "show": ("metadata", "show the normalized metadata, or one value of it"),
    "explain": ("metadata", "show which source answered, why others did not, where values came from"),
    "status": ("progress", "show how far the boot has come"),
    "analyze": ("timing", "show where the boot time went"),
    "check": ("validate", "validate any input without using it"),
    "clean": ("tidy", "make the machine ready to be an image again"),
    "ovf": ("ovf", "look into an OVF package, check it, make an environment from it"),
    "image": ("image", "convert, make, bake, capture and publish machine images"),
    "datasource": ("sources", "list the datasource plugins, or check one"),
}
_WITH_VALUE = ("--root", "--from", "--config", "--stage", "--timeout", "--confirm", "--svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises for what a user can cause."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    # folders and logs are for programs that are not root too, whatever the caller's umask is
    os.umask(0o022)
    _open_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except OvfinitError as error:
        return _report(error, as_json=as_json)
    except KeyboardInterrupt:
        return _report(OvfinitError("interrupted"), as_json=False)
    except BrokenPipeError:
        # whoever read us has gone, as `| head` does; Python would complain once more when it closes stdout
        sys.stderr.close()
        return 1
    except OSError as error:
        # most often a standard output that is full; Python must not try it again when it ends
        sys.stdout = open(os.devnull, "w")
        where = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
        return _report(OvfinitError(f"cannot be read or written: {error.strerror}", where=where), as_json=False)
    except RecursionError:
        return _report(OvfinitError("the input is nested too deeply"), as_json=as_json)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            return _report(_missing(error.name or "unknown"), as_json=as_json)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
        message = f"this is a fault of ovfinit itself: {type(error).__name__}"
        return _report(
            OvfinitError(message, where=place, remedy="please report it with the command you typed"), as_json=as_json
        )


def _missing(module: str) -> OvfinitError:
    if module.startswith("ovfinit.image"):
        return OvfinitError("the image builder's half is not installed here", remedy="apt install ovfinit-image")
    return OvfinitError(f"this needs the Python module {module}, which is not installed here")


def _open_streams() -> None:
    """A closed standard stream becomes /dev/null, so that no file of ours takes its number; any text can be printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), "w" if number else "r"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(words: list[str]) -> int:
    at = _command(words)
    if at is None:
        return _top(words)
    name = words.pop(at)
    if name not in COMMANDS:
        raise UsageError(
            f"there is no command {name!r}", remedy=f"there are: {', '.join(COMMANDS)}; see ovfinit --help"
        )
    module: ModuleType = __import__(f"{__name__}.{COMMANDS[name][0]}", fromlist=["run"])
    verbs: dict[str, tuple[str, str]] = getattr(module, "VERBS", {})
    if verbs:
        at = _command(words)
        if at is None:
            return _group(name, module.DESCRIPTION[name], verbs, words)
        verb = words.pop(at)
        if verb not in verbs:
            remedy = f"there are: {', '.join(verbs)}; see ovfinit {name} --help"
            raise UsageError(f"there is no command '{name} {verb}'", remedy=remedy)
        module = __import__(f"{__name__}.{verbs[verb][0]}", fromlist=["run"])
        name = f"{name} {verb}"
    parser = _parser(f"ovfinit {name}", module.DESCRIPTION[name])
    module.arguments(name, parser)
    options = parser.parse_args(words)
    if not os.path.isdir(options.root):
        raise UsageError(f"--root {options.root!r} is no folder", remedy="name the tree's top folder")
    options.wanted = [_location(text) for text in options.wanted]
    code: int = module.run(name, options)
    return code


def _command(words: Sequence[str]) -> int | None:
    """Where the first word stands that is neither an option nor an option's value."""
    skip = False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return at
    return None


def _top(words: Sequence[str]) -> int:
    if "--version" in words:
        from .. import __version__

        print(f"ovfinit {__version__}")
        return 0
    if not {"-h", "--help"} & set(words):
        raise UsageError("which command?", remedy="see ovfinit --help")
    width = max(map(len, COMMANDS))
    print(
        "usage: ovfinit COMMAND [options]\n\nCustomize this machine from what its platform knows about it.\n\ncommands:"
    )
    print("\n".join(f"  {name.ljust(width)}  {line}" for name, (_, line) in COMMANDS.items()))
    print("\nOptions of every command are listed by: ovfinit COMMAND --help\nThe manual: man ovfinit")
    return 0


def _group(name: str, description: str, verbs: dict[str, tuple[str, str]], words: Sequence[str]) -> int:
    """A command that is a group of others, named without one of them."""
    if not {"-h", "--help"} & set(words):
        raise UsageError(f"{name} what?", remedy=f"there are: {', '.join(verbs)}; see ovfinit {name} --help")
    width = max(map(len, verbs))
    lines = "\n".join(f"  {verb.ljust(width)}  {line}" for verb, (_, line) in verbs.items())
    parser = _parser(f"ovfinit {name}", f"{description}\n\n{lines}")
    parser.add_argument("command", metavar="COMMAND", help=f"its own options: ovfinit {name} COMMAND --help")
    parser.print_help()
    return 0


def _parser(name: str, description: str) -> ArgumentParser:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    class Parser(ArgumentParser):
        def error(self, message: str) -> None:  # type: ignore[override]
            raise UsageError(message, remedy=f"see {self.prog} --help")

    class Formatter(RawDescriptionHelpFormatter):
        def __init__(self, prog: str) -> None:
            super().__init__(prog, max_help_position=28, width=100)

    parser = Parser(prog=name, description=description, formatter_class=Formatter, allow_abbrev=False)
    shared = parser.add_argument_group("options that mean the same everywhere")
    shared.add_argument("--root", default="/", metavar="DIR", help="work on the tree under DIR as if it were /")
    shared.add_argument(
        "--from",
        dest="wanted",
        action="append",
        default=[],
        metavar="NAME[:LOCATION]",
        help="ask only this source; may be repeated. Examples: seed:DIR, ovf:env.iso, ec2:http://127.0.0.1:8080",
    )
    shared.add_argument("--config", metavar="FILE", help="read FILE instead of /etc/ovfinit/ovfinit.yaml")
    shared.add_argument("--json", action="store_true", help="print one JSON document")
    shared.add_argument("--strict", action="store_true", help="exit 3 if there were warnings")
    shared.add_argument("--quiet", action="store_true", help="print only errors")
    shared.add_argument("--verbose", action="store_true", help="say more about what is going on")
    shared.add_argument("--no-color", action="store_true", help="no colours on a terminal")
    return parser


def _location(text: str) -> tuple[str, str | None]:
    name, colon, location = text.partition(":")
    if not name or colon and not location:
        raise UsageError(f"--from {text!r} is not NAME or NAME:LOCATION")
    return name, location or None


def _report(error: OvfinitError, *, as_json: bool) -> int:
    if as_json:
        from .output import write_document

        write_document({"error": error.as_dict()})
    else:
        from .output import harmless

        print(f"ovfinit: {harmless(str(error))}", file=sys.stderr)
    return error.exit_code
