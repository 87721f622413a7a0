"""Standing aside: what switches the agent off on a machine."""

from __future__ import annotations

from .paths import DISABLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host

# cloud-init's generator leaves this when it has decided to customize this boot itself
PEER = "/run/cloud-init/enabled"


def switched_off(host: Host) -> str | None:
    """Why the agent must stand aside on this boot, None if it must not. The units have the same conditions."""
    if host.cmdline.get("ovfinit") == "off":
        return "ovfinit=off on the kernel command line"
    if host.exists(DISABLED):
        return f"{DISABLED} exists"
    return f"cloud-init is in charge of this boot ({PEER} exists)" if host.exists(PEER) else None
