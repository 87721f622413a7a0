"""For a tree under --root nothing is asked over this machine's network, whatever the tree says of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from metadata_server import MetadataServer
from scratch import Result, make_seed

Program = Callable[..., Result]


@pytest.mark.parametrize("word", ["", "ovfinit.from=ec2", "ovfinit.from=ec2:{url}", "ovfinit.from=seed:{url}"])
def test_only_who_is_named_by_the_caller_is_asked(tree: Path, ovfinit: Program, word: str) -> None:
    """Neither DMI nor the configuration nor the kernel command line of a tree sends a packet; `--from` does."""
    with MetadataServer({"meta-data": {"instance-id": "i-1"}}) as server:
        (tree / "sys/class/dmi/id").mkdir(parents=True)
        (tree / "sys/class/dmi/id/sys_vendor").write_text("Amazon EC2\n")
        (tree / "proc").mkdir(exist_ok=True)
        (tree / "proc/cmdline").write_text(f"quiet {word.format(url=server.url)}\n")
        (tree / "etc/ovfinit/ovfinit.yaml").write_text(f"ec2: {{metadata_urls: ['{server.url}']}}\n")
        for command in ("show", "plan", "apply", "daemon"):
            result = ovfinit(command, "--root", tree, code=1)
            # the daemon tells the journal, where there is one
            assert command == "daemon" or "the network is not asked for a tree under --root" in result.err
        assert server.requests == []
        assert ovfinit("show", "--root", tree, "--from", "ec2", "instance_id").out == "i-1\n"


def test_includes_of_a_trees_own_seed_wait(tree: Path, ovfinit: Program) -> None:
    """What a seed that the tree's kernel command line names includes is fetched at the first boot."""
    with MetadataServer({"meta-data": {}}) as server:
        make_seed(tree / "seeds", user_data=f"#include\n{server.url}/latest/meta-data/\n")
        (tree / "proc").mkdir(exist_ok=True)
        (tree / "proc/cmdline").write_text("quiet ovfinit.from=seed:/seeds\n")
        assert "the include waits for the network" in ovfinit("apply", "--root", tree).err
        assert server.requests == []
