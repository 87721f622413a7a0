"""Sample trees of EC2 services, read from a scripted server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from metadata_server import MetadataServer

from datasources.ec2 import Ec2
from ovfinit.deadline import Deadline
from ovfinit.errors import SourceError
from ovfinit.host import Host
from ovfinit.model import Metadata

TREES = Path(__file__).parent / "data/ec2"
KEY, KEY2 = json.loads((TREES / "aws-three-nics.json").read_text())["meta-data"]["public-keys"]["0=ops"][
    "openssh-key"
].split("\n")


def tree(name: str) -> dict[str, Any]:
    """One of the sample trees."""
    loaded: dict[str, Any] = json.loads((TREES / f"{name}.json").read_text())
    return loaded


def ask(url: str, seconds: float = 30, root: str = "/nonexistent") -> Metadata:
    """Read from a base URL as `--from ec2:URL` does."""
    source = Ec2()
    source.location = url
    source.settings = {"timeout": seconds}
    return source.read(Host(root), Deadline(60))


def read(name: str, *faults: str, seconds: float = 30, **switches: Any) -> tuple[Metadata, MetadataServer]:
    """Read one of the sample trees from a server with these faults and switches."""
    with MetadataServer(tree(name), faults, **switches) as server:
        return ask(server.url, seconds), server


def fail(
    kind: type[SourceError], *faults: str, seconds: float = 1.0, **switches: Any
) -> tuple[SourceError, MetadataServer]:
    """The error that these faults lead to."""
    with MetadataServer(tree("aws-one-nic"), faults, **switches) as server, pytest.raises(kind) as caught:
        ask(server.url, seconds)
    assert caught.type is kind
    return caught.value, server


def pose(root: Path, **dmi: str) -> Host:
    """A host with these DMI values."""
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True)
    for name, value in dmi.items():
        (folder / name).write_text(value + "\n")
    return Host(str(root))
