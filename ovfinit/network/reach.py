"""What this machine reaches right now: its routers by ARP and neighbour discovery, a service, addresses an admin named.

Asked before a network configuration changes and again afterwards: what answered before and does not any more was cut
off by the change. A router is asked on the link itself, so that no filter on the way decides (RFC 826; RFC 4861, 7.2).
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from time import monotonic

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..deadline import Deadline
    from ..host import Host

ARP, IPV4 = 0x0806, 0x0800
BROADCAST = b"\xff" * 6
SOLICITATION, ADVERTISEMENT, ECHO6, REPLY6 = 135, 136, 128, 129
ECHO4, REPLY4 = 8, 0
ASK_SECONDS = 0.5
RTF_GATEWAY = 0x2


class Router(Record):
    """A default route's next hop, and the interface it is reached by."""

    address: str
    interface: str


class Reach(Record):
    """Names of what answers: `gateway (IPv4)`, `gateway (IPv6)`, and each further target as it was named."""

    answering: frozenset[str] = frozenset()

    def lost(self, now: Reach) -> tuple[str, ...]:
        """What answered then and does not now."""
        return tuple(sorted(self.answering - now.answering))


def routers(host: Host) -> tuple[Router, ...]:
    """The next hops of all default routes, as the kernel has them (proc(5): net/route, net/ipv6_route)."""
    found = []
    for line in (host.text("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and int(fields[3], 16) & RTF_GATEWAY:
            found.append(Router(socket.inet_ntoa(struct.pack("=I", int(fields[2], 16))), fields[0]))
    for line in (host.text("/proc/net/ipv6_route") or "").splitlines():
        fields = line.split()
        if len(fields) == 10 and fields[0] == "0" * 32 and fields[1] == "00" and int(fields[8], 16) & RTF_GATEWAY:
            found.append(Router(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[4])), fields[9]))
    return tuple(dict.fromkeys(found))


def look(host: Host, targets: Sequence[str], deadline: Deadline) -> Reach:
    """Ask everything once, each within half a second.

    A target is an address (ICMP echo), or `ADDRESS:PORT` (TCP; an IPv6 address in brackets then). What may not be
    asked, for want of the right to raw sockets, does not answer.
    """
    answering = set()
    for router in routers(host):
        name = f"gateway ({'IPv6' if ':' in router.address else 'IPv4'})"
        if name not in answering and _asked(router, deadline):
            answering.add(name)
    answering |= {target for target in targets if _answers(target, deadline)}
    return Reach(frozenset(answering))


def wait(host: Host, before: Reach, targets: Sequence[str], deadline: Deadline) -> tuple[str, ...]:
    """Ask until everything that answered before answers again; returns what still does not at the deadline."""
    wanted = [target for target in targets if target in before.answering]
    while True:
        began = monotonic()
        lost = before.lost(look(host, wanted, deadline))
        if not lost or deadline.expired():
            return lost
        # whoever refuses at once is not asked in a tight loop; addresses and routes coming up are told by netlink
        _changes(deadline.within(max(0.0, ASK_SECONDS - (monotonic() - began))))


def _changes(deadline: Deadline) -> None:
    from ..system.uplink import GROUPS

    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as events:
        events.bind((0, GROUPS))
        select.select([events], [], [], deadline.remaining())


def _asked(router: Router, deadline: Deadline) -> bool:
    try:
        return (_neighbour if ":" in router.address else _arp)(router, deadline.within(ASK_SECONDS))
    except OSError:
        return False


def _arp(router: Router, deadline: Deadline) -> bool:
    """Who has the router's address? From the interface's own one, or as a probe without any (RFC 5227)."""
    wanted = socket.inet_aton(router.address)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(ARP)) as link:
        link.bind((router.interface, ARP))
        mac = link.getsockname()[4]
        if len(mac) != 6:
            # not Ethernet: a link without neighbours has nobody to ask
            return True
        question = struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 1, mac, _source(router.address), bytes(6), wanted)
        link.send(BROADCAST + mac + struct.pack("!H", ARP) + question)
        return _heard(link, deadline, lambda frame: frame[20:22] == b"\0\2" and frame[28:32] == wanted)


def _source(router: str) -> bytes:
    """Our address on the way to the router: some answer nobody who has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            # nothing is sent: connecting a datagram socket only looks the route up
            probe.connect((router, 9))
            return socket.inet_aton(probe.getsockname()[0])
        except OSError:
            return bytes(4)


def _neighbour(router: Router, deadline: Deadline) -> bool:
    wanted = socket.inet_pton(socket.AF_INET6, router.address)
    index = socket.if_nametoindex(router.interface)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as link:
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        mac = _hardware(router.interface)
        option = b"\1\1" + mac if len(mac) == 6 else b""
        group = "ff02::1:ff" + wanted[13:14].hex() + ":" + wanted[14:].hex()
        link.sendto(struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + wanted + option, (group, 0, 0, index))
        return _heard(link, deadline, lambda packet: packet[:1] == bytes([ADVERTISEMENT]) and packet[8:24] == wanted)


def _hardware(interface: str) -> bytes:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as link:
        link.bind((interface, 0))
        return bytes(link.getsockname()[4])


def _answers(target: str, deadline: Deadline) -> bool:
    address, port = split(target)
    try:
        return _connects(address, port, deadline) if port else _echoes(address, deadline)
    except OSError:
        return False


def split(target: str) -> tuple[str, int | None]:
    """Address and port of `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT`. Raises ValueError for anything else."""
    from .address import parse_ip

    address, colon, port = target, "", ""
    if target.startswith("["):
        address, bracket, rest = target[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or colon not in ("", ":"):
            raise ValueError(target)
    elif target.count(":") == 1:
        address, colon, port = target.partition(":")
    if colon and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError(target)
    return parse_ip(address), int(port) if colon else None


def _connects(address: str, port: int, deadline: Deadline) -> bool:
    """True if somebody is there: a refusal is an answer too."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as stream:
        code = stream.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            select.select([], [stream], [], deadline.within(ASK_SECONDS).remaining())
            try:
                stream.getpeername()
            except OSError:
                code = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                return code == errno.ECONNREFUSED
            return True
        return code in (0, errno.ECONNREFUSED)


def _echoes(address: str, deadline: Deadline) -> bool:
    """ICMP echo (RFC 792; RFC 4443, 4.1)."""
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    ask, reply = (ECHO6, REPLY6) if six else (ECHO4, REPLY4)
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
        packet = struct.pack("!BBHHH", ask, 0, 0, 0x6F76, 1)
        if not six:
            packet = struct.pack("!BBHHH", ask, 0, _checksum(packet), 0x6F76, 1)
        link.sendto(packet, (address, 0))

        def ours(heard: bytes) -> bool:
            # a raw IPv4 socket hands over the IP header too
            answer = heard if six else heard[(heard[0] & 15) * 4 :]
            return answer[:1] == bytes([reply]) and answer[4:8] == packet[4:8]

        return _heard(link, deadline.within(ASK_SECONDS), ours, address)


def _checksum(packet: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _heard(link: socket.socket, deadline: Deadline, wanted: Callable[[bytes], bool], sender: str | None = None) -> bool:
    while True:
        ready, _, _ = select.select([link], [], [], deadline.remaining())
        if not ready:
            return False
        packet, origin = link.recvfrom(2048)
        if wanted(packet) and (sender is None or origin[0].partition("%")[0] == sender):
            return True
