"""Everything that can go wrong, as a tree of exceptions.

    OvfinitError
    ├── UsageError            the caller's words are off (exit 2)
    ├── ConfigError           ovfinit.yaml or the kernel command line says something impossible
    ├── InputError            a document handed to us is malformed, too large or hostile
    ├── SourceError
    │   ├── SourceAbsent      a source has positively nothing for this machine (exit 4)
    │   ├── SourceUnreachable it may have something, nobody could tell: unknown
    │   ├── SourceInvalid     it has something, but nothing usable
    │   └── PluginError       an admin's plugin broke the contract; names file and line
    ├── ChangeError           a change could not be made, or must not be
    │   └── NetworkLost       a network configuration cut this machine off, or was not confirmed: it was taken back
    │   └── ScriptFailed      a user's program ended with anything but 0
    └── StateError            our own state under /var/lib/ovfinit cannot be read or written

Each class has a `code` for programs that never changes. The text is for people: what, where, why, what to do.
"""

from __future__ import annotations


class OvfinitError(Exception):
    """Base of all our errors.

    Args:
        message: what went wrong and why, one sentence without a final period, never with a value that may be secret.
        where: `file:line:column`, a path or a URL.
        remedy: what a person can do about it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.remedy}" if self.remedy else text

    def as_dict(self) -> dict[str, str | None]:
        """The one-document form that `--json` prints under `error`."""
        document = {"code": self.code, "message": self.message, "where": self.where}
        return {**document, "remedy": self.remedy} if self.remedy else document


class UsageError(OvfinitError):
    """Raised when options or arguments make no sense."""

    code = "usage"
    exit_code = 2


class ConfigError(OvfinitError):
    """Raised for configuration that cannot be understood."""

    code = "config-invalid"


class InputError(OvfinitError):
    """Raised when a document (XML, YAML, ISO, user data …) is malformed, over its bounds or of the wrong type."""

    code = "input-invalid"


class SourceError(OvfinitError):
    """Base of what a datasource may raise."""

    code = "source"


class SourceAbsent(SourceError):
    """Raised when the source has positively nothing for this machine."""

    code = "source-absent"
    exit_code = 4


class SourceUnreachable(SourceError):
    """Raised when the source may have something but could not be asked: time-outs, 5xx, permission denied."""

    code = "source-unreachable"


class SourceInvalid(SourceError):
    """Raised when the source answered and the answer cannot be used."""

    code = "source-invalid"


class PluginError(SourceError):
    """Raised when a plugin cannot be loaded, raises something of its own, hangs or returns the wrong type."""

    code = "plugin-broken"


class ChangeError(OvfinitError):
    """Raised when a change cannot be applied or undone."""

    code = "change-failed"


def fault(error: Exception) -> ChangeError:
    """What nobody foresaw, as a failure of one duty: no mistake of ours may cost a machine the others."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
    message = f"this is a fault of ovfinit itself: {type(error).__name__}"
    return ChangeError(message, where=place, remedy="please report it")


class ScriptFailed(ChangeError):
    """Raised when a user's program ends with anything but 0; `took` is in seconds."""

    code = "script-failed"

    def __init__(self, message: str, *, where: str, exit_code: int, took: float) -> None:
        super().__init__(message, where=where)
        self.script_exit_code = exit_code
        self.took = took


class NetworkLost(ChangeError):
    """Raised when a new network configuration cuts the machine off, or nobody confirms it; the former one is back."""

    code = "network-lost"


class StateError(OvfinitError):
    """Raised when our own state is damaged, of a later version, or cannot be written."""

    code = "state"
