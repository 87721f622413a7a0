"""The CA certificates duty: certificates in, files and the program that reads them out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from duty import ask
from scratch import Result, make_seed

from ovfinit import marks
from ovfinit.changes import NETWORK, Call, WriteFile
from ovfinit.config import Config
from ovfinit.handlers import ca_certs
from ovfinit.host import Host
from ovfinit.model import Metadata
from ovfinit.state import Past
from ovfinit.userdata import UserData


def pem(content: bytes) -> str:
    """Something that looks like a certificate from outside: an ASN.1 sequence in PEM form."""
    return f"{ca_certs.BEGIN}\n{base64.encodebytes(b'0' + content).decode()}{ca_certs.END}\n"


def yaml(*certificates: str, more: str = "") -> str:
    """Cloud-config with these certificates."""
    rows = ["  - |\n" + "".join(f"      {row}\n" for row in text.splitlines()) for text in certificates]
    return f"ca_certs:\n{more}  trusted:\n" + "".join(rows)


def debian(root: Path, name: str = "debian") -> Path:
    """A tree with a list of the distribution's own certificates."""
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(f"ID={name}\n")
    (root / "etc/ca-certificates.conf").write_text("# list\nmozilla/A.crt\n!mozilla/B.crt\n")
    return root


def test_a_file_each(tmp_path: Path) -> None:
    """Each certificate has a file, also of a bundle; the same one only once; then one call."""
    answer = ask(ca_certs, debian(tmp_path), yaml(pem(b"one"), pem(b"two") + pem(b"three"), pem(b"one")))
    assert answer.targets == [
        *(f"/usr/local/share/ca-certificates/ovfinit-{number}.crt" for number in (1, 2, 3)),
        "update-ca-certificates",
    ]
    assert isinstance(answer.changes[0], WriteFile)
    assert (answer.changes[0].content.decode(), answer.changes[0].mode) == (pem(b"one"), 0o644)
    assert isinstance(answer.changes[3], Call)
    assert answer.changes[3].stage == NETWORK
    other = ask(ca_certs, tmp_path, yaml(pem(b"four")))
    assert other.changes[1].fingerprint != answer.changes[3].fingerprint  # type: ignore[attr-defined]


def test_without_the_distributions_own(tmp_path: Path) -> None:
    """Each line of the list is switched off, as dpkg-reconfigure does, and new ones are not to be trusted."""
    answer = ask(ca_certs, debian(tmp_path), "ca_certs: {remove_defaults: true}")
    assert answer.one("/etc/ca-certificates.conf").content == b"# list\n!mozilla/A.crt\n!mozilla/B.crt\n"
    assert answer.targets[1:] == ["debconf-set-selections ca-certificates", "update-ca-certificates"]


def test_old_spellings(tmp_path: Path) -> None:
    """`remove-defaults` is taken with a warning."""
    answer = ask(ca_certs, debian(tmp_path), yaml(pem(b"one"), more="  remove-defaults: false\n"))
    assert len(answer.targets) == 2
    assert answer.said == ["warning: ca_certs.remove-defaults: is deprecated (write remove_defaults)"]


def test_other_distributions(tmp_path: Path) -> None:
    """Fedora's family has another folder and program, and no list to switch off."""
    answer = ask(ca_certs, debian(tmp_path, "fedora"), yaml(pem(b"one"), more="  remove_defaults: true\n"))
    assert answer.targets == ["/etc/pki/ca-trust/source/anchors/ovfinit-1.crt", "update-ca-trust"]
    assert "cannot be done on fedora" in answer.problems[0]


def test_what_is_no_certificate(tmp_path: Path) -> None:
    """Damaged ones and other texts are left out by their place; the good ones are taken."""
    text = yaml("single_line_cert", f"{ca_certs.BEGIN}\n!!!\n{ca_certs.END}", pem(b"good"))
    answer = ask(ca_certs, debian(tmp_path), text)
    assert len(answer.targets) == 2
    assert answer.said == [f"error: ca_certs.trusted[{index}]: is not a certificate in PEM form" for index in (0, 1)]


def test_somebody_is_trusted(tmp_path: Path) -> None:
    """If no certificate can be used, the distribution's own stay: a machine that trusts nobody reaches nothing."""
    answer = ask(ca_certs, debian(tmp_path), yaml("nonsense", more="  remove_defaults: true\n"))
    assert answer.changes == []
    assert (len(answer.said), len(answer.problems)) == (1, 1)


def test_certificates_that_leave(tmp_path: Path, tree: Path, ovfinit: Callable[..., Result]) -> None:
    """When the last one has left the user data, its file goes and the program that reads them is called once more."""
    source = make_seed(tmp_path / "seed", user_data=f"#cloud-config\n{yaml(pem(b'one'))}")
    ovfinit("apply", "--root", tree, "--from", source)
    assert (tree / "usr/local/share/ca-certificates/ovfinit-1.crt").exists()
    make_seed(tmp_path / "seed", user_data="#cloud-config\n{}\n")

    planned = ovfinit("plan", "--root", tree, "--from", source, "--json").json["changes"]
    ours = [change for change in planned if change["handler"] == "ca_certs"]
    assert [(change["target"], change["action"]) for change in ours] == [
        ("/usr/local/share/ca-certificates/ovfinit-1.crt", "remove"),
        # the call of the first apply still waits for the tree's first boot, and is this one now
        ("update-ca-certificates", "none"),
    ]
    assert ours[1]["command"] == ["update-ca-certificates", "--fresh"]


def test_the_call_after_the_last_certificate(tmp_path: Path) -> None:
    """It is due where the program was called with other certificates, and only once."""
    host = Host(str(debian(tmp_path)))

    def calls(mark: dict[str, str]) -> list[bool]:
        past = Past(done={"call/ca_certs/update-ca-certificates": mark})
        found = ca_certs.changes(Metadata(), Config(), host, past, UserData())
        return [marks.hold(call, host, past) for call in found if isinstance(call, Call)]

    assert calls({"fingerprint": "of some"}) == [False]
    assert calls({"fingerprint": ca_certs.GONE}) == [True]
    assert list(ca_certs.changes(Metadata(), Config(), host, Past(), UserData())) == []
