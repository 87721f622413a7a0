"""Which OVF property means what: the names that producers have used, and how a name is matched.

Visible names are `[class "."] key ["." instance]` (DMTF DSP0243, ProductSection). Case does not matter, nor whether `-`
or `_` is written. In a table `{n}` stands for the number of a network adapter and `{m}` for a further number.
"""

from __future__ import annotations

from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OWNER = "ovf:id"
"""Under this name, which no OVF key may have, a source passes the Environment's id where names are qualified by it."""

NICS = 64
LONGEST = 256

TABLE: dict[str, tuple[str, ...]] = {
    "instance_id": ("instance-id", "guestinfo.instance-id"),
    "hostname": (
        "hostname",
        "local-hostname",
        "guestinfo.hostname",
        "vami.hostname",
        "vCloud_computerName",
        "config.net.hostname",
        "guestinfo.cis.appliance.net.pnid",
        "nsx_hostname",
    ),
    "fqdn": ("fqdn", "guestinfo.fqdn", "network.fqdn"),
    "public_keys": (
        "public-keys",
        "public-key",
        "ssh-authorized-keys",
        "authorized-keys",
        "ssh-public-key",
        "ssh-key",
        "sshkey",
        "guestinfo.public-keys",
        "guestinfo.ssh-public-key",
        "guestinfo.ssh-key",
        "guestinfo.sshkey",
    ),
    "user_data": ("user-data", "userdata", "guestinfo.userdata", "guestinfo.user-data"),
    "vendor_data": ("vendor-data", "vendordata", "guestinfo.vendordata", "guestinfo.vendor-data"),
    "network": ("network-config", "guestinfo.network-config"),
    "username": ("username", "guestinfo.username", "config.sys.username", "com.cisco.csr1000v.login-username"),
    "password": ("password", "guestinfo.password", "config.sys.password", "com.cisco.csr1000v.login-password"),
    "locale": ("locale", "guestinfo.locale"),
    "timezone": ("timezone", "vamitimezone", "vami.timezone", "guestinfo.timezone"),
    "network.method": (
        "vCloud_bootproto_{n}",
        "guestinfo.interface.{n}.dhcp",
        "guestinfo.cis.appliance.net.mode",
        "config.net.method",
        "bootproto",
        "ipv4_type",
    ),
    "network.address": (
        "vami.ip{n}",
        "vCloud_ip_{n}",
        "guestinfo.interface.{n}.ip.{m}.address",
        "guestinfo.ipaddress",
        "guestinfo.ip",
        "guestinfo.cis.appliance.net.addr",
        "config.net.ip",
        "com.cisco.csr1000v.mgmt-ipv4-addr",
        "org.linuxdistx.ip",
        "network.ip{n}",
        "nsx_ip_{n}",
        "ip{n}",
        "ip",
        "ip-address",
        "ipaddress",
        "ipaddr",
    ),
    "network.netmask": (
        "vami.netmask{n}",
        "vCloud_netmask_{n}",
        "guestinfo.netmask",
        "config.net.netmask",
        "org.linuxdistx.subnet",
        "network.netmask{n}",
        "nsx_netmask_{n}",
        "netmask{n}",
        "netmask",
    ),
    "network.prefix": (
        "vami.prefix{n}",
        "guestinfo.prefix",
        "guestinfo.cis.appliance.net.prefix",
        "config.net.prefix",
        "prefix{n}",
        "prefix",
    ),
    "network.gateway": (
        "vami.gateway{n}",
        "vami.gateway",
        "vCloud_gateway_{n}",
        "guestinfo.gateway",
        "guestinfo.cis.appliance.net.gateway",
        "config.net.gateway",
        "com.cisco.csr1000v.mgmt-ipv4-gateway",
        "org.linuxdistx.gateway",
        "network.gateway",
        "nsx_gateway_{n}",
        "gateway{n}",
        "gateway",
    ),
    "network.dns": (
        "vami.DNS{n}",
        "vami.DNS",
        "vCloud_dns1_{n}",
        "vCloud_dns2_{n}",
        "guestinfo.dns.server.{m}",
        "guestinfo.dns",
        "guestinfo.cis.appliance.net.dns.servers",
        "config.net.dns{m}",
        "config.net.dns",
        "org.linuxdistx.dns",
        "network.DNS",
        "nsx_dns1_{n}",
        "DNS{m}",
        "DNS",
    ),
    "network.search": (
        "vami.searchpath{n}",
        "vami.searchpath",
        "vCloud_suffix_{n}",
        "guestinfo.searchpath",
        "guestinfo.search",
        "config.net.search",
        "network.searchpath",
        "searchpath{n}",
        "searchpath",
        "dnsSearchPath",
    ),
    "network.domain": (
        "vami.domain",
        "vami.domain{n}",
        "guestinfo.domain",
        "com.cisco.csr1000v.domain-name",
        "nsx_domain_{n}",
        "domain",
        "domainName",
    ),
    "network.mac": ("vCloud_macaddr_{n}", "guestinfo.interface.{n}.mac", "config.net.mac"),
    "network.primary": ("vCloud_primaryNic",),
    "network.name": ("guestinfo.interface.{n}.name",),
    "network.route.gateway": ("guestinfo.interface.{n}.route.{m}.gateway",),
    "network.route.destination": ("guestinfo.interface.{n}.route.{m}.destination",),
}
"""Field of the model, or of a network adapter → names, the first that has a value counts."""

# these may stand in any class of a product that is named the way DSP0243 recommends, by reverse domain
_CLASSLESS = ("instance_id", "hostname", "fqdn", "public_keys", "user_data", "vendor_data", "network")
_OWN_CLASSES = ("guestinfo.", "vami.", "config.")
_QUALIFIED, _NUMBERED, _SINGLE, _CLASSED = 1, 2, 3, 4

_SECRET_WORDS = ("password", "passwd", "passphrase", "secret", "token", "privatekey", "apikey", "credential")
_SECRET_PARTS = ("pw", "pwd", "pass")
_SECRET_ENDS = ("config.data", "talos.config", "tls-cert-key")


def merged(extra: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The built-in table with an admin's names in front, as given under `ovf: {properties: {FIELD: [NAME, …]}}`.

    Raises ConfigError for a field that the table does not have, and for what is not a name or a list of names.
    """
    table = dict(TABLE)
    for field, names in extra.items():
        listed = [names] if isinstance(names, str) else names
        if field not in TABLE:
            raise ConfigError(
                f"ovf.properties: unknown field {str(field)[:60]!r}", remedy=f"known: {', '.join(sorted(TABLE))}"
            )
        if not isinstance(listed, (list, tuple)) or not all(isinstance(name, str) and name for name in listed):
            raise ConfigError(f"ovf.properties.{field} must be a list of property names")
        table[field] = (*listed, *TABLE[field])
    return table


def secret(name: str, value: str) -> bool:
    """True if a property of this name, or a value like this, is nothing to show to everybody."""
    folded = _fold(name)
    plain = folded.replace("-", "").replace(".", "")
    if any(word in plain for word in _SECRET_WORDS) or folded.endswith(_SECRET_ENDS):
        return True
    if any(part in _SECRET_PARTS for part in folded.replace(".", "-").split("-")):
        return True
    return "PRIVATE KEY-----" in value


class Names:
    """The names of the properties at hand, ready to be looked up by those of a table.

    Args:
        names: those of properties that have a value, in the order of the document.
        owners: what an instance qualifier must be to mean this machine: the Environment's id, vm.vmname's value.
    """

    def __init__(self, names: Iterable[str], owners: Sequence[str]) -> None:
        self._found: dict[str, list[tuple[int, tuple[int, ...], str]]] = {}
        self._own = tuple("." + _fold(owner) for owner in owners if owner)
        for name in names:
            if len(name) > LONGEST:
                continue
            for rank, form in _forms(_fold(name), self._own):
                template, numbers = _mask(form)
                self._found.setdefault(template, []).append((rank, numbers, name))

    def find(self, field: str, table: Mapping[str, Sequence[str]]) -> list[str]:
        """Properties that mean a `field` that is not an adapter's, the best first."""
        return [name for pattern in table.get(field, ()) for _, _, name in self.match(field, pattern)]

    def match(self, field: str, pattern: str) -> list[tuple[int, int, str]]:
        """Properties that one name of the table stands for: (number of the adapter, further number, property).

        A name without qualifiers goes before one qualified by this machine, that before a numbered one. A name that
        only *may* be meant (a foreign qualifier) counts where it is the only one of its kind.
        """
        template, slots = _pattern(pattern)
        hits: dict[tuple[int, int], tuple[int, str]] = {}
        doubtful: dict[tuple[int, int], set[str]] = {}
        for rank, numbers, name in self._found.get(template, ()):
            place = _place(slots, numbers)
            if place is None or rank == _CLASSED and (field not in _CLASSLESS or "." in pattern):
                continue
            if rank >= _SINGLE:
                doubtful.setdefault(place, set()).add(name)
            if place not in hits or rank < hits[place][0]:
                hits[place] = (rank, name)
        return [
            (*place, name)
            for place, (rank, name) in sorted(hits.items())
            if rank < _SINGLE or len(doubtful[place]) == 1
        ]


def _fold(name: str) -> str:
    return name.lower().replace("_", "-")


def _forms(folded: str, own: Sequence[str]) -> list[tuple[int, str]]:
    """How a name may be meant: (rank, name without the qualifiers that this reading takes off)."""
    forms = [(0, folded)]
    if "." not in folded:
        return forms
    stem = folded
    for ending in own:
        if folded.endswith(ending):
            stem = folded[: -len(ending)]
            forms.append((_QUALIFIED, stem))
            break
    else:
        head, _, last = folded.rpartition(".")
        if last.isascii() and last.isdecimal():
            stem = head
            forms.append((_NUMBERED, stem))
        elif folded.startswith("vami.") and folded.count(".") >= 2:
            # VMware Studio qualifies by the name of the virtual machine, which may have dots of its own
            forms.append((_SINGLE, ".".join(folded.split(".", 2)[:2])))
    class_, _, key = stem.rpartition(".")
    if "." in class_ and not folded.startswith(_OWN_CLASSES):
        forms.append((_CLASSED, key))
    return forms


def _mask(text: str) -> tuple[str, tuple[int, ...]]:
    """Runs of digits become `#`; a number that no table means becomes -1."""
    if text.isascii() and not any(digit in text for digit in "0123456789"):
        return text, ()
    template, numbers, run = "", [], ""
    for character in text + "\0":
        if "0" <= character <= "9":
            run += character
            continue
        if run:
            template += "#"
            numbers.append(int(run) if len(run) <= 4 else -1)
            run = ""
        template += character
    return template[:-1], tuple(numbers)


_PATTERNS: dict[str, tuple[str, tuple[int | str, ...]]] = {}


def _pattern(pattern: str) -> tuple[str, tuple[int | str, ...]]:
    """The template of a table's name, and what its numbers are: a slot (`n`, `m`) or a literal one."""
    if pattern not in _PATTERNS:
        # numbers no property has stand in for the slots while both are masked alike
        text, literal = _mask(_fold(pattern.replace("{n}", "9998").replace("{m}", "9999")))
        _PATTERNS[pattern] = text, tuple({9998: "n", 9999: "m"}.get(number, number) for number in literal)
    return _PATTERNS[pattern]


def _place(slots: Sequence[int | str], numbers: Sequence[int]) -> tuple[int, int] | None:
    place = {"n": 0, "m": 0}
    for slot, number in zip(slots, numbers):
        if isinstance(slot, str):
            place[slot] = number
        elif slot != number:
            return None
    return (place["n"], place["m"]) if 0 <= place["n"] < NICS and place["m"] >= 0 else None
