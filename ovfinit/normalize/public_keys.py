"""OpenSSH public keys as lines of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINE_LIMIT = 8192
COUNT = 1000
ARMOUR = ("-----BEGIN ", "---- BEGIN ")
ARMOUR_END = ("-----END ", "---- END ")
CERTIFICATE = "-cert-v01@openssh.com"
TYPES = frozenset(
    kind + certificate
    for kind in (
        "ssh-ed25519",
        "ssh-rsa",
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    )
    for certificate in ("", CERTIFICATE)
)


class Keys(Record):
    """`lines`: the keys, one each, in order, none twice. `problems`: what is wrong with which, in words."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def read(texts: Iterable[str], *, joined: bool = False) -> Keys:
    """Take texts of one or more lines apart into keys; blank lines and comments are passed over.

    A line that cannot be a key is left out, one whose key data is damaged is kept, since only sshd is to judge it; both
    are reported. With `joined`, a line that holds several keys is split: XML turns line breaks in an attribute into
    blanks.
    """
    lines: dict[str, None] = {}
    problems = []
    for number, key in enumerate(_keys(texts, joined=joined), 1):
        if number > COUNT:
            problems.append(f"has more than {COUNT} lines: those behind were left out")
            break
        usable, problem = _judge(key)
        if problem:
            problems.append(f"key {number} {problem}")
        if usable:
            lines[key] = None
    return Keys(tuple(lines), tuple(problems))


def _keys(texts: Iterable[str], *, joined: bool) -> Iterator[str]:
    for text in texts:
        foreign = False
        for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            line = raw.strip(" \t")
            # the armour of PEM and RFC 4716; one word about the whole is enough
            foreign = foreign or line.startswith(ARMOUR)
            if line and not line.startswith("#") and not (foreign and not line.startswith(ARMOUR)):
                yield from _apart(line) if joined and not foreign else [line]
            foreign = foreign and not line.startswith(ARMOUR_END)


def _judge(line: str) -> tuple[bool, str | None]:
    """Whether a line may go into authorized_keys, and what is wrong with it."""
    if len(line.encode("utf-8", "surrogateescape")) > LINE_LIMIT:
        return False, f"is longer than {LINE_LIMIT} bytes and was left out"
    if line.startswith(ARMOUR):
        return False, "is in another format than OpenSSH's one line and was left out: convert it with ssh-keygen -i"
    if any(ord(character) < 32 and character != "\t" or 127 <= ord(character) < 160 for character in line):
        return False, "has control characters and was left out"
    rest = line
    if line.split(None, 1)[0] not in TYPES:
        end = _options(line)
        if end is None:
            return False, "has options with unbalanced quotes and was left out"
        rest = line[end:].strip()
    words = rest.split(None, 2)
    if len(words) < 2 or words[0] not in TYPES:
        return False, "is not an OpenSSH public key and was left out"
    if not _matches(words[0], words[1]):
        return True, f"is damaged: its data is not that of an {words[0]} key, and sshd will ignore it"
    return True, None


def _options(line: str) -> int | None:
    """Where the options in front of a key end: at the first blank outside quotes; None if a quote stays open."""
    quoted = escaped = False
    for index, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character in " \t" and not quoted:
            return index
    return None if quoted else len(line)


def _matches(kind: str, data: str) -> bool:
    """True if the key data is base64, begins with the name of the type and ends where its last field does.

    RFC 4253, section 6.6: a key is a row of fields, each led by its length; a certificate has others as well.
    """
    from binascii import Error, a2b_base64

    if len(data) % 4:
        return False
    try:
        blob = a2b_base64(data)
    except (Error, ValueError):
        return False
    name = kind.encode()
    if not blob.startswith(len(name).to_bytes(4, "big") + name):
        return False
    place = end = 4 + len(name)
    while place < len(blob) and not kind.endswith(CERTIFICATE):
        place += 4 + int.from_bytes(blob[place : place + 4], "big")
    return len(blob) > end and (place == len(blob) or kind.endswith(CERTIFICATE))


def _apart(line: str) -> list[str]:
    """Split before each further key type that real key data follows; options of a further key are lost with it."""
    words = line.split(" ")
    starts = [
        index for index in range(len(words) - 1) if words[index] in TYPES and _matches(words[index], words[index + 1])
    ]
    cuts = [0, *starts[1:], len(words)]
    return [" ".join(words[begin:end]).strip() for begin, end in zip(cuts, cuts[1:])]  # noqa: RUF007
