"""What user data is, by its first bytes.

The first lines are those that cloud images have always understood (cloud-init's user-data formats); MIME documents
are RFC 2045, gzip is RFC 1952.
"""

from __future__ import annotations

HEAD = 4096
BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
# a longer opening stands before the shorter one that it starts with
OPENINGS = (
    (b"#!", "text/x-shellscript"),
    (b"#cloud-config-archive", "text/cloud-config-archive"),
    (b"#cloud-config-jsonp", "text/cloud-config-jsonp"),
    (b"#cloud-config", "text/cloud-config"),
    (b"#cloud-boothook", "text/cloud-boothook"),
    (b"#include-once", "text/x-include-once-url"),
    (b"#include", "text/x-include-url"),
    (b"#part-handler", "text/part-handler"),
    (b"#upstart-job", "text/upstart-job"),
    (b"## template: jinja", "text/jinja2"),
)


def sniff(data: bytes) -> str | None:
    """The MIME type that the first bytes announce, None when this is no user data that anybody would recognise.

    A MIME document is `multipart/mixed`, whatever its parts, and compressed data `application/gzip`, whatever is in
    it. Case, a byte-order mark and blank space in front do not matter.
    """
    if data.startswith(GZIP):
        return "application/gzip"
    head = data[: len(BOM) + HEAD].removeprefix(BOM).lstrip().lower()
    for opening, kind in OPENINGS:
        if head.startswith(opening):
            return kind
    return "multipart/mixed" if _mime(head) else None


def _mime(head: bytes) -> bool:
    """True for a block of header lines that has one of the two that make a MIME document."""
    if b"content-type:" not in head and b"mime-version:" not in head:
        return False
    for line in head.splitlines():
        if line.startswith((b"content-type:", b"mime-version:")):
            return True
        name, colon, _ = line.partition(b":")
        header = colon and name.replace(b"-", b"").isalnum()
        if not (header or line.startswith((b" ", b"\t", b"from "))):
            return False
    return False
