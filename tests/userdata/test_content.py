"""User data is recognised by its first bytes, and its encodings are undone only where that is safe."""

import gzip
import random
from base64 import b64encode

import pytest

from ovfinit.errors import InputError
from ovfinit.payload import sniff
from ovfinit.userdata.content import decode, decode_document, decompress, unwrap


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"#!/bin/sh\n", "text/x-shellscript"),
        (b"#cloud-config\n", "text/cloud-config"),
        (b"#Cloud-Config", "text/cloud-config"),
        (b"#cloud-config-archive\n", "text/cloud-config-archive"),
        (b"#cloud-config-jsonp\n", "text/cloud-config-jsonp"),
        (b"#cloud-boothook\n", "text/cloud-boothook"),
        (b"#include\nhttp://x\n", "text/x-include-url"),
        (b"#include-once\n", "text/x-include-once-url"),
        (b"#part-handler\n", "text/part-handler"),
        (b"## template: jinja\n#cloud-config\n", "text/jinja2"),
        (b"\xef\xbb\xbf#cloud-config\n", "text/cloud-config"),
        (b"\n  \n#!/bin/sh\n", "text/x-shellscript"),
        (gzip.compress(b"x", mtime=0), "application/gzip"),
        (b'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n', "multipart/mixed"),
        (b"From nobody Mon\nSubject: x\n y\nMIME-Version: 1.0\n\n", "multipart/mixed"),
        (b"", None),
        (b"hello", None),
        (b"# cloud-config\n", None),
        (b'{"ignition": {}}', None),
        (b"the Content-Type: header is what I write about\n", None),
        (b"\x00\x01\x02", None),
    ],
)
def test_sniff(data, kind):
    """Each form that a user can hand over is told by its opening, anything else is not user data."""
    assert sniff(data) == kind


def test_plain_text_is_never_destroyed():
    """No script of readable text is taken for base64, whatever its length."""
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789+/ \n"
    for _ in range(2000):
        script = "#!/bin/sh\n" + "".join(chance.choice(letters) for _ in range(chance.randrange(60)))
        assert decode(script) == script.encode()
    assert decode("echo") == b"echo"
    assert decode("YWJj") == b"YWJj"


def test_base64_of_user_data():
    """Base64, in one piece or wrapped into lines, is undone where user data comes out of it."""
    script = b"#!/bin/sh\necho hi\n" * 20
    text = b64encode(script).decode()
    wrapped = "\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    assert decode(text) == decode(wrapped) == decode(wrapped.replace("\n", "\r\n  ")) == script
    assert sniff(decode(b64encode(gzip.compress(script)).decode())) == "application/gzip"


@pytest.mark.parametrize("name", ["base64", "b64", " BASE64 "])
def test_named_encodings(name):
    """A named encoding is undone whatever comes out."""
    assert decode(b64encode(b"\x00anything").decode(), name) == b"\x00anything"
    for packed in ("gzip+base64", "gz+b64"):
        assert decode(b64encode(gzip.compress(b"anything")).decode(), packed) == b"anything"
    assert decode("YWJj", "plain") == decode("YWJj", "") == b"YWJj"


@pytest.mark.parametrize(
    ("text", "encoding"), [("!!!!", "base64"), ("YWJ", "b64"), ("YWJj", "rot13"), ("YWJj", "gz+b64"), ("é", "base64")]
)
def test_named_encoding_that_is_not(text, encoding):
    """Text that is not in the encoding named is an error without the text in it."""
    with pytest.raises(InputError) as caught:
        decode(text, encoding)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a", "ab=c", "YWJj=", "YWJjZA", "YW Jj!", "ÄÖÜß", "YWJk\0AAA", "YR=="])
def test_not_strict_base64(text):
    """What only a lenient decoder would take is no base64."""
    assert unwrap(text) is None


def test_documents():
    """A mapping may come plain, in base64 or compressed in base64, without anybody naming it."""
    text = "version: 2\n"
    assert decode_document(text) == text.encode()
    assert decode_document(b64encode(text.encode()).decode()) == text.encode()
    assert decode_document(b64encode(gzip.compress(text.encode())).decode()) == text.encode()
    assert decode_document("////") == b"////"


def test_decompress_is_bounded():
    """A small archive that unpacks into more than is allowed is refused before it fills the memory."""
    bomb = gzip.compress(b"\0" * 4_000_000)
    assert len(decompress(bomb)) == 4_000_000
    with pytest.raises(InputError, match="larger"):
        decompress(bomb, 3_999_999)
    with pytest.raises(InputError, match="members"):
        decompress(gzip.compress(b"") * 1001)


def test_decompress_members_and_padding():
    """Joined members are one content; padding behind them is ignored."""
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 512) == b"ab"


@pytest.mark.parametrize("data", [b"", b"plain", gzip.compress(b"x" * 100, mtime=0)[:-4], b"\x1f\x8b" + b"\xff" * 50])
def test_damaged_gzip(data):
    """Cut off or damaged data is an error."""
    with pytest.raises(InputError):
        decompress(data)
