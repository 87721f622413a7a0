"""JSON Patch (RFC 6902) on a cloud-config, with JSON Pointers (RFC 6901)."""

from __future__ import annotations

from ..finding import ERROR, Finding
from .node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..formats.yamltext import Document

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


class _Wrong(Exception):
    """Raised by an operation that cannot be done; its text is for people."""


def patch(config: Node, document: Document) -> tuple[Node, list[Finding]]:
    """The config with all operations done, or as it was if one of them fails: a patch is whole or not at all."""
    operations = document.value
    if not isinstance(operations, list):
        return config, [Finding(ERROR, document.where(), "", "a JSON patch must be a list of operations")]
    patched = config.copy()
    for index, operation in enumerate(operations):
        try:
            patched = _operate(patched, operation, document, index)
        except _Wrong as wrong:
            message = f"{wrong}; nothing of this patch is used"
            return config, [Finding(ERROR, document.where(index), f"[{index}]", message)]
    return patched, []


def _operate(root: Node, operation: Any, document: Document, index: int) -> Node:
    if not isinstance(operation, dict) or operation.get("op") not in OPERATIONS:
        raise _Wrong(f"must be a mapping whose op is one of {', '.join(OPERATIONS)}")
    name, path = operation["op"], _pointer(operation, "path")
    if name in ("add", "replace", "test"):
        if "value" not in operation:
            raise _Wrong(f"{name} needs a value")
        value = Node(operation["value"], document, (index, "value"))
        if name == "test":
            if _find(root, path).value != value.value:
                raise _Wrong("the test is not met")
            return root
        if name == "replace":
            _find(root, path)
            return _put(_remove(root, path), path, value) if path else value
        return _put(root, path, value)
    if name == "remove":
        return _remove(root, path)
    origin = _pointer(operation, "from")
    found = _find(root, origin).copy()
    if name == "copy":
        return _put(root, path, found)
    if path[: len(origin)] == origin and len(path) > len(origin):
        raise _Wrong("a value cannot be moved into itself")
    return _put(_remove(root, origin), path, found)


def _pointer(operation: dict[str, Any], key: str) -> list[str]:
    text = operation.get(key)
    if not isinstance(text, str) or text and not text.startswith("/"):
        raise _Wrong(f"{key} must be a JSON pointer such as /users/0")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _find(root: Node, path: list[str]) -> Node:
    node = root
    for part in path:
        keys, items = node.mapping(), node.items()
        if keys is not None and part in keys:
            node = keys[part]
        elif items is not None and _index(part, len(items) - 1) is not None:
            node = items[int(part)]
        else:
            raise _Wrong(f"there is nothing at /{'/'.join(path)[:80]}")
    return node


def _index(part: str, highest: int) -> int | None:
    """An index without leading zeros (RFC 6901, section 4), at most `highest`."""
    digits = part.isascii() and part.isdecimal() and (part == "0" or not part.startswith("0")) and len(part) < 10
    return int(part) if digits and int(part) <= highest else None


def _put(root: Node, path: list[str], value: Node) -> Node:
    if not path:
        return value
    around = _find(root, path[:-1])
    keys, items = around.mapping(), around.items()
    if keys is not None:
        keys[path[-1]] = value
    elif items is not None:
        at = len(items) if path[-1] == "-" else _index(path[-1], len(items))
        if at is None:
            raise _Wrong(f"{path[-1][:20]!r} is no place in the list")
        items.insert(at, value)
    else:
        raise _Wrong(f"/{'/'.join(path[:-1])[:80]} can hold nothing")
    return root


def _remove(root: Node, path: list[str]) -> Node:
    if not path:
        raise _Wrong("the whole document cannot be removed")
    _find(root, path)
    around = _find(root, path[:-1])
    keys, items = around.mapping(), around.items()
    if keys is not None:
        del keys[path[-1]]
    elif items is not None:
        del items[int(path[-1])]
    return root
