"""MIME documents (RFC 2045, 2046): parts with headers of their own, nested as they like.

Read by lines and by hand: each level is split once, so depth and size cost no more than what they weigh, and a boot
does without the `email` package.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp

from ..payload import BOM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .part import Part
    from .unfolding import Unfolding

HEADERS_LIMIT = 64 * 1024
PARTS_LIMIT = 1000
_UNCODED = ("", "7bit", "8bit", "binary")
_UNICODE = ("", "utf-8", "utf8", "us-ascii", "ascii", "binary")


def unfold(part: Part, work: Unfolding) -> Iterator[Part]:
    """The parts of a multipart document, or the one that a single document is."""
    content = part.content.removeprefix(BOM)
    if part.kind is not None and part.kind.startswith("multipart/") and part.boundary is not None:
        # its headers stood in the document around it
        boundary: str | None = part.boundary
        body = content
    else:
        headers, body = _split_headers(content.lstrip(b"\r\n"))
        kind, parameters = _parameters(headers.get("content-type", "text/plain"))
        if not kind.startswith("multipart/"):
            yield from _leaf(part, 1, content.lstrip(b"\r\n"), work)
            return
        boundary = parameters.get("boundary")
    if not boundary:
        work.lose(part, "is a MIME document without a boundary between its parts")
        return
    pieces, ended = _pieces(body, boundary.encode("utf-8", "surrogateescape"))
    if not pieces:
        work.lose(part, "is a MIME document in which no part begins", "is the boundary the one in its header?")
        return
    if not ended:
        work.warning(part, "is a MIME document that is cut off: the last boundary is missing")
    for number, piece in enumerate(pieces[:PARTS_LIMIT], 1):
        yield from _leaf(part, number, piece, work)
    if len(pieces) > PARTS_LIMIT:
        work.lose(part, f"has more than {PARTS_LIMIT} parts; the others are left out")


def _leaf(part: Part, number: int, piece: bytes, work: Unfolding) -> Iterator[Part]:
    """One part, decoded; nothing if it cannot be, or is for another instance of the launch."""
    headers, body = _split_headers(piece)
    kind, parameters = _parameters(headers.get("content-type", "text/plain"))
    disposition = _parameters(headers.get("content-disposition", ""))[1]
    name = disposition.get("filename") or parameters.get("name") or ""
    inner = part.inside(number, body, kind=kind, name=name).with_(
        merge=headers.get("merge-type", headers.get("x-merge-type")), boundary=parameters.get("boundary")
    )
    if not work.is_for_us(headers.get("launch-index", headers.get("x-launch-index"))):
        return
    decoded = _decoded(inner, headers.get("content-transfer-encoding", ""), work)
    if decoded is not None and work.take(inner, len(decoded)):
        yield inner.with_(content=_as_unicode(inner, decoded, kind, parameters.get("charset", ""), work))


def _decoded(part: Part, encoding: str, work: Unfolding) -> bytes | None:
    named = encoding.strip().lower()
    if named in _UNCODED:
        return part.content
    if named == "quoted-printable":
        return a2b_qp(part.content)
    if named == "base64":
        try:
            return a2b_base64(part.content)
        except (Base64Error, ValueError):
            work.lose(part, "is not base64, though its Content-Transfer-Encoding says so")
            return None
    work.lose(
        part, f"has the unknown Content-Transfer-Encoding {named[:40]!r}", "known: base64, quoted-printable, 8bit"
    )
    return None


def _as_unicode(part: Part, content: bytes, kind: str, charset: str, work: Unfolding) -> bytes:
    named = charset.strip().lower()
    if not kind.startswith("text/") or named in _UNICODE:
        return content
    try:
        return content.decode(named).encode()
    except (LookupError, UnicodeError):
        work.warning(part, f"is not in the charset {named[:40]!r} that it names; it is taken as it is")
        return content


def _split_headers(document: bytes) -> tuple[Mapping[str, str], bytes]:
    """Header fields by lower-case name, the first of a name, and the body."""
    headers: dict[str, str] = {}
    name, at = "", 0
    while at < min(len(document), HEADERS_LIMIT):
        end = document.find(b"\n", at)
        end = len(document) if end < 0 else end + 1
        line = document[at:end].rstrip(b"\r\n").decode("utf-8", "replace")
        if not line.strip():
            return headers, document[end:]
        if line[0] in " \t":
            if name:
                headers[name] += " " + line.strip()
        elif ":" in line and " " not in line.partition(":")[0]:
            key, _, value = line.partition(":")
            # a header that is given twice: the first counts
            name = key.strip().lower() if key.strip().lower() not in headers else ""
            if name:
                headers[name] = value.strip()
        elif not (at == 0 and line.startswith("From ")):
            # no header: the body begins without the blank line that should be before it
            return headers, document[at:]
        at = end
    return headers, document[at:]


def _parameters(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; name="x"` as the type in lower case and its parameters, also in the form of RFC 2231 (`name*`)."""
    words: list[str] = []
    word, quoted, escaped = "", False, False
    for character in value + ";":
        if escaped or (quoted and character not in '\\"'):
            word, escaped = word + character, False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ";":
            words.append(word.strip())
            word = ""
        else:
            word += character
    if word.strip():
        words.append(word.strip().rstrip(";"))
    found: dict[str, str] = {}
    for text in words[1:]:
        name, equals, given = text.partition("=")
        key = name.strip().lower()
        if equals and key.endswith("*"):
            key, given = key.rstrip("*"), _extended(given)
        if equals:
            found.setdefault(key, given.strip())
    return words[0].lower(), found


def _extended(given: str) -> str:
    """UTF-8''na%20me of RFC 2231."""
    from urllib.parse import unquote

    charset, quote, rest = given.partition("'")
    return unquote(rest.partition("'")[2], encoding=charset or "utf-8", errors="replace") if quote else given


def _pieces(body: bytes, boundary: bytes) -> tuple[list[bytes], bool]:
    """What stands between the lines `--boundary`, and whether the last one, `--boundary--`, is there."""
    mark = b"--" + boundary
    pieces: list[bytes] = []
    start, at = None, 0
    while (found := body.find(mark, at)) >= 0:
        at = found + len(mark)
        end = body.find(b"\n", at)
        end = len(body) if end < 0 else end
        rest = body[at:end].strip()
        if (found and body[found - 1 : found] != b"\n") or rest not in (b"", b"--"):
            continue
        if start is not None:
            # the line end before the mark belongs to the mark
            piece = body[start:found].removesuffix(b"\n").removesuffix(b"\r")
            pieces.append(piece)
        if rest == b"--":
            return pieces, True
        start = at = min(end + 1, len(body))
        if len(pieces) > PARTS_LIMIT:
            return pieces, True
    if start is not None:
        pieces.append(body[start:])
    return pieces, False
