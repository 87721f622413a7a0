"""User data: everything that a user can hand over for the first boot, sorted out into what the duties take."""

from __future__ import annotations

from .handed import NOTHING, Script, UserData, withheld

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..host import Host
    from ..model import Metadata

__all__ = ["NOTHING", "Script", "UserData", "collect", "withheld"]
_SCRIPT = b"#!"


def collect(
    metadata: Metadata,
    kept: Callable[[], Mapping[str, bytes]] | None = None,
    fetch: Callable[[str, int], bytes] | None = None,
    host: Host | None = None,
) -> UserData:
    """Sort out the user's and the vendor's data of this metadata. Never raises for what they say.

    Args:
        metadata: of the instance whose data it is.
        kept: gives what includes brought on an earlier boot, by URL.
        fetch: reads a URL within so many bytes, or raises SourceError; None without a network.
        host: whose distribution and kernel templates may name; None names none.
    """
    user, vendor = metadata.user_data, metadata.vendor_data
    if not (user and user.strip()) and not (vendor and vendor.strip()):
        return NOTHING
    if not vendor and user and user.startswith(_SCRIPT) and not user.partition(b"\n")[0].endswith(b"\r"):
        # most of all boots: nothing to unfold
        return UserData(scripts=(Script("user-data", user, origin=metadata.origins.get("user_data")),))
    from .collecting import collect as sort_out

    return sort_out(metadata, kept, fetch, host)
