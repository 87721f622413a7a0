"""DHCP on the best interface, when nothing else configures a network: for one boot, or for good.

Before anybody knows who this machine is, a file under /run opens the way to a metadata service. Once its metadata is
there and says nothing of a network, the duty `network` plans the same for good, so that the next boot has it, too.
"""

from __future__ import annotations

import os

from .. import atomic
from .interfaces import OURS
from .ranking import FIRST_METRIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..config import Config
    from ..host import Host, Interface
    from .ordered import Wanted

# the lowest precedence: whatever else matches an interface comes first
NETWORKD = "/run/systemd/network/95-ovfinit-first-boot{}.network"
IFUPDOWN = "/run/network/interfaces.d/50-ovfinit-first-boot"
NETPLAN_FOLDERS = ("/etc/netplan", "/run/netplan", "/usr/lib/netplan", "/lib/netplan")
NETWORKD_FOLDERS = ("/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network")
# where networkd finds what we wrote for good
OUR_FILES = (("/etc/systemd/network", "10-ovfinit-"), ("/run/systemd/network", "10-netplan-"))
# what systemd itself ships: for containers and the like, and for no adapter
SYSTEMDS = ("/usr/lib/systemd/network", "/lib/systemd/network")
# drivers of the interfaces that clouds give to machines, before any other
VIRTUAL = ("ena", "virtio_net", "vmxnet3", "xen_netfront", "hv_netvsc", "gve")


def bring_up(host: Host, config: Config) -> str | None:
    """Write a configuration under /run, which the next boot does not have, and say so; None if there is one already.

    networkd and ifupdown read it when they start, after us. What we wrote for good on an earlier boot does not count:
    it may be a clone's, and of adapters that are not here; where it fits it goes before this. NetworkManager needs
    nothing, it asks DHCP by itself. networkd asks on all interfaces at once, and the best one's route counts first:
    nobody knows yet which of them leads to a metadata service. If there is none, its driver may come late: whatever
    appears asks. A network that was ordered in ovfinit.yaml or on the kernel command line opens the way in place of
    DHCP, where networkd runs. Raises OSError.
    """
    from .choose import IFUPDOWN as USES_IFUPDOWN
    from .choose import NETWORKD as USES_NETWORKD
    from .choose import choose, enabled
    from .ordered import given

    if "network" in config.disable:
        return None
    ordered = given(config, host, [])
    if ordered is not None:
        return _as_ordered(host, ordered) if enabled(host, "systemd-networkd") else None
    interfaces = ranked(host)
    names = [interface.name for interface in interfaces]
    renderer = choose(host, config.network.renderer)
    if configured(host, renderer):
        return None
    if renderer == USES_IFUPDOWN:
        # one after the other, and each that nobody answers holds the others up
        names = names[:1]
        if not names or names[0] in (host.text(OURS) or "").split():
            return None
        _write(host, IFUPDOWN, f"auto {names[0]}\niface {names[0]} inet dhcp\n")
    elif renderer == USES_NETWORKD or enabled(host, "systemd-networkd"):
        _ask_everywhere(host, names)
        # a network of ours that stands there goes before DHCP, which then is nothing to tell of
        names = [interface.name for interface in interfaces if not _is_ours(host, interface)]
        if interfaces and not names:
            return None
    else:
        return None
    return f"DHCP on {', '.join(names) or 'whatever adapter appears'}, until the metadata says more"


def _ask_everywhere(host: Host, names: Sequence[str]) -> None:
    if not names:
        _write(host, NETWORKD.format(""), "[Match]\nName=e*\nType=ether\n\n[Network]\nDHCP=yes\n")
    for place, name in enumerate(names):
        text = f"[Match]\nName={name}\n\n[Network]\nDHCP=yes\n"
        if len(names) > 1:
            metric = f"RouteMetric={FIRST_METRIC * (place + 1)}\n"
            text += f"\n[DHCPv4]\n{metric}\n[IPv6AcceptRA]\n{metric}"
            # a wire that leads nowhere keeps nobody waiting
            text += "\n[Link]\nRequiredForOnline=no\n" if place else ""
        _write(host, NETWORKD.format(f"-{name}"), text)


def _is_ours(host: Host, interface: Interface) -> bool:
    """True if networkd configures it by a file of ours, or by what netplan makes of ours; see systemd.network(5)."""
    return any(
        _matches(host.text(f"{folder}/{name}") or "", interface)
        for folder, prefix in OUR_FILES
        for name in host.listing(folder)
        if name.startswith(prefix) and name.endswith(".network")
    )


def _matches(text: str, interface: Interface) -> bool:
    """Whether the section [Match] means it, as far as we ever write one."""
    known = {"Name": interface.name, "Driver": interface.driver or ""}
    known |= dict.fromkeys(("MACAddress", "PermanentMACAddress"), interface.mac)
    section = text.partition("[Match]")[2].partition("\n[")[0]
    wanted = [line.partition("=")[::2] for line in section.splitlines() if "=" in line and not line.startswith("Type=")]
    return bool(wanted) and all(
        any(_fits(known.get(key, ""), pattern) for pattern in patterns.split()) for key, patterns in wanted
    )


def _fits(word: str, pattern: str) -> bool:
    if word == pattern or not any(sign in pattern for sign in "*?["):
        return word == pattern
    from fnmatch import fnmatchcase

    return fnmatchcase(word, pattern)


def _as_ordered(host: Host, ordered: Wanted) -> str | None:
    """What is going to stand below /etc stands below /run until then."""
    from .forms import parse
    from .networkd import render

    network = parse(dict(ordered.network or {})).network
    for path, file in render(network).files.items():
        _write(host, path.replace("/etc/", "/run/", 1), file.text)
    return f"The network as ordered by {ordered.origin}" if network.devices else None


def for_good(host: Host, config: Config) -> dict[str, Any] | None:
    """DHCP on the best interface as a version 2 mapping.

    None if there is no interface, if somebody configures one, or if what would be written had no effect: then the
    network is somebody's whom we do not know.
    """
    from .choose import choose, obstacles

    best = best_interface(host)
    if best is None:
        return None
    renderer = choose(host, config.network.renderer)
    if configured(host, renderer) or any(obstacles(host, renderer)):
        return None
    return {"version": 2, "ethernets": {best.name: {"dhcp4": True}}}


def configured(host: Host, renderer: str) -> bool:
    """True if somebody else than us configures the network with this renderer (or on its own, as NetworkManager)."""
    from .choose import IFUPDOWN as USES_IFUPDOWN
    from .choose import NETPLAN, NETWORKMANAGER
    from .interfaces import read

    if renderer == NETWORKMANAGER:
        return True
    if renderer == USES_IFUPDOWN:
        return bool(read(host).stanzas)
    if renderer == NETPLAN and _others(host, NETPLAN_FOLDERS, ".yaml"):
        return True
    return bool(_others(host, NETWORKD_FOLDERS, ".network") or _others(host, SYSTEMDS, ".network", but="80-"))


def best_interface(host: Host) -> Interface | None:
    """The first of `ranked`, None if there is no interface."""
    return next(iter(ranked(host)), None)


def ranked(host: Host) -> list[Interface]:
    """A cloud's paravirtual interface before others, one with a carrier before one without, then by name and number."""
    return sorted(host.interfaces(), key=lambda one: (one.driver not in VIRTUAL, not one.up, _natural(one.name)))


def _natural(name: str) -> tuple[str, int, str]:
    """`eth2` before `eth10`."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0), name


def _others(host: Host, folders: tuple[str, ...], suffix: str, *, but: str = "\0") -> list[str]:
    """Files that are neither ours nor made by netplan out of ours."""
    return [
        name
        for folder in folders
        for name in host.listing(folder)
        if name.endswith(suffix) and "ovfinit" not in name and not name.startswith(("10-netplan-", but))
    ]


def _write(host: Host, path: str, text: str) -> None:
    real = host.real(path)
    os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
    atomic.write(real, text.encode(), 0o644)
