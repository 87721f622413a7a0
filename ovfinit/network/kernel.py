"""What the kernel command line says about the network, as a netplan version 2 mapping.

Formats: `ip=` of the kernel (Documentation/admin-guide/nfs/nfsroot.rst) and of dracut (dracut.cmdline(7), "Network"),
with dracut's `nameserver=`, `rd.route=`, `ifname=`, `vlan=`, `bond=`, `bridge=`, `rd.peerdns=` and `BOOTIF=`.
"""

from __future__ import annotations

from .address import contains, is_ipv6, parse_ip, parse_mac, parse_network, prefix_of
from .reading import Unusable, interface_name, number
from .v1 import BOND
from .v2_addressing import MTU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_DHCP4 = ("dhcp", "on", "any", "both", "single-dhcp", "bootp", "rarp")
_AUTO: dict[str, dict[str, Any]] = {
    **{word: {"dhcp4": True} for word in _DHCP4},
    "dhcp6": {"dhcp6": True},
    "auto6": {"accept-ra": True},
    "either6": {"accept-ra": True, "dhcp6": True},
    "link6": {"link-local": ["ipv6"]},
    "link-local": {"link-local": ["ipv6"]},
}
_STATIC = ("none", "off", "static")
_DEVICES = ("ifname", "vlan", "bond", "bridge", "team")
_LATER = ("nameserver", "rd.route", "rd.peerdns")
ANY = "any"


def parse(words: Sequence[tuple[str, str]], best: str | None) -> tuple[dict[str, Any] | None, list[str]]:
    """The mapping, None if no word asks for a network; and what is wrong in the words, as texts.

    `best` is the interface that a word without one is about; None takes whatever is called `e*`.
    """
    reading = _Reading(dict(words), best)
    for name, value in words:
        if name in {"ip", "ip6"}:
            reading.guard(name, value, reading.ip)
    if not reading.asked:
        return None, []
    for name, value in words:
        if name in _DEVICES:
            reading.guard(name, value, getattr(reading, name))
    for name, value in words:
        if name in _LATER:
            reading.guard(name, value, getattr(reading, name.replace("rd.", "")))
    network = {"version": 2, **{kind: devices for kind, devices in reading.sections.items() if devices}}
    return network, reading.problems


class _Reading:
    """One command line. `asked`: some `ip=` word wants a network."""

    def __init__(self, single: Mapping[str, str], best: str | None) -> None:
        self.sections: dict[str, dict[str, dict[str, Any]]] = {}
        self.problems: list[str] = []
        self.asked = False
        self._best = best
        self._boot_mac = single.get("BOOTIF", "").removeprefix("01-")

    def guard(self, name: str, value: str, read: Any) -> None:
        """Read one word; what cannot be used of it is a problem."""
        try:
            read(value)
        except (Unusable, ValueError, IndexError) as error:
            reason = f": {error}" if isinstance(error, Unusable) else ""
            self.problems.append(f"{name}={value[:80]} is not understood{reason}")

    def ip(self, value: str) -> None:
        """One `ip=` word, in the kernel's form or one of dracut's two short ones."""
        fields = _fields(value)
        if len(fields) == 1:
            self._automatic(None, fields[0])
        elif fields[1] in {*_AUTO, *_STATIC, "ibft"} and not _is_address(fields[0]):
            self._automatic(interface_name(fields[0]), fields[1], fields[2:])
        else:
            self._whole([*fields, *[""] * (7 - len(fields))])

    def _automatic(self, device: str | None, word: str, rest: Sequence[str] = ()) -> None:
        if word in _STATIC:
            return
        if word not in _AUTO:
            raise Unusable("iBFT is not read" if word == "ibft" else f"{word!r} is no way to get an address")
        if word in {"bootp", "rarp"}:
            self.problems.append(f"ip={word}: DHCP is asked, {word} is not spoken")
        self.asked = True
        settings = self._device(device)
        settings.update(_AUTO[word])
        self._link(settings, rest)

    def _whole(self, fields: Sequence[str]) -> None:
        """client:server:gateway:netmask:hostname:device:autoconf, then two servers and NTP, or MTU and MAC."""
        client, _, gateway, mask, _, device, word = fields[:7]
        rest = fields[7:]
        name = interface_name(device) if device else None
        if not client or word in _DHCP4[:1]:
            self._automatic(name, word or "any", [] if rest and _is_address(rest[0]) else rest)
        else:
            address, _, prefix = client.partition("/")
            ip = parse_ip(address)
            length = prefix_of(prefix or mask) if prefix or mask else _class(ip)
            # parsed before anything of it counts
            via = parse_ip(gateway) if gateway and gateway not in {"0.0.0.0", "::"} else None  # noqa: S104
            self.asked = True
            settings = self._device(name)
            settings.setdefault("addresses", []).append(f"{ip}/{length}")
            if via is not None:
                route = {"to": "::/0" if is_ipv6(via) else "0.0.0.0/0", "via": via}
                settings.setdefault("routes", []).append(route)
            if not (rest and _is_address(rest[0])):
                self._link(settings, rest)
        for server in rest[:2] if rest and _is_address(rest[0]) else ():
            # 0.0.0.0 stands for none; the third is a time server
            if server and server != "0.0.0.0":  # noqa: S104
                _serve(self._device(name), parse_ip(server))

    def _link(self, settings: dict[str, Any], rest: Sequence[str]) -> None:
        if rest and rest[0]:
            settings["mtu"] = MTU(rest[0])
        if len(rest) > 1 and rest[1]:
            settings["macaddress"] = parse_mac(":".join(rest[1:7]))

    def _device(self, name: str | None) -> dict[str, Any]:
        """The settings of an interface; without a name, of the one that was booted from, or the best one."""
        ethernets = self.sections.setdefault("ethernets", {})
        if name is None and self._boot_mac:
            mac = parse_mac(self._boot_mac)
            return ethernets.setdefault("bootif", {"match": {"macaddress": mac}})
        if name is None and self._best is None:
            return ethernets.setdefault(ANY, {"match": {"name": "e*"}})
        found = name or str(self._best)
        for devices in self.sections.values():
            if found in devices:
                return devices[found]
        return ethernets.setdefault(found, {})

    def _made(self, kind: str, name: str, settings: dict[str, Any]) -> None:
        """A device that is made takes over what an `ip=` word said of its name."""
        before = self.sections.get("ethernets", {}).pop(interface_name(name), {})
        self.sections.setdefault(kind, {})[name] = {**before, **settings}

    def ifname(self, value: str) -> None:
        name, _, mac = value.partition(":")
        settings = self._device(interface_name(name))
        settings.update({"match": {"macaddress": parse_mac(mac)}, "set-name": name})

    def vlan(self, value: str) -> None:
        name, _, link = value.partition(":")
        tag = number(0, 4094)(name.rpartition(".")[2].removeprefix("vlan").lstrip("0") or "0")
        self._device(interface_name(link))
        self._made("vlans", name, {"id": tag, "link": link})

    def bond(self, value: str) -> None:
        name, members, options, mtu = [*_fields(value), "", "", ""][:4]
        parameters = {}
        for option in options.split(",") if options else ():
            word, _, given = option.partition("=")
            if word not in BOND:
                raise Unusable(f"{word!r} is no parameter of a bond")
            key, reader = BOND[word]
            parameters[key] = reader(given.replace(";", ","))
        settings = self._over(name, members or "eth0,eth1")
        settings |= ({"parameters": parameters} if parameters else {}) | ({"mtu": MTU(mtu)} if mtu else {})
        self._made("bonds", name, settings)

    def bridge(self, value: str) -> None:
        name, _, members = value.partition(":")
        self._made("bridges", name, self._over(name, members or "eth0"))

    def team(self, value: str) -> None:
        raise Unusable("a team is not supported: take a bond")

    def _over(self, name: str, members: str) -> dict[str, Any]:
        interface_name(name)
        found = [interface_name(member) for member in members.split(",")]
        for member in found:
            self._device(member)
        return {"interfaces": found}

    def nameserver(self, value: str) -> None:
        server = parse_ip(value.strip("[]"))
        for settings in self._addressed():
            _serve(settings, server)

    def route(self, value: str) -> None:
        to, via, device = [*_fields(value), "", ""][:3]
        route = {"to": parse_network(to), "via": parse_ip(via)}
        for settings in [self._device(interface_name(device))] if device else self._addressed():
            inside = any(contains(address, route["via"]) for address in settings.get("addresses", ()))
            if device or inside or len(self._addressed()) == 1:
                settings.setdefault("routes", []).append(route)
                return
        raise Unusable("its gateway is in no interface's network: name the interface")

    def peerdns(self, value: str) -> None:
        if value in {"0", "no"}:
            for settings in self._addressed():
                for family in ("dhcp4", "dhcp6"):
                    if settings.get(family):
                        settings.setdefault(f"{family}-overrides", {})["use-dns"] = False

    def _addressed(self) -> list[dict[str, Any]]:
        keys = {"addresses", "dhcp4", "dhcp6", "accept-ra"}
        return [one for devices in self.sections.values() for one in devices.values() if keys & set(one)]


def _fields(value: str) -> list[str]:
    """Split at colons, except inside the brackets of an IPv6 address, which go."""
    fields, field, inside = [], "", False
    for character in value:
        if character in "[]":
            inside = character == "["
        elif character == ":" and not inside:
            fields.append(field)
            field = ""
        else:
            field += character
    return [*fields, field]


def _is_address(text: str) -> bool:
    try:
        parse_ip(text.partition("/")[0])
    except ValueError:
        return False
    return True


def _class(ip: str) -> int:
    """The kernel's guess where no netmask is given: by the class of an IPv4 address (RFC 791 section 3.2)."""
    if is_ipv6(ip):
        return 64
    first = int(ip.partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


def _serve(settings: dict[str, Any], server: str) -> None:
    servers = settings.setdefault("nameservers", {}).setdefault("addresses", [])
    if server not in servers:
        servers.append(server)
