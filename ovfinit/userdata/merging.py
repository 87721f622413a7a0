"""How one cloud-config is merged into those before it: cloud-init's merge rules.

Rules are a word for each kind of value with settings, as a text (`list(append)+dict(no_replace,recurse_list)+str()`)
or as a list (`[{name: list, settings: [append]}, …]`). Without any, a later key replaces an earlier one.
"""

from __future__ import annotations

from ..record import Record
from .node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS = ("merge_how", "merge_type")
_COMMON = ("recurse_dict", "recurse_list", "recurse_array", "recurse_str")
SETTINGS = {
    "dict": ("allow_delete", "no_replace", "replace", *_COMMON),
    "list": ("append", "prepend", "no_replace", "replace", *_COMMON),
    "str": ("append", *_COMMON),
}
_DEPTH = 64


class Rules(Record):
    """Settings by kind of value."""

    dict: Sequence[str] = ()
    list: Sequence[str] = ()
    str: Sequence[str] = ()


DEFAULT = Rules(dict=("replace",))


class RulesError(ValueError):
    """Raised for rules that say nothing sensible; its text goes after the name of the key."""


def rules(given: object) -> Rules:
    """Rules as a text or a list. Raises RulesError."""
    if isinstance(given, str):
        return _table(_split(given))
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list):
        raise RulesError("must be a text such as list(append)+dict(recurse_list)+str(), or a list")
    named = []
    for item in given:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise RulesError("must be a list of mappings with name and settings")
        settings = item.get("settings") or []
        if not isinstance(settings, list) or not all(isinstance(setting, str) for setting in settings):
            raise RulesError("must have lists of words as settings")
        named.append((item["name"], settings))
    return _table(named)


def _split(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for word in text.replace(" ", "").split("+"):
        name, bracket, rest = word.partition("(")
        if bracket and not rest.endswith(")"):
            raise RulesError("has a bracket that is not closed")
        found.append((name, [setting for setting in rest.rstrip(")").split(",") if setting]))
    return found


def _table(named: Sequence[tuple[str, Sequence[str]]]) -> Rules:
    table: dict[str, tuple[str, ...]] = {}
    for name, settings in named:
        known = SETTINGS.get(name)
        if known is None:
            raise RulesError(f"names {name[:40]!r}, which is none of {', '.join(SETTINGS)}")
        for setting in settings:
            if setting not in known:
                raise RulesError(f"has the setting {setting[:40]!r}; {name} knows {', '.join(known)}")
        table[name] = tuple(setting.replace("recurse_array", "recurse_list") for setting in settings)
    return Rules(**table)


def merge(old: Node, new: Node, how: Rules, depth: int = 0) -> Node:
    """What becomes of a value when another one of the same place comes after it; `old` may be changed by this."""
    if depth > _DEPTH:
        return new
    if (kept := old.mapping()) is not None:
        return _dicts(old, kept, new.mapping(), how, depth)
    if (items := old.items()) is not None:
        return _lists(old, items, new.items(), how, depth)
    if isinstance(old.plain, str) and isinstance(new.plain, str):
        return Node(old.plain + new.plain, new.places, new.path) if "append" in how.str else new
    return old


def _dicts(old: Node, kept: dict[str, Node], more: Mapping[str, Node] | None, how: Rules, depth: int) -> Node:
    if more is None:
        return old
    for key, value in more.items():
        if key not in kept:
            kept[key] = value
        elif value.plain is None and value.parts is None and "allow_delete" in how.dict:
            del kept[key]
        elif "replace" in how.dict:
            kept[key] = value
        elif _recurses(kept[key], how.dict):
            kept[key] = merge(kept[key], value, how, depth + 1)
    return old


def _lists(old: Node, kept: list[Node], more: Sequence[Node] | None, how: Rules, depth: int) -> Node:
    if more is None:
        return old
    if "append" in how.list:
        kept += more
    elif "prepend" in how.list:
        kept[:0] = more
    else:
        for index, value in enumerate(more):
            if index >= len(kept):
                kept.append(value)
            elif "replace" in how.list:
                kept[index] = value
            elif _recurses(kept[index], how.list):
                kept[index] = merge(kept[index], value, how, depth + 1)
    return old


def _recurses(old: Node, settings: Sequence[str]) -> bool:
    """Mappings are merged deeply without being asked, lists and texts only with their setting."""
    if old.mapping() is not None:
        return True
    if old.items() is not None:
        return "recurse_list" in settings
    return isinstance(old.plain, str) and "recurse_str" in settings
