"""Several ways out of a machine: which one is the best, in netplan's words.

Of two default routes with the same metric the kernel keeps one, and which one that is nobody knows beforehand.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

FIRST_METRIC = 100
_DEFAULTS = ("default", "0.0.0.0/0", "::/0")


def rank(devices: Sequence[dict[str, Any]]) -> None:
    """Give the default routes of these devices, static ones and a server's, metrics in the order of the devices.

    A route that has a metric keeps it. A single device with a way out is left plain.
    """
    ways = [device for device in devices if any(_ways(device))]
    for place, device in enumerate(ways if len(ways) > 1 else ()):
        metric = FIRST_METRIC * (place + 1)
        for way in _ways(device):
            if isinstance(way, dict):
                way.setdefault("metric", metric)
            else:
                device.setdefault(f"{way}-overrides", {}).setdefault("route-metric", metric)


def _ways(device: dict[str, Any]) -> Iterator[dict[str, Any] | str]:
    yield from (family for family in ("dhcp4", "dhcp6") if device.get(family))
    yield from (route for route in device.get("routes", ()) if route["to"] in _DEFAULTS and "table" not in route)
