"""YAML from outside: types, places, spellings, and everything that is refused."""

from __future__ import annotations

import pytest

from ovfinit.errors import InputError
from ovfinit.formats.yamltext import MAX_BYTES, MAX_NODES, load

# each alias is nine of the one before: a billion texts in a few hundred bytes
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("---\n", None),
        ("\ufeffa: 1", {"a": 1}),
        ("just text", "just text"),
        ("[1, -2, 0x1F, 0b11, 0644, +1, 1_000]", [1, -2, 31, 3, 420, 1, 1000]),
        ("[1.5, -0.5, 1e5]", [1.5, -0.5, "1e5"]),
        ("[yes, No, on, TRUE, ~, null, ]", [True, False, True, True, None, None]),
        ("['12', \"yes\", !!str 12, ! 12]", ["12", "yes", "12", "12"]),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("2020-01-01", "2020-01-01"),
        ("[.inf, .NaN, 190:20:30.15]", [".inf", ".NaN", "190:20:30.15"]),
        ("9" * 5000, "9" * 5000),
        ("!!binary aGVs\n bG8=", b"hello"),
        ("{1: a, yes: b, null: c, 2020-01-01: d}", {"1": "a", "yes": "b", "null": "c", "2020-01-01": "d"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}}),
        ("a: {<<: [{k: 1}, {k: 2, l: 3}]}", {"a": {"k": 1, "l": 3}}),
        ("'<<': 1", {"<<": 1}),
        ('{\n\t"a": 1,\n\t"b": [1,\n\t2], "c": "\\/"}', {"a": 1, "b": [1, 2], "c": "/"}),
        ('{"a": "\\ud83d\\ude00", "b": "\\\\ud83d\\\\ude00"}', {"a": "😀", "b": "\\ud83d\\ude00"}),
    ],
)
def test_values(text: str, value: object) -> None:
    """A document becomes plain Python data, by YAML 1.1 except where that would surprise everybody."""
    assert load(text, "F").value == value
    assert load(text.encode(), "F").value == value


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (b"a: 1\nb: \xff\xfe", "F:2:4", "not UTF-8"),
        ("a: '\ud800'", "F:1:5", "not Unicode"),
        ("a: b\x00", "F:1:5", "U+0000"),
        ("a: 1\nb: 2\na: 3", "F:3:1", "the key 'a' is given twice, first on line 1"),
        ("a: {b: 1, b: 2}", "F:1:11", "the key 'b' is given twice"),
        ("a: [1,\n", "F:1:7", "expected"),
        ("a:\n\t- b", "F:2:1", "cannot start any token"),
        ("a: 1\n---\nb: 2", "F:2:1", "a second document"),
        ("a: !!python/object/apply:os.system [id]", "F:1:4", "the tag '!!python/object/apply:os.system'"),
        ("a: !secret x", "F:1:4", "the tag '!secret'"),
        ("!!set {a}", "F:1:1", "the tag '!!set'"),
        ("!!map [a]", "F:1:1", "the tag '!!map'"),
        ("a: !!int x", "F:1:4", "!!int"),
        ("a: !!binary é", "F:1:4", "!!binary"),
        ("? [a]\n: b", "F:1:5", "a key must be a text"),
        ("a: *nowhere", "F:1:4", "no anchor 'nowhere'"),
        ("a: &x [*x]", "F:1:8", "stands inside what it means"),
        ("<<: 3", "F:1:5", "`<<` takes"),
        ("[" * 500, "F:1:65", "more than 64 levels"),
        ("a: " + "{a: " * 100_000, "F:1:256", "more than 64 levels"),
        ("x: &x " + "[" * 40 + "]" * 40 + "\ny: " + "[" * 40 + "*x" + "]" * 40, "F:2:44", "more than 64 levels"),
        (BOMB, "F:6:10", f"more than {MAX_NODES} values"),
        ("[" + "1," * (MAX_NODES + 10), "F:1:200000", f"more than {MAX_NODES} values"),
        (f"a: &a '{'x' * 1_000_000}'\nb: [*a, *a, *a, *a, *a]", "F:2:17", "with its aliases written out"),
        ("x" * (MAX_BYTES + 1), "F", "is larger than"),
    ],
)
def test_refused(text: bytes | str, where: str, message: str) -> None:
    """What is malformed, ambiguous, unsafe or out of bounds is named with its place."""
    with pytest.raises(InputError) as caught:
        load(text, "F")
    assert message in caught.value.message
    assert caught.value.where == where


def test_very_deep() -> None:
    """However deep a document is, it is refused for that, also where libyaml is the first to notice."""
    with pytest.raises(InputError, match="more than 64 levels"):
        load("[" * 100_000, "F")


def test_no_value_is_shown() -> None:
    """An error never repeats more of a document than a key or a tag, shortened."""
    with pytest.raises(InputError) as caught:
        load(f"{'k' * 500}: hunter2\n{'k' * 500}: hunter2", "F")
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("a:\n\t- b", "spaces"), ("a: @b", "quotes"), ("a: `b`", "quotes"), ("a: 1\na: 1", "keep one"), ("a: [", None)],
)
def test_remedies(text: str, remedy: str | None) -> None:
    """Where it is plain what a person should do, the error says it."""
    with pytest.raises(InputError) as caught:
        load(text, "F")
    assert (remedy in (caught.value.remedy or "")) if remedy else caught.value.remedy is None


def test_places() -> None:
    """Every value is found with its line and column, an empty one at its key, a missing one at what is around it."""
    document = load("a:\n  b: 1\n  c:\n  d: [x, 007]\nl:\n- k: &v v\n- *v\n", "dir/f.yaml")
    assert document.where() == "dir/f.yaml:1:1"
    assert document.where("a", "b") == "dir/f.yaml:2:6"
    assert document.where("a", "c") == "dir/f.yaml:3:3"
    assert document.where("a", "d", 1) == "dir/f.yaml:4:10"
    assert document.where("a", "d", 7) == "dir/f.yaml:4:6"
    assert document.where("a", "d", -1) == "dir/f.yaml:4:6"
    assert document.where("l", 0, "k") == "dir/f.yaml:6:6"
    assert document.where("l", 1) == "dir/f.yaml:6:6"
    assert document.where("a", "b", "x", 3) == "dir/f.yaml:2:6"
    assert document.where("nothing") == "dir/f.yaml:1:1"
    assert load("", "F").where("a") == "F:1:1"


def test_spellings() -> None:
    """A scalar can be had exactly as it is written, whatever YAML makes of it."""
    document = load("i: 007\nd: 1_000\ny: yes\nq: '0x10'\nn: ~\ne:\nl: [1e3]\nm: {k: 1.50}", "F")
    assert [document.spelling(key) for key in "idyq"] == ["007", "1_000", "yes", "0x10"]
    assert [document.spelling(key) for key in "nel"] == [None, None, None]
    assert document.spelling("l", 0) == "1e3"
    assert document.spelling("m", "k") == "1.50"
    assert document.spelling("m", "z") is None
    assert document.spelling() is None


def test_bounds_are_not_reached_by_real_documents() -> None:
    """A document of tens of thousands of lines is read."""
    text = "users:\n" + "".join(f"- name: u{n}\n  uid: {n}\n" for n in range(15_000))
    document = load(text, "F")
    assert len(document.value["users"]) == 15_000
    assert document.where("users", 14_999, "uid") == "F:30001:8"


def test_pure_python_loader_agrees() -> None:
    """Without libyaml the same document has the same values, places and refusals."""
    import subprocess
    import sys

    program = """
import sys
sys.modules['yaml._yaml'] = None
import yaml
assert not hasattr(yaml, 'CSafeLoader')
from ovfinit.errors import InputError
from ovfinit.formats.yamltext import load
d = load('a: 0644\\nb: [x, {c: 52:54:00:12:34:56}]\\n', 'F')
assert d.value == {'a': 420, 'b': ['x', {'c': '52:54:00:12:34:56'}]}, d.value
assert d.where('b', 1, 'c') == 'F:2:12', d.where('b', 1, 'c')
refused = {
    'a: 1\\na: 2': 'F:2:1',
    '[' * 5000: 'F:1:65',
    'a: b\\x00': 'F:1:5',
    'a: *b': 'F:1:4',
    'a: [1,\\n': 'F:1:7',
}
for bad, where in refused.items():
    try:
        load(bad, 'F')
    except InputError as error:
        assert error.where == where, error
    else:
        raise SystemExit(f'{bad!r} was taken')
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
