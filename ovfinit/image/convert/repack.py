"""OVF to OVA and back with the descriptor untouched: several machines, options, foreign sections, all stay as they are.

If the manifest holds, it and the certificate are taken along byte for byte, so that a signature stays valid.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...errors import InputError
from ..descriptor.xmltree import LIMIT as DESCRIPTOR_LIMIT
from ..disk.blocks import PIECE
from ..package import writing
from ..package.manifest import LIMIT
from ..package.reading import open_package
from ..result import Result
from . import trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..package.reading import OpenPackage
    from ..package.store import Member
    from .loading import Loading
    from .target import Target


def repack(path: str, target: Target, loading: Loading, *, algorithm: str | None) -> list[str]:
    """Write the package at `path` as the target says, with its manifest unless another `algorithm` is wanted.

    Raises InputError for a package that is not whole; the paths of what was made.
    """
    with open_package(path) as opened:
        trust.require(opened, loading)
        members = _members(opened)
        loading.expect("writing", sum(member.size or 0 for member in members))
        keep = opened.manifest is not None and loading.check and algorithm in (None, *_algorithms(opened))
        if target.kind == "ova":
            with Result(target.path, replace=target.replace) as result:
                package = writing.Ova(result.candidate, target.algorithm, target.signer)
                _fill(opened, package, members, loading, keep=keep)
            return [target.path]
        if target.path.lower().endswith(".ovf"):
            raise InputError(
                "the package's files keep their names, so they need a folder of their own",
                where=target.path,
                remedy=f"name a folder and say --to ovf: {os.path.splitext(target.path)[0]}/",
            )
        with Result(target.path, replace=target.replace, folder=True, mark=".ovf") as result:
            _fill(
                opened, writing.Folder(result.candidate, target.algorithm, target.signer), members, loading, keep=keep
            )
            names = sorted(os.listdir(result.candidate))
        return [os.path.join(target.path, name) for name in names]


def _algorithms(opened: OpenPackage) -> set[str]:
    return {digest.algorithm for digest in opened.manifest.digests} if opened.manifest is not None else set()


def _members(opened: OpenPackage) -> list[Member]:
    """The files that the descriptor names, in its order; each once, chunks one by one."""
    found: dict[str, Member] = {}
    for file in opened.package.files:
        for member in opened.parts(file):
            if "/" in member.name.removeprefix("./"):
                raise InputError(
                    f"{member.name!r} lies in a folder of its own, which importers refuse",
                    where=f"{opened.place(opened.descriptor)}:{file.line}",
                    remedy="--disk-format vmdk writes the package anew",
                )
            found.setdefault(member.name, member)
    return list(found.values())


def _fill(
    opened: OpenPackage,
    package: writing.Folder | writing.Ova,
    members: list[Member],
    loading: Loading,
    *,
    keep: bool,
) -> None:
    base = os.path.basename(opened.descriptor)
    stem = os.path.splitext(base)[0]
    text = opened.read(opened.descriptor, DESCRIPTOR_LIMIT) or b""
    package.add(base, [text])
    order = [base, *(member.name for member in members)]
    old = os.path.splitext(opened.descriptor)[0]
    if keep:
        manifest = opened.read(f"{old}.mf", LIMIT) or b""
        package.add(f"{stem}.mf", [manifest])
        certificate = opened.read(f"{old}.cert", LIMIT)
        if package.signer is not None:
            certificate = package.signer.certificate_file(f"{stem}.mf", manifest, package.algorithm)
        if certificate is not None:
            package.add(f"{stem}.cert", [certificate])
    else:
        if package.signer is None and opened.store.find(f"{old}.cert") is not None:
            loading.warn("the manifest is written anew, so that the package's signature is no longer there")
        writing.reserve_manifest(package, stem, order)
    for member in members:
        package.add(member.name, _pieces(opened, member, loading))
    if not keep:
        writing.seal(package, stem, order)
    package.close()


def _pieces(opened: OpenPackage, member: Member, loading: Loading) -> Iterator[bytes]:
    with opened.store.open(member) as stream:
        while piece := stream.read(PIECE):
            loading.advance(len(piece))
            yield piece
