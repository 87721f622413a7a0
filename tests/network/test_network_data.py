"""OpenStack's network_data.json: what it becomes in version 2, and how every mistake is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scratch import REPO

from ovfinit.formats.yamltext import load
from ovfinit.network import forms, network_data, v2
from ovfinit.network.model import Bond, Vlan

FOLDER = REPO / "tests/data/network/network_data"
MAC = "fa:16:3e:00:00:01"


def errors(**document: Any) -> list[str]:
    """All mistakes of a document with this, and one good adapter, as texts."""
    links = [{"id": "a", "type": "phy", "ethernet_mac_address": MAC}, *document.get("links", ())]
    return [str(one) for one in network_data.convert({**document, "links": links}).errors]


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_documents(name: str) -> None:
    """Whole documents become exactly their equals in version 2, in which nothing is left to complain of."""
    converted = network_data.convert(json.loads((FOLDER / f"{name}.json").read_text()))
    assert (converted.errors, converted.warnings) == ((), ())
    assert converted.network == load((FOLDER / f"{name}.v2.yaml").read_bytes(), name).value
    parsed = v2.parse(converted.network)
    assert (parsed.errors, parsed.warnings) == ((), ())


def test_it_is_told_by_its_links() -> None:
    """The form needs no name: a document with links is taken for OpenStack's."""
    document = json.loads((FOLDER / "bond-and-vlans.json").read_text())
    parsed = forms.parse(document)
    assert [type(device) for device in parsed.network.devices[2:]] == [Bond, Vlan, Vlan]
    assert parsed.errors == ()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"links": [{"type": "phy", "ethernet_mac_address": MAC}]}, "links[1]: a link needs `id`"),
        ({"links": [{"id": "b", "type": "phy"}]}, "links[1]: an adapter needs `ethernet_mac_address`"),
        (
            {"links": [{"id": "a", "type": "phy", "ethernet_mac_address": MAC}]},
            "links[1].id: another link is called 'a' already",
        ),
        (
            {"links": [{"id": "b", "type": "bond", "bond_links": ["zz"]}]},
            "links[1].bond_links[0]: no link is called 'zz'",
        ),
        (
            {"links": [{"id": "v", "type": "vlan", "vlan_id": 7, "vlan_link": "zz"}]},
            "links[1].vlan_link: no link is called 'zz'",
        ),
        ({"links": [{"id": "v", "type": "vlan", "vlan_link": "a"}]}, "links[1]: a VLAN needs `vlan_id`"),
        ({"networks": [{"type": "ipv4", "link": "zz"}]}, "networks[0].link: no usable link is called 'zz'"),
        ({"networks": [{"type": "ipv5", "link": "a"}]}, "networks[0].type: 'ipv5' is not one of ipv4"),
        ({"networks": [{"type": "ipv4", "link": "a"}]}, "networks[0]: a static network needs `ip_address`"),
        (
            {"networks": [{"type": "ipv4", "link": "a", "ip_address": "10.0.0.256"}]},
            "networks[0].ip_address: '10.0.0.256' is not an IP address",
        ),
        (
            {"networks": [{"type": "ipv4", "link": "a", "ip_address": "10.0.0.5/24", "routes": [{"network": "x"}]}]},
            "networks[0].routes[0]: a route needs `gateway`",
        ),
        ({"services": [{"type": "dns", "address": "dns.example"}]}, "services[0].address: 'dns.example' is not an IP"),
        ({"networks": {}}, "networks: must be a list, not a mapping"),
    ],
)
def test_every_mistake_has_its_place(document: dict[str, Any], expected: str) -> None:
    """A mistake is told with the path of keys and indices that lead to it."""
    assert errors(**document)[0].startswith(expected)


def test_one_way_out_has_no_metric() -> None:
    """A machine with a single default route is left plain; the same route told twice is one route."""
    network = {"type": "ipv4", "link": "a", "ip_address": "10.0.0.5/24", "gateway": "10.0.0.1"}
    route = {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}
    parsed = forms.parse(
        {
            "links": [{"id": "a", "type": "phy", "ethernet_mac_address": MAC}],
            "networks": [{**network, "routes": [route]}],
        }
    )
    assert [(route.via, route.metric) for route in parsed.network.devices[0].routes] == [("10.0.0.1", None)]
