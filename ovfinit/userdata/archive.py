"""A cloud-config archive: a YAML list of parts, each a text or a mapping of type, content, filename, launch-index."""

from __future__ import annotations

from ..errors import InputError
from ..formats.yamltext import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .part import Part
    from .unfolding import Unfolding

KEYS = ("type", "content", "filename", "launch-index", "merge_type", "merge-type")


def unfold(part: Part, work: Unfolding) -> Iterator[Part]:
    """The parts in it, in order."""
    try:
        document = load(part.content, part.where)
    except InputError as error:
        work.invalid(error, whole=True)
        return
    if not isinstance(document.value, list):
        work.invalid(InputError("an archive must be a list of parts", where=document.where()), whole=True)
        return
    for number, item in enumerate(document.value, 1):
        where = document.where(number - 1)
        given = item if isinstance(item, dict) else {"content": item}
        content = given.get("content")
        if not isinstance(content, (str, bytes)):
            message = "a part must be a text, or a mapping that has a text as content"
            work.invalid(InputError(message, where=where), whole=True)
            continue
        for key in given:
            if key not in KEYS:
                work.invalid(InputError(f"{key[:40]!r} is not a known key of a part", where=where))
        if not work.is_for_us(given.get("launch-index")):
            continue
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        kind, name = (str(given.get(key) or "") for key in ("type", "filename"))
        inner = part.inside(number, data, kind=kind.lower() or None, name=name)
        yield inner.with_(merge=given.get("merge_type", given.get("merge-type")))
