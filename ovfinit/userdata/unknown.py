"""What nobody recognises: how it begins, and what was probably meant."""

from __future__ import annotations

from ..payload import BOM, OPENINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .part import Part

SHOWN = 24
UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WEB = (b"<!doctype", b"<html", b"<?xml")


def intended(content: bytes) -> str | None:
    """The first line that was most likely meant by one that nobody recognises."""
    from difflib import get_close_matches

    head = content[:4096].removeprefix(BOM).lstrip()
    line = head.splitlines()[0][:80].lower() if head else b""
    known = {opening.decode() for opening, _ in OPENINGS}
    words = line.decode("utf-8", "replace").split("  ")[0].strip()
    if words.startswith(("# !", "!/")):
        return "#!/bin/sh"
    # a blank after the #, other letters for -
    compact = words.replace("# ", "#").replace("_", "-") if words.startswith("#") else f"#{words}"
    close = get_close_matches(compact.rstrip(":"), known - {"#!"}, 1, 0.7)
    return close[0] if close else None


def explain(part: Part) -> tuple[str, str]:
    """The message and the hint of its finding; no more than the first bytes are shown, and harmless."""
    if part.content.startswith(UTF16):
        return "is UTF-16 text, which nobody reads", "save it as UTF-8"
    head = part.content[:4096].removeprefix(BOM).lstrip()
    line = head.splitlines()[0][:80] if head else b""
    text = line[:SHOWN].decode("ascii", "replace")
    if b"\0" in part.content[:SHOWN] or "\ufffd" in text or not text.isprintable():
        shown = " ".join(f"{byte:02x}" for byte in part.content[:8])
    else:
        shown = repr(text) + ("…" if len(line) > SHOWN else "")
    return f"is of no known type; it begins with {shown}", _hint(part.content, line)


def _hint(content: bytes, line: bytes) -> str:
    if line.lower().startswith(_WEB):
        return "a web page or an error message was saved in its place?"
    close = intended(content)
    if close is not None:
        return f"write {close}"
    if b":" in line and line.partition(b":")[0].replace(b"_", b"").isalnum():
        return "the first line of cloud-config must be #cloud-config"
    return "the first line says what it is, such as #cloud-config or #!/bin/sh"
