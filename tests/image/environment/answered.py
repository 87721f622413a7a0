"""A package with questions, and what an environment says that answered them."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from packages import product
from scratch import REPO

from ovfinit.image.environment import document

HOSTILE = "a \"quoted\" <tag> & 'more'\nsecond line\ttab"
SCHEMA = REPO / "tests/data/dmtf/ovf-environment.xsd"
QUESTIONS = product(
    'ovf:key="hostname" ovf:userConfigurable="true" ovf:qualifiers="MinLen(1),MaxLen(20)"',
    'ovf:key="size" ovf:type="uint8" ovf:value="7" ovf:userConfigurable="true"',
    'ovf:key="mode" ovf:qualifiers="ValueMap{&quot;dhcp&quot;,&quot;static&quot;}" ovf:value="dhcp"'
    ' ovf:userConfigurable="true"',
    'ovf:key="url" ovf:value="http://${hostname}/${unknown}"',
)


def properties(path: Path | str) -> dict[str, str]:
    """The properties of the environment's own machine, in order."""
    own = f"{{{document.NAMESPACE}}}"
    section = ET.parse(path).getroot().find(f"{own}PropertySection")
    assert section is not None
    return {one.attrib[f"{own}key"]: one.attrib[f"{own}value"] for one in section}


def valid(path: Path) -> None:
    """Insists that DMTF's own schema accepts a document."""
    words = ["xmllint", "--noout", "--nonet", "--schema", SCHEMA, path]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
