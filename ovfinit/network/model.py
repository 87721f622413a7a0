"""The network as one immutable model: every parser ends in it, every renderer starts from it.

Values are canonical and harmless: addresses as `address.py` spells them, names and words out of small character sets,
so no value can hold a line break or a bracket that would end a section of somebody's configuration file. Absent means:
the renderer's own default. Durations are milliseconds.
"""

from __future__ import annotations

from ..record import Record
from .address import contains, is_ipv6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LINK_LOCAL = "fe80::/10"


class Match(Record):
    """Which hardware a device stands for: all that is given must agree. `name` and `drivers` are shell patterns."""

    name: str | None = None
    macaddress: str | None = None
    drivers: tuple[str, ...] = ()


class Address(Record):
    """A static address. `lifetime`: `forever`, `0` (never chosen as a source), or None."""

    ip: str
    prefix: int
    label: str | None = None
    lifetime: str | None = None

    @property
    def text(self) -> str:
        """`ADDRESS/LENGTH`."""
        return f"{self.ip}/{self.prefix}"


class Route(Record):
    """A route. `to` and `source` as networks and addresses; `on_link` None leaves it to `Device.on_link`."""

    to: str
    via: str | None = None
    source: str | None = None
    metric: int | None = None
    table: int | None = None
    type: str = "unicast"
    scope: str | None = None
    on_link: bool | None = None
    mtu: int | None = None
    congestion_window: int | None = None
    advertised_receive_window: int | None = None
    advertised_mss: int | None = None

    @property
    def default(self) -> bool:
        """True for a default route of either family."""
        return self.to in {"0.0.0.0/0", "::/0"}


class Rule(Record):
    """A routing policy rule: what is `source`/`to`/`mark`/`type_of_service` is looked up in `table`."""

    source: str | None = None
    to: str | None = None
    table: int | None = None
    priority: int | None = None
    mark: int | None = None
    type_of_service: int | None = None


class Dhcp(Record):
    """What is taken from, and told to, a DHCP server. `use_domains` is yes, no or route."""

    use_dns: bool | None = None
    use_domains: str | None = None
    use_ntp: bool | None = None
    use_hostname: bool | None = None
    use_mtu: bool | None = None
    use_routes: bool | None = None
    route_metric: int | None = None
    send_hostname: bool | None = None
    hostname: str | None = None


class Advertised(Record):
    """What is taken from router advertisements. `use_domains` is yes, no or route; `table` takes their routes."""

    use_dns: bool | None = None
    use_domains: str | None = None
    table: int | None = None


class Device(Record):
    """What every kind of device can have.

    `id` is the name in the document and becomes part of file names. `match` None: the interface is called `id`.
    `identifier` is the DHCPv4 client identifier: `mac`, or None. `link_local` holds the families (ipv4, ipv6) that get
    a link-local address. `optional`: nobody waits for it. `critical`: its addresses outlive the daemon. `activation`:
    `manual`, `off` or None. `hairpin`, `port_mac_learning` and `neigh_suppress` are for the port of a bridge.
    """

    id: str
    match: Match | None = None
    set_name: str | None = None
    macaddress: str | None = None
    mtu: int | None = None
    dhcp4: bool = False
    dhcp6: bool = False
    dhcp4_options: Dhcp = Dhcp()
    dhcp6_options: Dhcp = Dhcp()
    identifier: str | None = None
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    accept_ra: bool | None = None
    ra_options: Advertised = Advertised()
    link_local: tuple[str, ...] | None = None
    ipv6_privacy: bool | None = None
    ipv6_generation: str | None = None
    ipv6_token: str | None = None
    ipv6_mtu: int | None = None
    emit_lldp: bool | None = None
    ignore_carrier: bool = False
    optional: bool = False
    critical: bool = False
    activation: str | None = None
    hairpin: bool | None = None
    port_mac_learning: bool | None = None
    neigh_suppress: bool | None = None

    @property
    def path(self) -> tuple[str, str]:
        """The section of a netplan document that describes such a device, and its id there."""
        return SECTIONS[type(self)], self.id

    @property
    def name(self) -> str | None:
        """The interface's name; None when only the machine can tell which one matches."""
        return self.set_name or (None if self.match else self.id)

    @property
    def below(self) -> tuple[str, ...]:
        """Ids of the devices that must exist before this one."""
        return ()

    def addresses_of(self, *, ipv6: bool) -> tuple[Address, ...]:
        """The static addresses of one family."""
        return tuple(address for address in self.addresses if is_ipv6(address.ip) == ipv6)

    def on_link(self, route: Route) -> bool:
        """True if the gateway is reached directly although no address of ours shares a network with it.

        Hosting companies route whole blocks to /32 addresses: without the flag the kernel refuses such a route. With
        no static address of that family there is nothing to judge by, and the answer is no.
        """
        if route.on_link is not None or route.via is None:
            return bool(route.on_link)
        if is_ipv6(route.via) and contains(LINK_LOCAL, route.via):
            return False
        own = self.addresses_of(ipv6=is_ipv6(route.via))
        return bool(own) and not any(contains(address.text, route.via) for address in own)


class Offloads(Record):
    """What the adapter computes in the kernel's place; None leaves it to the driver."""

    receive_checksum: bool | None = None
    transmit_checksum: bool | None = None
    tcp_segmentation: bool | None = None
    tcp6_segmentation: bool | None = None
    generic_segmentation: bool | None = None
    generic_receive: bool | None = None
    large_receive: bool | None = None


class Ethernet(Device):
    """A physical (or a hypervisor's) adapter."""

    wake_on_lan: bool = False
    offloads: Offloads = Offloads()


class Dummy(Device):
    """An interface that leads nowhere, to hang addresses on."""


class Vlan(Device):
    """An IEEE 802.1Q tag on top of the device `link`."""

    link: str = ""
    tag: int = 0

    @property
    def below(self) -> tuple[str, ...]:
        """The device that carries the tag."""
        return (self.link,)


class BondParameters(Record):
    """Parameters of the kernel's bonding driver; words are the driver's own. `primary` is the id of a member."""

    mode: str | None = None
    lacp_rate: str | None = None
    mii_monitor_interval: int | None = None
    min_links: int | None = None
    transmit_hash_policy: str | None = None
    ad_select: str | None = None
    all_members_active: bool | None = None
    arp_interval: int | None = None
    arp_ip_targets: tuple[str, ...] = ()
    arp_validate: str | None = None
    arp_all_targets: str | None = None
    up_delay: int | None = None
    down_delay: int | None = None
    fail_over_mac_policy: str | None = None
    gratuitous_arp: int | None = None
    packets_per_member: int | None = None
    primary_reselect_policy: str | None = None
    resend_igmp: int | None = None
    learn_packet_interval: int | None = None
    primary: str | None = None


class Bond(Device):
    """Several devices as one."""

    interfaces: tuple[str, ...] = ()
    parameters: BondParameters = BondParameters()

    @property
    def below(self) -> tuple[str, ...]:
        """The members."""
        return self.interfaces


class BridgeParameters(Record):
    """Parameters of the kernel's bridge; `path_cost` and `port_priority` are pairs of member id and value."""

    ageing_time: int | None = None
    priority: int | None = None
    forward_delay: int | None = None
    hello_time: int | None = None
    max_age: int | None = None
    stp: bool | None = None
    path_cost: tuple[tuple[str, int], ...] = ()
    port_priority: tuple[tuple[str, int], ...] = ()


class Bridge(Device):
    """A switch in software."""

    interfaces: tuple[str, ...] = ()
    parameters: BridgeParameters = BridgeParameters()

    @property
    def below(self) -> tuple[str, ...]:
        """The ports."""
        return self.interfaces


class Vrf(Device):
    """A routing domain of its own: what its members receive is looked up in `table`.

    Its routes and rules all name that table.
    """

    table: int = 0
    interfaces: tuple[str, ...] = ()

    @property
    def below(self) -> tuple[str, ...]:
        """The members."""
        return self.interfaces


# what each kind of device stands under in a netplan document
SECTIONS: dict[type[Device], str] = {
    Ethernet: "ethernets",
    Dummy: "dummy-devices",
    Bond: "bonds",
    Bridge: "bridges",
    Vlan: "vlans",
    Vrf: "vrfs",
}


class Network(Record):
    """All devices, each after those it stands on. `disabled`: somebody asked us to leave the network alone."""

    devices: tuple[Device, ...] = ()
    disabled: bool = False

    def master_of(self, member: Device) -> Bond | Bridge | None:
        """The bond or bridge that a device is part of; for a VRF ask `vrf_of`."""
        for device in self.devices:
            if isinstance(device, (Bond, Bridge)) and member.id in device.interfaces:
                return device
        return None

    def vrf_of(self, member: Device) -> Vrf | None:
        """The routing domain that a device is part of."""
        for device in self.devices:
            if isinstance(device, Vrf) and member.id in device.interfaces:
                return device
        return None

    def vlans_on(self, link: Device) -> tuple[Vlan, ...]:
        """The tagged devices on top of one."""
        return tuple(device for device in self.devices if isinstance(device, Vlan) and device.link == link.id)


def ordered(devices: Iterable[Device]) -> tuple[tuple[Device, ...], tuple[Device, ...]]:
    """Devices sorted so that each comes after those below it, by id otherwise; and those that stand on themselves."""
    waiting = sorted(devices, key=lambda device: device.id)
    done: list[Device] = []
    known: set[str] = set()
    while waiting:
        ready = [device for device in waiting if known.issuperset(device.below)]
        if not ready:
            break
        done += ready
        known.update(device.id for device in ready)
        waiting = [device for device in waiting if device.id not in known]
    return tuple(done), tuple(waiting)
