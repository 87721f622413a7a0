"""Everyday YAML read without PyYAML is what PyYAML makes of it, or is left to PyYAML."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml
from scratch import REPO

from ovfinit.errors import InputError
from ovfinit.formats import plainyaml, yamltext

EVERYDAY = [
    "instance-id: i-1\nlocal-hostname: web1\npublic-keys:\n  - ssh-ed25519 AAAA me@here\n",
    'ethernets:\n  lan:\n    match: {macaddress: "52:54:00:0a:4d:32"}\n    addresses: [10.77.0.60/24]\n    dhcp4: no\n',
    "routes: [{to: default, via: 10.77.0.1}]\n",
    "---\n# a comment\n- a\n-   b: 1\n    c:\n    - x\n    - - y\n      - z\n- 'it''s'   # why\n- \"#\"\n",
    "files:\n- path: /etc/motd\n  mode: '0644'\n  content: |\n    hello\n      you\n\n    # not this\n\n- path: /x\n",
    "- path: /x\n  content: |-\n    a\tb\n",
    "a: |+\n  kept\n\n\nb: |\n  last",
    "numbers: [0, 1, -1, +7, 0644, 08, 1.5, 1., -0.5, 10.77.0.1, 1a, 12/34]\n",
    "flags: [yes, No, TRUE, off, tRue, y, n]\nnothing:\nalso: ~\nnull: null\ntilde: '~'\n",
    "runcmd:\n  - [ls, -l, /]\n",
    "runcmd:\n  - [ls, '-l', /]\n  - echo $HOME && true\n  - 2001:db8::1\n  - 52:54:00:0a:4d:32\nempty: {}\nlist: []\n",
    "key with spaces : value with spaces\nurl: http://example.com/#here\nümläut: größer\n",
    '{"version": 2, "ethernets": {"eth0": {"dhcp4": true, "mtu": 1500}}}\n',
    "",
    "# nothing but this\n",
]
UNUSUAL = [
    "a: &x 1\nb: *x\n",
    "a: !!str 1\n",
    "a: >\n  folded\n",
    "a: one\n  two\n",
    'a: "\\n"\n',
    "a: [1,\n  2]\n",
    "a: 1\na: 2\n",
    "a:\tb\n",
    "<<: {a: 1}\n",
    "a: 0x10\n",
    "a: 1_000\n",
    "a: 1.0e+3\n",
    "a: .5\n",
    "text\n",
    "a: b: c\n",
    "a: 'b\n",
    "a: 1\n---\nb: 2\n",
    "a: [1, 2\n",
    "? a\n: b\n",
    "a: |2\n    x\n",
    "a: |\n  \tx\n",
    "- a\nb: c\n",
    "a: 1\n  b: 2\n",
    "a: @b\n",
    "{a: 1}: 2\n",
]


def whole(text: str) -> yamltext.Document:
    """The same document by PyYAML: the mark of its end changes nothing and is not everyday."""
    assert text.endswith("\n")
    with pytest.raises(plainyaml.Unusual):
        plainyaml.read(f"{text}...\n")
    return yamltext.load(f"{text}...\n", "f")


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of everything in a document."""
    found = [path]
    if isinstance(value, dict):
        found += [inner for key, part in value.items() for inner in paths(part, (*path, key))]
    if isinstance(value, list):
        found += [inner for index, part in enumerate(value) for inner in paths(part, (*path, index))]
    return found


def agree(text: str) -> None:
    """Values and their types, places and spellings are the same, however the document is read."""
    if plainyaml.read(text) is None:
        assert yaml.safe_load(text) is None
        return
    mine, other = yamltext.load(text, "f"), whole(text)
    assert repr(mine.value) == repr(other.value), text
    for path in paths(mine.value):
        assert mine.where(*path) == other.where(*path), (text, path)
        assert mine.spelling(*path) == other.spelling(*path), (text, path)


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday(text: str) -> None:
    """What people write is read without PyYAML, to the same end."""
    plainyaml.read(text)
    if text.endswith("\n"):
        agree(text)


@pytest.mark.parametrize("text", UNUSUAL)
def test_unusual(text: str) -> None:
    """What only PyYAML understands or can explain is left to it."""
    with pytest.raises(plainyaml.Unusual):
        plainyaml.read(text)


def corpus() -> list[str]:
    """All YAML that lies about in this repository, and the above."""
    files = [path for ending in ("yaml", "yml") for path in (REPO / "tests/data").rglob(f"*.{ending}")]
    files += [*(REPO / "tests/data").rglob("*-data"), REPO / "etc/ovfinit/ovfinit.yaml"]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in sorted(files) if path.is_file()]
    return [text if text.endswith("\n") else f"{text}\n" for text in (*texts, *EVERYDAY, *UNUSUAL)]


def test_never_another_meaning() -> None:
    """Documents of the repository, torn and stirred: whatever is read without PyYAML means the same to PyYAML."""
    chance = random.Random(3)
    pieces = ["- ", ": ", ":", "#", " #", "\n", "  ", "'", '"', "|", "|-\n", "[", "]", "{", "}", ", ", "-", "0", "~"]
    pieces += ["yes", ".", "1", "\t", "&", "*", "!", ">", "%", "---\n", "?", "@", "e", "_", "0x", "é", "\u00a0", "\\"]
    read = 0
    for original in corpus():
        for round_ in range(60 if len(original) < 3000 else 4):
            text = original
            for _ in range(round_ % 4):
                place = chance.randrange(len(text) or 1)
                text = text[:place] + chance.choice([*pieces, ""]) + text[place + chance.randrange(3) :]
            text = text if text.endswith("\n") else f"{text}\n"
            try:
                plainyaml.read(text)
            except plainyaml.Unusual:
                continue
            read += 1
            try:
                agree(text)
            except InputError as error:
                raise AssertionError(f"PyYAML refuses it: {error}\n{text}") from error
    assert read > 500
