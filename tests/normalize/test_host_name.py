"""Host names: short, full, and none at all."""

import pytest

from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.normalize import normalize
from ovfinit.normalize.hostname import settle


@pytest.fixture
def norm(tmp_path):
    return lambda **given: normalize(Metadata(**given), Host(str(tmp_path)), {})


def fields(metadata):
    return [problem.field for problem in metadata.problems]


@pytest.mark.parametrize(
    ("hostname", "fqdn", "short", "full"),
    [
        ("web1", None, "web1", None),
        ("web1.example.com", None, "web1", "web1.example.com"),
        ("web1.example.com.", None, "web1", "web1.example.com"),
        ("web1", "web1.example.com", "web1", "web1.example.com"),
        (None, "web1.example.com", "web1", "web1.example.com"),
        ("web1.a.example", "web2.b.example", "web1", "web2.b.example"),
        ("10.0.0.7", None, "ip-10-0-0-7", None),
        ("Web_1", None, "Web_1", None),
        ("7", None, "7", None),
        ("a" * 63, None, "a" * 63, None),
    ],
)
def test_host_names(hostname, fqdn, short, full, norm):
    """A dotted name is split, an IPv4 address is turned into a name, spelling is kept."""
    found = norm(hostname=hostname, fqdn=fqdn)
    assert (found.hostname, found.fqdn, found.problems) == (short, full, ())


@pytest.mark.parametrize(
    "name",
    ["a b", "-a", "a-", "a" * 64, "a..b", ".a", "web;reboot", "wéb", "a\n127.0.0.1 b", "fe80::1", ("a" * 50 + ".") * 6],
)
def test_bad_host_name(name, norm):
    """What is not a host name is left out and reported; the rest holds."""
    found = norm(instance_id="i-1", hostname=name)
    assert (found.hostname, found.fqdn, fields(found), found.instance_id) == (None, None, ["hostname"], "i-1")
    found = norm(fqdn=name)
    assert (found.hostname, found.fqdn, fields(found)) == (None, None, ["fqdn"])


def test_a_name_in_other_letters_is_told_its_form_in_ascii() -> None:
    """Names beyond ASCII are refused, and the error has what to write in their place, if there is anything."""
    assert settle("bücher.example", None).problems == (
        ("hostname", "is not a host name, but xn--bcher-kva.example is its form in ASCII: write that"),
    )
    assert settle("a\u202eb", None).problems[0][1].startswith("is not a host name (")
