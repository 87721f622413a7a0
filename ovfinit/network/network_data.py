"""OpenStack's `network_data.json` as a netplan version 2 mapping.

Format: Nova's user guide, "Metadata", and its JSON schema doc/api_schemas/network_data.json. Adapters are found again
by their hardware addresses and called `nic0`, `nic1` … in the order of the links; they keep the names they have.
"""

from __future__ import annotations

from . import reading
from .ranking import rank
from .reading import Findings, Section, choice, number, shown
from .v1 import BOND
from .v1_subnets import add_servers, route, static
from .v2_addressing import MTU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .outcome import Converted
    from .reading import Path

TYPES = (
    *("ipv4", "ipv4_dhcp", "ipv6", "ipv6_dhcp"),
    *("ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful"),
)
_SETTING = {
    "ipv4_dhcp": "dhcp4",
    "ipv6_dhcp": "dhcp6",
    "ipv6_dhcpv6-stateful": "dhcp6",
    "ipv6_slaac": "accept-ra",
    "ipv6_dhcpv6-stateless": "accept-ra",
}
# `bond_links` and the like stand beside what the driver calls the same without `bond_`
_BOND_KEYS = {f"bond_{word}": reader for word, reader in BOND.items()}


def convert(value: object) -> Converted:
    """The network in version 2; mistakes are findings with their paths in this document, as in `v1.convert`."""
    findings = Findings()
    document = _Document(findings)
    top = Section({}, (), findings).below(value, ())
    if top is not None:
        document.read(top)
    return findings.converted(document.sections, document.places)


class _Document:
    """Devices by section and id, and which link became which."""

    def __init__(self, findings: Findings) -> None:
        self.sections: dict[str, dict[str, Any]] = {}
        self.places: dict[tuple[str, str], Path] = {}
        self._findings = findings
        self._names: dict[str, str] = {}
        self._settings: dict[str, dict[str, Any]] = {}

    def read(self, top: Section) -> None:
        """Links first, what stands on others after those; then their networks, then what is for all of them."""
        links = [below for path, item in top.items("links") if (below := top.below(item, path)) is not None]
        for kind in (None, "bond", "vlan"):
            for link in links:
                if (link.value.get("type") if link.value.get("type") in _BUILT else None) == kind:
                    self._link(link, kind)
        for path, item in top.items("networks"):
            below = top.below(item, path)
            if below is not None:
                self._network(below)
        servers = list(_services(top))
        for settings in self._settings.values():
            if any(settings.get(key) for key in ("addresses", "dhcp4", "dhcp6", "accept-ra")):
                add_servers(settings, servers, [])
        top.close()
        rank(list(self._settings.values()))

    def _link(self, section: Section, kind: str | None) -> None:
        mistakes = section.findings.mistakes
        id_ = section.take("id", reading.text)
        if not section.has("id"):
            section.findings.error(section.path, "a link needs `id`")
        mac = section.take("ethernet_mac_address", reading.mac)
        mtu = section.take("mtu", MTU)
        settings: dict[str, Any] = {} if mtu is None else {"mtu": mtu}
        where = "ethernets"
        if kind is None:
            if mac is None and not section.has("ethernet_mac_address"):
                section.findings.error(section.path, "an adapter needs `ethernet_mac_address`")
            settings["match"] = {"macaddress": mac}
            name = f"nic{len(self.sections.get('ethernets', ()))}"
        elif kind == "bond":
            where, name = "bonds", self._bond(section, settings, mac, str(id_))
        else:
            where, name = "vlans", self._vlan(section, settings, mac, str(id_))
        # the rest says what is outside of the machine
        for key in ("type", "vif_id", "name"):
            section.has(key)
        if section.findings.mistakes == mistakes and id_ in self._names:
            section.error("id", f"another link is called {shown(id_)} already")
        section.close()
        if section.findings.mistakes != mistakes:
            first = next(one for one in reversed(self._findings.errors) if one.path[:2] == section.path)
            self._findings.lost.append(first)
            return
        self._names[str(id_)] = name
        self._settings[str(id_)] = settings
        self.places[where, name] = section.path
        self.sections.setdefault(where, {})[name] = settings

    def _bond(self, section: Section, settings: dict[str, Any], mac: str | None, id_: str) -> str:
        members = []
        for path, item in section.items("bond_links"):
            if isinstance(item, str) and item in self._names:
                members.append(self._names[item])
            else:
                section.findings.error(path, f"no link is called {shown(item)}")
        found = {name: section.take(key, reader) for key, (name, reader) in _BOND_KEYS.items() if section.has(key)}
        settings["interfaces"] = members
        parameters = {key: value for key, value in found.items() if value is not None}
        settings.update({"parameters": parameters} if parameters else {})
        settings.update({"macaddress": mac} if mac else {})
        return self._free(id_, "bond", len(self.sections.get("bonds", ())))

    def _vlan(self, section: Section, settings: dict[str, Any], mac: str | None, id_: str) -> str:
        own = section.take("vlan_mac_address", reading.mac) or mac
        tag = section.take("vlan_id", number(0, 4094))
        link = section.value.get("vlan_link")
        for key in ("vlan_id", "vlan_link"):
            if not section.has(key):
                section.findings.error(section.path, f"a VLAN needs `{key}`")
        if link is not None and str(link) not in self._names:
            section.error("vlan_link", f"no link is called {shown(link)}")
        settings.update({"id": tag, "link": self._names.get(str(link))})
        settings.update({"macaddress": own} if own else {})
        return self._free(id_, "vlan", tag or 0)

    def _free(self, id_: str, word: str, place: int) -> str:
        """A name for an interface that is made: the link's id if it can be one, else a word and a number."""
        try:
            name = reading.interface_name(id_)
        except reading.Unusable:
            name = f"{word}{place}"
        while name in self._names.values():
            place += 1
            name = f"{word}{place}"
        return name

    def _network(self, section: Section) -> None:
        link = section.value.get("link")
        section.has("link")
        type_ = section.take("type", choice(*TYPES))
        for key in ("id", "network_id", "network_type", "dns_search"):
            section.has(key)
        settings = self._settings.get(str(link))
        if settings is None:
            section.error("link", f"no usable link is called {shown(link)}")
            return
        if type_ in _SETTING:
            settings[_SETTING[type_]] = True
            section.has("ip_address")  # what the server is going to say
            section.has("netmask")
            section.has("gateway")
        elif type_ is not None:
            static(section, settings, "ip_address")
        for path, item in section.items("routes"):
            below = section.below(item, path)
            found = None if below is None else route(below)
            # on DHCP the server tells the same once more, with a metric that can be chosen
            if found is not None and not (type_ == "ipv4_dhcp" and found["to"] == "0.0.0.0/0"):
                settings.setdefault("routes", []).append(found)
        add_servers(settings, [*_words(section, "dns_nameservers"), *_services(section)], [])
        section.close()


def _services(section: Section) -> Iterator[str]:
    """Addresses of name servers; other services (NTP, for one) are no part of a network configuration."""
    for path, item in section.items("services"):
        below = section.below(item, path)
        if below is not None and below.value.get("type") == "dns":
            address = below.take("address", reading.ip)
            if address is not None:
                yield address


def _words(section: Section, key: str) -> list[str]:
    return list(section.every(key, reading.ip))


_BUILT = ("bond", "vlan")
