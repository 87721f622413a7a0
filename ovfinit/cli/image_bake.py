"""`image bake`: the agent put into a tree or a disk image, offline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import InputError, OvfinitError
from .image import surroundings
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .meter import Meter

DESCRIPTION = {
    "image bake": "Install and enable the agent in a tree or a disk image, out of packages or of this installation,\n"
    "without running anything of it. A disk image needs root; it is replaced when all is well."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("target", metavar="ROOT|DISK", help="a folder with a root file system, or a disk image")
    parser.add_argument("-o", "--output", metavar="DISK", help="leave the disk as it is and write this one")
    parser.add_argument(
        "--deb",
        action="append",
        default=[],
        metavar="FILE",
        help="our package and what it needs; may be repeated",
    )
    parser.add_argument("--seed", metavar="DIR|XML", help="a seed for the first boot: a folder, or an ovf-env.xml")
    parser.add_argument("--config-file", metavar="FILE", help="settings, as a drop-in of /etc/ovfinit/ovfinit.yaml")
    parser.add_argument("--datasource", action="append", default=[], metavar="FILE", help="a plugin; may be repeated")
    parser.add_argument("--replace-cloud-init", action="store_true", help="switch cloud-init off in the image")
    parser.add_argument(
        "--scrub", action="store_true", help="also remove machine id, host keys and logs, as clean does"
    )
    parser.add_argument("--ignore-missing", action="store_true", help="go on although Python modules are missing")
    parser.add_argument("--force", action="store_true", help="replace what is at --output")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    if options.config_file:
        _check_settings(options.config_file)
    if os.path.isdir(options.target):
        if options.output:
            raise InputError("is a folder, which is worked on in place", where=options.target)
        made = _bake(options.target, options, output)
    else:
        with surroundings(output, options.output or options.target) as (meter, scratch):
            made = _disk(options, output, meter, scratch)
    if output.json:
        output.document({"version": 1, "files": made, "warnings": output.warnings})
    output.say(f"{options.output or options.target}: {len(made)} files")
    return output.code()


def _check_settings(path: str) -> None:
    """Raise OvfinitError for settings that the agent would refuse at boot."""
    from ..inspection import inspect

    error = inspect(path).error
    if error is not None:
        raise error


def _bake(root: str, options: Namespace, output: Output) -> list[str]:
    from ..image.bake import baking, payload

    work = baking.Baking(root, lambda text: output.warn([text]))
    for path in options.deb:
        entries = list(payload.of_deb(path))
        work.install(entries)
        work.register(path, [entry.path for entry in entries if entry.path != "/"])
    if not any("ovfinit" in os.path.basename(path) for path in options.deb):
        work.install(payload.of_this())
    missing = work.missing()
    if missing and not options.ignore_missing:
        raise OvfinitError(
            f"lacks Python modules that the agent needs: {', '.join(missing)}",
            where=root,
            remedy="install them there, or give their packages with --deb; --ignore-missing goes on without",
        )
    if missing:
        output.warn([f"{root}: lacks {', '.join(missing)}"])
    if options.scrub:
        from .scrub import scrub

        scrub(root)
    work.enable()
    work.other_agent(replace=options.replace_cloud_init)
    if options.seed:
        work.seed(options.seed)
    if options.config_file:
        work.configure(baking.read(options.config_file))
    for path in options.datasource:
        work.plugin(path)
    work.finish()
    return work.made


def _disk(options: Namespace, output: Output, meter: Meter, scratch: str) -> list[str]:
    """The same in a raw copy of the disk, which then takes the disk's place in its format."""
    from ..image.disk import imagefile
    from ..image.result import Result
    from ..image.rootfs import mounts

    image = imagefile.probe(options.target)
    target = options.output or options.target
    work = os.path.join(scratch, "disk")
    meter.expect("copying", image.capacity)
    imagefile.write(image, work, "raw")
    with mounts.root_of(work) as root:
        made = _bake(root, options, output)
    with Result(target, replace=options.force or not options.output) as result:
        if image.format == "raw":
            os.rename(work, result.candidate)
            os.chmod(result.candidate, os.stat(options.target).st_mode & 0o777)
        else:
            meter.expect("writing", image.capacity)
            imagefile.write(imagefile.probe(work, kind="raw"), result.candidate, image.format)
    return made
