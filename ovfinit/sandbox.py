"""Plugins of admins, each call in a child process of its own: time-boxed, and unable to harm the boot.

A Python plugin is loaded and called in a fork; what it returns comes back as JSON. An executable is started with
`detect` or `read`. Whatever goes wrong becomes a PluginError with file and line.
"""

from __future__ import annotations

import os
import signal

from . import document
from .datasource import Datasource, Deadline, Detection, SourceAbsent, SourceInvalid, SourceUnreachable
from .errors import InputError, PluginError, SourceError
from .model import Metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType, ModuleType
    from typing import Any

    from .host import Host

LOAD_SECONDS = 10.0
DETECT_SECONDS = 5.0
GRACE_SECONDS = 0.5
LIMIT = 64 * 1024 * 1024
_KINDS: dict[str, type[SourceError]] = {
    kind.code: kind for kind in (SourceAbsent, SourceUnreachable, SourceInvalid, PluginError)
}


class _TimeOut(BaseException):
    """Raised inside the child at the deadline, so that its traceback names the line that hangs."""


class PythonPlugin(Datasource):
    """A file with one Datasource subclass. Raises PluginError when it cannot be loaded."""

    def __init__(self, path: str, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = settings

        def describe() -> dict[str, Any]:
            source = self._load()
            return {"name": source.name, "needs_network": source.needs_network}

        try:
            described = _call(describe, Deadline(LOAD_SECONDS), path, "loading")
        except PluginError:
            raise
        except SourceError as error:
            # a verdict is for detect() and read(); a file that cannot even be loaded has none
            raise PluginError(f"loading raised {type(error).__name__}: {error.message}", where=error.where) from error
        self.name = described["name"]
        self.needs_network = described["needs_network"]

    def detect(self, host: Host) -> Detection:
        """Its answer, within 5 seconds."""

        def ask() -> dict[str, Any]:
            source = self._load()
            answer = source.detect(host)
            if not isinstance(answer, Detection):
                raise self._wrong("detect", "a Detection", answer, source)
            return answer.as_dict()

        return Detection(**_call(ask, Deadline(DETECT_SECONDS), self.path, "detect()"))

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """Its metadata."""

        def ask() -> dict[str, Any]:
            source = self._load()
            answer = source.read(host, deadline)
            if not isinstance(answer, Metadata):
                raise self._wrong("read", "Metadata", answer, source)
            from .normalize.typed import typed

            try:
                # wrong types are found while we still know whom to blame
                return document.private(typed(answer))
            except SourceInvalid as error:
                raise PluginError(
                    f"read(): {error.message}", where=self._line("read", source), remedy=error.remedy
                ) from error

        return document.restore(_call(ask, deadline, self.path, "read()"))

    def _line(self, method: str, source: Datasource) -> str:
        return f"{self.path}:{getattr(type(source), method).__code__.co_firstlineno}"

    def _wrong(self, method: str, expected: str, found: object, source: Datasource) -> PluginError:
        return PluginError(
            f"{method}() must return {expected}, not {type(found).__name__}", where=self._line(method, source)
        )

    def _load(self) -> Datasource:
        module = _import(self.path)
        kinds = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Datasource) and value.__module__ == module.__name__
        ]
        if len(kinds) != 1:
            raise PluginError(f"must hold one subclass of Datasource, not {len(kinds)}", where=self.path)
        name: object = kinds[0].name
        network: object = kinds[0].needs_network
        if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
            raise PluginError("name must be letters, digits, - and _", where=self.path, remedy='write: name = "…"')
        if not isinstance(network, bool):
            raise PluginError("needs_network must be True or False", where=self.path)
        for method in ("detect", "read"):
            if getattr(kinds[0], method) is getattr(Datasource, method):
                raise PluginError(f"{kinds[0].__name__} has no {method}()", where=self.path)
        source = kinds[0]()
        source.settings, source.location = self.settings, self.location
        return source


class ExecutablePlugin(Datasource):
    """A program that answers `detect` with its exit code and `read` with one JSON document."""

    def __init__(self, path: str, settings: Mapping[str, Any], name: str | None = None) -> None:
        self.path = path
        self.settings = settings
        self.name = name or os.path.splitext(os.path.basename(path))[0]
        if not os.access(path, os.X_OK):
            raise PluginError("is not executable", where=path, remedy=f"chmod 755 {path}")

    def detect(self, host: Host) -> Detection:
        """Exit 0 yes, 1 no; its last line on standard error is the reason."""
        status, _, said = self._run(host, "detect", Deadline(DETECT_SECONDS))
        if status not in (0, 1):
            raise PluginError(f"detect ended with {status}, not 0 or 1: {said}", where=self.path)
        return Detection.yes(said or "detect says yes") if status == 0 else Detection.no(said or "detect says no")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """Exit 0 with the document, 1 without one: absent. Anything else is unreachable."""
        import json

        status, output, said = self._run(host, "read", deadline)
        if status == 1 and not output.strip():
            raise SourceAbsent(said or "read says there is nothing", where=self.path)
        if status != 0:
            raise SourceUnreachable(f"read ended with {status}: {said or 'no message'}", where=self.path)
        from .normalize.typed import typed

        try:
            # dash's echo makes line breaks of every \n in a text: JSON forbids them there, and everybody means them
            return typed(document.from_plugin(json.loads(output, strict=False), self.path))
        except (ValueError, RecursionError) as error:
            line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            raise PluginError(
                f"read printed no JSON document (line {line}, column {column})", where=self.path
            ) from error
        except SourceInvalid as error:
            raise PluginError(f"read: {error.message}", where=self.path, remedy=error.remedy) from error

    def _run(self, host: Host, verb: str, deadline: Deadline) -> tuple[int, bytes, str]:
        import json

        from .process import run

        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "OVFINIT_ROOT": host.root,
            "OVFINIT_LOCATION": self.location or "",
            "OVFINIT_SETTINGS": json.dumps(dict(self.settings)),
        }
        try:
            output = run((self.path, verb), deadline, limit=LIMIT, env=environment)
        except InputError as error:
            raise PluginError(f"{verb}: {error.message}", where=self.path) from error
        lines = output.stderr.decode("utf-8", "replace").strip().splitlines()
        return output.status, output.stdout, "".join(c for c in (lines[-1] if lines else "") if c.isprintable())[:300]


def _import(path: str) -> ModuleType:
    import sys
    from types import ModuleType as Module

    module = Module(f"ovfinit_plugin_{os.path.splitext(os.path.basename(path))[0]}")
    module.__file__ = path
    # dataclasses look up the module of a class there
    sys.modules[module.__name__] = module
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)  # noqa: S102
    return module


def _call(work: Callable[[], dict[str, Any]], deadline: Deadline, path: str, what: str) -> Any:
    """Do the work in a child and bring its JSON back. Raises what the child says, or PluginError."""
    import json
    import select

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(work, deadline, path, what, writing)
    os.close(writing)
    answer = bytearray()
    end = deadline.remaining() + GRACE_SECONDS
    patience = Deadline(end)
    try:
        while True:
            ready, _, _ = select.select([reading], [], [], patience.remaining())
            if not ready:
                raise PluginError(f"{what} was not done after {end:.1f} seconds and was killed", where=path)
            chunk = os.read(reading, 1 << 20)
            if not chunk:
                break
            answer += chunk
            if len(answer) > LIMIT:
                raise PluginError(f"{what} returned more than {LIMIT} bytes", where=path)
    finally:
        os.close(reading)
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        _, status = os.waitpid(child, 0)
    if not answer:
        raise PluginError(f"{what} ended its process (status {os.waitstatus_to_exitcode(status)})", where=path)
    try:
        told = json.loads(answer)
    except ValueError as damage:
        raise PluginError(f"{what} wrote to a pipe that is ours", where=path) from damage
    if "error" in told:
        error = told["error"]
        raise _KINDS.get(error["code"], PluginError)(error["message"], where=error["where"], remedy=error.get("remedy"))
    return told["value"]


def _child(work: Callable[[], dict[str, Any]], deadline: Deadline, path: str, what: str, writing: int) -> None:
    import json

    def ring(_: int, __: FrameType | None) -> None:
        raise _TimeOut

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(deadline.remaining(), 0.001))
    # what a plugin prints is its log, never part of our one document on standard output
    os.dup2(2, 1)
    try:
        told: dict[str, Any] = {"value": work()}
        encoded = json.dumps(told).encode()
    except SourceError as error:
        encoded = json.dumps({"error": {**error.as_dict(), "where": error.where or path}}).encode()
    except BaseException as error:  # the child reports everything, SystemExit and KeyboardInterrupt too
        encoded = json.dumps({"error": _blame(error, path, what)}).encode()
    try:
        view = memoryview(encoded)
        while view:
            view = view[os.write(writing, view) :]
    finally:
        os._exit(0)


def _blame(error: BaseException, path: str, what: str) -> dict[str, str | None]:
    line: int | None = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == path:
        line = error.lineno
    if isinstance(error, _TimeOut):
        message = f"{what} hangs and was stopped"
    else:
        text = "".join(character for character in str(error) if character.isprintable())[:200]
        message = f"{what} raised {type(error).__name__}: {text}"
    return {"code": PluginError.code, "message": message, "where": f"{path}:{line}" if line else path}
