"""Whether a package may be made into something else: what its check found, told, and refused where it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError
from ..conformance import verification
from ..package.finding import NOTE

if TYPE_CHECKING:
    from ..package.reading import OpenPackage
    from .loading import Loading

# findings after which nothing is made of the package
FATAL = ("archive-damaged", "digest-mismatch", "hostile-href", "missing-file", "signature-wrong", "unreadable")
_WORTH_SAYING = ("no-manifest",)


def require(opened: OpenPackage, loading: Loading) -> None:
    """Compare digests, sizes and signature, all before anything is written. Raises InputError for what is not whole.

    Everything else that is found is a warning.
    """
    seen = [0]

    def progress(done: int, total: int) -> None:
        if not seen[0]:
            loading.expect("checking digests", total)
        loading.advance(done - seen[0])
        seen[0] = done

    verification.verify(opened, progress, skip_digests=not loading.check)
    for finding in opened.findings:
        if finding.code in FATAL:
            remedy = finding.remedy
            if finding.code == "digest-mismatch":
                remedy = f"{remedy}; --skip-digests takes it nevertheless"
            raise InputError(finding.message, where=finding.where, remedy=remedy)
        if finding.severity != NOTE or finding.code in _WORTH_SAYING:
            loading.warn(f"{finding.where}: {finding.message}")
