"""A virtual machine that boots as it will where it is used: from its own disk."""

from __future__ import annotations

from pathlib import Path

from emulated import Machine
from plug import Plug


class Appliance(Machine):
    """A virtual machine that is given its disk, and boots what the first sector of that says."""

    def __init__(self, disk: Path, kind: str, before: Machine) -> None:
        super().__init__(before.suite, before.debs, before.lab, before.folder, before.clock)
        self.disk, self.format = disk, kind

    def _boots(self, plug: Plug) -> list[object]:
        assert not plug.words, "the disk's own boot loader says what is on the command line"
        return []
