"""RSA keys and certificates out of files, PEM or DER. Nothing of a private key is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InputError, OvfinitError

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1024 * 1024
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def library() -> Any:
    """The package `cryptography`, or an error that says how to get it."""
    try:
        import cryptography.hazmat.primitives.asymmetric
    except ImportError:
        raise OvfinitError(
            "signing and bundles need the Python package cryptography, which is not here",
            remedy="apt install python3-cryptography, or pip install 'ovfinit[image]'",
        ) from None
    return cryptography


def certificate(path: str) -> Any:
    """The RSA public key of a PEM or DER certificate. Raises InputError."""
    return _public_key(_certificate(_read(path), path), path)


def chain(path: str) -> tuple[Any, bytes]:
    """The first certificate of a PEM file, and all of them as PEM, as they stand. Raises InputError."""
    data = _read(path)
    found = [BEGIN + part.partition(END)[0] + END + b"\n" for part in data.split(BEGIN)[1:]]
    if not found:
        raise InputError("holds no certificate in PEM", where=path, remedy="openssl x509 -inform der -in CERT makes it")
    first, *_ = (_certificate(each, path) for each in found)
    _public_key(first, path)
    return first, b"".join(found)


def _certificate(data: bytes, path: str) -> Any:
    library()
    from cryptography import x509

    try:
        return (x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate)(data)
    except ValueError:
        raise InputError("is not a certificate, PEM or DER", where=path) from None


def _public_key(found: Any, path: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key = found.public_key()
    if not isinstance(key, RSAPublicKey):
        raise InputError("holds no RSA key, the only kind that is used here", where=path)
    return key


def private_key(path: str, ask: Callable[[], str] | None = None) -> Any:
    """The RSA private key of a PEM or DER file; `ask` is called for a passphrase if it has one.

    Raises InputError, never with the key's content or the passphrase.
    """
    library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    data = _read(path)
    load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        key = load(data, password=None)
    except TypeError:
        remedy = "openssl rsa -in KEY -out OTHER makes one without, for the time of the work"
        if ask is None:
            raise InputError("is protected by a passphrase", where=path, remedy=remedy) from None
        try:
            key = load(data, password=ask().encode() or b"\0")
        except (ValueError, UnsupportedAlgorithm):
            raise InputError("is not opened by this passphrase", where=path) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InputError("is not a private key, PEM or DER", where=path) from None
    if not isinstance(key, RSAPrivateKey):
        raise InputError("is not an RSA key, the only kind that is used here", where=path)
    return key


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LIMIT)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
