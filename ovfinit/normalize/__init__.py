"""From what a source said to what the duties can rely on; the walk over all of it is in whole.py.

A boot on which nothing was read anew uses single parts of this package, and loads no more than those.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..host import Host
    from ..model import Metadata


def normalize(metadata: Metadata, host: Host, table: Mapping[str, object]) -> Metadata:
    """The same metadata, complete, with every value checked and in its one form; see `whole.normalize`."""
    from . import whole

    return whole.normalize(metadata, host, table)
