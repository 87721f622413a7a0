"""One piece of user data while it is sorted out."""

from __future__ import annotations

from ..record import Record


class Part(Record):
    """A piece of what was handed over.

    Attributes:
        content: its bytes, decoded as its container says.
        file: what it was read from.
        where: how findings call it: the file, and inside it the number of the part and its name.
        kind: the MIME type that its container declares, None where the content tells.
        name: the file name that its container gives it.
        numbers: its place in each container around it, outermost first, counted from 1.
        merge: the merge rules in a header of its own.
        boundary: between the parts of a multipart type.
        vendor: it comes from the vendor.
        trail: URLs of includes around it.
    """

    content: bytes
    file: str
    where: str
    kind: str | None = None
    name: str = ""
    numbers: tuple[int, ...] = ()
    merge: object = None
    boundary: str | None = None
    vendor: bool = False
    trail: tuple[str, ...] = ()

    def inside(self, number: int, content: bytes, *, kind: str | None = None, name: str = "") -> Part:
        """The part of that number in this one, a container."""
        numbers = (*self.numbers, number)
        shown = name if name.isprintable() else repr(name)
        title = f" ({shown[:40]})" if name else ""
        where = f"{self.file} part {'.'.join(map(str, numbers))}{title}"
        return self.with_(
            content=content, where=where, kind=kind, name=name, numbers=numbers, merge=None, boundary=None
        )
