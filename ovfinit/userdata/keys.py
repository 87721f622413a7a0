"""From the merged cloud-config to typed values: each key by the schema of its duty, and only by that.

A duty's module is loaded when one of its keys is there. What cannot be used is a finding at its place.
"""

from __future__ import annotations

from ..duties import KEYS
from ..finding import ERROR, nearest
from .reading import UNFIT, Reading
from .schema import OneOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..finding import Finding
    from .node import Node
    from .spec import Spec


class Checked:
    """What came of a config: `typed` values by key, `findings`, and `broken`: duty → its first error."""

    def __init__(self) -> None:
        self.typed: dict[str, Any] = {}
        self.findings: list[Finding] = []
        self.broken: dict[str, Finding] = {}


def spec_of(key: str) -> Spec:
    """The schema of a key of the table in duties.py."""
    module = __import__(f"ovfinit.handlers.{KEYS[key]}", fromlist=["KEYS"])
    spec: Spec = module.KEYS[key]
    return spec


def canonical(key: str) -> str:
    """A key as the table has it; older documents write `-` for `_`."""
    name = key.replace("-", "_")
    return name if name in KEYS else key


def check(config: Node) -> Checked:
    """Type every key of the config."""
    made = Checked()
    given: dict[str, Any] = config.value
    for key, value in given.items():
        reading = Reading(config)
        name = canonical(key)
        if name not in KEYS:
            _unknown(key, reading)
        elif name != key and name in given:
            reading.warning((key,), f"is deprecated, and left out beside {name}", key=True)
        else:
            if name != key:
                reading.warning((key,), "is deprecated", f"write {name}", key=True)
            _type(name, key, value, reading, made)
        made.findings += reading.findings
    return made


def _type(name: str, key: str, value: object, reading: Reading, made: Checked) -> None:
    spec = spec_of(name)
    if value is None and not (isinstance(spec, OneOf) and spec.takes(None)):
        return
    read = spec.read(value, (key,), reading)
    if read is not UNFIT:
        made.typed[name] = read
    for finding in reading.findings:
        if finding.severity == ERROR:
            made.broken.setdefault(KEYS[name], finding)


def _unknown(key: str, reading: Reading) -> None:
    from .unsupported import UNSUPPORTED

    if key in UNSUPPORTED:
        reading.warning((key,), "is known, but not supported", UNSUPPORTED[key], key=True)
        return
    if key.startswith(("x-", "x_")):
        # what YAML authors keep their anchors in
        return
    close = nearest(key, (*KEYS, *UNSUPPORTED))
    reading.error((key,), "is not a known key", f"did you mean {close}?" if close else None, key=True)
