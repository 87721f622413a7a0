"""A process in which Python, the libraries and the agent are loaded already, and which forks for every run of it.

A run is what `python3 -m ovfinit` is, a process of its own with its own descriptors, environment, working directory and
exit code; what it does not do is to start Python and load modules anew, which is most of what a short run costs. What
depends on that (`tests/test_imports.py`: what is loaded when; signals, terminals, other users, other settings of
Python) starts the program itself. With OVFINIT_FRESH in the environment everything does.
"""

from __future__ import annotations

import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOM = 1 << 18
# what the agent imports only where it needs it
LIBRARIES = (
    *("argparse", "base64", "bz2", "concurrent.futures", "datetime", "difflib", "email.parser", "email.policy"),
    *("fcntl", "fnmatch", "getpass", "gzip", "hashlib", "http.client", "importlib.metadata", "json", "lzma", "pathlib"),
    *("pyexpat", "random", "secrets", "select", "shlex", "shutil", "socket", "ssl", "struct", "subprocess"),
    *("tarfile", "tempfile", "threading", "unicodedata", "urllib.parse", "urllib.request", "xml.sax.saxutils"),
    *("zipfile", "zlib", "netifaces", "yaml", "pycdlib", "requests", "jinja2.sandbox", "boto3"),
    *("cryptography.x509", "cryptography.hazmat.primitives.asymmetric.rsa", "cryptography.hazmat.primitives.ciphers"),
)


class Template:
    """The process; it ends with the one that made it."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asked.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * ROOM)
        with theirs:
            command = [sys.executable, os.path.abspath(__file__), str(theirs.fileno())]
            # its standard streams are pipes, as those of its children are
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            env = {**os.environ, "PYTHONPATH": REPO}
            self._made = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=env, **streams)
        self._made.wait()

    def end(self) -> None:
        """No more runs."""
        self._asked.close()
        _, err = self._made.communicate()
        assert not err, err.decode()

    def run(
        self, words: Sequence[str], env: Mapping[str, str], timeout: float, *, cwd: str, umask: int
    ) -> tuple[int, bytes, bytes]:
        """Exit code (or minus a signal), standard output, standard error; any number of threads may call."""
        pipes = [os.pipe() for _ in range(3)]
        request = json.dumps({"words": words, "env": dict(env), "cwd": cwd, "umask": umask})
        socket.send_fds(self._asked, [request.encode()], [theirs for _, theirs in pipes])
        for _, theirs in pipes:
            os.close(theirs)
        out, err, told = _read([ours for ours, _ in pipes], words, timeout)
        return int(told.split()[1]), out, err


def _read(pipes: list[int], words: Sequence[str], timeout: float) -> list[bytes]:
    """Everything that comes out of these pipes; the last begins with the number of a process to end when time is up."""
    end = time.monotonic() + timeout
    read = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                os.kill(int(read[pipes[-1]].split()[0]), signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout)
            for key, _ in ready:
                pipe = int(key.fd)
                if data := os.read(pipe, ROOM):
                    read[pipe] += data
                else:
                    selector.unregister(pipe)
                    os.close(pipe)
    return [bytes(read[pipe]) for pipe in pipes]


def serve(requests: socket.socket) -> None:
    """Fork for every request until nobody can make one; tell the number of the process, and then how it ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    process, told = key.data
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
                    os.close(told)
                    continue
                request, given, _, _ = socket.recv_fds(requests, 2 * ROOM, 3)
                if not request:
                    return
                out, err, told = given
                process = os.fork()
                if not process:
                    os.dup2(out, 1)
                    os.dup2(err, 2)
                    os.closerange(3, ROOM)
                    become(**json.loads(request))
                os.write(told, b"%d\n" % process)
                os.close(out)
                os.close(err)
                selector.register(os.pidfd_open(process), selectors.EVENT_READ, (process, told))


def become(words: list[str], env: dict[str, str], cwd: str, umask: int) -> None:
    """Be `python3 -m ovfinit` with these words, and end as it does."""
    os.chdir(cwd)
    if umask != -1:
        os.umask(umask)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["ovfinit", *words]
    sys.path.insert(0, cwd)
    code: Any = 1
    try:
        runpy.run_module("ovfinit", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    leave(code)


def leave(code: Any) -> None:
    """End as an interpreter does, without taking apart what was loaded."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        code = 120
    os._exit((code or 0) & 0xFF)


def load() -> None:
    """Load everything that a run may load."""
    import gc
    import importlib
    import pkgutil

    import ovfinit

    # the folder of this file; a run has its working directory there
    del sys.path[0]
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    for module in pkgutil.walk_packages(ovfinit.__path__, "ovfinit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    here = socket.socket(fileno=int(sys.argv[1]))
    # nobody's child: a test may look for children that were left
    if os.fork():
        os._exit(0)
    load()
    serve(here)
