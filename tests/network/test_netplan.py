"""The model as a netplan document, judged by netplan: what it understood, and that it makes files of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import consumers
import pytest
import yaml

from ovfinit.host import Host
from ovfinit.network import netplan, v2
from ovfinit.network.model import Network
from ovfinit.network.outcome import Rendered

DATA = Path(__file__).parent.parent / "data" / "network"
FILE = "/etc/netplan/50-ovfinit.yaml"
# the words that the netplan of this machine knows
HERE = netplan.vocabulary_of(Host("/"))


def parsed(document: dict[str, Any]) -> Network:
    """The model of a document without mistakes."""
    result = v2.parse(document)
    assert (result.errors, result.warnings) == ((), ())
    return result.network


def judged(network: Network, tree: Path) -> Network:
    """What netplan understood of our document, read back."""
    result = netplan.render(network, HERE)
    assert result.errors == ()
    consumers.store(result.files, tree)
    return parsed(consumers.netplan(tree))


def refused(settings: dict[str, Any], vocabulary: bytes) -> tuple[Rendered, list[str]]:
    """The outcome for one adapter under a netplan that knows only some words, and the errors."""
    result = netplan.render(parsed({"version": 2, "ethernets": {"eth0": settings}}), vocabulary)
    return result, [str(error) for error in result.errors]


def test_static_adapter_in_full(tmp_path: Path) -> None:
    """The whole text of the commonest case, readable by root alone, and netplan understands what was meant."""
    network = parsed(
        {
            "version": 2,
            "ethernets": {
                "nic0": {
                    "match": {"macaddress": "02:00:00:00:00:01"},
                    "addresses": ["192.0.2.10/32"],
                    "nameservers": {"addresses": ["192.0.2.53"], "search": ["example.org"]},
                    "routes": [{"to": "default", "via": "192.0.2.1"}],
                    "mtu": 1400,
                }
            },
        }
    )
    file = netplan.render(network, None).files[FILE]
    assert file.mode == 0o600
    assert file.text == (
        "# Written by ovfinit from the network configuration of this instance.\n"
        "network:\n  version: 2\n  ethernets:\n    nic0:\n"
        '      match:\n        macaddress: "02:00:00:00:00:01"\n'
        '      mtu: 1400\n      addresses:\n        - "192.0.2.10/32"\n'
        '      nameservers:\n        addresses:\n          - "192.0.2.53"\n        search:\n          - example.org\n'
        '      routes:\n        - to: default\n          via: "192.0.2.1"\n          on-link: true\n'
    )
    [device] = judged(network, tmp_path).devices
    [route] = device.routes
    # #4995, #5523: netplan itself does not notice that the gateway lies outside the address's network
    assert route.on_link is True
    assert device.with_(routes=(route.with_(on_link=None),)) == network.devices[0]


@pytest.mark.parametrize("name", ["stacked.yaml", "routing.yaml"])
def test_netplan_reads_back_what_was_meant(tmp_path: Path, name: str) -> None:
    """A document through our model and netplan's own reading and writing is still the same."""
    network = parsed(yaml.safe_load((DATA / name).read_text()))
    assert consumers.meaning(judged(network, tmp_path)) == consumers.meaning(network)


def test_words_that_netplan_does_not_know_are_refused_by_name() -> None:
    """One unknown word and netplan drops the whole document: the device comes up without it, and it is named."""
    words = b"ethernets\0match\0addresses\0routes\0to\0via\0mtu\0"
    route = {"to": "10.0.0.0/8", "via": "192.0.2.9", "advertised-mss": 1200}
    result, errors = refused({"addresses": ["192.0.2.1/24"], "mtu": 1400, "hairpin": True, "routes": [route]}, words)
    assert errors == [
        "ethernets.eth0.hairpin: is not known to the netplan of this machine",
        "ethernets.eth0.routes[0].advertised-mss: is not known to the netplan of this machine",
    ]
    assert yaml.safe_load(result.files[FILE].text)["network"]["ethernets"]["eth0"] == {
        "mtu": 1400,
        "addresses": ["192.0.2.1/24"],
        "routes": [{"to": "10.0.0.0/8", "via": "192.0.2.9"}],
    }
    assert result.left_out == ()


def test_devices_that_netplan_does_not_know_cost_what_stands_on_them() -> None:
    """A kind of device that came later is left out, named, and so is a VLAN on top of it."""
    document = {
        "version": 2,
        "ethernets": {"eth0": {}},
        "dummy-devices": {"dm0": {}},
        "vlans": {"v5": {"id": 5, "link": "dm0"}},
    }
    result = netplan.render(parsed(document), b"ethernets vlans id link")
    assert [str(error) for error in result.errors] == [
        "dummy-devices.dm0: dummy-devices are not known to the netplan of this machine",
        "vlans.v5: stands on dm0, which is left out",
    ]
    assert (result.left_out, result.names) == (("dm0", "v5"), ("eth0",))
    assert yaml.safe_load(result.files[FILE].text) == {"network": {"version": 2, "ethernets": {"eth0": {}}}}


def test_the_vocabulary_is_that_of_the_tree(tmp_path: Path) -> None:
    """The library in the tree says which words its netplan knows; without one all are taken for known."""
    assert netplan.vocabulary_of(Host(str(tmp_path))) is None
    library = tmp_path / "usr/lib/x86_64-linux-gnu/libnetplan.so.0.0"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"\x7fELF\0ethernets\0")
    assert netplan.vocabulary_of(Host(str(tmp_path))) == b"\x7fELF\0ethernets\0"


def test_two_ways_of_making_addresses() -> None:
    """Netplan takes a token or a way of making addresses: the token, which says more, stays."""
    result, errors = refused({"ipv6-address-token": "::1", "ipv6-address-generation": "eui64"}, HERE or b"")
    if HERE is not None:
        assert errors == ["ethernets.eth0.ipv6-address-generation: netplan takes this or ipv6-address-token, not both"]
        assert "::1" in result.files[FILE].text
