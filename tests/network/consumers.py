"""Programs that read configuration without touching a kernel: netplan, and NetworkManager's own library."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ovfinit.network.address import is_ipv6
from ovfinit.network.model import Bond, Dhcp, Network, Route
from ovfinit.network.outcome import RenderedFile

SYSTEM_PYTHON = "/usr/bin/python3"
LIBNM = Path(__file__).with_name("libnm.py")
_READY: dict[str, bool] = {}


def store(files: Mapping[str, RenderedFile], tree: Path) -> None:
    """Write rendered files below `tree`, with their modes."""
    for path, file in files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text)
        target.chmod(file.mode)


def netplan(tree: Path, *, remarks: bool = False) -> dict[str, Any]:
    """Let netplan make its files out of the documents in `tree`; what it understood of these.

    With `remarks` it may have something to say about them, such as two default routes.
    """
    if shutil.which("netplan") is None:
        pytest.skip("needs netplan (package netplan.io)")
    for words in (["generate"], ["get"]):
        done = subprocess.run(
            ["netplan", *words, "--root-dir", str(tree)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert remarks or done.stderr == ""
    document = yaml.safe_load(done.stdout)
    assert isinstance(document, dict)
    return document


def ifquery(file: Path, *words: str) -> str:
    """What ifupdown's own parser makes of a file."""
    tool = shutil.which("ifquery")
    if tool is None:
        pytest.skip("needs ifquery (package ifupdown)")
    command = [tool, "--interfaces", str(file), "--state-dir", str(file.parent), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def libnm(files: Mapping[str, RenderedFile]) -> dict[str, dict[str, Any]]:
    """The settings of each profile as NetworkManager would take them, by path."""
    if "libnm" not in _READY:
        asked = "import gi; gi.require_version('NM', '1.0'); from gi.repository import NM"
        try:
            _READY["libnm"] = (
                subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, check=False).returncode == 0
            )
        except OSError:
            _READY["libnm"] = False
    if not _READY["libnm"]:
        pytest.skip("needs libnm for the system's Python (packages python3-gi and gir1.2-nm-1.0)")
    profiles = {path: file.text for path, file in files.items() if path.endswith(".nmconnection")}
    done = subprocess.run(
        [SYSTEM_PYTHON, "-I", str(LIBNM)],
        input=json.dumps(profiles),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = {}
    for path, answer in json.loads(done.stdout).items():
        assert "error" not in answer, f"{path}: {answer['error']}\n{profiles[path]}"
        assert answer["warnings"] == [], f"{path}: {answer['warnings']}\n{profiles[path]}"
        found[path] = answer["settings"]
    return found


def meaning(network: Network) -> list[dict[str, Any]]:
    """All fields of all devices, each spelled as netplan does: on-link where it is true, addresses in its order."""
    found = []
    for device in network.devices:
        routes = [route.with_(on_link=device.on_link(route) or None, scope=_scope(route)) for route in device.routes]
        addresses = sorted(device.addresses, key=lambda one: one.label is None and one.lifetime is None)
        spelled = {"routes": routes, "addresses": addresses, "emit_lldp": bool(device.emit_lldp)}
        spelled["link_local"] = {"ipv6"} if device.link_local is None else set(device.link_local)
        for on, key in ((device.dhcp4, "dhcp4_options"), (device.dhcp6, "dhcp6_options")):
            spelled[key] = _effective(getattr(device, key)) if on else None
        if device.below:
            spelled["interfaces"] = set(device.below)
        if isinstance(device, Bond):
            spelled["parameters"] = device.parameters.with_(min_links=device.parameters.min_links or None)
        found.append({**device.as_dict(), **spelled})
    return found


def _scope(route: Route) -> str | None:
    """The scope of a route, spelled out where netplan does; IPv6 has none."""
    if is_ipv6(route.to):
        return None
    return route.scope or {"local": "host", "nat": "host", "multicast": "link"}.get(route.type)


def _effective(options: Dhcp) -> dict[str, Any]:
    """Overrides with netplan's defaults in the place of what is not said."""
    assumed = {"use_dns": True, "use_ntp": True, "use_hostname": True, "use_mtu": True, "use_routes": True}
    given = {key: value for key, value in options.as_dict().items() if value is not None}
    return {**assumed, "send_hostname": True, **given}
