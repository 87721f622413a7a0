"""The model as systemd-networkd's files, judged by their text, by networkd itself and by netplan's own rendering."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import namespace
import pytest
import yaml

from ovfinit.network import networkd, v2
from ovfinit.network.outcome import RenderedFile

DATA = Path(__file__).parent.parent / "data" / "network"
NICS = {"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:00:02", "eth2": "02:00:00:00:00:03"}


def rendered(document: dict[str, Any]) -> dict[str, RenderedFile]:
    """Files by their name without folder and prefix, for a document without mistakes."""
    parsed = v2.parse(document)
    assert (parsed.errors, parsed.warnings) == ((), ())
    result = networkd.render(parsed.network)
    assert (result.errors, result.warnings) == ((), ())
    return {path.removeprefix("/etc/systemd/network/10-ovfinit-"): file for path, file in result.files.items()}


def load(name: str) -> dict[str, Any]:
    """A document of tests/data/network."""
    value = yaml.safe_load((DATA / name).read_text())
    assert isinstance(value, dict)
    return value


def sections(text: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Sections in order, each with its lines."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in text.splitlines():
        if line.startswith("["):
            found.append((line.strip("[]"), []))
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[-1][1].append((key, value))
    return [(name, tuple(lines)) for name, lines in found]


def one(text: str, name: str) -> dict[str, str]:
    """The only section of that name."""
    [lines] = [lines for section, lines in sections(text) if section == name]
    return dict(lines)


def test_static_adapter_in_full() -> None:
    """The whole text of the commonest case."""
    document = {
        "version": 2,
        "ethernets": {
            "eth0": {
                "addresses": ["192.0.2.10/24", "2001:db8::10/64"],
                "nameservers": {"addresses": ["192.0.2.53"], "search": ["example.org", "example.net"]},
                "routes": [{"to": "default", "via": "192.0.2.1"}],
                "mtu": 1400,
            }
        },
    }
    files = rendered(document)
    assert set(files) == {"eth0.network"}
    assert files["eth0.network"].mode == 0o644
    assert files["eth0.network"].text == (
        "# Written by ovfinit from the network configuration of this instance.\n"
        "\n[Match]\nName=eth0\n"
        "\n[Link]\nMTUBytes=1400\n"
        "\n[Network]\nLinkLocalAddressing=ipv6\nAddress=192.0.2.10/24\nAddress=2001:db8::10/64\n"
        "DNS=192.0.2.53\nDomains=example.org example.net\n"
        "\n[Route]\nDestination=0.0.0.0/0\nGateway=192.0.2.1\n"
    )


def test_dhcp_options() -> None:
    """Every override has its key; the MTU of the server is taken unless one is given."""
    overrides = {"use-dns": False, "use-ntp": False, "use-hostname": False, "send-hostname": False, "use-routes": False}
    settings = {"dhcp4": True, "dhcp6": True, "dhcp-identifier": "mac", "accept-ra": False}
    v4 = {**overrides, "route-metric": 300, "hostname": "web1", "use-domains": "route"}
    v6 = {"use-dns": False, "route-metric": 400}
    document = {"version": 2, "ethernets": {"eth0": {**settings, "dhcp4-overrides": v4, "dhcp6-overrides": v6}}}
    text = rendered(document)["eth0.network"].text
    assert one(text, "Network")["DHCP"] == "yes"
    assert one(text, "Network")["IPv6AcceptRA"] == "no"
    assert one(text, "DHCPv4") == {
        "UseDNS": "no",
        "UseDomains": "route",
        "UseNTP": "no",
        "UseHostname": "no",
        "ClientIdentifier": "mac",
        "UseMTU": "yes",
        "UseRoutes": "no",
        "RouteMetric": "300",
        "SendHostname": "no",
        "Hostname": "web1",
    }
    assert one(text, "DHCPv6") == {"UseDNS": "no", "WithoutRA": "solicit"}
    assert one(text, "IPv6AcceptRA") == {"RouteMetric": "400"}
    document["ethernets"]["eth0"]["mtu"] = 1400  # type: ignore[index]
    assert one(rendered(document)["eth0.network"].text, "DHCPv4")["UseMTU"] == "no"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"match": {"name": "e*"}}, {"Name": "e*"}),
        ({"match": {"driver": ["virtio_net", "e1000*"]}}, {"Driver": "virtio_net e1000*"}),
        ({"match": {"macaddress": "02:00:00:00:00:01"}}, {"MACAddress": "02:00:00:00:00:01"}),
        ({"match": {"name": "ens*"}, "set-name": "lan0"}, {"Name": "ens* lan0"}),
        ({"match": {}}, {"Name": "*"}),
        (
            {"match": {"macaddress": "02:00:00:00:00:01"}, "macaddress": "02:00:00:00:00:02"},
            {"PermanentMACAddress": "02:00:00:00:00:01"},
        ),
    ],
)
def test_match(settings: dict[str, Any], expected: dict[str, str]) -> None:
    """Hardware is matched by what is given, never a virtual device on top of it."""
    text = rendered({"version": 2, "ethernets": {"id0": settings}})["id0.network"].text
    assert one(text, "Match") == {**expected, "Type": "!loopback vlan bond bridge"}


def test_a_pattern_that_is_read_first_is_reported() -> None:
    """The first file that fits is the only one: a pattern that shadows an adapter of its own name is a warning."""
    document = {
        "version": 2,
        "ethernets": {"all": {"match": {"name": "e*"}}, "eth0": {}, "z": {"match": {"name": "e*"}}, "lan0": {}},
    }
    result = networkd.render(v2.parse(document).network)
    assert [str(warning) for warning in result.warnings] == [
        "ethernets.all.match: also fits eth0, and networkd reads all first: choose an id that sorts after it"
    ]


def test_bond_members_are_matched_by_permanent_address() -> None:
    """A member takes the bond's address; networkd must find it again by its own."""
    match = {"macaddress": "02:00:00:00:00:01"}
    document = {"version": 2, "ethernets": {"port": {"match": match}}, "bonds": {"bond0": {"interfaces": ["port"]}}}
    text = rendered(document)["port.network"].text
    assert one(text, "Match")["PermanentMACAddress"] == "02:00:00:00:00:01"
    assert one(text, "Network") == {"LinkLocalAddressing": "no", "Bond": "bond0"}


def test_link_files() -> None:
    """A new name and wake-on-LAN are udev's; without a new name udev's own naming policy must be kept."""
    match = {"macaddress": "02:00:00:00:00:01"}
    named = rendered({"version": 2, "ethernets": {"x": {"match": match, "set-name": "lan0"}}})["x.link"].text
    assert one(named, "Link") == {"Name": "lan0"}
    assert one(named, "Match")["MACAddress"] == "02:00:00:00:00:01"
    woken = rendered({"version": 2, "ethernets": {"eth0": {"wakeonlan": True}}})["eth0.link"].text
    assert one(woken, "Match") == {"OriginalName": "eth0"}
    assert one(woken, "Link")["WakeOnLan"] == "magic"
    assert one(woken, "Link")["NamePolicy"] == "keep kernel database onboard slot path"


def test_readiness_and_activation() -> None:
    """#5511: optional devices hold up no boot, and one that is brought up by hand does not either."""
    document = {
        "version": 2,
        "ethernets": {"eth0": {"optional": True}, "eth1": {"activation-mode": "off"}, "eth2": {"critical": True}},
    }
    files = rendered(document)
    assert one(files["eth0.network"].text, "Link") == {"RequiredForOnline": "no"}
    assert one(files["eth1.network"].text, "Link") == {"ActivationPolicy": "always-down", "RequiredForOnline": "no"}
    assert one(files["eth2.network"].text, "Network")["KeepConfiguration"] == "yes"


def test_link_local() -> None:
    """Each of the four choices of link-local families."""
    wanted = {"a": ["ipv4", "ipv6"], "b": ["ipv4"], "c": ["ipv6"], "d": []}
    files = rendered({"version": 2, "ethernets": {name: {"link-local": value} for name, value in wanted.items()}})
    found = {name: one(files[f"{name}.network"].text, "Network")["LinkLocalAddressing"] for name in wanted}
    assert found == {"a": "yes", "b": "ipv4", "c": "ipv6", "d": "no"}


def test_off_subnet_gateway_in_every_family() -> None:
    """#4995, #5523: a gateway outside the address's network is on-link; one of a DHCP network is left to the kernel."""
    document = {
        "version": 2,
        "ethernets": {
            "eth0": {
                "addresses": ["192.0.2.10/32", "2001:db8::10/128"],
                "routes": [{"to": "default", "via": "203.0.113.1"}, {"to": "default", "via": "2001:db8:ffff::1"}],
            },
            "eth1": {"dhcp4": True, "routes": [{"to": "10.0.0.0/8", "via": "192.0.2.1"}]},
        },
    }
    files = rendered(document)
    routes = [dict(lines) for name, lines in sections(files["eth0.network"].text) if name == "Route"]
    assert [route["GatewayOnLink"] for route in routes] == ["yes", "yes"]
    assert "GatewayOnLink" not in files["eth1.network"].text


def test_kernel_has_what_the_document_says(tmp_path: Path) -> None:
    """#4217, #4862: the real networkd makes the addresses, metrics, rules and bridge that were asked for."""
    for name, file in rendered(load("routing.yaml")).items():
        path = tmp_path / "etc/systemd/network" / f"10-ovfinit-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    kernel = namespace.networkd(tmp_path, NICS, ("eth0", "eth1", "br0"))
    namespace.assert_routing(kernel)
    assert kernel.links["eth2"]["operstate"] == "UP"
    for complaint in ("Unknown", "Failed", "ignoring", "Invalid"):
        assert complaint not in kernel.log


def test_networkd_knows_every_key_we_write(tmp_path: Path) -> None:
    """The real networkd reads all kinds of files without a word about unknown keys or bad values."""
    for name, file in rendered(load("stacked.yaml")).items():
        path = tmp_path / "etc/systemd/network" / f"10-ovfinit-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    kernel = namespace.networkd(tmp_path, NICS, ())
    # kernels without the bonding or VLAN module say so later; reading comes first
    complaints = [line for line in kernel.log.splitlines() if ".network:" in line or ".netdev:" in line]
    assert complaints == []


# netplan 0.106 spells these differently, with the same meaning
SPELLING = {"true": "yes", "false": "no", "1": "yes"}
SECTION = {"DHCP": "DHCPv4", "DHCPv6": "DHCPv4"}
# what we write as advice of our own, or netplan as a default of its own
OURS_ONLY = {"Match", "Link"}
LEFT_OUT = {
    ("DHCPv4", "RouteMetric"),
    ("DHCPv4", "UseMTU"),
    ("DHCPv4", "CriticalConnection"),
    ("Network", "KeepConfiguration"),
    ("NetDev", "MTUBytes"),
    ("DHCPv4", "UseRoutes"),
}


def meaning(text: str) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
    """Sections as a multiset of sets of lines, in one spelling."""
    found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    for name, lines in sections(text):
        name = SECTION.get(name, name)  # noqa: PLW2901
        if name in OURS_ONLY:
            continue
        kept = {
            (
                key,
                SPELLING.get(
                    value, value.removesuffix("/32").removesuffix("s" if value != "yes" else "").removesuffix("m")
                ),
            )
            for key, value in lines
            if (name, key) not in LEFT_OUT
        }
        found[name, frozenset(kept)] += 1 if kept else 0
    return +found


def test_netplan_agrees(tmp_path: Path) -> None:
    """Netplan's own generator makes files of the same meaning out of the same document."""
    if shutil.which("netplan") is None:
        pytest.skip("needs netplan (package netplan.io)")
    folder = tmp_path / "etc/netplan"
    folder.mkdir(parents=True)
    document = folder / "stacked.yaml"
    shutil.copy(DATA / "stacked.yaml", document)
    document.chmod(0o600)
    subprocess.run(["netplan", "generate", "--root-dir", str(tmp_path)], check=True, capture_output=True)
    ours = rendered(load("stacked.yaml"))
    theirs = sorted((tmp_path / "run/systemd/network").iterdir())
    assert {path.name.removeprefix("10-netplan-") for path in theirs} == set(ours)
    for path in theirs:
        name = path.name.removeprefix("10-netplan-")
        assert meaning(ours[name].text) == meaning(path.read_text()), name
