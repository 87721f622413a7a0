"""`image capture`: a running instance, or a disk, as an OVA."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import OvfinitError
from .image import loading, surroundings
from .image_create import create_arguments, machine, package_of
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .meter import Meter

DESCRIPTION = {
    "image capture": "Make an OVF package of this machine, or of the disk named. Its file systems freeze while\n"
    "the blocks in use are copied to where DST will lie (another file system), the copy is scrubbed as\n"
    "`clean` does, and the package gets this machine's memory, CPUs, firmware and number of adapters."
}
VIRTUAL = ("lo", "docker", "veth", "br-", "virbr", "bond", "dummy", "tun", "tap", "wg")


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("disk", nargs="?", metavar="DISK", help="device or raw image (what / of this machine is on)")
    parser.add_argument("--no-scrub", action="store_true", help="leave machine id, host keys, logs and our state in")
    create_arguments(parser)


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..image import capture
    from ..image.convert import conversion

    output = Output(options)
    own = options.disk is None
    if own and os.geteuid() != 0:
        raise OvfinitError("only root can capture a running machine", remedy="run it as root, or name an image file")
    device = options.disk or capture.device_of_root()
    target = package_of(options)
    with surroundings(output, options.output) as (meter, scratch):
        load = loading(options, output, meter, scratch)
        work = os.path.join(scratch, "disk")
        copied = _copy(device, work, meter)
        if not options.no_scrub:
            _scrub(work, output)
        if own:
            _inherit(options)
        package = machine(options, [work], "raw")
        if not options.name:
            package = package.with_(name=_name(options, own))
        made = conversion.save(package, target, load)
    if output.json:
        output.document({"version": 1, "device": device, "copied": copied, "files": made, "warnings": output.warnings})
    output.say("\n".join(made))
    return output.code()


def _copy(device: str, work: str, meter: Meter) -> int:
    """Copy what is in use while nothing changes; how many bytes that was."""
    from ..image import capture

    points = capture.mount_points(device)
    if capture.lies_on(work, points):
        raise OvfinitError(
            "lies on the disk that is captured, where nothing can be written while it is frozen",
            where=os.path.dirname(os.path.dirname(work)),
            remedy="name a destination on another disk, a network file system or a tmpfs",
        )
    done = [0]

    def advance(count: int) -> None:
        done[0] += count
        meter.advance(count)

    with capture.opened(device) as blocks:
        descriptor = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.sync()
            with capture.frozen(points):
                meter.expect("copying", sum(length for _, length in capture.used(blocks)))
                capture.copy(blocks, descriptor, advance)
        finally:
            os.close(descriptor)
    return done[0]


def _scrub(work: str, output: Output) -> None:
    from ..image.rootfs import mounts
    from .scrub import scrub

    with mounts.root_of(work) as root:
        gone = scrub(root)
    if output.verbose:
        output.say("\n".join(f"scrubbed {path}" for path in gone))


def _name(options: Namespace, own: bool) -> str:
    stem = os.path.splitext(os.path.basename(options.output.rstrip("/")))[0]
    return os.uname().nodename.partition(".")[0] if own else stem


def _inherit(options: Namespace) -> None:
    """What options and file do not say is as this machine has it."""
    if options.memory is None:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        # the kernel keeps some for itself: the next 256 MiB are what the hypervisor gave
        options.memory = f"{-(-pages * size // (256 << 20)) * 256}M"
    options.cpus = options.cpus or os.cpu_count()
    options.firmware = options.firmware or ("efi" if os.path.isdir("/sys/firmware/efi") else "bios")
    if options.network is None:
        names = [name for name in sorted(os.listdir("/sys/class/net")) if not name.startswith(VIRTUAL)]
        options.network = ["VM Network"] * len(names)
