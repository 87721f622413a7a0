"""What the initramfs has configured, as klibc's ipconfig leaves it in /run, as a netplan version 2 mapping.

`/run/net-DEVICE.conf` and `/run/net6-DEVICE.conf` are assignments of the shell (usr/kinit/ipconfig/README.ipconfig of
klibc; initramfs-tools' functions for IPv6).
"""

from __future__ import annotations

from ..errors import InputError
from .address import is_ipv6, parse_interface, parse_ip, prefix_of
from .reading import Unusable, domain, interface_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host

LIMIT = 64 * 1024
NOTHING = ("", "0.0.0.0", "::")  # noqa: S104


def read(host: Host) -> tuple[dict[str, Any] | None, str, list[str]]:
    """The mapping, None if the initramfs left nothing; the file it came from; and what is wrong there, as texts."""
    ethernets: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    first = ""
    macs = {interface.name: interface.mac for interface in host.interfaces()}
    for name in host.listing("/run"):
        if not name.startswith(("net-", "net6-")) or not name.endswith(".conf"):
            continue
        path = f"/run/{name}"
        try:
            values = _assignments(host.text(path, LIMIT) or "")
            _device(values, ethernets, macs)
            first = first or path
        except (InputError, Unusable, ValueError) as error:
            problems.append(f"{path} is not understood{f': {error}' if isinstance(error, Unusable) else ''}")
    return {"version": 2, "ethernets": ethernets} if ethernets else None, first, problems


def _device(values: dict[str, str], ethernets: dict[str, dict[str, Any]], macs: dict[str, str]) -> None:
    name = interface_name(values.get("DEVICE") or values.get("DEVICE6"))
    found: dict[str, Any] = {}
    proto, proto6 = values.get("PROTO", ""), values.get("IPV6PROTO", "")
    if proto in {"dhcp", "bootp", "rarp"}:
        found["dhcp4"] = True
    elif values.get("IPV4ADDR", "") not in NOTHING:
        _static(found, values["IPV4ADDR"], values.get("IPV4NETMASK", "") or "32", values.get("IPV4GATEWAY", ""))
    if proto6 == "dhcp6":
        found["dhcp6"] = True
    elif values.get("IPV6ADDR", "") not in NOTHING:
        _static(found, values["IPV6ADDR"], values.get("IPV6NETMASK", "") or "64", values.get("IPV6GATEWAY", ""))
    servers = [values.get(f"IPV{family}DNS{number}", "") for family in "46" for number in "01"]
    servers = [parse_ip(server) for server in servers if server not in NOTHING]
    search = [domain(word) for key in ("DOMAINSEARCH", "IPV6DOMAINSEARCH") for word in values.get(key, "").split()]
    search = search or [domain(word) for word in values.get("DNSDOMAIN", "").split()]
    if found.get("dhcp4") or found.get("dhcp6"):
        # the server will say the same again, and what is new then
        servers, search = [], []
    device = ethernets.setdefault(name, {"match": {"macaddress": macs[name]}} if name in macs else {})
    for key in ("addresses", "routes"):
        if key in found:
            found[key] = [*device.get(key, ()), *found[key]]
    device.update(found)
    names = device.get("nameservers", {})
    for key, new in (("addresses", servers), ("search", search)):
        if new:
            names[key] = list(dict.fromkeys((*names.get(key, ()), *new)))
    device.update({"nameservers": names} if names else {})


def _static(found: dict[str, Any], address: str, mask: str, gateway: str) -> None:
    ip, prefix = parse_interface(address if "/" in address else f"{address}/{prefix_of(mask)}")
    found.setdefault("addresses", []).append(f"{ip}/{prefix}")
    if gateway not in NOTHING:
        via = parse_ip(gateway)
        found.setdefault("routes", []).append({"to": "::/0" if is_ipv6(via) else "0.0.0.0/0", "via": via})


def _assignments(text: str) -> dict[str, str]:
    """`KEY='value'` lines; nothing is expanded."""
    pairs = (line.strip().partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip().strip("'\"") for key, _, value in pairs}
