"""The manifest of a package: the digests of its files (DSP0243 1.1, section 6), in every spelling that is in use."""

from __future__ import annotations

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .finding import Findings

LIMIT = 4 * 1024 * 1024
# the spelling without signs → hashlib's name, and how many hex digits there are
ALGORITHMS = {"sha1": ("sha1", 40), "sha256": ("sha256", 64), "sha384": ("sha384", 96), "sha512": ("sha512", 128)}
_OTHER_NAMES = {"sha2256": "sha256", "sha2384": "sha384", "sha2512": "sha512", "sha": "sha1"}


class Digest(Record):
    """One line: the file's name, hashlib's name of the algorithm, lower-case hex digits."""

    name: str
    algorithm: str
    value: str
    line: int


class Manifest(Record):
    """All lines of a manifest that could be read; `name` is the manifest's own."""

    name: str
    digests: tuple[Digest, ...]


def parse(data: bytes, where: str, findings: Findings) -> Manifest:
    """The manifest; lines in a spelling that importers refuse, and lines that are none, are findings."""
    found: list[Digest] = []
    text = data.decode("utf-8", "surrogateescape").lstrip("\ufeff")
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not line.strip():
            continue
        digest, canonical = _line(line.strip(), number)
        place = f"{where}:{number}"
        if digest is None:
            message = f"{line.strip()[:60]!r} is no digest, so that the file it means is not checked"
            findings.error("manifest-line", message, place, "write SHA256(name)= hex digits")
            continue
        if not canonical:
            message = "is spelled in a way that vCenter refuses"
            algorithm = digest.algorithm.upper()
            findings.warning(
                "manifest-spelling", message, place, f"write {algorithm}({digest.name[:60]})= {digest.value[:8]}…"
            )
        found.append(digest)
    algorithms = sorted({digest.algorithm for digest in found})
    if len(algorithms) > 1:
        message = f"uses {' and '.join(algorithms)}: a manifest has one algorithm"
        findings.warning("manifest-mixed", message, f"{where}:1", "use one for all files")
    if "sha1" in algorithms:
        message = (
            "SHA-1 protects against accidents, not against an attacker, and vSphere 7 and later refuse it in places"
        )
        findings.note("manifest-sha1", message, f"{where}:1", "write SHA256")
    return Manifest(where, tuple(found))


def _line(line: str, number: int) -> tuple[Digest | None, bool]:
    """The digest, and whether it is spelled as the standard's grammar has it: `SHA256(name)= hex`."""
    head, _, rest = line.partition("(")
    name, closing, value = rest.rpartition(")")
    if not closing or "=" not in value:
        return _checksum_line(line, number), False
    algorithm = _algorithm(head)
    digits = value.strip().removeprefix("=").strip()
    if algorithm is None or not _is_digest(digits, algorithm):
        return None, False
    canonical = head == algorithm.upper() and value == f"= {digits}" and name == name.strip()
    return Digest(name.strip(), algorithm, digits.lower(), number), canonical


def _checksum_line(line: str, number: int) -> Digest | None:
    """A line as sha256sum(1) writes it."""
    digits, blank, name = line.partition(" ")
    for algorithm in ALGORITHMS:
        if blank and _is_digest(digits, algorithm):
            return Digest(name.strip().removeprefix("*"), algorithm, digits.lower(), number)
    return None


def _algorithm(text: str) -> str | None:
    plain = "".join(character for character in text.lower() if character.isalnum())
    plain = _OTHER_NAMES.get(plain, plain)
    return plain if plain in ALGORITHMS else None


def _is_digest(digits: str, algorithm: str) -> bool:
    return len(digits) == ALGORITHMS[algorithm][1] and not set(digits.lower()) - set("0123456789abcdef")
