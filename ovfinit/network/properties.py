"""Static addresses out of OVF properties, as a netplan version 2 mapping.

An adapter is found by its MAC where the document tells one (VMware's EthernetAdapterSection, vCloud_macaddr_N), else by
the order of the machine's interfaces. What cannot be used is left out and reported; the rest holds.
"""

from __future__ import annotations

from ..model import Problem, Secret
from ..record import Record
from .address import contains, is_ipv6, parse_interface, parse_ip, parse_mac, parse_network
from .ranking import rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..model import Nic
    from ..normalize.properties import Names

NOTHING = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
WORDS = 64
# how some forms spell "none"
BLANK = ("0.0.0.0", "::")  # noqa: S104
DHCP = ("dhcp", "dhcp4", "dhcpv4", "yes", "true", "1", "on")
STATIC = ("static", "manual")
UNUSED = ("none", "disabled")
# `dhcp: no` only says what it is not
NO = ("no", "false", "0", "off")


class Outcome(Record):
    """`network`: the mapping, None if the properties name no adapter. `used`: names that went into it.

    `where` of a problem is the property's name.
    """

    network: Mapping[str, Any] | None
    used: tuple[str, ...]
    problems: tuple[Problem, ...]


def from_properties(
    names: Names,
    table: Mapping[str, Sequence[str]],
    values: Mapping[str, str | Secret],
    nics: Sequence[Nic],
    interfaces: Callable[[], Sequence[str]],
) -> Outcome:
    """Build the configuration of every adapter that has an address, DHCP or servers of its own in the properties.

    Args:
        names: the properties at hand.
        table: which names mean what.
        values: what the properties hold.
        nics: the adapters as the platform lists them, in order.
        interfaces: gives the names of the machine's interfaces, in order; asked only when no MAC is known.
    """
    reader = _Reader(names, table, values)
    wanted = {number: settings for number in reader.numbers() if (settings := reader.adapter(number))}
    macs = {number: reader.mac(number) or _listed(nics, number) for number in wanted}
    known = list(interfaces()) if not all(macs.values()) else []
    ethernets: dict[str, Any] = {}
    for number, settings in wanted.items():
        name = reader.name(number)
        match: dict[str, Any] = {}
        if macs[number]:
            match = {"match": {"macaddress": macs[number]}}
        elif not name and len(wanted) == 1 and len(known) <= 1:
            # one adapter and one set of values: whatever the kernel calls it
            match = {"match": {"name": "e*"}}
        elif not name:
            name = known[number] if number < len(known) else f"eth{number}"
        ethernets[name if name and name not in ethernets else f"nic{number}"] = {**match, **settings}
    first = reader.primary() if len(wanted) > 1 else None
    by_number = dict(zip(wanted, ethernets.values()))
    rank([by_number[number] for number in sorted(by_number, key=lambda number: (number != first, number))])
    network = {"version": 2, "ethernets": ethernets} if ethernets else None
    return Outcome(network, reader.used(), tuple(reader.problems))


def _listed(nics: Sequence[Nic], number: int) -> str | None:
    mac = nics[number].mac if number < len(nics) else None
    return None if mac in NOTHING else mac


class _Reader:
    """Reads the fields of one adapter after the other."""

    def __init__(self, names: Names, table: Mapping[str, Sequence[str]], values: Mapping[str, str | Secret]) -> None:
        self.problems: list[Problem] = []
        self._values = values
        self._used: dict[str, bool] = {}
        self._found: dict[str, dict[int, list[tuple[int, str]]]] = {}
        for field in table:
            if field.startswith("network."):
                self._found[field] = self._look_up(names, field, table[field])
        said = ("network.method", "network.address", "network.route.gateway")
        # servers of no adapter in particular go to the first that is configured
        self._numbers = sorted({number for field in said for number in self._found.get(field, ())}) or sorted(
            self._found.get("network.dns", ())
        )

    def _look_up(self, names: Names, field: str, patterns: Sequence[str]) -> dict[int, list[tuple[int, str]]]:
        """By adapter: (further number, property); the first name of the table that has a value counts.

        Name servers alone may stand under several names (`dns1`, `dns2`).
        """
        found: dict[int, list[tuple[int, str]]] = {}
        for pattern in patterns:
            matched: dict[int, list[tuple[int, str]]] = {}
            for number, further, name in names.match(field, pattern):
                if not isinstance(self._values[name], Secret):
                    matched.setdefault(number, []).append((further, name))
            for number, hits in matched.items():
                if field == "network.dns":
                    found.setdefault(number, []).extend(hits)
                else:
                    found.setdefault(number, hits)
        return found

    def numbers(self) -> list[int]:
        """The adapters that some property is about; a mask, a gateway or a search domain alone makes none."""
        return self._numbers

    def used(self) -> tuple[str, ...]:
        """The properties whose value went into the configuration, those with an address first."""
        good = [name for name, good in self._used.items() if good]
        addresses = [
            name for hits in self._found.get("network.address", {}).values() for _, name in hits if name in good
        ]
        return tuple(dict.fromkeys([*addresses, *good]))

    def adapter(self, number: int) -> dict[str, Any]:
        """The netplan settings of one adapter; empty if there is nothing to configure."""
        method = self._method(number)
        if method == "unused":
            return {}
        addresses, refused = ([], False) if method == "dhcp" else self._addresses(number)
        servers = self._servers(number)
        settings: dict[str, Any] = {}
        if addresses:
            settings["dhcp4"] = False
            settings["addresses"] = addresses
            routes = self._routes(number, addresses)
            if routes:
                settings["routes"] = routes
        elif method == "static" and not refused:
            self._problem(
                "says that the address is a static one, and none is given", self._names("network.method", number)[0]
            )
            return {}
        elif method != "dhcp" and (refused or not servers):
            return {}
        else:
            # servers without an address: a form whose address was left blank, which means DHCP (VMware Studio's rule)
            settings["dhcp4"] = True
        search = [word for _, word in self._list("network.search", number) or self._list("network.domain", number)]
        nameservers = {key: value for key, value in (("addresses", servers), ("search", search)) if value}
        if nameservers:
            settings["nameservers"] = nameservers
        return settings

    def primary(self) -> int | None:
        """The adapter with the best way out, where a property says so."""
        for hits in self._found.get("network.primary", {}).values():
            text = str(self._values[hits[0][1]]).strip()
            if text.isascii() and text.isdecimal() and len(text) < 3:
                self._used[hits[0][1]] = True
                return int(text)
        return None

    def mac(self, number: int) -> str | None:
        """The adapter's MAC where a property gives it."""
        for name in self._names("network.mac", number)[:1]:
            try:
                mac = parse_mac(str(self._values[name]).strip())
            except ValueError:
                self._problem("is not a MAC address", name)
                continue
            self._used.setdefault(name, True)
            return mac if mac not in NOTHING else None
        return None

    def name(self, number: int) -> str | None:
        """The interface's name where a property gives it (at most 15 bytes, netdevice(7))."""
        for name in self._names("network.name", number)[:1]:
            text = str(self._values[name]).strip()
            if text.isascii() and len(text) <= 15 and text.replace("-", "").replace("_", "").replace(".", "").isalnum():
                self._used.setdefault(name, True)
                return text
            self._problem("is not the name of an interface", name)
        return None

    def _names(self, field: str, number: int) -> list[str]:
        return [name for _, name in self._found.get(field, {}).get(number, ())]

    def _list(self, field: str, number: int) -> list[tuple[str, str]]:
        """(property, value) for each value of a field; a property may hold several, with commas or blanks between."""
        names = self._names(field, number)
        if not names and number == self._numbers[0]:
            names = self._names(field, 0)
        found = []
        for name in names:
            self._used.setdefault(name, True)
            text = str(self._values[name]).replace(",", " ").replace(";", " ")
            found += [(name, word) for word in text.split(None, WORDS)[:WORDS]]
        return found

    def _problem(self, message: str, name: str) -> None:
        self._used[name] = False
        self.problems.append(Problem("network", f"{name} {message}", name))

    def _method(self, number: int) -> str | None:
        for name, word in self._list("network.method", number)[:1]:
            folded = word.lower()
            if folded in DHCP:
                return "dhcp"
            if folded in STATIC or folded in UNUSED:
                return "static" if folded in STATIC else "unused"
            if folded not in NO:
                self._problem("is neither dhcp nor static", name)
        return "dhcp" if any(word.lower() == "dhcp" for _, word in self._list("network.address", number)) else None

    def _addresses(self, number: int) -> tuple[list[str], bool]:
        """The usable addresses in CIDR form; whether one was refused."""
        found: dict[str, str] = {}
        refused = False
        masks = self._list("network.netmask", number) or self._list("network.prefix", number)
        for index, (name, text) in enumerate(self._list("network.address", number)):
            mask = masks[index if index < len(masks) else 0][1] if masks else ""
            try:
                address, prefix = parse_interface(text) if "/" in text else (parse_ip(text), None)
            except ValueError:
                refused = True
                self._problem("is not an IP address", name)
                continue
            if address in BLANK:
                continue
            if prefix is None:
                prefix = prefix_length(mask, 128 if is_ipv6(address) else 32)
            reason = _special(address) or ("has no usable netmask or prefix length" if prefix is None else None)
            if reason:
                refused = True
                self._problem(reason, name)
            else:
                found.setdefault(address, f"{address}/{prefix}")
        return list(found.values()), refused

    def _servers(self, number: int) -> list[str]:
        found = []
        for name, text in self._list("network.dns", number):
            try:
                found.append(parse_ip(text))
            except ValueError:
                self._problem("is not the address of a name server", name)
        return [address for address in dict.fromkeys(found) if address not in BLANK]

    def _gateways(self, number: int) -> list[tuple[str, str, str]]:
        """(destination, property, gateway) as written."""
        found = [("default", name, text) for name, text in self._list("network.gateway", number)]
        targets = dict(self._found.get("network.route.destination", {}).get(number, ()))
        for further, name in self._found.get("network.route.gateway", {}).get(number, ()):
            self._used.setdefault(name, True)
            to = targets.get(further)
            if to is not None:
                self._used.setdefault(to, True)
            found.append((str(self._values[to]).strip() if to else "default", name, str(self._values[name]).strip()))
        return found

    def _routes(self, number: int, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """The default routes, one a family, then the further ones."""
        routes: dict[tuple[str, bool], dict[str, Any]] = {}
        for given, name, text in self._gateways(number):
            try:
                via = parse_ip(text)
            except ValueError:
                self._problem("is not the address of a gateway", name)
                continue
            if via in BLANK:
                continue
            target = _target(given)
            if target is None or target != "default" and is_ipv6(target) != is_ipv6(via):
                self._problem("leads to no network of the same kind", name)
                continue
            route: dict[str, Any] = {"to": target, "via": via}
            if not via.startswith("fe80:") and not any(contains(address, via) for address in addresses):
                # a gateway outside every subnet of the adapter is reached only if the kernel is told that it is there
                route["on-link"] = True
            routes.setdefault((target, is_ipv6(via)), route)
        return list(routes.values())


def prefix_length(text: str, bits: int) -> int | None:
    """A prefix length (`24`, `/24`), or a netmask (`255.255.255.0`) of IPv4's 32 bits, as a number; None if neither."""
    text = text.strip().removeprefix("/")
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        return int(text) if 0 < int(text) <= bits else None
    try:
        parts = parse_ip(text).split(".")
    except ValueError:
        return None
    if bits != 32 or len(parts) != 4:
        return None
    host = 0xFFFFFFFF ^ int.from_bytes(bytes(map(int, parts)), "big")
    length = 32 - host.bit_length()
    return length if host & (host + 1) == 0 and length else None


def _target(text: str) -> str | None:
    """A destination as netplan wants it; None if it is none."""
    if text.lower() == "default" or text in BLANK:
        return "default"
    try:
        target = parse_network(text)
    except ValueError:
        return None
    return "default" if target in ("0.0.0.0/0", "::/0") else target


def _special(address: str) -> str | None:
    """Why no adapter can have this address (RFC 6890); None if one can."""
    if is_ipv6(address):
        kind = "a loopback" if address == "::1" else "a multicast" if address.startswith("ff") else ""
    else:
        first = int(address.partition(".")[0])
        kind = (
            "a loopback"
            if first == 127
            else "a multicast"
            if 224 <= first <= 239
            else "a reserved"
            if first >= 240
            else ""
        )
        kind = kind or ("a reserved" if first == 0 else "")
    return f"is {kind} address, which no adapter can have" if kind else None
