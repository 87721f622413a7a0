"""The model as NetworkManager's keyfiles, judged by their text and by NetworkManager's own library."""

from __future__ import annotations

import uuid
from typing import Any

import consumers
import pytest

from ovfinit.network import networkmanager, v2
from ovfinit.network.outcome import Rendered

FOLDER = "/etc/NetworkManager/system-connections"


def rendered(document: dict[str, Any]) -> Rendered:
    """The outcome for a document without mistakes."""
    parsed = v2.parse({"version": 2, **document})
    assert (parsed.errors, parsed.warnings) == ((), ())
    return networkmanager.render(parsed.network)


def profiles(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What NetworkManager's library understands of a document that can be expressed whole."""
    result = rendered(document)
    assert result.errors == ()
    found = consumers.libnm(result.files)
    return {path.partition("/ovfinit-")[2].removesuffix(".nmconnection"): known for path, known in found.items()}


def refused(document: dict[str, Any]) -> dict[str, str]:
    """The settings that cannot be expressed; what is left is a set of profiles all the same."""
    result = rendered(document)
    consumers.libnm(result.files)
    return {error.dotted: error.message for error in result.errors}


def eth0(**settings: Any) -> dict[str, Any]:
    """A document of one adapter."""
    return {"ethernets": {"eth0": settings}}


def routes(family: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes of `[ipv4]` or `[ipv6]`."""
    found: list[dict[str, Any]] = family["route-data"]
    return found


def test_static_adapter_in_full() -> None:
    """The whole text of the commonest case; only root can read it, for NetworkManager would refuse it otherwise."""
    result = rendered(
        eth0(
            addresses=["192.0.2.10/24", "2001:db8::10/64"],
            nameservers={"addresses": ["192.0.2.53", "2001:db8::53"], "search": ["example.org"]},
            routes=[{"to": "default", "via": "192.0.2.1"}, {"to": "default", "via": "2001:db8::1", "metric": 50}],
            mtu=1400,
        )
    )
    assert (result.errors, result.warnings, result.names) == ((), (), ("eth0",))
    file = result.files[f"{FOLDER}/ovfinit-eth0.nmconnection"]
    assert (len(result.files), file.mode) == (1, 0o600)
    assert file.text == (
        "# Written by ovfinit from the network configuration of this instance.\n"
        "\n[connection]\nid=ovfinit-eth0\nuuid=7922b536-64ce-8aab-adc2-f22d694f2ab5\ntype=ethernet\n"
        "interface-name=eth0\nautoconnect-priority=100\n"
        "\n[ethernet]\nmtu=1400\n"
        "\n[ipv4]\nmethod=manual\naddress1=192.0.2.10/24\ngateway=192.0.2.1\ndns=192.0.2.53;\n"
        "dns-search=example.org;\n"
        "\n[ipv6]\nmethod=manual\naddress1=2001:db8::10/64\nroute1=::/0,2001:db8::1,50\ndns=2001:db8::53;\n"
    )


def test_a_profile_has_the_same_uuid_on_every_boot() -> None:
    """A valid UUID that depends on the device's name alone, so an edited profile replaces the former one."""
    first, second = networkmanager.identity("eth0"), networkmanager.identity("eth1")
    assert (uuid.UUID(first).version, uuid.UUID(first).variant) == (8, uuid.RFC_4122)
    assert first == networkmanager.identity("eth0")
    assert first != second


def test_each_route_stands_with_its_own_family() -> None:
    """#4518, #5877, #5776: no IPv6 route under [ipv4], and every metric arrives."""
    found = profiles(
        eth0(
            addresses=["192.0.2.10/24", "2001:db8::10/64"],
            routes=[
                {"to": "default", "via": "2001:db8::1", "metric": 7},
                {"to": "2001:db8:9::/48", "via": "2001:db8::9", "metric": 8},
                {"to": "10.0.0.0/8", "via": "192.0.2.9", "metric": 9},
            ],
        )
    )["eth0"]
    assert routes(found["ipv4"]) == [{"dest": "10.0.0.0", "prefix": 8, "next-hop": "192.0.2.9", "metric": 9}]
    assert routes(found["ipv6"]) == [
        {"dest": "::", "prefix": 0, "next-hop": "2001:db8::1", "metric": 7},
        {"dest": "2001:db8:9::", "prefix": 48, "next-hop": "2001:db8::9", "metric": 8},
    ]


def test_off_subnet_gateway_is_on_link() -> None:
    """#4995, #5523: a gateway that shares no network with the address is declared reachable."""
    found = profiles(eth0(addresses=["192.0.2.10/32"], routes=[{"to": "default", "via": "203.0.113.1"}]))["eth0"]
    assert routes(found["ipv4"]) == [{"dest": "0.0.0.0", "prefix": 0, "next-hop": "203.0.113.1", "onlink": True}]


def test_every_word_of_a_route_and_a_rule() -> None:
    """#4862: tables and rules arrive; a rule without a number gets the one that the kernel would give it."""
    route = {"to": "10.9.0.0/16", "via": "192.0.2.9", "from": "192.0.2.10", "metric": 5, "table": 101, "on-link": True}
    more = {"mtu": 1300, "congestion-window": 20, "advertised-receive-window": 30, "advertised-mss": 1200}
    found = profiles(
        eth0(
            addresses=["192.0.2.10/24", "2001:db8::10/64"],
            routes=[
                {**route, **more},
                {"to": "10.8.0.0/16", "scope": "link"},
                *({"to": f"10.7.{index}.0/24", "type": kind} for index, kind in enumerate(("blackhole", "throw"))),
            ],
            **{
                "routing-policy": [
                    {"from": "192.0.2.10", "table": 101, "priority": 30, "mark": 7, "type-of-service": 16},
                    {"from": "0.0.0.0/0", "to": "10.9.0.0/16", "table": 101},
                    {"to": "2001:db8:9::/48", "table": 102, "priority": 31},
                ]
            },
        )
    )["eth0"]
    assert routes(found["ipv4"]) == [
        {
            "dest": "10.9.0.0",
            "prefix": 16,
            "next-hop": "192.0.2.9",
            "src": "192.0.2.10",
            "metric": 5,
            "table": 101,
            "onlink": True,
            "mtu": 1300,
            "initcwnd": 20,
            "initrwnd": 30,
            "advmss": 1200,
        },
        {"dest": "10.8.0.0", "prefix": 16, "scope": 253},
        {"dest": "10.7.0.0", "prefix": 24, "type": "blackhole"},
        {"dest": "10.7.1.0", "prefix": 24, "type": "throw"},
    ]
    first, second = found["ipv4"]["routing-rules"]
    assert (first["priority"], first["from"], first["from-len"], first["table"]) == (30, "192.0.2.10", 32, 101)
    assert (first["fwmark"], first["tos"]) == (7, 16)
    assert (second["priority"], second["to"], second["to-len"]) == (32765, "10.9.0.0", 16)
    [third] = found["ipv6"]["routing-rules"]
    assert (third["priority"], third["to"], third["to-len"], third["table"]) == (31, "2001:db8:9::", 48, 102)


def test_dhcp_options() -> None:
    """What is asked of, and told to, a DHCP server."""
    v4 = {"use-dns": False, "use-routes": False, "use-hostname": False, "send-hostname": False, "route-metric": 300}
    v6 = {"route-metric": 400, "hostname": "web1"}
    settings = {"dhcp-identifier": "mac", "dhcp4-overrides": v4, "dhcp6-overrides": {**v6, "use-hostname": False}}
    found = profiles(eth0(dhcp4=True, dhcp6=True, **settings))["eth0"]
    kept = {key: found["ipv4"].get(key) for key in ("method", "dhcp-client-id", "route-metric", "dhcp-send-hostname")}
    assert kept == {"method": "auto", "dhcp-client-id": "mac", "route-metric": 300, "dhcp-send-hostname": False}
    assert {key for key in ("ignore-auto-dns", "ignore-auto-routes", "never-default") if found["ipv4"].get(key)} == {
        *("ignore-auto-dns", "ignore-auto-routes", "never-default"),
    }
    assert (found["ipv6"]["method"], found["ipv6"]["route-metric"], found["ipv6"]["dhcp-hostname"]) == (
        *("auto", 400, "web1"),
    )
    assert found["hostname"] == {"from-dhcp": 0}


@pytest.mark.parametrize(
    ("settings", "methods"),
    [
        ({}, ("disabled", "auto")),
        ({"dhcp4": True}, ("auto", "auto")),
        ({"accept-ra": False}, ("disabled", "link-local")),
        ({"link-local": []}, ("disabled", "disabled")),
        ({"link-local": ["ipv4"]}, ("link-local", "disabled")),
        ({"dhcp6": True}, ("disabled", "auto")),
        ({"dhcp6": True, "accept-ra": False}, ("disabled", "dhcp")),
        ({"addresses": ["192.0.2.1/24"]}, ("manual", "auto")),
        ({"addresses": ["2001:db8::1/64"]}, ("disabled", "auto")),
        ({"addresses": ["2001:db8::1/64"], "accept-ra": False}, ("disabled", "manual")),
        ({"addresses": ["2001:db8::1/64"], "gateway6": "2001:db8::2"}, ("disabled", "manual")),
    ],
)
def test_methods(settings: dict[str, Any], methods: tuple[str, str]) -> None:
    """A host listens to routers unless told otherwise, or unless it knows its address and its way out."""
    found = profiles(eth0(**settings))["eth0"]
    assert (found["ipv4"]["method"], found["ipv6"]["method"]) == methods


def test_ipv6_details() -> None:
    """Privacy, the way of making addresses, a token, an MTU; an IPv4 link-local address beside a fixed one."""
    settings = {"ipv6-privacy": True, "ipv6-address-token": "::12", "ipv6-mtu": 1300, "link-local": ["ipv4", "ipv6"]}
    found = profiles(eth0(addresses=["192.0.2.1/24"], **settings))["eth0"]
    assert {key: found["ipv6"].get(key) for key in ("ip6-privacy", "token", "addr-gen-mode", "mtu")} == {
        "ip6-privacy": 2,
        "token": "::12",
        "addr-gen-mode": 0,
        "mtu": 1300,
    }
    assert found["ipv4"]["link-local"] == 3
    found = profiles(eth0(**{"ipv6-privacy": False, "ipv6-address-generation": "stable-privacy"}))["eth0"]
    assert (found["ipv6"]["ip6-privacy"], found["ipv6"]["addr-gen-mode"]) == (0, 1)


def test_hardware() -> None:
    """By name, address, driver or pattern; a profile that may fit several adapters serves all, after precise ones."""
    mac = "02:00:00:00:00:01"
    document = {
        "ethernets": {
            "eth0": {"macaddress": "02:00:00:00:00:09", "wakeonlan": True, "activation-mode": "manual"},
            "lan": {"match": {"macaddress": mac}},
            "plain": {"match": {"name": "ens3"}},
            "some": {"match": {"name": "en*", "driver": ["virtio_net", "e1000*"]}},
            "new": {"match": {"macaddress": mac.replace("01", "02")}, "set-name": "wan0"},
            "fast": {"receive-checksum-offload": False, "large-receive-offload": True},
        }
    }
    found = profiles(document)
    first, lan, some, new = (found[name] for name in ("eth0", "lan", "some", "new"))
    assert first["802-3-ethernet"]["assigned-mac-address"] == "02:00:00:00:00:09"
    assert (first["802-3-ethernet"]["wake-on-lan"], first["connection"]["autoconnect"]) == (64, False)
    assert "interface-name" not in lan["connection"]
    assert lan["802-3-ethernet"]["mac-address"] == list(bytes.fromhex(mac.replace(":", "")))
    assert found["plain"]["connection"]["interface-name"] == "ens3"
    assert some["match"] == {"interface-name": ["en*"], "driver": ["virtio_net", "e1000*"], **some["match"]}
    assert (some["connection"]["multi-connect"], some["connection"]["autoconnect-priority"]) == (3, 50)
    assert new["connection"]["interface-name"] == "wan0"
    assert {key: value for key, value in found["fast"]["ethtool"].items() if key.startswith("feature")} == {
        "feature-rx": False,
        "feature-lro": True,
    }
    link = rendered(document).files["/etc/systemd/network/10-ovfinit-new.link"]
    assert "Name=wan0" in link.text


def test_stacked_devices() -> None:
    """Bonds, bridges, VLANs, VRFs and dummies, each member naming the profile of what it is part of."""
    uuids = {name: networkmanager.identity(name) for name in ("bond0", "br0", "red", "lan")}
    found = profiles(
        {
            "ethernets": {"eth0": {}, "eth1": {}, "eth2": {"hairpin": True}, "eth3": {"addresses": ["10.0.3.1/24"]}},
            "dummy-devices": {"dm0": {"addresses": ["10.1.0.1/32"]}},
            "bonds": {
                "bond0": {
                    "interfaces": ["eth0", "eth1"],
                    "mtu": 1400,
                    "macaddress": "02:00:00:00:00:0b",
                    "parameters": {
                        "mode": "active-backup",
                        "primary": "eth0",
                        "mii-monitor-interval": 100,
                        "up-delay": 200,
                        "fail-over-mac-policy": "active",
                        "gratuitous-arp": 3,
                        "learn-packet-interval": "2s",
                        "all-members-active": True,
                        "primary-reselect-policy": "better",
                        "resend-igmp": 4,
                    },
                }
            },
            "bridges": {
                "br0": {
                    "interfaces": ["bond0", "eth2"],
                    "parameters": {
                        "stp": True,
                        "forward-delay": 4,
                        "hello-time": 1,
                        "max-age": "12s",
                        "ageing-time": 100,
                        "priority": 8192,
                        "path-cost": {"eth2": 9},
                        "port-priority": {"eth2": 5},
                    },
                },
                "br1": {},
            },
            "vlans": {"v5": {"id": 5, "link": "br0", "dhcp4": True}},
            "vrfs": {
                "red": {
                    "table": 77,
                    "interfaces": ["eth3"],
                    "routes": [{"to": "10.9.0.0/16", "via": "10.0.3.9"}],
                    "addresses": ["10.0.9.1/24"],
                }
            },
        }
    )
    member = found["eth0"]["connection"]
    assert (member["master"], member["slave-type"]) == (uuids["bond0"], "bond")
    assert "ipv4" not in found["eth0"]
    assert found["bond0"]["bond"]["options"] == {
        "mode": "active-backup",
        "primary": "eth0",
        "miimon": "100",
        "updelay": "200",
        "fail_over_mac": "active",
        "num_grat_arp": "3",
        "lp_interval": "2",
        "all_slaves_active": "1",
        "primary_reselect": "better",
        "resend_igmp": "4",
    }
    wired = found["bond0"]["802-3-ethernet"]
    assert (wired["mtu"], wired["assigned-mac-address"]) == (1400, "02:00:00:00:00:0B")
    assert (found["bond0"]["connection"]["master"], found["bond0"]["connection"]["slave-type"]) == (
        *(uuids["br0"], "bridge"),
    )
    assert {"forward-delay": 4, "hello-time": 1, "max-age": 12, "ageing-time": 100, "priority": 8192}.items() <= found[
        "br0"
    ]["bridge"].items()
    # on is the library's default, which it does not write
    assert found["br0"]["bridge"].get("stp", True) is True
    assert found["br1"]["bridge"]["stp"] is False
    port = found["eth2"]["bridge-port"]
    assert (port["path-cost"], port["priority"], port["hairpin-mode"]) == (9, 5, True)
    assert (found["v5"]["vlan"]["id"], found["v5"]["vlan"]["parent"]) == (5, "br0")
    assert found["red"]["vrf"]["table"] == 77
    # a VRF's own interface leads nowhere: its route is that of the member which reaches the gateway
    assert [(route["next-hop"], route["table"]) for route in routes(found["eth3"]["ipv4"])] == [("10.0.3.9", 77)]
    assert routes(found["red"]["ipv4"]) == []
    assert found["eth3"]["connection"]["slave-type"] == "vrf"
    assert found["eth3"]["ipv4"]["method"] == "manual"
    assert found["dm0"]["connection"]["type"] == "dummy"
    assert found["dm0"]["ipv6"]["method"] == "link-local"


def test_vlan_on_hardware_known_by_its_address() -> None:
    """The parent of a VLAN is named by its profile where its interface's name is not known."""
    document = {
        "ethernets": {"lan": {"match": {"macaddress": "02:00:00:00:00:01"}}, "any": {"match": {"name": "en*"}}},
        "vlans": {"v5": {"id": 5, "link": "lan"}},
    }
    assert profiles(document)["v5"]["vlan"]["parent"] == networkmanager.identity("lan")
    document["vlans"]["v5"]["link"] = "any"
    assert refused(document) == {
        "vlans.v5": "stands on any, which may be several adapters, and NetworkManager wants one"
    }
