"""`image capture`: a running instance, or a disk, as an OVA."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from ..errors import OvfinitError, UsageError
from .argument import seconds
from .image import loading, surroundings
from .image_create import create_arguments, machine, package_of
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence

    from ..image.capture.copying import Copied
    from ..image.capture.origin import Origin
    from ..image.capture.running import Mount
    from ..model import Metadata
    from .meter import Meter

DESCRIPTION = {
    "image capture": "Make an OVF package of this machine, or of the disk named. What is in use is copied while the\n"
    "machine goes on; its file systems freeze only while the last changes follow. The copy, never the\n"
    "machine, is scrubbed as `clean` does, and the package gets this machine's memory, CPUs, firmware,\n"
    "adapters and the questions of the environment it booted with. With -o - it goes to standard output:\n"
    "  ovfinit image capture -o - | ssh HOST 'cat > web.ova'"
}
FREEZE_SECONDS = 60.0
METADATA_SECONDS = 10.0
# where a copy may lie on its way to standard output
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108
PIPE = "-"
# never written to in the ordinary course of a machine
_QUIET = ("vfat", "iso9660", "squashfs", "udf")


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("disk", nargs="?", metavar="DISK", help="device or raw image (what / of this machine is on)")
    parser.add_argument("--no-scrub", action="store_true", help="leave machine id, host keys, logs and our state in")
    parser.add_argument("--keep-seed", action="store_true", help="leave seed folders in, for every machine made of it")
    parser.add_argument(
        "--scratch", metavar="DIR", help="where the copy lies meanwhile: not on the captured disk (beside DST)"
    )
    parser.add_argument(
        "--freeze-limit",
        type=seconds,
        metavar="S",
        default=FREEZE_SECONDS,
        help=f"give up if file systems were frozen for S seconds ({FREEZE_SECONDS:g})",
    )
    create_arguments(parser)


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image.capture import running
    from ..image.convert import conversion

    output = Output(options)
    own = options.disk is None
    if own and os.geteuid() != 0:
        raise OvfinitError("only root can capture a running machine", remedy="run it as root, or name an image file")
    piped = options.output == PIPE
    if piped and (options.json or sys.stdout.isatty()):
        raise UsageError("standard output is to take the package", remedy="pipe it somewhere, without --json")
    target = package_of(options, "package.ova" if piped else options.output)
    origin = _origin(options, output, own)
    device = options.disk or running.device_of_root()
    mounted = running.mounts(device)
    place = os.path.join(options.scratch or _place(device, mounted), "x") if options.scratch or piped else target.path
    with surroundings(output, place) as (meter, scratch):
        load = loading(options, output, meter, scratch)
        work = os.path.join(scratch, "disk")
        copied = _copy(device, mounted, work, options.freeze_limit, meter, output)
        if not options.no_scrub:
            _scrub(mounted, work, meter, output, seeds=not options.keep_seed)
        package = machine(options, [work], "raw", origin)
        if piped:
            target = target.with_(path=os.path.join(scratch, target.path))
        made = conversion.save(package, target, load)
        if piped:
            _send(target.path, meter)
    if output.json:
        freeze = {"seconds": round(copied.seconds, 3), "bytes": copied.still, "watched": copied.watched}
        counts = {"copied": copied.total, "freeze": freeze}
        output.document({"version": 1, "device": device, **counts, "files": made, "warnings": output.warnings})
    if not piped:
        output.say("\n".join(made))
    return output.code()


def _place(device: str, mounted: Sequence[Mount]) -> str:
    """A folder for the copy and the package of a disk. Raises OvfinitError if none has room."""
    from ..image.capture import content, copying, running
    from ..image.capture import device as disks

    with disks.opened(device) as blocks:
        # a package is smaller than what is in it
        needed = 2 * content.size(blocks)
    points = [mount.point for mount in mounted]
    folders = [os.environ["TMPDIR"]] if "TMPDIR" in os.environ else PLACES
    for folder in folders:
        with contextlib.suppress(OvfinitError, OSError):
            if not running.lies_on(os.path.join(folder, "x"), points):
                copying.room(folder, needed)
                return folder
    raise OvfinitError(
        f"the copy and the package take up to {-(-needed >> 20)} MiB on the way, and there is no room for them",
        where=", ".join(folders),
        remedy="--scratch DIR names a place: another disk, a network file system, a tmpfs",
    )


def _copy(device: str, mounted: Sequence[Mount], work: str, limit: float, meter: Meter, output: Output) -> Copied:
    """Copy what is in use, as it is at one moment."""
    from ..image.capture import content, copying, running
    from ..image.capture import device as disks

    points = [mount.point for mount in mounted if mount.freezable]
    if running.lies_on(work, points):
        raise OvfinitError(
            "lies on the disk that is captured, where nothing can be written while it is frozen",
            where=os.path.dirname(os.path.dirname(work)),
            remedy="name a destination, or --scratch, on another disk, a network file system or a tmpfs",
        )
    loose = [each for each in mounted if each.writable and not each.freezable and each.kind not in _QUIET]
    output.warn(f"{each.point}: {each.kind} cannot be frozen, and is copied as it is" for each in loose)
    with disks.opened(device) as blocks:
        copying.room(os.path.dirname(work), content.size(blocks))
    descriptor = os.open(work, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        copied = copying.copy(
            device,
            descriptor,
            points,
            limit=limit,
            swap=running.swap_files(mounted),
            expect=meter.expect,
            advance=meter.advance,
        )
    finally:
        os.close(descriptor)
    if points:
        what = "" if copied.watched else ", all of it, because nothing here tells what is written meanwhile"
        output.note(
            f"{copied.total >> 20} MiB copied; frozen for {copied.seconds:.2f} s, "
            f"in which {copied.still / (1 << 20):.1f} MiB followed{what}"
        )
    return copied


def _scrub(mounted: Sequence[Mount], work: str, meter: Meter, output: Output, *, seeds: bool) -> None:
    """Remove from the copy what is of this machine, and what is left of it in free blocks."""
    from ..host import Host
    from ..image.capture import content, copying, running, traces
    from ..image.capture import device as disks
    from ..image.rootfs import mounts
    from .scrub import scrub

    meter.expect("scrubbing", 0)
    places: Mapping[str, tuple[int, int] | None] = {each.point: each.place for each in mounted}
    with mounts.tree_of(work, places) if "/" in places else mounts.root_of(work) as root:
        gone = [*scrub(root), *traces.wipe(Host(root), seeds=seeds)]
        found = [path for path in traces.SEEDS if any(Host(root).listing(path))]
    if found:
        output.warn([f"{', '.join(found)}: stays in the image, and answers wherever no other source does"])
    if emptied := {path.rpartition("/")[0] for path in gone} & set(traces.SEEDS):
        output.note(f"{', '.join(sorted(emptied))}: is empty in the image; --keep-seed keeps what is in it")
    with disks.opened(work) as blocks:
        free = content.spare(blocks, running.swap_files(mounted))
    descriptor = os.open(work, os.O_RDWR | os.O_CLOEXEC)
    try:
        copying.blank(descriptor, free)
    finally:
        os.close(descriptor)
    if output.verbose:
        output.note("\n".join(f"scrubbed {path}" for path in gone))


def _origin(options: Namespace, output: Output, own: bool) -> Origin | None:
    """What this machine knows of itself, and what a named source tells of the disk's; nobody else is asked."""
    from ..deadline import Deadline
    from ..image.capture import origin

    if not own and not options.wanted:
        return None
    found = origin.hardware() if own else origin.Origin()
    try:
        metadata = _told(options)
    except UsageError:
        raise
    except OvfinitError as error:
        output.warn([f"what the instance was told is not known: {error}"])
        metadata = None
    if metadata is None:
        return found
    found = origin.with_metadata(found, metadata)
    return origin.with_ancestry(found, metadata, Deadline(METADATA_SECONDS), lambda text: output.warn([text]))


def _told(options: Namespace) -> Metadata | None:
    """What the source that was named says now; without one, what the agent was told here when it ran."""
    if options.wanted:
        from ..boot import Boot

        return Boot("/", options.wanted, options.config).metadata()
    from ..host import Host
    from ..state import State

    return State(Host("/")).current()


def _send(path: str, meter: Meter) -> None:
    """A finished package to standard output. Raises OvfinitError if nobody takes it."""
    from ..image.convert.target import write_all
    from ..image.disk.blocks import PIECE

    meter.expect("sending", os.path.getsize(path))
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                write_all(sys.stdout.fileno(), piece)
                meter.advance(len(piece))
    except BrokenPipeError:
        raise OvfinitError("the program that was to take the package has ended", where="standard output") from None
