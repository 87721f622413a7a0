"""What others' netplan documents say, beside ours: who serves netplan, what is merged, what would be read before ours.

Netplan merges devices of one id over all documents. Of the files that it makes for networkd, one for each id, the first
that fits an adapter counts, in the order of the ids.
"""

from __future__ import annotations

from ..errors import InputError
from ..record import Record
from .model import Bond, Bridge, Ethernet, Match, Network, Vlan, Vrf
from .outcome import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..host import Host
    from .model import Device
    from .outcome import Rendered

LIMIT = 1024 * 1024
AHEAD = "0-"


class Others(Record):
    """`manager`: the documents make NetworkManager serve netplan. `devices`: each with the document that it is from."""

    manager: bool = False
    devices: tuple[tuple[str, Device], ...] = ()


def read(host: Host, documents: Sequence[str]) -> Others:
    """What stands in them. One that cannot be read says nothing: netplan will complain of it itself."""
    manager = False
    devices: list[tuple[str, Device]] = []
    for path in documents:
        from ..formats.yamltext import load
        from .v2 import parse

        try:
            value = load(host.text(path, LIMIT) or "", path).value
        except InputError:
            continue
        top = value.get("network") if isinstance(value, dict) else None
        if isinstance(top, dict):
            manager = top["renderer"] == "NetworkManager" if "renderer" in top else manager
            devices += [(path, device) for device in parse({"version": 2, **top}).network.devices]
    return Others(manager, tuple(devices))


def merged(network: Network, others: Others) -> Iterator[tuple[str, str]]:
    """Id and document of each device of ours that another document describes as well."""
    own = {device.id for device in network.devices}
    for path, device in others.devices:
        if device.id in own:
            yield device.id, path


def ahead(network: Network, others: Others) -> Network:
    """The same network, with adapters called so that networkd reads their files before others' that fit them too.

    An adapter that was known by its id is then matched by that name.
    """
    new = {device.id: AHEAD + device.id for device in network.devices if any(_overtaken(device, others))}
    if not new:
        return network
    return network.with_(devices=tuple(_renamed(device, new) for device in network.devices))


def as_asked(rendered: Rendered, network: Network) -> Rendered:
    """What was rendered, its errors about devices as the document of the instance calls them."""
    old = {AHEAD + device.id: device.id for device in network.devices}
    errors = tuple(
        Finding((*error.path[:1], old.get(str(error.path[1]), error.path[1]), *error.path[2:]), error.message)
        for error in rendered.errors
    )
    return rendered.with_(errors=errors, left_out=tuple(old.get(id_, id_) for id_ in rendered.left_out))


def _overtaken(device: Device, others: Others) -> Iterator[bool]:
    for _, other in others.devices:
        if isinstance(device, Ethernet) and other.match is not None and other.id < device.id:
            yield _may_fit(device, other.match)


def _may_fit(device: Device, match: Match) -> bool:
    from fnmatch import fnmatchcase

    own = device.match or Match(device.id)
    if match.macaddress is not None and own.macaddress is not None:
        return match.macaddress == own.macaddress
    exact = None if own.name is None or any(sign in own.name for sign in "*?[") else own.name
    # an adapter known by its address, or by a pattern, may have any name
    return match.name is None or exact is None or fnmatchcase(exact, match.name)


def _renamed(device: Device, new: dict[str, str]) -> Device:
    changed: dict[str, object] = {}
    if device.id in new:
        changed = {"id": new[device.id], "match": device.match or Match(device.id)}
    if isinstance(device, Vlan):
        changed["link"] = new.get(device.link, device.link)
    elif isinstance(device, (Bond, Bridge, Vrf)):
        changed["interfaces"] = tuple(new.get(member, member) for member in device.interfaces)
    if isinstance(device, Bond) and device.parameters.primary is not None:
        primary = device.parameters.primary
        changed["parameters"] = device.parameters.with_(primary=new.get(primary, primary))
    elif isinstance(device, Bridge):
        pairs = {
            name: tuple((new.get(port, port), value) for port, value in getattr(device.parameters, name))
            for name in ("path_cost", "port_priority")
        }
        changed["parameters"] = device.parameters.with_(**pairs)
    return device.with_(**changed)
