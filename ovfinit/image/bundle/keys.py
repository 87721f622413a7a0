"""The keys of a bundle: a fresh AES key, given to its owner and to the cloud by RSA; and the owner's signature.

The format fixes SHA-1 and RSA PKCS #1 v1.5, key and initialization vector as hexadecimal text inside the RSA
ciphertext. Nobody should build anything new on these, which is why they stay in this file.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .manifest import Manifest

_HEX = re.compile(rb"[0-9a-fA-F]{32}")


class SessionKey(Record):
    """The AES-128-CBC key and initialization vector of one bundle, 16 bytes each. Never shown, never stored plain."""

    key: bytes
    iv: bytes

    def __repr__(self) -> str:
        return "SessionKey(<redacted>)"


def fresh() -> SessionKey:
    """A new key."""
    return SessionKey(os.urandom(16), os.urandom(16))


def seal(public_key: Any, secret: bytes) -> str:
    """A key or vector for whoever has the private half."""
    from cryptography.hazmat.primitives.asymmetric import padding

    return str(public_key.encrypt(secret.hex().encode(), padding.PKCS1v15()).hex())


def open_sealed(private: Any, manifest: Manifest, where: str) -> SessionKey:
    """The bundle's key, from whichever of the two copies this private key opens. Raises InputError if neither."""
    for key, iv in ((manifest.user_key, manifest.user_iv), (manifest.ec2_key, manifest.ec2_iv)):
        opened = _open(private, key)
        vector = _open(private, iv)
        if opened and vector:
            return SessionKey(opened, vector)
    raise InputError(
        "this private key opens neither the owner's nor the cloud's copy of the bundle's key",
        where=where,
        remedy="give the private key that belongs to the certificate it was bundled with",
    )


def _open(private: Any, sealed: str) -> bytes | None:
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        text = private.decrypt(bytes.fromhex(sealed), padding.PKCS1v15())
    except ValueError:
        return None
    # OpenSSL answers a wrong key with random bytes rather than an error, so that nobody learns from the difference
    return bytes.fromhex(text.decode()) if _HEX.fullmatch(text) else None


def sign(private: Any, content: bytes) -> str:
    """The owner's signature of the manifest's signed bytes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return str(private.sign(content, padding.PKCS1v15(), hashes.SHA1()).hex())  # noqa: S303


def signed_by(public_key: Any, manifest: Manifest) -> bool:
    """True if the owner of this key signed the manifest as it stands."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        signature = bytes.fromhex(manifest.signature)
        public_key.verify(signature, manifest.signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    except (ValueError, InvalidSignature):
        return False
    return True


def encrypt(pieces: Iterable[bytes], key: SessionKey) -> Iterator[bytes]:
    """AES-128-CBC with PKCS #7 padding, as `openssl enc -aes-128-cbc` does it, without a header."""
    cipher = _cipher(key).encryptor()
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) & ~15
        rest = data[whole:]
        yield cipher.update(data[:whole])
    padding = 16 - len(rest)
    yield cipher.update(rest + bytes([padding]) * padding) + cipher.finalize()


def decrypt(pieces: Iterable[bytes], key: SessionKey, where: str) -> Iterator[bytes]:
    """The reverse. Raises InputError for a wrong length or padding."""
    cipher = _cipher(key).decryptor()
    held = b""
    try:
        for piece in pieces:
            data = held + cipher.update(piece)
            held = data[-16:]
            yield data[:-16]
        held += cipher.finalize()
    except ValueError:
        raise InputError("is cut off: its encrypted data is no whole number of blocks", where=where) from None
    padding = held[-1] if held else 0
    if not 1 <= padding <= 16 or held[-padding:] != bytes([padding]) * padding:
        raise InputError("cannot be decrypted: cut off, damaged, or the wrong key", where=where)
    yield held[:-padding]


def _cipher(key: SessionKey) -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key.key), modes.CBC(key.iv))
