"""File systems on images and devices, read without mounting: ISO 9660 and FAT.

Only single files by name: in the root, where OVF environments and NoCloud seeds lie, or by their path.
"""

from __future__ import annotations

from ..errors import InputError
from ..record import Record
from .medium import Medium, NoMedium

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from . import iso9660


class Look(Record):
    """What a volume is, as far as its first sectors and its root directory tell.

    `kind` is `iso9660` or `vfat`, `label` without padding (perhaps empty), `size` that of the file or device in bytes.
    `names` are the files in the root in every spelling they have there, lower case, without `;1`.
    """

    kind: str
    label: str
    size: int
    names: frozenset[str]
    bare: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """True if `read_files` would find this name: as it is, or as bare ISO 9660 spells it (`ovf_env.xml`)."""
        if name in self.names:
            return True
        if not self.bare:
            return False
        from .iso9660 import bare_forms

        return any(form in self.bare for form in bare_forms(name))


class VolumeFiles(Record):
    """The files that were wanted and are there, by lower-case name, and the footprint of reading them."""

    label: str
    files: Mapping[str, bytes]
    footprint: Mapping[str, Any]


def look(path: str) -> Look | None:
    """What the file or device at `path` (an operating-system path) holds, from a few KiB of it.

    None if it is neither ISO 9660 nor FAT, or a drive without a medium. Raises InputError if it cannot be read, is
    truncated or damaged.
    """
    from .iso9660 import contents

    try:
        medium = Medium(path)
    except NoMedium:
        return None
    with medium:
        try:
            disc = contents(medium)
            if disc is not None:
                names = frozenset(entry.name for entry in disc.entries)
                return Look("iso9660", disc.label, medium.size, names, _bare(disc))
            from .fat import volume

            fat = volume(medium)
        except NoMedium:
            return None
        if fat is None:
            return None
        return Look("vfat", fat.label, medium.size, frozenset(entry.name for entry in fat.entries))


def _bare(disc: iso9660.Contents) -> frozenset[str]:
    # a Joliet tree has the true names: what ISO 9660 made of them proves nothing then
    if any(entry.joliet for entry in disc.entries):
        return frozenset()
    return frozenset(entry.name for entry in disc.entries if entry.bare)


def read_files(path: str, wanted: Mapping[str, int]) -> VolumeFiles:
    """Files of the volume at `path` (an operating-system path).

    Args:
        path: an image or a device.
        wanted: lower-case name, or path below the root → the most bytes it may have. Names match in any case, by their
            Rock Ridge, Joliet or FAT long name; where a volume has only bare ISO 9660 names, `META_DATA.;1` and
            `META_DAT.;1` are `meta-data` too, unless two wanted names or two files come into question.

    Raises:
        InputError: neither ISO 9660 nor FAT, unreadable, truncated, damaged, or a file over its limit.
    """
    from .iso9660 import contents

    folders = {name[:end] for name in wanted for end in range(len(name)) if name[end] == "/"}
    with Medium(path) as medium:
        disc = contents(medium, folders)
        if disc is not None:
            return VolumeFiles(disc.label, _from_disc(medium, disc, wanted), medium.footprint())
        from .fat import volume

        fat = volume(medium, folders)
        if fat is None:
            raise InputError("holds neither an ISO 9660 nor a FAT file system", where=path)
        files: dict[str, bytes] = {}
        for entry in fat.entries:
            if entry.name in wanted and entry.name not in files:
                _judge(path, entry.name, entry.size, wanted[entry.name])
                files[entry.name] = fat.read(entry)
        return VolumeFiles(fat.label, files, medium.footprint())


def unchanged(path: str, footprint: Mapping[str, Any]) -> bool:
    """True if the ranges of `VolumeFiles.footprint` still hold the same bytes; False for whatever cannot be read."""
    try:
        with Medium(path) as medium:
            return medium.matches(footprint)
    except InputError:
        return False


def _judge(path: str, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise InputError(f"{name} has {size} bytes, more than the {limit} allowed", where=path)


def _from_disc(medium: Medium, disc: iso9660.Contents, wanted: Mapping[str, int]) -> dict[str, bytes]:
    chosen = _choose(disc, wanted)
    for name, entry in chosen.items():
        _judge(medium.path, name, entry.size, wanted[name])
    starts = {name: entry.start for name, entry in chosen.items() if entry.start is not None}
    if len(starts) == len(chosen):
        return {name: medium.read_at(start, chosen[name].size, name) for name, start in starts.items()}
    from io import BytesIO

    import pycdlib

    image: Any = pycdlib.PyCdlib()
    files: dict[str, bytes] = {}
    try:
        medium.seek(0)
        image.open_fp(medium)
        for name, entry in chosen.items():
            content = BytesIO()
            place = {"joliet_path" if entry.joliet else "iso_path": f"/{entry.identifier}"}
            if entry.size:
                image.get_file_from_iso_fp(content, **place)
            files[name] = content.getvalue()
            if len(files[name]) != entry.size:
                raise InputError(f"is truncated: {name} lies beyond its end", where=medium.path)
    except InputError:
        raise
    except Exception as error:
        # pycdlib meets what a hostile image makes of its structures with any exception there is
        reason = str(error) if isinstance(error, pycdlib.pycdlibexception.PyCdlibException) else type(error).__name__
        raise InputError(f"is a damaged ISO 9660 image: {reason}", where=medium.path) from error
    return files


def _choose(disc: iso9660.Contents, wanted: Mapping[str, int]) -> dict[str, iso9660.Entry]:
    """Which entry gives each wanted name: a true name before a bare one."""
    from .iso9660 import bare_forms

    chosen: dict[str, iso9660.Entry] = {}
    for entry in disc.entries:
        if entry.name in wanted:
            chosen.setdefault(entry.name, entry)
    allowed = _bare(disc)
    candidates = [entry for entry in disc.entries if entry.bare and entry.name in allowed]
    claims: dict[str, list[str]] = {}
    for name in wanted:
        if name not in chosen:
            for form in bare_forms(name):
                claims.setdefault(form, []).append(name)
    for entry in candidates:
        names = claims.get(entry.name, [])
        rivals = [other for other in candidates if other is not entry and names and other.name in bare_forms(names[0])]
        if len(names) == 1 and not rivals:
            chosen[names[0]] = entry
    return chosen
