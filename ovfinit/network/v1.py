"""cloud-init's network configuration version 1 as a netplan version 2 mapping.

Format: "Networking config Version 1" of cloud-init's documentation; the words of bonds and bridges there are those of
Debian's ifenslave and bridge-utils, whose numbers are the kernel's own (linux/bonding.rst).
"""

from __future__ import annotations

from . import reading
from .address import contains
from .reading import Findings, Section, Unusable, choice, flag, number, shown
from .v1_subnets import add_servers, route, servers, subnets
from .v2 import HASHES, MODES, VALIDATE
from .v2_addressing import MTU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .outcome import Converted
    from .reading import Path, Reader

    Device = tuple[str, str, dict[str, Any]]

ITEMS_LIMIT = 1024


def convert(value: object) -> Converted:
    """The same network in version 2, with or without the top `network:` key of a file.

    Nothing is raised: every mistake is a finding with its path in this document; what is usable without them is in the
    mapping. `places` leads from a device of the mapping back to its item here.
    """
    findings = Findings()
    top = Section({}, (), findings).below(value, ())
    if top is not None and set(top.value) == {"network"}:
        top = top.section("network")
    document = _Document(findings)
    if top is not None:
        document.read(top)
    return findings.converted(document.sections, document.places)


class _Document:
    """What was read: devices by section and id, and what concerns several of them."""

    def __init__(self, findings: Findings) -> None:
        self.sections: dict[str, dict[str, Any]] = {}
        self.places: dict[tuple[str, str], Path] = {}
        self._findings = findings
        self._names: dict[str, Path] = {}
        self._servers: list[tuple[Path, str | None, list[str], list[str]]] = []
        self._routes: list[tuple[Path, dict[str, Any]]] = []

    def read(self, top: Section) -> None:
        """Take in the items of `config`, then spread over the devices what concerns several."""
        top.has("version")
        for index, (path, item) in enumerate(top.items("config")):
            if index >= ITEMS_LIMIT:
                self._findings.lose(path, f"there are more than {ITEMS_LIMIT} items")
                break
            below = top.below(item, path)
            if below is not None:
                self._item(below)
        top.close()
        for path, interface, addresses, search in self._servers:
            self._serve(path, interface, addresses, search)
        for path, found in self._routes:
            self._lead(path, found)

    def _item(self, section: Section) -> None:
        given = section.value.get("type")
        kind = given if isinstance(given, str) else None
        section.has("type")
        if kind == "nameserver":
            interface = section.take("interface", reading.interface_name)
            self._servers.append((section.path, interface, *servers(section, "address", "search")))
        elif kind == "route":
            found = route(section)
            if found is not None:
                self._routes.append((section.path, found))
        elif kind in _KINDS:
            self._device(section, kind)
        else:
            known = ", ".join((*_KINDS, "nameserver", "route"))
            message = "is not supported, left out" if kind == "infiniband" else f"is not one of {known}"
            self._findings.lose((*section.path, "type"), f"{shown(given)} {message}")
            return
        section.close()

    def _device(self, section: Section, kind: str) -> None:
        mistakes = section.findings.mistakes
        name = section.take("name", reading.interface_name)
        if not section.has("name"):
            section.findings.error(section.path, "an interface needs `name`")
        mac = section.take("mac_address", reading.mac)
        identified = section.findings.mistakes == mistakes
        settings = {"mtu": section.take("mtu", MTU), "accept-ra": section.take("accept-ra", flag)}
        settings = {key: value for key, value in settings.items() if value is not None}
        settings.update({key: True for key in ("wakeonlan", "optional") if section.flag(key)})
        settings.update(subnets(section))
        where, build = _KINDS[kind]
        known = build(section, settings, name, mac)
        if not identified or not known or name is None:
            self._lost(section)
        elif name in self._names:
            section.findings.lose((*section.path, "name"), f"another interface is called {name} already")
        elif kind != "loopback" or settings:
            self._names[name] = section.path
            self.places[where, name] = section.path
            self.sections.setdefault(where, {})[name] = settings

    def _lost(self, section: Section) -> None:
        first = next((one for one in self._findings.errors if one.path[: len(section.path)] == section.path), None)
        if first is not None:
            self._findings.lost.append(first)

    def _devices(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for devices in self.sections.values():
            yield from devices.items()

    def _serve(self, path: Path, interface: str | None, addresses: list[str], search: list[str]) -> None:
        """Servers of no interface in particular go to each that has an address: version 2 knows no others."""
        wanted = [
            settings
            for name, settings in self._devices()
            if (name == interface if interface else name != "lo" and _addressed(settings))
        ]
        for settings in wanted:
            add_servers(settings, addresses, search)
        if not wanted:
            message = f"no interface is called {interface}" if interface else "no interface has an address"
            self._findings.error((*path, "interface") if interface else path, f"{message}: the servers are left out")

    def _lead(self, path: Path, found: dict[str, Any]) -> None:
        """A route goes where its gateway is: into a network of an interface, else to the only one that asks DHCP."""
        devices = [settings for _, settings in self._devices()]
        direct = [
            settings
            for settings in devices
            if any(contains(address, found["via"]) for address in settings.get("addresses", ()))
        ]
        asking = [settings for settings in devices if settings.get("dhcp6" if ":" in found["via"] else "dhcp4")]
        if direct or len(asking) == 1:
            (direct or asking)[0].setdefault("routes", []).append(found)
        else:
            self._findings.error((*path, "gateway"), f"{found['via']} is in no interface's network")


def _addressed(settings: dict[str, Any]) -> bool:
    return any(settings.get(key) for key in ("addresses", "dhcp4", "dhcp6", "accept-ra"))


def _physical(section: Section, settings: dict[str, Any], name: str | None, mac: str | None) -> bool:
    del section
    if mac is not None:
        settings.update({"match": {"macaddress": mac}, "set-name": name})
    return True


def _loopback(section: Section, settings: dict[str, Any], name: str | None, mac: str | None) -> bool:
    del mac
    if name != "lo":
        section.findings.error((*section.path, "name"), "the loopback interface is called lo")
    # it is there, and nobody needs to be told how to bring it up
    settings.pop("activation-mode", None)
    return name == "lo"


def _vlan(section: Section, settings: dict[str, Any], name: str | None, mac: str | None) -> bool:
    del name
    tag = section.take("vlan_id", number(0, 4094))
    link = section.take("vlan_link", reading.interface_name)
    for key in ("vlan_id", "vlan_link"):
        if not section.has(key):
            section.findings.error(section.path, f"a VLAN needs `{key}`")
    settings.update({"id": tag, "link": link} | ({"macaddress": mac} if mac else {}))
    return tag is not None and link is not None


def _bond(section: Section, settings: dict[str, Any], name: str | None, mac: str | None) -> bool:
    del name
    settings["interfaces"] = list(section.every("bond_interfaces", reading.interface_name))
    if mac is not None:
        settings["macaddress"] = mac
    below = section.section("params")
    if below is not None:
        found = _parameters(below, "bond", BOND)
        if found:
            settings["parameters"] = found
    return True


def _bridge(section: Section, settings: dict[str, Any], name: str | None, mac: str | None) -> bool:
    del name
    settings["interfaces"] = list(section.every("bridge_interfaces", reading.interface_name))
    below = section.section("params")
    found = {} if below is None else _parameters(below, "bridge", _BRIDGE)
    mac = found.pop("macaddress", None) or mac
    if mac is not None:
        settings["macaddress"] = mac
    if found:
        settings["parameters"] = found
    return True


def _parameters(section: Section, prefix: str, table: dict[str, tuple[str, Reader[Any]]]) -> dict[str, Any]:
    """Parameters in netplan's words; `bond-mode`, `bond_mode` and `mode` are one."""
    found = {}
    for key in section.value:
        word = key.replace("-", "_").removeprefix(f"{prefix}_") if isinstance(key, str) else ""
        if word in _IDLE:
            section.has(str(key))
        elif word in table:
            name, reader = table[word]
            value = section.take(str(key), reader)
            if value is not None:
                found[name] = value
    section.close()
    return found


def _word(*words: str) -> Reader[str]:
    """One of the driver's words, or its number."""
    plain = choice(*words)

    def read(value: object) -> str:
        text = str(value).strip()
        # YAML makes a truth value of `on`, and of nothing else that is a word here
        if text.isascii() and text.isdecimal() and int(text) < len(words):
            return words[int(text)]
        return plain(text)

    return read


def _truth(value: object) -> bool:
    return flag({"0": False, "1": True}.get(str(value), value))


def _targets(value: object) -> list[str]:
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or len(items) > 16:
        raise Unusable("must be a list of at most 16 addresses")
    return [reading.ipv4(item) for item in items]


def _ports(high: int) -> Callable[[object], dict[str, int]]:
    """`PORT VALUE` lines: one text, or a list of them."""
    limit = number(0, high)

    def read(value: object) -> dict[str, int]:
        found = {}
        for item in value if isinstance(value, (list, tuple)) else [value]:
            words = item.split() if isinstance(item, str) else []
            if len(words) != 2:
                raise Unusable(f"{shown(item)} is not a port and its value")
            found[reading.interface_name(words[0])] = limit(words[1])
        return found

    return read


BOND: dict[str, tuple[str, Reader[Any]]] = {
    "mode": ("mode", _word(*MODES)),
    "miimon": ("mii-monitor-interval", number(0, 2**31 - 1)),
    "lacp_rate": ("lacp-rate", _word("slow", "fast")),
    "min_links": ("min-links", number(0, 255)),
    "xmit_hash_policy": ("transmit-hash-policy", _word(*HASHES)),
    "ad_select": ("ad-select", _word("stable", "bandwidth", "count")),
    "all_slaves_active": ("all-members-active", _truth),
    "arp_interval": ("arp-interval", number(0, 2**31 - 1)),
    "arp_ip_target": ("arp-ip-targets", _targets),
    "arp_validate": ("arp-validate", _word(*VALIDATE)),
    "arp_all_targets": ("arp-all-targets", _word("any", "all")),
    "updelay": ("up-delay", number(0, 2**31 - 1)),
    "downdelay": ("down-delay", number(0, 2**31 - 1)),
    "fail_over_mac": ("fail-over-mac-policy", _word("none", "active", "follow")),
    "num_grat_arp": ("gratuitous-arp", number(0, 255)),
    "num_unsol_na": ("gratuitous-arp", number(0, 255)),
    "packets_per_slave": ("packets-per-member", number(0, 65535)),
    "primary_reselect": ("primary-reselect-policy", _word("always", "better", "failure")),
    "resend_igmp": ("resend-igmp", number(0, 255)),
    "lp_interval": ("learn-packet-interval", number(1, 2**31 - 1)),
    "primary": ("primary", reading.interface_name),
}
_BRIDGE: dict[str, tuple[str, Reader[Any]]] = {
    "ageing": ("ageing-time", number(0, 2**31 - 1)),
    "bridgeprio": ("priority", number(0, 65535)),
    "fd": ("forward-delay", number(0, 255)),
    "hello": ("hello-time", number(0, 255)),
    "hw": ("macaddress", reading.mac),
    "maxage": ("max-age", number(0, 255)),
    "pathcost": ("path-cost", _ports(65535)),
    "portprio": ("port-priority", _ports(63)),
    "stp": ("stp", _truth),
}
# how long the scripts of bridge-utils and ifenslave wait; who they belong to is said elsewhere
_IDLE = ("maxwait", "waitport", "slaves", "ports", "master")

if TYPE_CHECKING:
    Build = Callable[[Section, dict[str, Any], str | None, str | None], bool]
_KINDS: dict[str, tuple[str, Build]] = {
    "physical": ("ethernets", _physical),
    "loopback": ("ethernets", _loopback),
    "bond": ("bonds", _bond),
    "bridge": ("bridges", _bridge),
    "vlan": ("vlans", _vlan),
}
