"""A network that somebody ordered for this machine, whatever a source says of it."""

from __future__ import annotations

from ..errors import InputError
from ..model import Problem
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..config import Config
    from ..host import Host

FIELD = "network"
COMMAND_LINE = "/proc/cmdline"
WORD = "network-config"
SETTING = "network.config in ovfinit.yaml"
DISABLED: Mapping[str, Any] = {"config": "disabled"}


class Wanted(Record):
    """The network that counts, in any form, where it comes from, and what was left out on the way to it."""

    network: Mapping[str, Any] | None
    origin: str | None = None
    problems: tuple[Problem, ...] = ()


def given(config: Config, host: Host, problems: list[Problem]) -> Wanted | None:
    """What somebody ordered on the kernel command line or in ovfinit.yaml, whatever a source says."""
    word = host.cmdline.get(WORD)
    if word:
        try:
            return Wanted(_encoded(word), f"{COMMAND_LINE}#{WORD}")
        except InputError as error:
            problems.append(Problem(FIELD, f"{WORD}= is not understood: {error.message}", COMMAND_LINE))
    setting = config.network.config
    if setting is None:
        return None
    return Wanted(DISABLED if isinstance(setting, str) else setting, SETTING)


def _encoded(text: str) -> Mapping[str, Any]:
    """The mapping in the base64 (of gzip'ed) YAML of a kernel word, or the word `disabled`. Raises InputError."""
    if text == "disabled":
        return DISABLED
    from ..formats.yamltext import load
    from ..userdata.content import decode, expand

    document = load(expand(decode(text, "base64")), f"{COMMAND_LINE}#{WORD}")
    if not isinstance(document.value, dict):
        raise InputError("is no mapping")
    value: Mapping[str, Any] = document.value
    inner = value.get("network")
    return inner if isinstance(inner, dict) and "version" not in value else value
