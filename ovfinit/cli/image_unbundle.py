"""`image unbundle`: the image out of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .image import key_arguments, loading, surroundings
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "image unbundle": "Take the image out of an EC2/UEC bundle, whoever made it, with the owner's private key or the\n"
    "cloud's. Digests are checked, and the signature if --cert says whose it should be."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("manifest", metavar="MANIFEST|FOLDER", help="PREFIX.manifest.xml with its parts beside it")
    parser.add_argument("-o", "--output", metavar="FILE", help="the image (named as in the manifest)")
    parser.add_argument("--skip-digests", action="store_true", help="take it although digests are wrong")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    key_arguments(parser, opening=True)


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image.convert import loading as reading
    from ..image.result import Result

    output = Output(options)
    path = reading.manifest_at(options.manifest)
    target = options.output or reading.image_name(path)
    with surroundings(output, target) as (meter, scratch), Result(target, replace=options.force) as result:
        load = loading(options, output, meter, scratch)
        reading.unbundle(path, result.candidate, load)
    if output.json:
        output.document({"version": 1, "files": [target], "warnings": output.warnings})
    output.say(target)
    return output.code()
