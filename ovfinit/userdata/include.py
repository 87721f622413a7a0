"""`#include`: a list of URLs, each of which is user data of any kind.

What was fetched is kept in the instance's state: later boots need neither the network nor a URL that may be gone. That
makes `#include-once` and `#include` the same.
"""

from __future__ import annotations

from ..errors import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .part import Part
    from .unfolding import Unfolding

URLS_LIMIT = 100
_HEADERS = ("#include-once", "#include")


def unfold(part: Part, work: Unfolding) -> Iterator[Part]:
    """What stands at the URLs, in order."""
    text = part.content.decode("utf-8-sig", "replace")
    number = 0
    for line, row in enumerate(text.splitlines(), 1):
        url = row.strip()
        for header in _HEADERS:
            if url.lower().startswith(header):
                url = url[len(header) :].strip()
                break
        if not url or url.startswith("#"):
            continue
        number += 1
        if number > URLS_LIMIT:
            work.lose(part, f"names more than {URLS_LIMIT} URLs", line=line)
            return
        found = _content(url, part, work, line)
        if found is not None:
            from ..http.policy import shown

            inner = part.inside(number, found)
            yield inner.with_(file=shown(url), where=shown(url), numbers=part.numbers, trail=(*part.trail, url))


def _content(url: str, part: Part, work: Unfolding, line: int) -> bytes | None:
    from ..http.policy import shown

    if not url.lower().startswith(("http://", "https://")):
        work.lose(part, "is not an http or https URL", line=line)
        return None
    if url in part.trail:
        work.error(part, f"includes {shown(url)}, which includes it: a circle", line=line)
        return None
    if url in work.fetched:
        return work.fetched[url] if work.take(part, len(work.fetched[url])) else None
    if work.fetch is None:
        work.wanting.append(shown(url))
        return None
    try:
        content = work.fetch(url, max(work.room, 0))
    except SourceError as error:
        work.failed = True
        work.lose(part, f"{error.where}: {error.message}", error.remedy, line=line)
        return None
    work.fetched[url] = content
    return content if work.take(part, len(content)) else None
