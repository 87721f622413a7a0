"""Random valid configurations through every renderer and back through its consumer: the model must survive.

What a renderer refuses by name is taken out of the document, at the very place that the error names, and then nothing
may be refused or lost any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import consumers
import kernelstate
import namespace
import pytest
import readback
import strategies
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ovfinit.host import Host, Interface
from ovfinit.network import ifupdown, netplan, networkd, networkmanager, v2
from ovfinit.network.model import Network
from ovfinit.network.outcome import Rendered
from ovfinit.network.vrfroutes import placed

HERE = netplan.vocabulary_of(Host("/"))


# without shrinking: each try starts a program, and thousands of tries would take minutes to say little more
COMMON = {"deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}


def quick(examples: int) -> Any:
    """Few examples, always the same ones."""
    return settings(max_examples=examples, derandomize=True, **COMMON)


def many(examples: int) -> Any:
    """Many examples, others each time."""
    return settings(max_examples=examples, report_multiple_bugs=False, **COMMON)


def differing(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ, with both values."""
    return {key: (found.get(key), wanted[key]) for key in wanted if found.get(key) != wanted[key]}


def expressible(document: dict[str, Any], render: Callable[[Network], Rendered]) -> tuple[Network, Rendered]:
    """What is left of a document when the refused settings are taken out, and what it renders to."""
    for _ in range(5):
        parsed = v2.parse(document)
        assert not parsed.errors + parsed.warnings, [*map(str, parsed.errors + parsed.warnings)]
        result = render(parsed.network)
        if not result.errors:
            return placed(parsed.network), result
        document = strategies.without(document, result.errors)
    raise AssertionError([str(error) for error in result.errors])


def check_networkmanager(batch: list[dict[str, Any]]) -> None:
    """Libnm understands every field of some documents as it was meant."""
    cases = [expressible(document, networkmanager.render) for document in batch]
    profiles = {
        f"{number}{path}": file for number, (_, result) in enumerate(cases) for path, file in result.files.items()
    }
    found = consumers.libnm(profiles)
    assert len(found) == sum(len(network.devices) for network, _ in cases)
    for number, (network, _) in enumerate(cases):
        for device in network.devices:
            path = f"{number}{networkmanager.FOLDER}/ovfinit-{device.id}.nmconnection"
            wrong = differing(readback.understood(found[path]), readback.meant(device, network))
            assert wrong == {}, f"{device.id}: {wrong}"


def check_netplan(document: dict[str, Any]) -> None:
    """Netplan understands every field as it was meant, and makes files of it without a complaint."""
    network, result = expressible(document, lambda network: netplan.render(network, HERE))
    with tempfile.TemporaryDirectory() as folder:
        consumers.store(result.files, Path(folder))
        parsed = v2.parse(consumers.netplan(Path(folder)))
    assert (parsed.errors, parsed.warnings) == ((), ())
    assert len(parsed.network.devices) == len(network.devices)
    for found, wanted in zip(consumers.meaning(parsed.network), consumers.meaning(network)):
        wrong = differing(found, wanted)
        assert wrong == {}, f"{wanted['id']}: {wrong}"


def check_kernel(document: dict[str, Any], run: Callable[[Path, dict[str, str], Network], namespace.Kernel]) -> None:
    """The kernel has what the model says, and nothing else, after the renderer's own program did its work."""
    document = strategies.tangible(document, namespace.kinds())
    network, result = expressible(document, RENDER[run])
    with tempfile.TemporaryDirectory() as folder:
        consumers.store(result.files, Path(folder))
        kernel = run(Path(folder), strategies.NICS, network)
    names = {device.id: device.id for device in network.devices}
    # NetworkManager writes settings of ports to /sys, which is read-only in there
    manager = run is by_networkmanager
    wrong = kernelstate.differences(network, kernel, names, own_metrics=manager, ports=not manager)
    assert wrong == [], f"{wrong}\n{kernel.log}"


def by_networkd(tree: Path, nics: dict[str, str], network: Network) -> namespace.Kernel:
    """The real networkd, until all devices are configured."""
    return namespace.networkd(tree, nics, tuple(device.id for device in network.devices))


def by_ifup(tree: Path, nics: dict[str, str], _: Network) -> namespace.Kernel:
    """The real ifup."""
    return namespace.ifup(tree, nics)


def by_networkmanager(tree: Path, nics: dict[str, str], _: Network) -> namespace.Kernel:
    """The real NetworkManager, with a D-Bus of its own."""
    return namespace.networkmanager(tree, nics)


KNOWN = tuple(Interface(name, mac, "veth") for name, mac in strategies.NICS.items())
RENDER: dict[Any, Callable[[Network], Rendered]] = {
    by_networkd: networkd.render,
    by_networkmanager: networkmanager.render,
    by_ifup: lambda network: ifupdown.render(network, KNOWN),
}
BATCHES = st.lists(strategies.documents(), min_size=5, max_size=5)


@quick(5)
@given(BATCHES)
def test_networkmanager(batch: list[dict[str, Any]]) -> None:
    """25 documents: profiles say what the model says."""
    check_networkmanager(batch)


@quick(3)
@given(strategies.documents())
def test_netplan(document: dict[str, Any]) -> None:
    """Netplan's document says what the model says."""
    check_netplan(document)


@quick(4)
@given(strategies.documents())
def test_networkd(document: dict[str, Any]) -> None:
    """The kernel has what the model says, by networkd."""
    check_kernel(document, by_networkd)


@quick(4)
@given(strategies.documents())
def test_ifupdown(document: dict[str, Any]) -> None:
    """The kernel has what the model says, by ifup."""
    check_kernel(document, by_ifup)


@quick(2)
@given(strategies.documents())
def test_networkmanager_on_a_kernel(document: dict[str, Any]) -> None:
    """The kernel has what the model says, by NetworkManager."""
    check_kernel(document, by_networkmanager)


@pytest.mark.slow
@many(100)
@given(strategies.documents())
def test_networkmanager_on_a_kernel_often(document: dict[str, Any]) -> None:
    """100 documents."""
    check_kernel(document, by_networkmanager)


@pytest.mark.slow
@many(200)
@given(strategies.documents())
def test_networkd_often(document: dict[str, Any]) -> None:
    """200 documents."""
    check_kernel(document, by_networkd)


@pytest.mark.slow
@many(200)
@given(strategies.documents())
def test_ifupdown_often(document: dict[str, Any]) -> None:
    """200 documents."""
    check_kernel(document, by_ifup)


@pytest.mark.slow
@many(40)
@given(BATCHES)
def test_networkmanager_often(batch: list[dict[str, Any]]) -> None:
    """200 documents."""
    check_networkmanager(batch)


@pytest.mark.slow
@many(200)
@given(strategies.documents())
def test_netplan_often(document: dict[str, Any]) -> None:
    """200 documents."""
    check_netplan(document)
