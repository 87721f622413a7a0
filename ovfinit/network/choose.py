"""Which renderer the tree really uses, judged by what is enabled in it, and what stands in that renderer's way."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..host import Host

AUTO, NETWORKD, NETPLAN, IFUPDOWN, NETWORKMANAGER = "auto", "networkd", "netplan", "ifupdown", "networkmanager"
# what each renderer's own service leaves under /run once it is up
SIGNS = {
    NETWORKD: ("/run/systemd/netif/state",),
    IFUPDOWN: ("/run/network/ifstate",),
    NETWORKMANAGER: ("/run/NetworkManager/NetworkManager.pid",),
    NETPLAN: ("/run/systemd/netif/state", "/run/NetworkManager/NetworkManager.pid"),
}
OWN_DOCUMENT = "/etc/netplan/50-ovfinit.yaml"
_ENABLED = "/etc/systemd/system"
_UNITS = (_ENABLED, "/usr/lib/systemd/system", "/lib/systemd/system")
# Ubuntu ships this one; a file of the same name elsewhere takes its place
_UNMANAGED = "NetworkManager/conf.d/10-globally-managed-devices.conf"


def choose(host: Host, setting: str) -> str:
    """The name of a renderer: the setting, or with `auto` the one in use.

    Whoever is enabled counts before who is merely installed. Netplan comes first: it makes files for the others, with
    names that networkd reads before ours. Then networkd (nobody enables it by accident); NetworkManager, unless
    ifupdown has interfaces, off which it keeps its hands; ifupdown. Nobody at all, as in a fresh minimal tree:
    networkd, which systemd brings along.
    """
    if setting != AUTO:
        return setting
    if uses_netplan(host):
        return NETPLAN
    if enabled(host, "systemd-networkd"):
        return NETWORKD
    from .interfaces import MAIN, read

    manager = enabled(host, "NetworkManager")
    if uses_ifupdown(host) and not (manager and not read(host).stanzas):
        return IFUPDOWN
    if manager:
        return NETWORKMANAGER
    left_over = host.exists(MAIN) and not _part_of_systemd(host, "systemd-networkd")
    return IFUPDOWN if left_over or (_ifup(host) and host.exists(MAIN)) else NETWORKD


def obstacles(host: Host, renderer: str) -> Iterator[str]:
    """Why what is written for `renderer` may have no effect here, in words."""
    documents = netplan_files(host)
    if renderer == NETPLAN:
        if not _netplan(host):
            yield "netplan is not installed: install it, or set another network.renderer"
        return
    if documents:
        yield f"netplan configures this machine as well and may overrule ovfinit: {', '.join(documents)}"
    if not _part_of_systemd(host, "systemd") or _other_init(host):
        return
    if renderer == NETWORKD:
        yield from _missing(host, "systemd-networkd", _part_of_systemd(host, "systemd-networkd"))
    elif renderer == NETWORKMANAGER:
        yield from _missing(host, "NetworkManager", host.exists("/usr/sbin/NetworkManager"))
        if _leaves_adapters_alone(host):
            yield (
                f"NetworkManager is told by /usr/lib/{_UNMANAGED} to leave all network adapters alone: "
                f"make an empty /etc/{_UNMANAGED}"
            )
    elif not uses_ifupdown(host):
        remedy = "systemctl enable networking" if _ifup(host) else "install it, or set another network.renderer"
        yield f"ifupdown is not {'enabled' if _ifup(host) else 'installed'}: {remedy}"
    for other in ("systemd-networkd", "NetworkManager"):
        if renderer in {NETWORKD, NETWORKMANAGER} and other.lower() not in _UNIT[renderer] and enabled(host, other):
            yield f"{other} is enabled as well and may take the same interfaces: systemctl disable {other}"
    if renderer != IFUPDOWN and uses_ifupdown(host):
        yield from _fought_over(host)


_UNIT = {NETWORKD: "systemd-networkd", NETWORKMANAGER: "networkmanager"}


def _missing(host: Host, unit: str, installed: bool) -> Iterator[str]:
    if not enabled(host, unit):
        remedy = f"systemctl enable {unit}" if installed else "install it, or set another network.renderer"
        yield f"{unit} is not {'enabled' if installed else 'installed'}: {remedy}"


def _leaves_adapters_alone(host: Host) -> bool:
    return host.exists(f"/usr/lib/{_UNMANAGED}") and not any(
        host.exists(f"{folder}/{_UNMANAGED}") for folder in ("/etc", "/run")
    )


def running(host: Host, renderer: str) -> bool:
    """True if whoever reads the renderer's files has read them already, and must be told of new ones."""
    return host.live and any(host.exists(sign) for sign in SIGNS[renderer])


def uses_netplan(host: Host) -> bool:
    """True if netplan is there and has something to do: documents, or a distribution that leaves all to it."""
    return _netplan(host) and (bool(netplan_files(host)) or host.os_release.get("ID") == "ubuntu")


def _netplan(host: Host) -> bool:
    return host.exists("/usr/sbin/netplan")


def netplan_files(host: Host) -> list[str]:
    """Others' documents, as netplan(5) finds them, if there is a netplan to read them."""
    if not _netplan(host):
        return []
    found: dict[str, str] = {}
    for folder in ("/usr/lib/netplan", "/etc/netplan", "/run/netplan"):
        found.update({name: f"{folder}/{name}" for name in host.listing(folder) if name.endswith(".yaml")})
    return [path for _, path in sorted(found.items()) if path != OWN_DOCUMENT]


def uses_ifupdown(host: Host) -> bool:
    """True if something brings up what /etc/network/interfaces names."""
    if not _ifup(host):
        return False
    started = any(name.endswith("networking") for name in host.listing("/etc/rcS.d"))
    return enabled(host, "networking") or (started and not _masked(host, "networking"))


def enabled(host: Host, unit: str) -> bool:
    """True if a service is wanted by some target and not masked, and somebody asks targets."""
    name = f"{unit}.service"
    if _other_init(host):
        return False
    for folder in _UNITS:
        # what is wanted by default is wanted beside the unit itself
        if folder != _ENABLED and not host.exists(f"{folder}/{name}"):
            continue
        for target in host.listing(folder):
            if target.endswith((".wants", ".requires")) and name in host.listing(f"{folder}/{target}"):
                return not _masked(host, unit)
    return False


def _ifup(host: Host) -> bool:
    return host.exists("/usr/sbin/ifup") or host.exists("/sbin/ifup")


def _part_of_systemd(host: Host, name: str) -> bool:
    return any(host.exists(f"{folder}/systemd/{name}") for folder in ("/usr/lib", "/lib"))


def _other_init(host: Host) -> bool:
    """True if the tree boots another init than systemd, whose units may be there all the same."""
    for path in ("/usr/sbin/init", "/sbin/init"):
        if host.exists(path):
            try:
                return os.path.basename(os.readlink(host.real(path, follow=False))) != "systemd"
            except OSError:
                return True
    return False


def _masked(host: Host, unit: str) -> bool:
    try:
        return os.readlink(host.real(f"/etc/systemd/system/{unit}.service", follow=False)) == "/dev/null"
    except OSError:
        return False


def resolves_names(host: Host) -> bool:
    """True if something in the tree takes the name servers that ifupdown hands on; plain ifupdown drops them."""
    return any(host.exists(f"{folder}/resolvconf") for folder in ("/usr/sbin", "/sbin"))


def _fought_over(host: Host) -> Iterator[str]:
    from .interfaces import read

    for stanza in read(host).stanzas:
        yield f"{stanza.where} gives {stanza.name} to ifupdown, which is enabled as well"
