"""Signing a package: the `.cert` file that `signature` verifies (DSP0243 1.1, section 6)."""

from __future__ import annotations

from typing import Any

from ...errors import UsageError
from ...record import Record
from .. import keyfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Signer(Record):
    """Who signs: an RSA private key, and its certificate as PEM, perhaps with those of its issuers behind it."""

    key: Any
    pem: bytes

    def __repr__(self) -> str:
        return "Signer(<redacted>)"

    def certificate_file(self, name: str, manifest: bytes, algorithm: str) -> bytes:
        """The content of the `.cert` file for the manifest called `name`; `algorithm` is hashlib's name."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signature = self.key.sign(manifest, padding.PKCS1v15(), getattr(hashes, algorithm.upper())())
        return f"{algorithm.upper()}({name})= {signature.hex()}\n".encode() + self.pem


def signer(key: str, certificate: str | None, ask: Callable[[], str]) -> Signer:
    """The signer with the key and the certificate of these files; without the latter, it stands in the key's file.

    `ask` is called for the key's passphrase. Raises InputError, and UsageError if the two do not belong together.
    """
    private = keyfile.private_key(key, ask)
    own, pem = keyfile.chain(certificate or key)
    if own.public_key().public_numbers() != private.public_key().public_numbers():
        raise UsageError(
            f"{certificate or key} is not the certificate of {key}", remedy="its first certificate must be the key's"
        )
    return Signer(private, pem)
