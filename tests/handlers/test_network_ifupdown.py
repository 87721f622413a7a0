"""The network duty beside an admin's ifupdown: lines that lead to our file, interfaces that both configure."""

from __future__ import annotations

from pathlib import Path

import pytest
from handlers.posing import IFUPDOWN_FILE, MAIN, ifupdown, make, plan

from ovfinit.boot import Boot
from ovfinit.host import Host
from ovfinit.state import State
from ovfinit.undo import undo


@pytest.mark.parametrize(
    "line",
    [
        "source /etc/network/interfaces.d/*",
        "source interfaces.d/*",
        "source /etc/network/interfaces.d/50-*",
        "source-directory /etc/network/interfaces.d",
        "source-directory interfaces.d",
        "source /etc/network/interfaces.d/*.cfg \\\n /etc/network/interfaces.d/*",
    ],
)
def test_source_lines_that_lead_to_our_file(tmp_path: Path, line: str) -> None:
    """Every way of interfaces(5) to include our file is understood."""
    ifupdown(tmp_path, f"# a comment\n{line}\n")
    (tmp_path / "etc/network/interfaces.d/folder").mkdir(parents=True)
    assert list(plan(tmp_path).files) == [IFUPDOWN_FILE]


@pytest.mark.parametrize(
    "main", ["", "#source interfaces.d/*\n", "source /etc/network/interfaces.d/*.cfg\n", "source interfaces\n"]
)
def test_our_own_source_line(tmp_path: Path, main: str) -> None:
    """Where no line of the admin's has ifupdown read our file, a block of ours does, as long as that is so."""
    ifupdown(tmp_path, main)
    outcome = plan(tmp_path)
    assert list(outcome.files) == [IFUPDOWN_FILE]
    assert outcome.error is None
    assert outcome.blocks["/etc/network/interfaces"].lines == (f"source {IFUPDOWN_FILE}",)
    (tmp_path / "etc/network/interfaces").write_text(f"# BEGIN ovfinit\nsource {IFUPDOWN_FILE}\n# END ovfinit\n{main}")
    assert list(plan(tmp_path).blocks) == ["/etc/network/interfaces"]


def test_no_source_line_of_ours_beside_the_admins(tmp_path: Path) -> None:
    """A line of the admin's that leads to our file needs none of ours: read twice, every address would count twice."""
    ifupdown(tmp_path)
    assert plan(tmp_path).blocks == {}


def test_ifupdown_in_a_tree_without_its_main_file(tmp_path: Path) -> None:
    """A renderer that is set works in a bare tree too: apply makes both files, undo takes both."""
    (tmp_path / "etc/ovfinit").mkdir(parents=True)
    (tmp_path / "etc/ovfinit/ovfinit.yaml").write_text("network: {renderer: ifupdown}\n")
    seed = tmp_path / "var/lib/ovfinit/seed"
    seed.mkdir(parents=True)
    (seed / "meta-data").write_text("instance-id: i-1\n")
    (seed / "network-config").write_text("version: 2\nethernets: {eth0: {dhcp4: true}}\n")
    agent = Boot(str(tmp_path))
    agent.apply(agent.probe())
    main = tmp_path / "etc/network/interfaces"
    assert main.read_text() == f"# BEGIN ovfinit\nsource {IFUPDOWN_FILE}\n# END ovfinit\n"
    assert "iface eth0 inet dhcp" in (tmp_path / IFUPDOWN_FILE[1:]).read_text()
    assert not [step for step in Boot(str(tmp_path)).plan(Boot(str(tmp_path)).metadata()).steps() if step.due]
    list(undo(Host(str(tmp_path)), State(Host(str(tmp_path)))))
    assert not main.exists()


def test_interfaces_that_the_admin_configures_too(tmp_path: Path) -> None:
    """A stanza of the admin's for the same name is reported with file and line, in included files as well."""
    ifupdown(tmp_path, MAIN + "allow-hotplug eth0\niface eth0 inet dhcp\n")
    make(tmp_path, **{"interfaces.d/more": "iface eth0 inet6 auto\niface eth7 inet dhcp\n"})
    make(tmp_path, **{"interfaces.d/50-ovfinit": "iface eth0 inet dhcp\n"})
    assert plan(tmp_path).problems == [
        "/etc/network/interfaces:5: configures eth0 (inet dhcp) as well, both apply: remove one",
        "/etc/network/interfaces.d/more:1: configures eth0 (inet6 auto) as well, both apply: remove one",
    ]


def test_name_servers_need_resolvconf(tmp_path: Path) -> None:
    """Name servers that ifupdown would drop are reported."""
    ifupdown(tmp_path)
    document = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "nameservers": {"addresses": ["192.0.2.53"]}}}}
    assert plan(tmp_path, document).problems == []
    (tmp_path / "usr/sbin/resolvconf").unlink()
    assert plan(tmp_path, document).problems == [
        "nameservers have no effect under ifupdown without resolvconf: install it"
    ]


def test_an_unreadable_main_file_reads_nothing_of_ours(tmp_path: Path) -> None:
    """A main file that is a folder, or huge, is as good as one that does not include ours."""
    make(tmp_path, "usr/sbin/ifup")
    (tmp_path / "etc/network/interfaces").mkdir(parents=True)
    assert plan(tmp_path, renderer="ifupdown").blocks
    huge = tmp_path / "huge"
    make(huge, interfaces=MAIN + "#" * 2_000_000)
    assert plan(huge, renderer="ifupdown").blocks
