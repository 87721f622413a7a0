"""No value of a document can become a line, a section or a command of its own in anybody's configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ovfinit.host import Interface
from ovfinit.network import ifupdown, networkd, v2

DATA = Path(__file__).parent.parent / "data" / "network"
KNOWN = (Interface("eth0", "02:00:00:00:00:01"), Interface("eth1", "02:00:00:00:00:02"))
EVIL = (
    "x\n[Evil]\nA=b",
    "10.0.0.1/8\nup evil",
    "]evil",
    "a;evil",
    "$(evil)",
    "`evil`",
    "a b evil",
    "evil\\",
    "evil\u2028x",
    "#evil",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value and every key of a document; a path that ends in KEY is to the key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key, KEY)
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))
    else:
        yield path


KEY = object()


def poisoned(document: Any, path: tuple[Any, ...], evil: str) -> Any:
    """The document with something evil at that place."""
    here = document
    last = path[-2] if path[-1] is KEY else path[-1]
    for step in path[: -2 if path[-1] is KEY else -1]:
        here = here[step]
    if path[-1] is KEY:
        here[evil] = here.pop(last)
    else:
        here[last] = evil
    return document


@pytest.mark.parametrize("name", ["routing.yaml", "stacked.yaml"])
@pytest.mark.parametrize("evil", EVIL)
def test_evil_at_every_place(name: str, evil: str) -> None:
    """With an evil text at any one place, it is reported and shows up in no rendered file or file name."""
    # a copy of JSON costs a fifth of a deep one of Python
    text = json.dumps(yaml.safe_load((DATA / name).read_text()))
    for path in places(json.loads(text)):
        parsed = v2.parse(poisoned(json.loads(text), path, evil))
        assert parsed.errors or parsed.warnings, path
        for finding in (*parsed.errors, *parsed.warnings):
            assert str(finding).isprintable()
        for result in (networkd.render(parsed.network), ifupdown.render(parsed.network, KNOWN)):
            for target, file in result.files.items():
                assert "evil" not in target + file.text.lower(), path
