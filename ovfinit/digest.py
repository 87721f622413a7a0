"""SHA-256 without OpenSSL.

`hashlib` loads libcrypto, which costs a boot some 4 ms; the interpreter's own module of the same algorithm costs a
tenth of that and is there in every CPython unless its builder took it out (`--with-builtin-hashlib-hashes`).
"""

from __future__ import annotations

try:
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]  # CPython 3.12 and later
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]  # CPython 3.10 and 3.11
    except ImportError:
        from hashlib import sha256  # type: ignore[assignment,unused-ignore]

__all__ = ["digest", "sha256"]


def digest(*parts: bytes) -> str:
    """The hexadecimal SHA-256 over the parts, each led by its length, so that ("a", "bc") is not ("ab", "c")."""
    total = sha256()
    for part in parts:
        total.update(b"%d:" % len(part))
        total.update(part)
    return str(total.hexdigest())
