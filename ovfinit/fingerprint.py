"""Fingerprints of OpenSSH public keys, as ssh-keygen -l shows them."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from .digest import sha256

# what the names of all key types begin with
KEY_TYPES = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


def fingerprint(line: str, digest: str = "sha256") -> str | None:
    """`SHA256:… me@here (ED25519)` of a key, or a line of authorized_keys; None for what holds no key data."""
    words = line.split()
    start = next((index for index, word in enumerate(words) if word.startswith(KEY_TYPES)), len(words))
    try:
        blob = a2b_base64(words[start + 1])
    except (IndexError, Base64Error):
        return None
    if not blob:
        return None
    if digest == "sha256":
        raw = sha256(blob).digest()
    else:
        import hashlib

        raw = hashlib.new(digest, blob, usedforsecurity=False).digest()
    # ssh shows MD5 as it did before there was a choice
    shown = raw.hex(":") if digest == "md5" else b2a_base64(raw, newline=False).decode().rstrip("=")
    kind = words[start].removeprefix("sk-").removeprefix("ssh-").partition("-")[0].partition("@")[0].upper()
    comment = " ".join(words[start + 2 :])
    return f"{digest.upper()}:{shown}{f' {comment}' if comment else ''} ({kind})"
