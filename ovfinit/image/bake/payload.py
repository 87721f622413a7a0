"""What makes a tree an image with the agent in it: files out of Debian packages, of this installation or checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

from ...errors import InputError, OvfinitError
from ...record import Record
from .. import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 64 * 1024 * 1024
MOST = 20_000
UNITS = "/usr/lib/systemd/system"
MODULES = "/usr/lib/python3/dist-packages"
EXAMPLES = "/usr/share/doc/ovfinit/examples"
# the checkout's file → where it goes; units and the agent's modules are listed by their folder
_PLACES = {
    "etc/ovfinit/ovfinit.yaml": ("/etc/ovfinit/ovfinit.yaml", 0o644),
    "etc/systemd/ovfinit-daemon": ("/usr/libexec/ovfinit/daemon", 0o755),
    "etc/systemd/50-ovfinit.preset": ("/usr/lib/systemd/system-preset/50-ovfinit.preset", 0o644),
    "etc/openrc/ovfinit": (f"{EXAMPLES}/openrc/ovfinit", 0o755),
    "etc/sysvinit/ovfinit": (f"{EXAMPLES}/sysvinit/ovfinit", 0o755),
    "etc/bash-completion/ovfinit": ("/usr/share/bash-completion/completions/ovfinit", 0o644),
}
_SSH = "etc/systemd/ssh-after-ovfinit.conf"
_SCRIPT = b"""#!/usr/bin/python3
import sys

from ovfinit.cli import main

sys.exit(main())
"""
_FOLDERS = {"/etc/ovfinit/datasources": 0o755, "/etc/ovfinit/ovfinit.yaml.d": 0o755, "/var/lib/ovfinit": 0o755}


class Entry(Record):
    """One thing to put into a tree: a file with content, a link with `target`, else a folder."""

    path: str
    mode: int
    content: bytes | None = None
    target: str | None = None


def of_deb(path: str) -> Iterator[Entry]:
    """The files of a Debian package, nothing of it run. Raises InputError for what is no package or hostile."""
    program = tool.find("dpkg-deb")
    child = subprocess.Popen(
        [program, "--fsys-tarfile", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        with tarfile.open(fileobj=child.stdout, mode="r|") as archive:
            for count, member in enumerate(archive):
                name = member.name.removeprefix(".")
                if count > MOST or member.size > LARGEST:
                    raise InputError("is too large for a package of ours", where=path)
                if ".." in name.split("/") or not (name.startswith("/") or not name):
                    raise InputError(f"holds {member.name!r}, which leads out of the tree", where=path)
                if member.isdir():
                    yield Entry(name or "/", member.mode & 0o7777)
                elif member.issym():
                    yield Entry(name, 0o777, target=member.linkname)
                elif member.isreg():
                    file = archive.extractfile(member)
                    yield Entry(name, member.mode & 0o7777, content=file.read() if file else b"")
                else:
                    raise InputError(f"holds {member.name!r}, neither a file, a folder nor a link", where=path)
    except tarfile.TarError as error:
        said = child.stderr.read(4096).decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"is no Debian package: {said[-1] if said else error}", where=path) from error
    finally:
        child.stdout.close()
        child.stderr.close()
        child.kill()
        child.wait()


def control(path: str) -> dict[str, bytes]:
    """The control files of a Debian package by name."""
    program = tool.find("dpkg-deb")
    done = subprocess.run([program, "--ctrl-tarfile", path], capture_output=True, check=False, start_new_session=True)
    if done.returncode:
        raise InputError("is no Debian package", where=path)
    from io import BytesIO

    found = {}
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None and member.size <= LARGEST:
                found[os.path.basename(member.name)] = file.read()
    return found


def of_this() -> Iterator[Entry]:
    """What runs now: the files of the installed package, or of the checkout. Raises OvfinitError if it is neither."""
    import ovfinit

    package = os.path.dirname(os.path.abspath(ovfinit.__file__))
    checkout = os.path.dirname(package)
    if os.path.exists(os.path.join(checkout, _SSH)):
        yield from _of_checkout(checkout)
        return
    done = subprocess.run(["dpkg-query", "-L", "ovfinit"], capture_output=True, check=False, text=True)
    if done.returncode or os.path.join(package, "cli/__init__.py") not in done.stdout.splitlines():
        raise OvfinitError(
            "this installation has no units to take along: it came neither from a Debian package nor from a checkout",
            remedy="give a package: --deb ovfinit_…_all.deb",
        )
    for path in done.stdout.splitlines():
        if os.path.islink(path):
            yield Entry(path, 0o777, target=os.readlink(path))
        elif os.path.isdir(path):
            yield Entry(path, os.stat(path).st_mode & 0o7777)
        elif os.path.isfile(path):
            yield Entry(path, os.stat(path).st_mode & 0o7777, content=_read(path))


def _of_checkout(checkout: str) -> Iterator[Entry]:
    for folder, inside in (("ovfinit", f"{MODULES}/ovfinit"), ("datasources", f"{MODULES}/ovfinit/datasources")):
        base = os.path.join(checkout, folder)
        for here, folders, names in os.walk(base):
            folders[:] = sorted(name for name in folders if name not in ("__pycache__", "image"))
            for name in sorted(names):
                if name.endswith((".py", ".typed")):
                    path = os.path.join(here, name)
                    yield Entry(os.path.join(inside, os.path.relpath(path, base)), 0o644, content=_read(path))
    yield Entry("/usr/bin/ovfinit", 0o755, content=_SCRIPT)
    for path, mode in _FOLDERS.items():
        yield Entry(path, mode)
    for source, (target, mode) in _PLACES.items():
        yield Entry(target, mode, content=_read(os.path.join(checkout, source)))
    units = os.path.join(checkout, "etc/systemd")
    for name in sorted(os.listdir(units)):
        if name.endswith((".service", ".target")):
            yield Entry(f"{UNITS}/{name}", 0o644, content=_read(os.path.join(units, name)))
    for unit in ("ssh@", "sshd@"):
        yield Entry(f"{UNITS}/{unit}.service.d/50-ovfinit.conf", 0o644, content=_read(os.path.join(checkout, _SSH)))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def compiled(entry: Entry, version: str) -> Entry | None:
    """The bytecode of a module for a Python of this version (`3.11`), None if it is not a module or not our version."""
    if (
        entry.content is None
        or not entry.path.endswith(".py")
        or version != f"{sys.version_info[0]}.{sys.version_info[1]}"
    ):
        return None
    import importlib.util
    import marshal

    folder, name = os.path.split(entry.path)
    try:
        code = compile(entry.content, entry.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None  # a template, or for another Python
    # PEP 552: bound to the source by its hash and never checked again, so that dates do not matter
    head = importlib.util.MAGIC_NUMBER + (0b01).to_bytes(4, "little") + importlib.util.source_hash(entry.content)
    tag = f"cpython-{version.replace('.', '')}"
    path = f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
    return Entry(path, 0o644, content=head + marshal.dumps(code))
