"""Which setting each renderer can express: the table in docs/network.md, held against renderers and consumers.

A cell says `yes` if the setting arrives whole, `refused` if it is an error by name. To make the table anew after a
change: `python tests/network/test_matrix.py`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import consumers
import namespace
import pytest
from features import FEATURES, apart

from ovfinit.host import Host, Interface
from ovfinit.network import ifupdown, netplan, networkd, networkmanager, v2
from ovfinit.network.model import Network
from ovfinit.network.outcome import Rendered
from ovfinit.network.vrfroutes import placed

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/network.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- end of matrix -->\n"
KNOWN = (Interface("eth0", "02:00:00:00:01:01", "virtio_net"), Interface("eth1", "02:00:00:00:01:02", "virtio_net"))
RENDERERS: dict[str, Callable[[Network], Rendered]] = {
    "networkd": networkd.render,
    "netplan": lambda network: netplan.render(network, None),
    "ifupdown": lambda network: ifupdown.render(network, KNOWN),
    "networkmanager": networkmanager.render,
}
HERE = netplan.vocabulary_of(Host("/"))


def model(document: dict[str, Any]) -> Network:
    """The model of a document without mistakes."""
    parsed = v2.parse({"version": 2, **document})
    assert (parsed.errors, parsed.warnings) == ((), ())
    return parsed.network


def outcome(document: dict[str, Any], renderer: str) -> str:
    """The cell of the table."""
    result = RENDERERS[renderer](model(document))
    assert result.warnings == ()
    return "refused" if result.errors else "yes"


def table() -> str:
    """The whole table."""
    rows = [["setting", *RENDERERS], ["---"] * (len(RENDERERS) + 1)]
    rows += [[label, *(outcome(document, name) for name in RENDERERS)] for label, document in FEATURES.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def together(render: Callable[[Network], Rendered]) -> tuple[Network, Rendered]:
    """All settings that a renderer can express, in one document, each on devices of its own."""
    whole: dict[str, Any] = {}
    for number, document in enumerate(FEATURES.values()):
        if not render(model(document)).errors:
            for kind, devices in apart(number, document).items():
                whole.setdefault(kind, {}).update(devices)
    parsed = v2.parse({"version": 2, **whole})
    # put together, some default routes are alike, which is warned of
    assert parsed.errors == ()
    network = parsed.network
    result = render(network)
    assert result.errors == ()
    return placed(network), result


def test_the_table_is_true() -> None:
    """Every cell of the documentation is what the renderer does."""
    text = DOCUMENT.read_text()
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("label", FEATURES)
def test_what_is_refused_is_refused_at_its_place(label: str, renderer: str) -> None:
    """An error leads to the very setting, or to the device that cannot be without it."""
    for error in RENDERERS[renderer](model(FEATURES[label])).errors:
        place: Any = FEATURES[label]
        for part in error.path:
            # an address that has options is a mapping of itself to these
            place = next(iter(place.values())) if isinstance(place, dict) and part not in place else place[part]
        assert error.message


def test_networkd_reads_every_yes(tmp_path: Path) -> None:
    """The real networkd has no complaint about any key or value that we write."""
    _, result = together(networkd.render)
    consumers.store(result.files, tmp_path)
    kernel = namespace.networkd(tmp_path, {}, ())
    complaints = [line for line in kernel.log.splitlines() if ".network:" in line or ".netdev:" in line]
    assert complaints == []


def test_netplan_reads_back_every_yes(tmp_path: Path) -> None:
    """Netplan understands all that its release knows as it was meant."""
    network, result = together(functools.partial(netplan.render, vocabulary=HERE))
    consumers.store(result.files, tmp_path)
    found = consumers.meaning(v2.parse(consumers.netplan(tmp_path, remarks=True)).network)
    for understood, meant in zip(found, consumers.meaning(network)):
        assert {key: understood[key] for key in meant if understood[key] != meant[key]} == {}, meant["id"]
    assert len(found) == len(network.devices)


def test_libnm_takes_every_yes() -> None:
    """NetworkManager's library takes each profile without a warning."""
    network, result = together(networkmanager.render)
    assert len(consumers.libnm(result.files)) == len(network.devices)


def test_ifquery_reads_every_yes(tmp_path: Path) -> None:
    """Ifupdown's parser knows every word of our file, and lists all that comes up by itself."""
    network, result = together(lambda network: ifupdown.render(network, ()))
    consumers.store(result.files, tmp_path)
    listed = consumers.ifquery(tmp_path / "etc/network/interfaces.d/50-ovfinit", "--list")
    waiting = {device.id for device in network.devices if device.match is None and not device.activation}
    assert waiting - {device.id for device in network.devices if device.optional} <= set(listed.split())


if __name__ == "__main__":
    sys.stdout.write(table())
