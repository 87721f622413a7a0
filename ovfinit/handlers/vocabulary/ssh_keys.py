"""The cloud-config keys of the host key duty."""

from __future__ import annotations

from ...normalize.public_keys import CERTIFICATE
from ...normalize.public_keys import read as read_keys
from ...userdata.scalars import Flag, Hidden, Text
from ...userdata.schema import Many, OneOf, Table
from ...userdata.spec import Spec, Unoffered

TYPES = ("rsa", "ecdsa", "ed25519")


def _private(text: str) -> str | None:
    lines = text.strip().splitlines()
    framed = len(lines) > 2 and lines[0].startswith("-----BEGIN ") and lines[-1].startswith("-----END ")
    return None if framed and "PRIVATE KEY-----" in lines[0] else "is not a private key as ssh-keygen writes it"


def _public(text: str) -> str | None:
    found = read_keys([text])
    if len(found.lines) != 1 or found.problems:
        return "is not one public key as ssh-keygen writes it"
    return "is a certificate" if CERTIFICATE in found.lines[0].split()[0] else None


def _certificate(text: str) -> str | None:
    found = read_keys([text])
    certified = len(found.lines) == 1 and not found.problems and found.lines[0].split()[0].endswith(CERTIFICATE)
    return None if certified else "is not one certificate as ssh-keygen writes it"


_PAIRS: dict[str, Spec] = {}
for _type in TYPES:
    _PAIRS |= {
        f"{_type}_private": Hidden(f"The private {_type} key.", check=_private),
        f"{_type}_public": Text(
            f"The public {_type} key; made from the private one without it.", check=_public, lines=True
        ),
        f"{_type}_certificate": Text(f"A host certificate for the {_type} key.", check=_certificate, lines=True),
    }
_TYPE = Text(choices=TYPES)

KEYS: dict[str, Spec] = {
    "ssh_keys": Table("The machine's own keys, in place of new ones.", keys=_PAIRS),
    "ssh_deletekeys": Flag("Whether a new instance loses the keys of the image; true without it."),
    "ssh_genkeytypes": Many("Types of the keys that are made.", item=_TYPE, single=True),
    "ssh_quiet_keygen": Flag("Taken and without effect: making keys says nothing here."),
    "ssh_publish_hostkeys": Unoffered(
        "Host keys as the platform's guest attributes.", instead="public keys and fingerprints are on the console"
    ),
    "ssh_pwauth": OneOf(
        "Whether sshd takes passwords; `unchanged` leaves its own setting.",
        specs=(Flag(), Text(choices=("unchanged",))),
    ),
    "ssh": Table(
        "What the console shows.",
        keys={"emit_keys_to_console": Flag("Whether host keys and fingerprints are on the console; true without it.")},
    ),
    "ssh_key_console_blacklist": Many("Types of host keys that the console does not show.", item=Text()),
    "ssh_fp_console_blacklist": Many("Types of host keys whose fingerprints the console does not show.", item=Text()),
    "no_ssh_fingerprints": Flag("Whether the console does not show the fingerprints of keys that may log in."),
    "authkey_hash": Text(
        "The digest for those fingerprints; sha256 without it.",
        choices=("sha256", "sha512", "sha384", "sha224", "sha1", "md5"),
    ),
}
