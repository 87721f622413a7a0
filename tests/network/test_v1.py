"""cloud-init's network configuration version 1: what it becomes in version 2, and how every mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scratch import REPO

from ovfinit.formats.yamltext import load
from ovfinit.host import Host
from ovfinit.inspection import inspect
from ovfinit.model import Metadata
from ovfinit.network import forms, v1, v2
from ovfinit.network.model import Bond, Route
from ovfinit.network.outcome import Converted
from ovfinit.normalize import normalize

FOLDER = REPO / "tests/data/network/v1"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith(".v2"))


def document(name: str) -> Any:
    """A file of the folder as plain data."""
    return load((FOLDER / name).read_bytes(), name).value


def devices(*items: dict[str, Any]) -> Converted:
    """The conversion of a document with these items."""
    return v1.convert({"version": 1, "config": list(items)})


def physical(*subnets: dict[str, Any], name: str = "eth0") -> dict[str, Any]:
    """An item for one adapter."""
    return {"type": "physical", "name": name, "subnets": list(subnets)}


def errors(converted: Converted) -> list[str]:
    """All mistakes as texts."""
    return [str(finding) for finding in converted.errors]


@pytest.mark.parametrize("name", CASES)
def test_documents(name: str) -> None:
    """Whole documents become exactly their equals in version 2, in which nothing is left to complain of."""
    converted = v1.convert(document(f"{name}.yaml"))
    assert (converted.errors, converted.warnings) == ((), ())
    assert converted.network == document(f"{name}.v2.yaml")
    parsed = v2.parse(converted.network)
    assert (parsed.errors, parsed.warnings) == ((), ())


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            physical({"type": "static", "address": "10.0.0.300"}),
            "config[0].subnets[0].address: '10.0.0.300' is not an IP",
        ),
        (physical({"type": "static"}), "config[0].subnets[0]: a static network needs `address`"),
        (physical({"address": "10.0.0.3/8"}), "config[0].subnets[0]: a subnet needs `type`"),
        (physical({"type": "dhcp5"}), "config[0].subnets[0].type: 'dhcp5' is not one of"),
        (
            physical({"type": "static", "address": "10.0.0.3", "netmask": "255.0.255.0"}),
            "config[0].subnets[0].netmask: '255.0.255.0' is not a netmask",
        ),
        (
            physical({"type": "static", "address": "10.0.0.3", "netmask": "64"}),
            "config[0].subnets[0].address: '10.0.0.3' does not go with a netmask of 64 bits",
        ),
        (
            physical({"type": "static", "address": "10.0.0.3/24", "gateway": "fe80::1"}),
            "config[0].subnets[0].gateway: fe80::1 is not of the same family as 10.0.0.3/24",
        ),
        (
            physical({"type": "static", "address": "10.0.0.3/24", "routes": [{"gateway": "10.0.0.1"}]}),
            "config[0].subnets[0].routes[0]: a route needs `destination`",
        ),
        ({"type": "physical"}, "config[0]: an interface needs `name`"),
        ({"type": "physical", "name": "../x"}, "config[0].name: '../x' is not a name"),
        (
            {"type": "physical", "name": "eth0", "mac_address": "5254"},
            "config[0].mac_address: '5254' is not a hardware",
        ),
        ({"type": "vlan", "name": "v7", "vlan_id": 5000}, "config[0].vlan_id: 5000 is not a whole number from 0"),
        ({"type": "infiniband", "name": "ib0"}, "config[0].type: 'infiniband' is not supported, left out"),
        ({"type": "wifi", "name": "w0"}, "config[0].type: 'wifi' is not one of physical"),
        ({"type": "route", "destination": "10.0.0.0/8"}, "config[0]: a route needs `gateway`"),
        (
            {"type": "route", "destination": "10.0.0.0/8", "gateway": "192.0.2.1"},
            "config[0].gateway: 192.0.2.1 is in no interface's network",
        ),
        ({"type": "nameserver", "address": "10.0.0.1"}, "config[0]: no interface has an address: the servers are left"),
        (
            {"type": "nameserver", "address": "10.0.0.1", "interface": "eth9"},
            "config[0].interface: no interface is called eth9: the servers are left out",
        ),
        (
            {"type": "bond", "name": "bond0", "params": {"bond-mode": 9}},
            "config[0].params.bond-mode: '9' is not one of balance-rr",
        ),
        (
            {"type": "bridge", "name": "br0", "params": {"bridge_pathcost": ["eth0"]}},
            "config[0].params.bridge_pathcost: 'eth0' is not a port and its value",
        ),
        ("eth0", "config[0]: must be a mapping, not a text"),
    ],
)
def test_every_mistake_has_its_place(item: Any, expected: str) -> None:
    """A mistake is told with the path of keys and indices that lead to it."""
    assert errors(devices(item))[0].startswith(expected)


def test_a_mistake_costs_the_value_that_it_is_in() -> None:
    """Of an adapter with one bad address the good one is used, and the adapter is not lost."""
    converted = devices(physical({"type": "static", "address": "x"}, {"type": "static", "address": "10.0.0.3/24"}))
    assert converted.network["ethernets"] == {"eth0": {"addresses": ["10.0.0.3/24"]}}
    assert converted.lost == ()


def test_unusable_interfaces_are_lost_by_name() -> None:
    """An interface that cannot be told, and a second one of the same name, are left out and counted as lost."""
    converted = devices(
        physical(name="eth0"), physical(name="eth0"), {"type": "vlan", "name": "v7", "vlan_link": "eth0"}
    )
    assert converted.network == {"version": 2, "ethernets": {"eth0": {}}}
    assert [str(finding) for finding in converted.lost] == [
        "config[1].name: another interface is called eth0 already",
        "config[2]: a VLAN needs `vlan_id`",
    ]


def test_what_is_not_known_is_warned_of() -> None:
    """Keys without a meaning, and an address without a netmask, are told."""
    converted = devices(
        physical({"type": "static", "address": "10.0.0.3", "pointopoint": "10.0.0.1", "scope": "x"}),
        {"type": "bond", "name": "bond0", "params": {"bond-queue-id": 1}},
    )
    assert [str(finding) for finding in converted.warnings] == [
        "config[0].subnets[0].address: has no netmask: taken for 10.0.0.3/24",
        "config[0].subnets[0].pointopoint: is not supported, left out: give a route to the peer",
        "config[0].subnets[0].scope: is not known, left out",
        "config[1].params.bond-queue-id: is not known, left out",
    ]


def test_findings_of_version_2_lead_back_to_version_1() -> None:
    """What only shows when devices are joined is told at the item of version 1 that it is about."""
    parsed = forms.parse(
        {"network": {"version": 1, "config": [{"type": "bond", "name": "bond0", "bond_interfaces": ["eth7"]}]}}
    )
    assert [str(finding) for finding in parsed.errors] == ["network.config[0]: interfaces[0]: no device is called eth7"]
    assert [type(device) for device in parsed.network.devices] == [Bond]


def test_check_tells_line_and_column(tmp_path: Path) -> None:
    """`check` of a file names line and column of a mistake, in a seed folder as well."""
    text = "version: 1\nconfig:\n  - type: physical\n    name: eth0\n    subnets:\n      - {type: dhcp5}\n"
    (tmp_path / "network-config").write_text(text)
    (tmp_path / "meta-data").write_text("instance-id: i-1\n")
    for path in (tmp_path / "network-config", tmp_path):
        found = inspect(str(path))
        assert found.error is not None
        assert found.error.where == f"{tmp_path}/network-config:6:16"


def test_check_tells_every_mistake(tmp_path: Path) -> None:
    """All mistakes and warnings of a file come at once, each with its place and how bad it is."""
    file = tmp_path / "any.yaml"
    file.write_text("version: 2\nethernets:\n  a: {mtu: 7, frob: 1}\n  b: {gateway4: 10.0.0.1, addresses: [x]}\n")
    found = inspect(str(file))
    assert found.kind == "network configuration"
    assert sorted((one.where.rpartition(".yaml:")[2], one.severity, one.path) for one in found.findings) == [
        ("3:12", "error", "ethernets.a.mtu"),
        ("3:21", "warning", "ethernets.a.frob"),
        ("4:17", "warning", "ethernets.b.gateway4"),
        ("4:39", "error", "ethernets.b.addresses[0]"),
    ]


def test_metadata_shows_version_2() -> None:
    """Whatever form a source gives, the metadata has version 2; what was wrong in the other form is a problem."""
    given = {"version": 1, "config": [physical({"type": "dhcp"}), {"type": "wifi", "name": "w0"}]}
    found = normalize(Metadata(instance_id="i-1", network=given, origins={"network": "n"}), Host("/nowhere"), {})
    assert found.network == {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}}
    assert [(problem.field, problem.where) for problem in found.problems] == [("network.config[1].type", "n")]
    assert normalize(found, Host("/nowhere"), {}) == found


def test_bounds() -> None:
    """More items than any machine has interfaces are refused, not worked through."""
    converted = devices(*(physical(name=f"e{number}") for number in range(1025)))
    assert len(converted.network["ethernets"]) == 1024  # type: ignore[arg-type]
    assert errors(converted) == ["config[1024]: there are more than 1024 items"]


def test_routes_of_both_families() -> None:
    """A gateway of IPv6 on the link itself leads a default route of IPv6 (cloud-init issue 4518)."""
    parsed = forms.parse(
        {
            "version": 1,
            "config": [
                physical(
                    {"type": "static", "address": "10.0.0.3/24", "gateway": "10.0.0.1"},
                    {
                        "type": "static6",
                        "address": "2001:db8::3/64",
                        "gateway": "fe80::1",
                        "routes": [{"destination": "2001:db8:7::/48", "gateway": "2001:db8::7"}],
                    },
                )
            ],
        }
    )
    assert parsed.network.devices[0].routes == (
        Route("0.0.0.0/0", "10.0.0.1"),
        Route("::/0", "fe80::1"),
        Route("2001:db8:7::/48", "2001:db8::7"),
    )
