"""The programs that the image half calls: qemu-img and its like. Long-running, so that they tell how far they are."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from ..errors import OvfinitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# the Debian package of every program that we call
PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-nbd": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "grub-mkimage": "grub-common",
    "dpkg-deb": "dpkg",
    "fsfreeze": "util-linux",
    "mount": "mount",
    "umount": "mount",
    "losetup": "mount",
}
LIMIT = 16 * 1024 * 1024
_PERCENT = re.compile(rb"\(\s*([0-9.]+)/100%\)")


def find(name: str) -> str:
    """Where a program lies. Raises OvfinitError that says which package has it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise OvfinitError(f"needs the program {name}, which is not here", remedy=f"apt install {PACKAGES[name]}")
    return path


def run(words: Sequence[str], *, fraction: Callable[[float], None] | None = None, stdin: bytes | None = None) -> bytes:
    """Run a program to its end and return its standard output, at most LIMIT bytes of it.

    `fraction` is told how much of the work is done, 0 to 1, as qemu-img prints it. Raises OvfinitError with the last
    line of what the program complained of; a program that we are interrupted in is gone then.
    """
    command = [find(words[0]), *words[1:]]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    complaint = bytearray()
    listener = threading.Thread(target=_collect, args=(child.stderr, complaint), daemon=True)
    listener.start()
    output = bytearray()
    try:
        if stdin is not None and child.stdin is not None:
            child.stdin.write(stdin)
            child.stdin.close()
        while chunk := os.read(child.stdout.fileno(), 65536):
            if fraction is None:
                output += chunk[: LIMIT - len(output)]
            elif found := _PERCENT.findall(chunk):
                fraction(float(found[-1]) / 100)
        status = child.wait()
        listener.join()
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        child.stdout.close()
        child.stderr.close()
    if status:
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or [f"ended with {status}"]
        raise OvfinitError(f"{words[0]} failed: {lines[-1]}")
    return bytes(output)


def _collect(stream: object, into: bytearray) -> None:
    while chunk := os.read(stream.fileno(), 65536):  # type: ignore[attr-defined]
        into += chunk[: LIMIT - len(into)]
