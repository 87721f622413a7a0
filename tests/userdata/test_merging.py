"""cloud-init's merge rules, in both forms, by header and by key; every value keeps its place."""

from __future__ import annotations

from typing import Any

import pytest
from documents import mime

from ovfinit.formats.yamltext import load
from ovfinit.userdata.jsonpatch import patch
from ovfinit.userdata.merging import Rules, RulesError, merge, rules
from ovfinit.userdata.node import Node
from ovfinit.userdata.part import Part
from ovfinit.userdata.unfolding import Unfolding


def node(text: str, name: str = "a") -> Node:
    """A document of YAML as a node."""
    document = load(text, name)
    return Node(document.value, document)


def merged(old: str, new: str, how: str) -> Any:
    """The second document merged into the first one."""
    return merge(node(old), node(new, "b"), rules(how)).value


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("list()+dict(replace)+str()", {"l": [3], "d": {"y": 2}, "s": "b", "n": None, "k": 1}),
        ("list()+dict()+str()", {"l": [1, 2], "d": {"x": 1, "y": 2}, "s": "a", "n": 1, "k": 1}),
        (
            "list(append)+dict(no_replace,recurse_list)+str()",
            {"l": [1, 2, 3], "d": {"x": 1, "y": 2}, "s": "a", "n": 1, "k": 1},
        ),
        ("list(prepend)+dict(recurse_array)", {"l": [3, 1, 2], "d": {"x": 1, "y": 2}, "s": "a", "n": 1, "k": 1}),
        ("list(replace)+dict(recurse_list)", {"l": [3, 2], "d": {"x": 1, "y": 2}, "s": "a", "n": 1, "k": 1}),
        ("dict(recurse_str)+str(append)", {"l": [1, 2], "d": {"x": 1, "y": 2}, "s": "ab", "n": 1, "k": 1}),
        ("dict(allow_delete,recurse_str) + str()", {"l": [1, 2], "d": {"x": 1, "y": 2}, "s": "b", "k": 1}),
    ],
)
def test_rules(how: str, result: Any) -> None:
    """Each kind of value is merged as its settings say."""
    assert merged("{l: [1, 2], d: {x: 1}, s: a, n: 1}", "{l: [3], d: {y: 2}, s: b, n: null, k: 1}", how) == result


def test_both_forms_are_the_same() -> None:
    """A list of names and settings says what the text says."""
    given = [{"name": "list", "settings": ["append"]}, {"name": "dict", "settings": ["no_replace", "recurse_array"]}]
    assert (
        rules(given)
        == rules("list(append)+dict(no_replace,recurse_list)")
        == Rules(list=("append",), dict=("no_replace", "recurse_list"))
    )


@pytest.mark.parametrize("given", ["lists(append)", "list(appendd)", "list(append", 5, ["list"], [{"name": 3}], ""])
def test_rules_of_no_sense(given: Any) -> None:
    """Rules that say nothing are refused in words."""
    with pytest.raises(RulesError):
        rules(given)


def config(document: bytes) -> tuple[Any, list[str], Node]:
    """The cloud-config of a document before it is typed, what was found, and its nodes."""
    from ovfinit.userdata.cloudconfig import Merged

    work, whole = Unfolding(), Merged()
    for part in work.unfold(Part(document, "f", "f")):
        whole.add(part, work)
    return whole.config.value, [finding.text for finding in work.findings], whole.config


ONE, TWO = "#cloud-config\nruncmd: [a]\n", "#cloud-config\nruncmd: [b]\nlocale: x\n"
HOW = "list(append)+dict(no_replace,recurse_list)+str()"


def test_later_keys_replace() -> None:
    """Without rules a later key wins."""
    assert config(mime(("cloud-config", "", ONE), ("cloud-config", "", TWO)))[0] == {"runcmd": ["b"], "locale": "x"}


@pytest.mark.parametrize("header", ["Merge_Type", "X_Merge_Type"])
def test_rules_by_header(header: str) -> None:
    """A header of a part is its rules."""
    value, _, _ = config(mime(("cloud-config", "", ONE), ("cloud-config", "", TWO), **{header: HOW}))
    assert value["runcmd"] == ["a", "b"]


@pytest.mark.parametrize("key", ["merge_how", "merge_type"])
@pytest.mark.parametrize("which", [0, 1])
def test_rules_by_key(key: str, which: int) -> None:
    """So is a key, of the later part or of the one before it."""
    texts = [ONE, TWO]
    texts[which] += f"{key}: '{HOW}'\n"
    value, _, _ = config(mime(*(("cloud-config", "", text) for text in texts)))
    assert value == {"runcmd": ["a", "b"], "locale": "x"}


def test_places_after_merging() -> None:
    """Each value knows in which part it stands, at which line."""
    whole = config(mime(("cloud-config", "one", ONE), ("cloud-config", "two", TWO), Merge_Type=HOW))[2]
    assert whole.where("runcmd", 0) == "f part 1 (one):2:10"
    assert whole.where("runcmd", 1) == "f part 2 (two):2:10"
    assert whole.where_key("locale") == "f part 2 (two):3:1"
    assert whole.spelling("locale") == "x"


def test_wrong_rules_are_a_finding() -> None:
    """Rules that cannot be used are reported at their place, and the part is merged nevertheless."""
    value, found, _ = config(b"#cloud-config\nmerge_how: list(x)\nruncmd: [a]\n")
    assert value == {"runcmd": ["a"]}
    known = "append, prepend, no_replace, replace, recurse_dict, recurse_list, recurse_array, recurse_str"
    assert found == [f"f:2:12: error: merge_how has the setting 'x'; list knows {known}"]


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ('[{"op": "add", "path": "/l/-", "value": 3}]', {"l": [1, 2, 3], "d": {"x/~y": 1}}),
        ('[{"op": "add", "path": "/l/0", "value": 0}]', {"l": [0, 1, 2], "d": {"x/~y": 1}}),
        ('[{"op": "add", "path": "/k", "value": {"a": 1}}]', {"l": [1, 2], "d": {"x/~y": 1}, "k": {"a": 1}}),
        ('[{"op": "remove", "path": "/d/x~1~0y"}]', {"l": [1, 2], "d": {}}),
        ('[{"op": "replace", "path": "/l/1", "value": 9}]', {"l": [1, 9], "d": {"x/~y": 1}}),
        ('[{"op": "move", "from": "/l/0", "path": "/k"}]', {"l": [2], "d": {"x/~y": 1}, "k": 1}),
        ('[{"op": "copy", "from": "/l", "path": "/d/l"}]', {"l": [1, 2], "d": {"x/~y": 1, "l": [1, 2]}}),
        ('[{"op": "test", "path": "/l/0", "value": 1}, {"op": "remove", "path": "/d"}]', {"l": [1, 2]}),
        ('[{"op": "replace", "path": "", "value": {}}]', {}),
    ],
)
def test_patch(operations: str, result: Any) -> None:
    """All operations of RFC 6902."""
    patched, found = patch(node("{l: [1, 2], d: {x/~y: 1}}"), load(operations, "p"))
    assert found == []
    assert patched.value == result


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ('{"op": "add", "path": "/l/3", "value": 0}', "is no place in the list"),
        ('{"op": "remove", "path": "/l/02"}', "there is nothing at /l/02"),
        ('{"op": "test", "path": "/l/0", "value": 7}', "the test is not met"),
        ('{"op": "move", "from": "/d", "path": "/d/a"}', "into itself"),
        ('{"op": "add", "path": "l", "value": 0}', "must be a JSON pointer"),
        ('{"op": "add", "path": "/l/0"}', "needs a value"),
        ('{"op": "change", "path": "/l/0"}', "whose op is one of"),
        ('{"op": "add", "path": "/l/0/x", "value": 1}', "can hold nothing"),
    ],
)
def test_patch_is_whole_or_not_at_all(operation: str, says: str) -> None:
    """One operation that cannot be done takes back those before it."""
    before = node("{l: [1, 2], d: {}}")
    after, found = patch(before, load(f'[{{"op": "remove", "path": "/l/0"}}, {operation}]', "p"))
    assert after.value == {"l": [1, 2], "d": {}}
    assert says in found[0].text
    assert found[0].text.startswith("p:1:")
