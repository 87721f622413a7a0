"""The directories of an ISO 9660 volume (ECMA-119), with its Joliet and Rock Ridge names, from its own sectors.

pycdlib costs a boot four times the start of Python and walks a whole medium before it answers the first question. This
reads the descriptors and a few directories, so a boot can ask what a disc is, and read a file that lies in one
piece, without paying for what else is on it. Whatever is less plain is left to pycdlib.
"""

from __future__ import annotations

from ..errors import InputError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .medium import Medium

SECTOR = 2048
FIRST = 16
MAX_DESCRIPTORS = 32
MAX_DIRECTORY = 1024 * 1024
MAX_CONTINUED = 16
JOLIET = (b"%/@", b"%/C", b"%/E")
DIRECTORY, ASSOCIATED, MULTI_EXTENT = 0x02, 0x04, 0x80


class Entry(Record):
    """A file: its path from the root, without a slash in front.

    `name` is lower case without version; `identifier` is what its records spell; `bare` says that `name` is only what
    ISO 9660 lets a name be (6.8: no hyphen, perhaps eight characters). `joliet` tells the two trees apart. `start` is
    the byte where the content begins, None unless it lies in one plain piece.
    """

    name: str
    identifier: str
    size: int
    joliet: bool
    bare: bool
    start: int | None = None


class Contents(Record):
    """What the descriptors and the directories say."""

    label: str
    entries: tuple[Entry, ...]


def contents(medium: Medium, folders: Collection[str] = ()) -> Contents | None:
    """The label and the files in the root and in these folders; None if the medium holds no ISO 9660 volume.

    Raises InputError if it does and what it says cannot be.
    """
    if medium.size < (FIRST + 1) * SECTOR:
        return None
    primary = supplementary = None
    for number in range(FIRST, FIRST + MAX_DESCRIPTORS):
        # ECMA-119, 8.1: type, "CD001", version
        descriptor = medium.read_at(number * SECTOR, SECTOR, "a volume descriptor") if _within(medium, number) else b""
        if descriptor[1:6] != b"CD001" or descriptor[0] == 255:
            break
        if descriptor[0] == 1 and primary is None:
            primary = descriptor
        elif descriptor[0] == 2 and supplementary is None and descriptor[88:91] in JOLIET:
            supplementary = descriptor
    if primary is None:
        return None
    label = primary[40:72].decode("ascii", "replace").strip(" \0")
    entries = list(_files(medium, primary, folders, joliet=False))
    if supplementary is not None:
        label = label or _ucs2(supplementary[40:72]).strip(" \0")
        entries += _files(medium, supplementary, folders, joliet=True)
    return Contents(label, tuple(entries))


def _within(medium: Medium, number: int) -> bool:
    return (number + 1) * SECTOR <= medium.size


def _number(field: bytes) -> int:
    return int.from_bytes(field, "little")


def _files(medium: Medium, descriptor: bytes, folders: Collection[str], *, joliet: bool) -> Iterator[Entry]:
    block = _number(descriptor[128:130])
    if block not in (512, 1024, 2048):
        raise InputError(f"has an impossible logical block size of {block}", where=medium.path)
    tree = _Tree(medium, block, joliet)
    # path, path as spelled, directory record
    waiting = [("", "", descriptor[156:190])]
    seen = {""}
    while waiting:
        path, spelled, record = waiting.pop(0)
        yield from tree.files(path, spelled, record)
        for name, identifier, below in tree.folders:
            if name in folders and name not in seen:
                seen.add(name)
                waiting.append((name, identifier, below))


class _Tree:
    """One of the two trees of directories. `folders` are those of the directory that was read last."""

    def __init__(self, medium: Medium, block: int, joliet: bool) -> None:
        self._medium = medium
        self._block = block
        self._joliet = joliet
        self._skip = 0
        self.folders: list[tuple[str, str, bytes]] = []

    def files(self, path: str, spelled_path: str, parent: bytes) -> Iterator[Entry]:
        """The files of one directory, which `parent` is the record of."""
        what = f"its directory {path}" if path else "its root directory"
        size = _number(parent[10:14])
        if size > MAX_DIRECTORY:
            raise InputError(f"has a directory of {size} bytes", where=self._medium.path)
        directory = self._medium.read_at(_number(parent[2:6]) * self._block, size, what)
        continued: dict[str, int] = {}
        self.folders = []
        for record in _records(directory, self._medium.path, what):
            length = record[32]
            identifier = record[33 : 33 + length]
            # 7.6.2: the directory itself; the root's says how many bytes others must skip (SUSP, 5.3)
            if identifier == b"\0":
                use = record[34:]
                self._skip = use[6] if use[:2] == b"SP" and len(use) >= 7 else self._skip
                continue
            if identifier == b"\1" or record[25] & ASSOCIATED:
                continue
            spelled = _ucs2(identifier) if self._joliet else identifier.decode("latin-1")
            # 9.1.12: a pad byte follows a name of even length
            use = record[33 + length + (length + 1) % 2 + self._skip :]
            alternate = None if self._joliet else _alternate_name(self._medium, use, self._block)
            name = plain(alternate if alternate is not None else spelled)
            name, spelled = (f"{path}/{name}", f"{spelled_path}/{spelled}") if path else (name, spelled)
            if record[25] & DIRECTORY:
                self.folders.append((name, spelled, record))
                continue
            before = continued.pop(spelled, 0)
            size = before + _number(record[10:14])
            if record[25] & MULTI_EXTENT:
                # 6.5.1: a file in several pieces has a record for each
                continued[spelled] = size
                continue
            # 9.1.2, 9.1.7, 9.1.8: neither an extended attribute record in front, nor interleaved, nor in several pieces
            plainly = not (before or record[1] or record[26] or record[27])
            start = _number(record[2:6]) * self._block if plainly else None
            yield Entry(name, spelled, size, self._joliet, not self._joliet and alternate is None, start)


def _records(directory: bytes, path: str, what: str) -> Iterator[bytes]:
    offset = 0
    while offset < len(directory):
        length = directory[offset]
        if length == 0:
            # 6.8.1.1: records do not cross sectors, the rest of one is zero
            offset = (offset // SECTOR + 1) * SECTOR
            continue
        record = directory[offset : offset + length]
        if len(record) < max(34, length) or 33 + record[32] > length:
            raise InputError(f"is damaged in {what}", where=path)
        yield record
        offset += length


def _alternate_name(medium: Medium, use: bytes, block: int) -> str | None:
    """Rock Ridge's NM (RRIP 1.12, 4.1.4), continued areas (SUSP 1.12, 5.1) followed."""
    name = b""
    found = False
    for _ in range(MAX_CONTINUED):
        following = None
        while len(use) >= 4 and use[2] >= 4:
            signature, entry, use = use[:2], use[: use[2]], use[use[2] :]
            if signature == b"NM" and len(entry) >= 5 and not entry[4] & 0x06:
                found = True
                name += entry[5:]
                if not entry[4] & 0x01:
                    return name.decode("utf-8", "replace")
            elif signature == b"CE" and len(entry) >= 28:
                following = (_number(entry[4:8]), _number(entry[12:16]), _number(entry[20:24]))
            elif signature == b"ST":
                break
        if following is None:
            break
        sector, offset, size = following
        use = medium.read_at(sector * block + offset, min(size, SECTOR), "a continued Rock Ridge name")
    return name.decode("utf-8", "replace") if found else None


def plain(name: str) -> str:
    """A name without its version and an empty extension (7.5.1), lower case."""
    return name.partition(";")[0].rstrip(".").lower()


def bare_forms(name: str) -> tuple[str, ...]:
    """What a name like `network-config` may have become where only ISO 9660's own characters are allowed.

    All of it at level 2 and 3, 8.3 characters at level 1 (10.1). Folders are taken as they are.
    """
    folder, slash, name = name.rpartition("/")
    replaced = "".join(character if character.isalnum() or character == "." else "_" for character in name)
    stem, _, extension = replaced.partition(".")
    short = f"{stem[:8]}.{extension[:3]}" if extension else stem[:8]
    return tuple(dict.fromkeys(f"{folder}{slash}{form}" for form in (replaced, short)))


def _ucs2(raw: bytes) -> str:
    """Joliet's characters, big-endian. With their mark before them they need no module of codecs (see make bench)."""
    return (b"\xfe\xff" + raw).decode("utf-16", "replace")
