"""Documents of several parts: nested, packed, encoded, written by hand, and too many of them."""

from __future__ import annotations

import base64
import gzip
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from documents import mime
from unfolded import CONFIG, SCRIPT, handed, words


def nested(*depth: bytes) -> bytes:
    """Documents in documents, as `email` makes them."""
    inner = MIMEMultipart()
    inner.attach(MIMEText(SCRIPT, "x-shellscript"))
    for _ in depth:
        outer = MIMEMultipart()
        outer.attach(inner)
        inner = outer
    return inner.as_bytes()


def attachment(content: bytes, subtype: str, encoding: str = "base64") -> bytes:
    """A document with one part of these bytes."""
    document = MIMEMultipart()
    part = MIMEBase("application" if subtype == "gzip" else "text", subtype)
    part.set_payload(base64.encodebytes(content).decode() if encoding == "base64" else content.decode())
    part["Content-Transfer-Encoding"] = encoding
    document.attach(part)
    return document.as_bytes()


def test_nested_mime() -> None:
    """MIME in MIME is opened, each part is called by its numbers."""
    found = handed(nested(b"", b""))
    assert found.scripts[0].origin == "user-data part 1.1.1"


def test_mime_nested_a_thousand_levels_deep() -> None:
    """Nobody nests that deep: it is a finding, and it costs no time."""
    document = SCRIPT.encode()
    for number in range(1000):
        boundary = b"b%d" % number
        head = b'Content-Type: multipart/mixed; boundary="%s"\n\n--%s\n' % (boundary, boundary)
        document = head + (b"Content-Type: text/x-shellscript\n\n" if not number else b"") + document
        document += b"\n--%s--\n" % boundary
    found = handed(document)
    assert found.scripts == ()
    assert "nested more than 10 levels deep" in words(found)[0]


def test_packed_parts_and_encodings() -> None:
    """A part may be packed, in base64 or quoted-printable; its type is told by its content where none is declared."""
    assert handed(attachment(gzip.compress(SCRIPT.encode()), "gzip")).scripts[0].content == SCRIPT.encode()
    assert handed(attachment(gzip.compress(CONFIG.encode()), "cloud-config")).config["timezone"] == "Europe/Vienna"
    assert (
        handed(attachment(b"#!/bin/sh\necho =3D=\n=3D\n", "x-shellscript", "quoted-printable"))
        .scripts[0]
        .content.startswith(b"#!/bin/sh\necho ==")
    )
    assert handed(gzip.compress(gzip.compress(CONFIG.encode()))).config == {"timezone": "Europe/Vienna"}


def test_another_charset() -> None:
    """A part in another charset becomes UTF-8."""
    document = MIMEMultipart()
    document.attach(MIMEText("#cloud-config\nfinal_message: käse\n", "cloud-config", "iso-8859-1"))
    assert handed(document.as_bytes()).config["final_message"] == "käse"


def test_mime_by_hand() -> None:
    """A header in any case, folded, without quotes; a document without its last boundary; a part without a header."""
    found = handed(
        "From me\nmime-version: 1.0\nCONTENT-TYPE: multipart/mixed;\n  boundary=X\n\npreamble\n"
        "--X\n\n#!/bin/sh\necho --Xno\n--X\ncontent-type: Text/Cloud-Config\nmerge-type: dict(replace)\n\n" + CONFIG
    )
    assert found.scripts[0].content == b"#!/bin/sh\necho --Xno"
    assert found.config == {"timezone": "Europe/Vienna"}
    assert "cut off" in words(found)[0]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("Content-Type: multipart/mixed\n\n--X\n\n", "without a boundary"),
        ('Content-Type: multipart/mixed; boundary="Y"\n\n--X\n\n', "no part begins"),
        (
            'Content-Type: multipart/mixed; boundary="X"\n\n--X\nContent-Transfer-Encoding: rot13\n\na\n--X--\n',
            "unknown Content-Transfer-Encoding 'rot13'",
        ),
    ],
)
def test_mime_that_is_off(document: str, says: str) -> None:
    """What is wrong with a MIME document is said in words."""
    assert says in words(handed(document))[0]


def test_bombs_share_one_bound() -> None:
    """Many parts that unpack to a little less than the bound are together over it."""
    bomb = gzip.compress(SCRIPT.encode() + bytes(9 << 20))
    document = MIMEMultipart()
    for _ in range(3):
        part = MIMEBase("text", "x-shellscript")
        part.set_payload(base64.encodebytes(bomb).decode())
        part["Content-Transfer-Encoding"] = "base64"
        document.attach(part)
    found = handed(document.as_bytes())
    assert len(found.scripts) == 1
    assert [text for text in words(found) if "all parts unpacked would be larger" in text]


def test_a_thousand_parts() -> None:
    """More parts than anybody writes are left out, once for all."""
    found = handed(mime(*(("x-shellscript", "", f"{SCRIPT}#{number}\n") for number in range(1100))))
    assert 900 < len(found.scripts) <= 1000
    assert len(found.findings) <= 2
