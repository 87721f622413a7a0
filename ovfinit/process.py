"""Starting other programs: bounded in time and in what they may say, never through a shell."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess

from .errors import InputError
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .deadline import Deadline


class Output(Record):
    """What a program said: exit status (negative: killed by that signal), standard output and error."""

    status: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str],
    deadline: Deadline,
    *,
    limit: int,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Output:
    """Run a program to its end in a session of its own, so that it and its children can be killed together.

    Raises InputError when it cannot be started, writes more than `limit` bytes to either stream, or is not done at
    the deadline; it and everything it started are gone then.
    """
    name = os.path.basename(command[0])
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=env,
        )
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", where=command[0]) from error
    assert child.stdout is not None
    assert child.stderr is not None
    streams = {child.stdout: bytearray(), child.stderr: bytearray()}
    try:
        if stdin and child.stdin is not None:
            try:
                child.stdin.write(stdin)
                child.stdin.close()
            except BrokenPipeError:
                pass  # it did not want to hear it; its exit status tells
        with selectors.DefaultSelector() as waiting:
            for stream in streams:
                waiting.register(stream, selectors.EVENT_READ)
            while waiting.get_map():
                events = waiting.select(deadline.remaining())
                if deadline.expired():
                    raise InputError(f"{name} was not done in time and was killed", where=command[0])
                for key, _ in events:
                    stream = next(known for known in streams if known is key.fileobj)
                    chunk = os.read(stream.fileno(), 65536)
                    if not chunk:
                        waiting.unregister(stream)
                    streams[stream] += chunk
                    if len(streams[stream]) > limit:
                        raise InputError(f"{name} says more than {limit} bytes", where=command[0])
        try:
            status = child.wait(deadline.remaining())
        except subprocess.TimeoutExpired:
            raise InputError(f"{name} was not done in time and was killed", where=command[0]) from None
    finally:
        if child.returncode is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        for stream in streams:
            stream.close()
    return Output(status, bytes(streams[child.stdout]), bytes(streams[child.stderr]))
