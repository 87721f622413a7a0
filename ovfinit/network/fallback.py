"""DHCP on the best interface, when only the network can tell who this machine is and nothing else brings it up."""

from __future__ import annotations

import os

from .. import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config import Config
    from ..host import Host, Interface

NETWORKD = "/run/systemd/network/95-ovfinit-first-boot.network"
IFUPDOWN = "/run/network/interfaces.d/50-ovfinit-first-boot"
# drivers of the interfaces that clouds give to machines, before any other
VIRTUAL = ("ena", "virtio_net", "vmxnet3", "xen_netfront", "hv_netvsc", "gve")


def bring_up(host: Host, config: Config) -> str | None:
    """Write a configuration under /run, which the next boot does not have, and say so; None if there is one already.

    networkd and ifupdown read it when they start, after us. Raises OSError, or ChangeError for a tree whose renderer
    we do not know.
    """
    from .choose import choose

    best = best_interface(host)
    if best is None:
        return None
    if choose(host, config.network.renderer) == "networkd":
        if _configured(host, ("/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network")):
            return None
        # the lowest precedence: whatever else matches this interface comes first
        _write(host, NETWORKD, f"[Match]\nName={best.name}\n\n[Network]\nDHCP=yes\n")
    else:
        if best.name in (host.text("/etc/network/interfaces") or "") or host.listing("/etc/network/interfaces.d"):
            return None
        _write(host, IFUPDOWN, f"auto {best.name}\niface {best.name} inet dhcp\n")
    return f"DHCP on {best.name}, until the metadata says more"


def best_interface(host: Host) -> Interface | None:
    """A cloud's paravirtual interface before others, then by name; None if there is none."""
    ranked = sorted(host.interfaces(), key=lambda one: (one.driver not in VIRTUAL, one.name))
    return ranked[0] if ranked else None


def _configured(host: Host, folders: tuple[str, ...]) -> bool:
    return any(name.endswith(".network") for folder in folders for name in host.listing(folder))


def _write(host: Host, path: str, text: str) -> None:
    real = host.real(path)
    os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
    atomic.write(real, text.encode(), 0o644)
