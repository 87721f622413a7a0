"""CA certificates: those that the user trusts, each in a file of its own; the distribution's own can be left out."""

from __future__ import annotations

from ..changes import NETWORK, Call, WriteFile
from ..digest import digest
from ..model import Problem, Secret
from ..userdata.content import unwrap
from ..userdata.scalars import Flag, Text
from ..userdata.schema import Many, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "ca_certs"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
LIST = "/etc/ca-certificates.conf"
GONE = "none"
# family of os-release(5) → folder of the admin's certificates, program that reads it
_PLACES = {
    "debian": ("/usr/local/share/ca-certificates", "update-ca-certificates"),
    "alpine": ("/usr/local/share/ca-certificates", "update-ca-certificates"),
    "fedora": ("/etc/pki/ca-trust/source/anchors", "update-ca-trust"),
    "rhel": ("/etc/pki/ca-trust/source/anchors", "update-ca-trust"),
    "suse": ("/etc/pki/trust/anchors", "update-ca-certificates"),
    "arch": ("/etc/ca-certificates/trust-source/anchors", "update-ca-trust"),
}


def _judge(text: str) -> str | None:
    found = list(_certificates(text))
    return None if found and None not in found else "is not a certificate in PEM form"


KEYS = {
    "ca_certs": Table(
        "Certificates of authorities.",
        keys={
            "remove_defaults": Flag("Trust none of the distribution's own."),
            "trusted": Many("Certificates in PEM form.", item=Text(lines=True, check=_judge), single=True),
        },
        aliases={"remove-defaults": "remove_defaults"},
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """A file a certificate, also where several were given in one piece, and one call of the program that reads them."""
    del metadata, config
    wanted = handed.config.get("ca_certs")
    families = (host.os_release.get("ID", ""), *host.os_release.get("ID_LIKE", "").split())
    family = next((name for name in families if name in _PLACES), "debian")
    folder, program = _PLACES[family]
    if not wanted:
        # our files are gone or going: whoever read them reads again, once
        if NAME in past.wanted_by.values() or f"call/{NAME}/{program}" in past.done:
            afresh = ("--fresh",) if program == "update-ca-certificates" else ()
            yield Call(NAME, program, NETWORK, command=(program, *afresh), fingerprint=GONE)
        return
    # each once, also of those that were given in one piece
    given = (one for text in wanted.get("trusted", ()) for one in _certificates(text) if one)
    certificates = list(dict.fromkeys(given))
    for number, certificate in enumerate(certificates, 1):
        yield WriteFile(NAME, f"{folder}/ovfinit-{number}.crt", NETWORK, content=certificate.encode())
    none = wanted.get("remove_defaults", False)
    if none and "trusted" in wanted and not certificates:
        yield Problem("ca_certs.remove_defaults", "is not done: nobody at all would be trusted then")
        return
    if none and family in ("debian", "alpine"):
        rows = (host.text(LIST) or "").splitlines()
        rows = [row if not row.strip() or row.startswith(("#", "!")) else f"!{row}" for row in rows]
        if rows:
            yield WriteFile(NAME, LIST, NETWORK, content="\n".join([*rows, ""]).encode(), ours=False)
        if family == "debian":
            yield Call(
                NAME,
                "debconf-set-selections ca-certificates",
                NETWORK,
                command=("debconf-set-selections",),
                hidden=Secret("ca-certificates ca-certificates/trust_new_crts select no\n"),
            )
    elif none:
        yield Problem("ca_certs.remove_defaults", f"cannot be done on {family}: its own certificates have no list")
    if certificates or none:
        mark = digest(str(none).encode(), *(certificate.encode() for certificate in certificates))
        yield Call(NAME, program, NETWORK, command=(program,), fingerprint=mark)


def _certificates(text: str) -> Iterator[str | None]:
    """Each certificate of a text, in one form; None for what is damaged. RFC 7468."""
    for part in text.split(BEGIN)[1:]:
        body, end, _ = part.partition(END)
        data = unwrap(body) if end else None
        # every certificate is an ASN.1 sequence
        yield f"{BEGIN}\n{body.strip()}\n{END}\n" if data and data.startswith(b"\x30") else None
