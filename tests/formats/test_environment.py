"""The OVF environment document: what is read out of it, and what is refused."""

import pytest

from ovfinit.errors import InputError
from ovfinit.formats.environment import parse

OPEN = '<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"'


def environment(*properties):
    listed = "".join(f'<Property oe:key="{key}" oe:value="{value}"/>' for key, value in properties)
    return f'{OPEN} oe:id=""><PropertySection>{listed}</PropertySection></Environment>'.encode()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("<Environment>\n  <PropertySection>", "2:20", "cut off"),
        ('<Environment>\n<Property key="a" value="x & y"/></Environment>', "2:", "&amp;"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>\n<Environment/>', "1:1", "DOCTYPE"),
        ("<Envelope/>", "1:1", "Envelope"),
        ("<html><body>404</body></html>", "1:1", "html"),
        ("<a>" * 40, "", "root"),
        ("<Environment>" + "<a>" * 40, "", "deeper than 32"),
        ("<Environment>" + "<a/>" * 100_001 + "</Environment>", "", "100000"),
        ('<Environment><PropertySection a="1" a="2"/></Environment>', "1:", "duplicate attribute"),
        ("<?xml version='1.0' encoding='klingon'?><Environment/>", "1:", "encoding"),
        (b"<?xml version='1.0' encoding='utf-16'?><Environment/>", "1:", "UTF-8"),
        (b"<Environment><PropertySection>\xe4</PropertySection></Environment>", "1:", "UTF-8"),
        ("<Environment/>junk", "1:15", "junk"),
        ("<Environment " + " ".join(f'xmlns:a{n}="u"' for n in range(300)) + "/>", "1:1", "256 namespaces"),
        ("<Environment><PropertySection>" + '<Property key="a" value="b"/>' * 4097, "1:", "4096 properties"),
        ("<" + " " * (4 * 1024 * 1024), "", "larger"),
    ],
)
def test_unusable_document(text, place, words):
    """What is malformed, hostile or no environment is refused, with its place and what to do."""
    with pytest.raises(InputError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "e.xml")
    assert words in str(caught.value)
    assert (caught.value.where or "").startswith(f"e.xml:{place}" if place else "e.xml")


@pytest.mark.parametrize("ending", [b"", b"\0", b"\0" * 4096, b"\n\n", b"\0garbage", b"<!-- end -->\n"])
def test_buffer_behind_document(ending):
    """Zeros and what follows them, as a guestinfo buffer has, do not spoil a document."""
    data = environment(("hostname", "web1")) + ending
    assert parse(data, "e.xml").properties["hostname"] == "web1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_unicode_encodings(encoding):
    """A byte-order mark and UTF-16 are as good as plain UTF-8."""
    text = environment(("greeting", "Grüße")).decode()
    data = text.encode(encoding)
    assert parse(data, "e.xml").properties["greeting"] == "Grüße"


def test_latin1_declared():
    """A declared encoding other than UTF-8 is honoured."""
    text = '<?xml version="1.0" encoding="iso-8859-1"?>' + environment(("greeting", "Grüße")).decode()
    data = text.encode("latin-1")
    assert parse(data, "e.xml").properties["greeting"] == "Grüße"


def test_countless_public_keys():
    """Keys that are given property by property are one list, and joining them takes no time to speak of."""
    data = environment(*(("public-keys", f"ssh-ed25519 {n} {'x' * 900}") for n in range(4000)))
    assert len(parse(data, "e.xml").properties["public-keys"].splitlines()) == 4000


def test_duplicate_property():
    """Of a doubled key the last value counts, and it is said; a value of blanks is none."""
    data = environment(("a", "1"), ("a", "2"), ("b", "  "), ("c", "x"), ("c", "x"))
    found = parse(data, "e.xml")
    assert found.properties == {"a": "2", "c": "x"}
    assert [problem.field for problem in found.problems] == ["properties.a"]


def test_secret_properties():
    """Values whose name or form tells that they are secret never show."""
    data = environment(
        ("db.root_pwd", "s3cr3t"),
        ("apiToken", "s3cr3t"),
        ("guestinfo.ignition.config.data", "s3cr3t"),
        ("cert", "-----BEGIN RSA PRIVATE KEY----- s3cr3t"),
        ("compass", "north"),
    )
    found = parse(data, "e.xml")
    assert "s3cr3t" not in repr(found)
    assert found.properties["compass"] == "north"
