"""Commands of cloud-config as files that a shell reads, so that what is secret in them is on no command line."""

from __future__ import annotations

from ..changes import BOOT, INSTANCE, ONCE, Run, WriteFile
from ..model import Problem
from ..paths import INSTANCES
from ..state import folder_name
from ..userdata.reading import kind
from ..userdata.scalars import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..model import Metadata
    from ..state import Past
    from ..userdata.reading import Path, Reading

# cloud-init's helper, which people have in front of commands of bootcmd
PER = "cloud-init-per"
_FREQUENCIES = {"instance": INSTANCE, "once": ONCE, "always": BOOT}
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."


class Line(Command):
    """A command in a list of them, where a null is none."""

    def takes(self, value: object) -> bool:
        """See Spec."""
        return value is None or super().takes(value)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """See Spec."""
        return None if value is None else super().read(value, path, reading)

    def unfit(self, value: object, path: Path, reading: Reading) -> Any:
        """See Spec."""
        quotes = "put it in quotes: a colon and a blank make a mapping of it"
        message = f"must be {self.form}, not {kind(value)}"
        return reading.error(path, message, quotes if isinstance(value, dict) else None)


def plan(
    handler: str,
    word: str,
    commands: Sequence[str | Sequence[str] | None],
    metadata: Metadata,
    config: Config,
    past: Past,
    stage: str,
    when: str,
) -> Iterator[Change | Problem]:
    """For each command a file `WORD-001` for root alone, and its run by the shell that all of them share.

    `set -e` as a command of its own, or scripts.stop_at_failure, keeps those after a failed one from running. None is
    run a second time, whatever became of it: without what those before it prepared it might do something else. So a
    list that runs once and was interrupted is not taken up again.
    """
    assert metadata.instance_id is not None
    folder = f"{INSTANCES}/{folder_name(metadata.instance_id)}/scripts"
    careful = config.scripts.stop_at_failure
    for number, command in enumerate(commands, 1):
        if not command:
            continue
        often, name, meant = _per(command)
        path = f"{folder}/{PER}-{name}" if name else f"{folder}/{word}-{number:03}"
        if "begun" in past.done.get(path, {}) and (often or when) != BOOT:
            yield Problem(f"{word}[{number - 1}]", "never ended; it and those after it are not run again", path)
            return
        text = meant if isinstance(meant, str) else " ".join(_quoted(part) for part in meant)
        content = f"#!/bin/sh\n{text}\n".encode("utf-8", "surrogateescape")
        yield WriteFile(handler, path, stage, content=content, mode=0o700, ours=False, secret=True)
        yield Run(
            handler,
            path,
            stage,
            command=(path,),
            shell=word,
            if_well=careful,
            timeout=config.scripts.timeout,
            when=often or when,
        )
        careful = careful or _stops(text)


def _per(command: str | Sequence[str]) -> tuple[str | None, str, str | Sequence[str]]:
    """How often and under which name `cloud-init-per` would run what follows it; the command itself without it."""
    words = command.split(None, 3) if isinstance(command, str) else list(command[:3])
    if len(words) < 3 or words[0] != PER or words[1] not in _FREQUENCIES:
        return None, "", command
    rest = (words[3] if len(words) > 3 else "") if isinstance(command, str) else command[3:]
    name = "".join(character if character in _SAFE else "_" for character in words[2])
    return (_FREQUENCIES[words[1]], name, rest) if rest else (None, "", command)


def _stops(text: str) -> bool:
    """True for a `set` that makes the shell stop at a failure, as errexit of sh(1)."""
    words = text.split("#", maxsplit=1)[0].replace(";", " ").split()
    if words[:1] != ["set"]:
        return False
    return "errexit" in words or any(word.startswith("-") and "e" in word[1:] for word in words[1:])


def _quoted(word: str) -> str:
    """A word that the shell takes for itself."""
    return word if word and all(character in _SAFE + "/=:,+@%" for character in word) else _in_quotes(word)


def _in_quotes(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
