"""Which of several network configurations counts.

In this order: the kernel command line's `network-config=` (whoever stands at the console), ovfinit.yaml's
`network.config` (the admin), what the initramfs did where the root file system hangs on it, the source's, `ip=` and the
initramfs otherwise, and DHCP on the best interface where nobody else configures one.
"""

from __future__ import annotations

from ..model import Problem
from .ordered import COMMAND_LINE, FIELD, Wanted, given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config import Config
    from ..host import Host
    from ..model import Metadata

FALLBACK = "DHCP, because nothing else configures a network"
# how the root file system says that it comes over the network; nfsroot.rst, dracut.cmdline(7), initramfs-tools(7)
_WORDS = ("nfsroot", "netroot", "iscsi_target_name", "ISCSI_TARGET_NAME", "rd.iscsi.firmware", "rd.iscsi.initiator")
_ROOTS = ("/dev/nfs", "nfs:", "nfs4:", "iscsi:", "nbd:", "fcoe:", "nvmf:", "dhcp", "cifs:", "live:http")


def wanted(metadata: Metadata, config: Config, host: Host) -> Wanted:
    """Decide; `network` is None if nobody says anything, or somebody configures the network without us."""
    problems: list[Problem] = []
    ordered = given(config, host, problems)
    if ordered is not None:
        return ordered.with_(problems=tuple(problems))
    needed = _root_over_network(host)
    early = _early(host, problems) if metadata.network is None or needed else None
    if early is not None and needed:
        kinds = [kind for kind in (early.network or {}).values() if isinstance(kind, dict)]
        for device in (one for kind in kinds for one in kind.values()):
            device["critical"] = True
        return early.with_(problems=tuple(problems))
    if metadata.network is not None:
        return Wanted(metadata.network, metadata.origins.get(FIELD), tuple(problems))
    if early is not None:
        return early.with_(problems=tuple(problems))
    from .fallback import for_good

    return Wanted(for_good(host, config), FALLBACK, tuple(problems))


def _early(host: Host, problems: list[Problem]) -> Wanted | None:
    """What the initramfs or the kernel did before anybody of us ran; the former knows more of it."""
    from . import initramfs, kernel
    from .fallback import best_interface

    network, origin, wrong = initramfs.read(host)
    problems += [Problem(FIELD, text) for text in wrong]
    if network is None:
        best = best_interface(host)
        network, wrong = kernel.parse(host.kernel_words, best.name if best else None)
        origin = f"{COMMAND_LINE}#ip"
        problems += [Problem(FIELD, text, origin) for text in wrong]
    return None if network is None else Wanted(network, origin)


def _root_over_network(host: Host) -> bool:
    """True if the root file system comes over the network: whoever takes that interface down takes the machine down."""
    words = host.cmdline
    root = words.get("root", "")
    return any(word in words for word in _WORDS) or root.startswith(_ROOTS) or words.get("boot") == "nfs"
