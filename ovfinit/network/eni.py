"""An /etc/network/interfaces as older platforms hand it out, as cloud-init's version 1.

Format: interfaces(5), and the options of ifenslave, bridge-utils and vlan. OpenStack's injected `network_config` (the
template interfaces.template of Nova), Rackspace's config drives and NoCloud's `network-interfaces` have this form.
"""

from __future__ import annotations

from .interfaces import lines
from .outcome import Converted, Finding
from .v1 import convert as convert_v1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

KEY = "network-interfaces"
_METHODS = {
    ("inet", "dhcp"): "dhcp4",
    ("inet", "static"): "static",
    ("inet", "manual"): "manual",
    ("inet", "loopback"): "loopback",
    ("inet6", "dhcp"): "dhcp6",
    ("inet6", "static"): "static6",
    ("inet6", "manual"): "manual",
    ("inet6", "auto"): "ipv6_slaac",
    ("inet6", "loopback"): "loopback",
}
# options of a stanza → keys of a subnet
_SUBNET = {
    "address": "address",
    "netmask": "netmask",
    "gateway": "gateway",
    "metric": "metric",
    "pointopoint": "pointopoint",
    "broadcast": "broadcast",
    "network": None,
    "dns-nameservers": "dns_nameservers",
    "dns-nameserver": "dns_nameservers",
    "dns-search": "dns_search",
    "dns-domain": "dns_search",
}
_COMMANDS = ("up", "post-up", "pre-up", "down", "post-down", "pre-down")


def convert(text: str) -> Converted:
    """The network in version 2. A finding tells the line in its words, and all lead to the key `network-interfaces`."""
    reading = _Reading()
    for number, words in lines(text):
        reading.line(number, words)
    document, places = reading.document()
    converted = convert_v1(document)

    def told(findings: Sequence[Finding]) -> tuple[Finding, ...]:
        return tuple(_told(one, places) for one in findings)

    return converted.with_(
        errors=told(converted.errors),
        warnings=(*reading.warnings, *told(converted.warnings)),
        lost=told(converted.lost),
        places={},
    )


def _told(finding: Finding, places: Sequence[int]) -> Finding:
    item = finding.path[1] if len(finding.path) > 1 else None
    where = f"line {places[item]}: " if isinstance(item, int) and item < len(places) else ""
    key = next((f"{word}: " for word in reversed(finding.path) if isinstance(word, str)), "")
    return Finding((KEY,), f"{where}{key}{finding.message}")


class _Reading:
    """Stanzas as they come: one item of version 1 for each interface."""

    def __init__(self) -> None:
        self.warnings: list[Finding] = []
        self._items: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, int] = {}
        self._control: dict[str, str] = {}
        self._master: dict[str, str] = {}
        self._item: dict[str, Any] | None = None
        self._subnet: dict[str, Any] = {}

    def line(self, number: int, words: Sequence[str]) -> None:
        """One line of the file, comments and empty ones left out."""
        first, rest = words[0], words[1:]
        if first in {"auto", "allow-auto", "allow-hotplug"}:
            control = "hotplug" if first == "allow-hotplug" else "auto"
            self._control.update(dict.fromkeys(rest, control))
            self._item = None
        elif first == "iface":
            self._stanza(number, rest)
        elif first in {"mapping", "source", "source-directory", "rename", "template"} or first.startswith("allow-"):
            self._warn(number, f"{first} is not supported, left out")
            self._item = None
        elif self._item is not None:
            self._option(number, first.replace("_", "-"), rest)

    def document(self) -> tuple[dict[str, Any], list[int]]:
        """The whole in version 1, and the line of each item."""
        for name, item in self._items.items():
            control = self._control.get(name, "manual")
            for subnet in item["subnets"] if item["type"] != "loopback" else ():
                subnet["control"] = control
        for member, master in self._master.items():
            bond = self._items.get(master)
            if bond is not None and member not in bond.setdefault("bond_interfaces", []):
                bond["bond_interfaces"].append(member)
                bond["type"] = "bond"
        return {"version": 1, "config": list(self._items.values())}, list(self._lines.values())

    def _stanza(self, number: int, rest: Sequence[str]) -> None:
        self._item = None
        if len(rest) < 3:
            self._warn(number, "iface takes a name, a family and a method")
            return
        name, type_ = rest[0], _METHODS.get((rest[1], rest[2]))
        if type_ is None:
            self._warn(number, f"{rest[1]} {rest[2]} is not supported, left out")
            return
        # `eth0:1` is another address of eth0
        name = name.partition(":")[0]
        self._control.setdefault(name, self._control.get(rest[0], "manual"))
        self._lines.setdefault(name, number)
        item = self._items.setdefault(name, {"type": "physical", "name": name, "subnets": []})
        link, dot, tag = name.rpartition(".")
        if type_ == "loopback":
            item["type"] = "loopback"
        elif dot and tag.isdecimal() and item["type"] == "physical":
            item.update({"type": "vlan", "vlan_link": link, "vlan_id": int(tag)})
        self._item, self._subnet = item, {"type": type_}
        item["subnets"].append(self._subnet)

    def _option(self, number: int, key: str, values: Sequence[str]) -> None:
        assert self._item is not None
        item, text = self._item, " ".join(values)
        if key in _SUBNET:
            name = _SUBNET[key]
            if name in {"dns_nameservers", "dns_search"}:
                self._subnet[name] = [*self._subnet.get(name, ()), *values]
            elif name is not None:
                self._subnet[name] = text
        elif key == "hwaddress":
            item["mac_address"] = values[-1] if values else ""
        elif key == "mtu":
            item["mtu"] = text
        elif key == "vlan-raw-device":
            digits = item["name"].removeprefix("vlan")
            item.update({"type": "vlan", "vlan_link": text})
            item.setdefault("vlan_id", digits if digits.isdecimal() else None)
        elif key == "vlan-id":
            item["vlan_id"] = text
        elif key == "bond-master":
            self._master[item["name"]] = text
        elif key in {"bond-slaves", "bridge-ports"}:
            kind = key.partition("-")[0]
            members = [word for word in values if word != "none"]
            item.update({"type": kind, f"{kind}_interfaces": [*item.get(f"{kind}_interfaces", ()), *members]})
        elif key.startswith(("bond-", "bridge-")):
            item["type"] = key.partition("-")[0]
            item.setdefault("params", {})[key] = text
        elif key in _COMMANDS:
            self._command(number, key, values)
        else:
            self._warn(number, f"{key} is not known, left out")

    def _command(self, number: int, key: str, values: Sequence[str]) -> None:
        """Routes are what such commands are for; no other command is run."""
        words = [word for word in values if word not in {"||", "true", "/sbin/route", "/sbin/ip"}]
        words = words[1:] if words[:1] in (["route"], ["ip"]) else words
        words = words[1:] if words[:1] == ["route"] else words
        route: dict[str, str] = {}
        if words[:1] == ["add"]:
            names = {"gw": "gateway", "via": "gateway", "netmask": "netmask", "metric": "metric"}
            rest = [word for word in words[1:] if word not in {"-net", "-host", "-A", "inet6"}]
            route = {names[one]: other for one, other in zip(rest[1::2], rest[2::2]) if one in names}
            route["destination"] = rest[0] if rest else ""
        if "gateway" in route:
            self._subnet.setdefault("routes", []).append(route)
        elif "del" not in words and key in {"up", "post-up"}:
            self._warn(number, f"the command of {key} is not run")

    def _warn(self, number: int, message: str) -> None:
        self.warnings.append(Finding((KEY,), f"line {number}: {message}"))
