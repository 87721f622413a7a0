"""Public keys: which lines may go into an authorized_keys file."""

import pytest

from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.normalize import normalize

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMGKJSbD2wlAmqbeDKqEcgaDdlwzA4uovxLjcGZYPg1q"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3oNZNRzbSmZA4ckRTe6fZQRVFR3C4TbRNOZM5lDmuq three"


@pytest.fixture
def norm(tmp_path):
    return lambda **given: normalize(Metadata(**given), Host(str(tmp_path)), {})


def fields(metadata):
    return [problem.field for problem in metadata.problems]


@pytest.mark.parametrize(
    "line",
    [
        f"no-pty {ED25519}",
        f'from="10.0.0.0/8,*.example.com",command="echo \\"hi there\\"" {ED25519} me',
        f'environment="A=ssh-rsa b" {ED25519}',
        f"restrict\t{ED25519}",
    ],
)
def test_key_options(line, norm):
    """Options in front of a key, with quotes and blanks in them, are part of its line."""
    found = norm(public_keys=[line])
    assert (found.public_keys, found.problems) == ((line,), ())


@pytest.mark.parametrize(
    "line",
    [
        f'command="echo {ED25519}',
        f"{ED25519} a\x1b[2Jb",
        f"{ED25519} a\x00b",
        "hello world",
        "ssh-ed25519",
        "AAAAC3NzaC1lZDI1NTE5",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----",
        f"{ED25519} {'x' * 9000}",
    ],
)
def test_refused_keys(line, norm):
    """What cannot be a key is left out and reported without its text; the other keys hold."""
    found = norm(public_keys=[line, OTHER])
    assert (found.public_keys, fields(found)) == ((OTHER,), ["public_keys"])
    assert "b3BlbnNz" not in found.problems[0].message


@pytest.mark.parametrize("data", ["AAAAB3Nza", "AAAAB3NzaC1yc2EAAAA", "AAAAC3NzaC1lZDI1NTE5AAAAIexample", "!!!!"])
def test_damaged_key_data(data, norm):
    """A key whose data is not of its type is kept, for sshd to judge, and reported."""
    found = norm(public_keys=[f"ssh-ed25519 {data} me"])
    assert (len(found.public_keys), fields(found)) == (1, ["public_keys"])


def test_many_keys(norm):
    """Of countless key lines the first thousand count, and a word tells."""
    found = norm(public_keys="\n".join(f"{ED25519} {number}" for number in range(5000)))
    assert (len(found.public_keys), len(found.problems)) == (1000, 1)
