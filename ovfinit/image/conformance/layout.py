"""How an OVA is packed: what importers demand of the archive itself (DSP0243 1.1, section 6.4)."""

from __future__ import annotations

from ...errors import InputError
from ..package.archive import REGULAR, TarMember, plain
from ..package.store import spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..package.reading import OpenPackage

KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"5": "a folder"}
KINDS |= {b"6": "a pipe", b"S": "a sparse file of GNU tar"}
USTAR_LIMIT = 8 << 30
EXTENSIONS = {
    "pax": "has pax headers, which VMware refuses",
    "GNU long name": "has a name in GNU tar's own way, which others do not read",
    "GNU format": "is in GNU tar's own format and not ustar, which some importers refuse",
}
PACK = "pack it with tar --format=ustar, descriptor first"


def check(opened: OpenPackage) -> None:
    """Note what is wrong with the archive; a folder has nothing to be checked."""
    members = opened.store.members() or ()
    archive = [member for member in members if isinstance(member, TarMember)]
    if archive:
        _members(opened, archive)
        _order(opened, [plain(member.name) for member in archive if member.kind in REGULAR])


def _members(opened: OpenPackage, archive: Sequence[TarMember]) -> None:
    findings, where = opened.findings, opened.store.where
    seen: set[str] = set()
    said: set[str] = set()
    for member in archive:
        name = member.name[:100]
        try:
            spellings(member.name)
        except InputError as error:
            findings.error("hostile-member", f"the member {name!r} {error.message}", where, "do not unpack the archive")
        if member.kind not in REGULAR:
            severity = "warning" if member.kind == b"5" else "error"
            what = KINDS.get(member.kind, "of an unknown kind")
            findings.add(
                severity, "bad-member", f"the member {name!r} is {what}, and an OVA has plain files", where, PACK
            )
            continue
        if plain(member.name) in seen:
            findings.error("duplicate-member", f"the member {name!r} is there twice: the first one counts", where, PACK)
        seen.add(plain(member.name))
        if member.name.startswith("./") and "./" not in said:
            said.add("./")
            findings.warning(
                "member-name", f"names begin with ./ ({name!r}), which VMware does not understand", where, PACK
            )
        elif "/" in plain(member.name):
            findings.warning("member-name", f"{name!r} lies in a folder, which some importers do not find", where, PACK)
        for extension in member.extensions - said:
            said.add(extension)
            if extension in EXTENSIONS and not (extension == "GNU format" and (member.size or 0) >= USTAR_LIMIT):
                findings.warning("archive-format", f"{EXTENSIONS[extension]}: first at {name!r}", where, PACK)


def _order(opened: OpenPackage, names: Sequence[str]) -> None:
    findings, where = opened.findings, opened.store.where
    descriptor = plain(opened.descriptor)
    if names[0] != descriptor:
        message = (
            f"the descriptor {descriptor[:100]!r} is not the first member ({names[0][:100]!r} is): vCenter refuses that"
        )
        findings.warning("archive-order", message, where, PACK)
    order: dict[str, int] = {}
    for file in opened.package.files:
        try:
            order.update({plain(member.name): len(order) for member in opened.parts(file)})
        except InputError:
            # verification says what is missing or hostile
            continue
    packed = [order[name] for name in names if name in order]
    if packed != sorted(packed):
        message = "the files are not in the order of the References, so that an importer cannot read them as a stream"
        findings.warning("archive-order", message, where, PACK)
    known = {*order, descriptor}
    for name in names:
        if name not in known and not name.lower().endswith((".mf", ".cert")):
            findings.note("unused-member", f"nothing refers to the member {name[:100]!r}", where)
