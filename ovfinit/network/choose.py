"""Which renderer the tree really uses, judged by what is enabled in it, and what stands in that renderer's way."""

from __future__ import annotations

import os

from ..errors import ChangeError
from .interfaces import MAIN, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..host import Host

AUTO, NETWORKD, IFUPDOWN = "auto", "networkd", "ifupdown"
SETTING = "/etc/ovfinit/ovfinit.yaml"
_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def choose(host: Host, setting: str) -> str:
    """`networkd` or `ifupdown`: the setting, or with `auto` the one in use.

    Whoever is enabled counts before who is merely installed. Several: networkd (nobody enables it by accident), then
    ifupdown (NetworkManager keeps its hands off what ifupdown configures). Nobody at all, as in a fresh minimal
    tree: networkd, which systemd brings along. Raises ChangeError if the tree is netplan's or NetworkManager's alone.
    """
    if setting != AUTO:
        return setting
    if enabled(host, "systemd-networkd"):
        return NETWORKD
    if uses_ifupdown(host):
        return IFUPDOWN
    others = {"netplan": netplan_files(host), "NetworkManager": enabled(host, "NetworkManager")}
    for name, used in others.items():
        if used:
            raise ChangeError(
                f"the network of this machine is in the hands of {name}, for which there is no renderer",
                where="network.renderer",
                remedy=f"enable systemd-networkd, or set network.renderer: networkd (or ifupdown) in {SETTING}",
            )
    left_over = host.exists(MAIN) and not _part_of_systemd(host, "systemd-networkd")
    return IFUPDOWN if left_over or (_ifup(host) and host.exists(MAIN)) else NETWORKD


def obstacles(host: Host, renderer: str) -> Iterator[str]:
    """Why what is written for `renderer` may have no effect here, in words."""
    netplan, systemd = netplan_files(host), _part_of_systemd(host, "systemd")
    if netplan:
        yield f"netplan configures this machine as well and may overrule ovfinit: {', '.join(netplan)}"
    if renderer == NETWORKD:
        if not enabled(host, "systemd-networkd") and systemd:
            installed = _part_of_systemd(host, "systemd-networkd")
            remedy = "systemctl enable systemd-networkd" if installed else "install it, or set another network.renderer"
            yield f"systemd-networkd is not {'enabled' if installed else 'installed'}: {remedy}"
        if enabled(host, "NetworkManager"):
            yield "NetworkManager is enabled as well and may take the same interfaces: systemctl disable NetworkManager"
        if uses_ifupdown(host):
            yield from _fought_over(host)
    elif systemd and not uses_ifupdown(host):
        remedy = "systemctl enable networking" if _ifup(host) else "install it, or set another network.renderer"
        yield f"ifupdown is not {'enabled' if _ifup(host) else 'installed'}: {remedy}"


def netplan_files(host: Host) -> list[str]:
    """Netplan's documents, if there is a netplan to read them."""
    if not host.exists("/usr/sbin/netplan"):
        return []
    return [f"/etc/netplan/{name}" for name in host.listing("/etc/netplan") if name.endswith(".yaml")]


def uses_ifupdown(host: Host) -> bool:
    """True if something brings up what /etc/network/interfaces names."""
    if not _ifup(host):
        return False
    started = any(name.endswith("networking") for name in host.listing("/etc/rcS.d"))
    return enabled(host, "networking") or (started and not _masked(host, "networking"))


def enabled(host: Host, unit: str) -> bool:
    """True if a service is wanted by some target and not masked."""
    name = f"{unit}.service"
    wanted = any(
        name in host.listing(f"{folder}/{target}")
        for folder in _UNITS
        for target in host.listing(folder)
        if target.endswith((".wants", ".requires"))
    )
    return wanted and not _masked(host, unit)


def _ifup(host: Host) -> bool:
    return host.exists("/usr/sbin/ifup") or host.exists("/sbin/ifup")


def _part_of_systemd(host: Host, name: str) -> bool:
    return any(host.exists(f"{folder}/systemd/{name}") for folder in ("/usr/lib", "/lib"))


def _masked(host: Host, unit: str) -> bool:
    try:
        return os.readlink(host.real(f"/etc/systemd/system/{unit}.service", follow=False)) == "/dev/null"
    except OSError:
        return False


def resolves_names(host: Host) -> bool:
    """True if something in the tree takes the name servers that ifupdown hands on; plain ifupdown drops them."""
    return any(host.exists(f"{folder}/resolvconf") for folder in ("/usr/sbin", "/sbin"))


def _fought_over(host: Host) -> Iterator[str]:
    for stanza in read(host).stanzas:
        yield f"{stanza.where} gives {stanza.name} to ifupdown, which is enabled as well"
