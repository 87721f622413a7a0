"""The bytes of a package beside what its descriptor and manifest say: presence, sizes, digests, formats of disks.

Everything is read once, from the beginning to the end, in pieces.
"""

from __future__ import annotations

import hashlib

from ...errors import InputError
from ...record import Record
from ..package import signature
from ..package.units import people
from . import magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..package.finding import Findings
    from ..package.manifest import Digest
    from ..package.model import Disk, File
    from ..package.reading import OpenPackage
    from ..package.store import Member
    from .magic import DiskFormat

    # bytes read so far, bytes in all
    Progress = Callable[[int, int], None]

PIECE = 2 * 1024 * 1024


class _Work(Record):
    """A member to be read, and what is expected of it."""

    member: Member
    digests: tuple[Digest, ...]


def verify(opened: OpenPackage, progress: Progress | None = None, *, skip_digests: bool = False) -> None:
    """Look at every file that the package refers to; what is wrong goes into its findings."""
    present = _References(opened).members()
    _formats(opened, present)
    _signature(opened)
    if opened.manifest is None:
        message = "has no manifest: nobody can tell whether its files are as they were made"
        opened.findings.note(
            "no-manifest", message, opened.package.path, f"add {_stem(opened.descriptor)}.mf with SHA256 lines"
        )
        return
    work = _work(opened, [member for members in present.values() for member in members])
    if skip_digests:
        message = "digests were NOT compared, as you asked: the files may be damaged or forged"
        opened.findings.warning("digests-skipped", message, opened.manifest.name)
        return
    _compare(opened, work, progress)


class _References:
    """The members behind the References, and what is wrong with these."""

    def __init__(self, opened: OpenPackage) -> None:
        self._opened = opened

    def members(self) -> dict[str, list[Member]]:
        """File id → its members, of those that are there."""
        found: dict[str, list[Member]] = {}
        for file in self._opened.package.files:
            if not file.href:
                continue
            try:
                members = self._opened.parts(file)
            except InputError as error:
                code = "missing-file" if error.message.endswith("is not in the package") else "hostile-href"
                self._opened.findings.error(code, error.message, error.where or self._opened.package.path, error.remedy)
                continue
            found[file.id] = members
            self._judge_size(file, members)
        return found

    def _judge_size(self, file: File, members: Sequence[Member]) -> None:
        sizes = [member.size for member in members]
        if file.size is None or any(size is None for size in sizes):
            return
        stored = sum(size or 0 for size in sizes)
        if stored != file.size:
            message = (
                f"{file.href[:100]!r} has {stored} bytes, and the descriptor says {file.size}: vCenter refuses that"
            )
            where = f"{self._opened.package.path}:{file.line}"
            self._opened.findings.error("size-mismatch", message, where, "correct ovf:size, or get the file again")


def _formats(opened: OpenPackage, present: dict[str, list[Member]]) -> None:
    """The format of each disk's file, of which a few KiB are read once."""
    known: dict[str, DiskFormat | None] = {}
    for disk in opened.package.disks:
        file = opened.package.file(disk.file)
        if file is None or file.id not in present or file.compression not in ("", "gzip"):
            continue
        where = f"{opened.package.path}:{disk.line}"
        if file.id not in known:
            known[file.id] = _format(opened, file, where)
        found = known[file.id]
        if found is not None:
            _judge_format(opened.findings, disk, file, found, where)


def _format(opened: OpenPackage, file: File, where: str) -> DiskFormat | None:
    """What a file is; None, and a finding, if it cannot be read or is empty."""
    try:
        with opened.content(file) as stream:
            head = b""
            while len(head) < magic.HEAD and (more := stream.read(magic.HEAD - len(head))):
                head += more
    except Exception as error:
        # a damaged compression raises whatever its decompressor does
        message = f"{file.href[:100]!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        opened.findings.error("disk-unreadable", message, where, "get the file again")
        return None
    if not head:
        message = f"{file.href[:100]!r} is empty, so that there is no disk"
        opened.findings.error("disk-empty", message, where, "get it again")
        return None
    return magic.detect(head)


def _judge_format(findings: Findings, disk: Disk, file: File, found: DiskFormat, where: str) -> None:
    wanted = magic.declared(disk.format)
    if found.name == "gzip":
        message = f"{file.href[:100]!r} is compressed with gzip and the References do not say so"
        findings.error("disk-compression", message, where, 'write ovf:compression="gzip" at its File')
    elif wanted is not None and found.name != wanted and not (found.name == "raw" and wanted in ("vhd", "iso")):
        what = found.name if found.name != "raw" else "no known format, perhaps a raw disk"
        message = f"{file.href[:100]!r} is {what}, and the descriptor calls it {wanted}: importers go by either"
        findings.error("disk-format", message, where, "correct ovf:format, or convert the file")
    elif found.variant == "descriptor":
        message = f"{file.href[:100]!r} is only the description of a disk whose content lies in another file"
        findings.warning("disk-descriptor", message, where, "convert it to a streamOptimized VMDK")
    elif found.variant == "compressed" and "streamoptimized" in disk.format.lower():
        message = (
            f"{file.href[:100]!r} has its directory in front, as qemu-img writes it: no stream, and importers that"
        )
        message += " read it as one find another digest, or refuse it"
        findings.note("disk-no-stream", message, where, "ovfinit image convert writes streams")
    if found.capacity is not None and disk.capacity is not None and found.capacity != disk.capacity:
        message = f"{file.href[:100]!r} is a disk of {people(found.capacity)} ({found.capacity} bytes)"
        message += f", and the descriptor says {people(disk.capacity)} ({disk.capacity})"
        severity = "error" if found.capacity > disk.capacity else "warning"
        findings.add(severity, "capacity-mismatch", message, where, "correct ovf:capacity")


def _signature(opened: OpenPackage) -> None:
    found = opened.companion(".cert", signature.LIMIT)
    if found is not None:
        signed = opened.manifest_data if opened.manifest is not None else None
        signature.verify(found[1], opened.place(found[0]), signed, opened.findings)


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _work(opened: OpenPackage, referenced: Sequence[Member]) -> list[_Work]:
    """What is to be read, in the order in which it lies there; notes what the manifest lacks or has too much."""
    manifest, findings = opened.manifest, opened.findings
    assert manifest is not None
    descriptor = opened.store.find(opened.descriptor)
    wanted: dict[str, tuple[Member, list[Digest]]] = {}
    for digest in manifest.digests:
        where = f"{manifest.name}:{digest.line}"
        try:
            member = opened.store.find(digest.name)
        except InputError as error:
            findings.error("hostile-href", f"{digest.name[:100]!r} {error.message}", where, "remove the line")
            continue
        if member is None:
            message = f"names {digest.name[:100]!r}, which is not in the package"
            findings.error("manifest-missing-file", message, where, "get the package whole, or remove the line")
        elif digest.name == manifest.name.rpartition(":")[2].rpartition("/")[2]:
            message = "names itself, which cannot be true"
            findings.warning("manifest-self", message, where, "remove the line")
        else:
            wanted.setdefault(member.name, (member, []))[1].append(digest)
    for member in ([descriptor] if descriptor else []) + list(referenced):
        if member.name not in wanted:
            message = f"has no digest of {member.name[:100]!r}: it is not protected, and vCenter refuses the package"
            findings.error("manifest-incomplete", message, f"{manifest.name}:1", "add a line for it")
    for name, (_, digests) in wanted.items():
        if len(digests) > 1:
            message = f"names {name[:100]!r} {len(digests)} times"
            findings.warning("manifest-doubled", message, f"{manifest.name}:{digests[1].line}", "keep one line")
    listed = {member.name: number for number, member in enumerate(opened.store.members() or ())}
    ordered = sorted(wanted.values(), key=lambda one: listed.get(one[0].name, len(listed)))
    return [_Work(member, tuple(digests)) for member, digests in ordered]


def _compare(opened: OpenPackage, work: Sequence[_Work], progress: Progress | None) -> None:
    total = sum(one.member.size or 0 for one in work)
    done = 0
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    for one in work:
        hashes = {digest.algorithm: hashlib.new(digest.algorithm, usedforsecurity=False) for digest in one.digests}
        try:
            with opened.store.open(one.member) as stream:
                while count := stream.readinto(view):  # type: ignore[attr-defined]
                    for each in hashes.values():
                        # hashlib lets other threads run meanwhile
                        each.update(view[:count])
                    done += count
                    if progress is not None:
                        progress(done, total)
        except Exception as error:
            # a file system's or a decompressor's own
            message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
            opened.findings.error("unreadable", message, opened.place(one.member.name), "get it again")
            continue
        for digest in one.digests:
            value = hashes[digest.algorithm].hexdigest()
            if value != digest.value:
                message = f"the {digest.algorithm.upper()} of {one.member.name[:100]!r} is {value}"
                message += f", and the manifest says {digest.value}: the file is damaged or was changed"
                where = f"{opened.manifest.name if opened.manifest else ''}:{digest.line}"
                opened.findings.error("digest-mismatch", message, where, "get the package again")
