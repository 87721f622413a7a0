"""The certificate of a package: an RSA signature of the manifest (DSP0243 1.1, section 6).

The file has a line `SHA256(app.mf)= hex digits` and then the certificate in PEM, perhaps more behind it. What this
proves is that nothing has changed since it was signed with the key of that certificate, not who that was: no trust
store is asked, and the finding says so.
"""

from __future__ import annotations

from ..keyfile import BEGIN, END
from .manifest import ALGORITHMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .finding import Findings

LIMIT = 1024 * 1024
REMEDY = "sign the package again"


def verify(data: bytes, where: str, manifest: bytes | None, findings: Findings) -> None:
    """Judge a `.cert` file; everything that is found out is a finding."""
    place = f"{where}:1"
    found = _signature(data)
    start, end = data.find(BEGIN), data.find(END)
    if found is None:
        message = "has no line with a signature, so that nothing is proved"
        findings.error("signature-unreadable", message, place, "write SHA256(NAME.mf)= hex digits")
        return
    if start < 0 or end < start:
        findings.error(
            "signature-unreadable", "has no certificate in PEM: the signature cannot be checked", place, REMEDY
        )
        return
    if manifest is None:
        message = "signs a manifest that is not there, so that nothing is proved"
        findings.error("signature-without-manifest", message, place, "get the package whole")
        return
    algorithm, digits = found
    if algorithm not in ALGORITHMS:
        findings.error("signature-unreadable", f"is signed with {algorithm}, which nobody knows", place, REMEDY)
        return
    _judge(data[start : end + len(END)], algorithm, digits, manifest, place, findings)


def _signature(data: bytes) -> tuple[str, bytes] | None:
    """Hashlib's name of the algorithm and the signature's bytes."""
    for line in data.split(BEGIN)[0].decode("utf-8", "replace").splitlines():
        head, _, rest = line.partition("(")
        _, closing, value = rest.rpartition(")")
        digits = value.partition("=")[2].strip()
        if closing and digits:
            try:
                return head.strip().lower().replace("-", ""), bytes.fromhex(digits)
            except ValueError:
                return None
    return None


def _judge(pem: bytes, algorithm: str, digits: bytes, manifest: bytes, place: str, findings: Findings) -> None:
    try:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        message = "the signature was NOT verified, because Python's cryptography is not installed here"
        findings.warning("signature-unverified", message, place, "install python3-cryptography, or ovfinit[image]")
        return
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            message = "the signature was NOT verified: the certificate's key is not RSA, and the standard has no other"
            findings.error("signature-unverified", message, place, REMEDY)
            return
        key.verify(digits, manifest, padding.PKCS1v15(), getattr(hashes, algorithm.upper())())
    except InvalidSignature:
        message = "the signature does not fit the manifest: one of them was changed after signing"
        findings.error("signature-wrong", message, place, "do not use the package; get it again from its maker")
        return
    except (ValueError, UnsupportedAlgorithm) as error:
        message = f"the signature was NOT verified: {str(error).splitlines()[0] or type(error).__name__}"
        findings.error("signature-unverified", message, place, REMEDY)
        return
    _describe(certificate, key.key_size, algorithm, place, findings)


def _describe(certificate: x509.Certificate, bits: int, algorithm: str, place: str, findings: Findings) -> None:
    """Say what a signature that fits is worth."""
    from datetime import datetime, timezone

    from cryptography.hazmat.primitives import hashes

    subject = certificate.subject.rfc4514_string() or "nobody"
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    own = " by itself" if certificate.subject == certificate.issuer else f" by {certificate.issuer.rfc4514_string()}"
    message = (
        f"the signature fits the manifest; the certificate is {subject}'s, issued{own}, SHA-256 {fingerprint}. "
        "Whether to trust it was not looked at"
    )
    findings.note("signature-good", message, place, "compare the fingerprint with what the maker publishes")
    if bits < 2048 or algorithm == "sha1":
        message = f"RSA of {bits} bits with {algorithm.upper()} can be forged today"
        findings.warning("signature-weak", message, place, "sign with RSA of 2048 bits or more and SHA-256")
    # before cryptography 42 the times come without a zone, and are UTC
    end: datetime = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after
    end = end.replace(tzinfo=timezone.utc)
    if end < datetime.now(timezone.utc):
        findings.warning("certificate-expired", f"the certificate was valid until {end:%Y-%m-%d}", place, REMEDY)


if TYPE_CHECKING:
    from cryptography import x509
