"""Our own files are JSON like any other, whoever reads or wrote them."""

import json

import pytest

from ovfinit.jsontext import dumps, loads

VALUES = [
    None,
    True,
    0,
    -1.5,
    "",
    'ü "quoted"\n\\',
    [],
    {},
    [1, [2, {"a": None}]],
    {"a": {"b": [False]}, "ü": "x" * 5000},
]


@pytest.mark.parametrize("value", VALUES)
def test_the_json_package_agrees(value):
    """What we write the package reads, and what it writes we read."""
    assert json.loads(dumps(value)) == value
    assert loads(json.dumps(value, indent=2)) == value
    assert loads(dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["", " ", "{", '{"a":}', "[1] x", "NaN", "-Infinity", "[" * 100_000, "'a'", '"\n"'])
def test_anything_else_is_a_value_error(text):
    """No text makes it crash or return half a document."""
    with pytest.raises(ValueError, match=r".*"):
        loads(text)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("nan"), object()])
def test_what_json_cannot_hold_is_refused(value):
    """Nothing is written that could not be read again."""
    with pytest.raises((TypeError, ValueError)):
        dumps(value)
