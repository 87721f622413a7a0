"""What a container and a virtual machine have in common.

Both keep their disk between boots, can have their power cut, and hand over the observer's report.
"""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import Lab, end
from plug import Plug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Guest(ABC):
    """One guest with a disk of its own, which it keeps from boot to boot."""

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path) -> None:
        self.suite, self.debs, self.lab, self.folder = suite, debs, lab, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.boots = 0

    @abstractmethod
    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Put files on the disk while the guest is off: path → content and mode."""

    def mask(self, *units: str) -> None:
        """Take units away while the guest is off."""
        # an empty file is what systemd takes for a link to /dev/null
        self.put({f"/etc/systemd/system/{unit}": (b"", 0o644) for unit in units})

    @abstractmethod
    def boot(self, plug: Plug) -> None:
        """Switch on."""

    @abstractmethod
    def switched_on(self) -> float:
        """What the guest's monotonic clock showed at that moment, in seconds."""

    @abstractmethod
    def report(self, limit: float) -> dict[str, Any] | None:
        """Wait for the observer's report; None if it does not come in time."""

    @abstractmethod
    def power_off(self) -> None:
        """Shut down in order; the power goes after a minute."""

    def cut(self) -> None:
        """Take the power away."""
        if self.process is not None:
            end(self.process)
            self.process = None

    def close(self) -> None:
        """Give back what the guest holds."""
        self.cut()

    def _launch(self, command: Sequence[object], more: Callable[[], None] | None = None) -> None:
        self.boots += 1
        self.started = time.monotonic()
        with (self.folder / f"console-{self.boots}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=more,  # noqa: PLW1509
            )

    def _wait(self, limit: float) -> None:
        assert self.process is not None
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.cut()
        self.process = None


def place(root: Path, path: str, content: bytes, mode: int) -> None:
    """Write a file of a guest's tree, with the folders above it."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(mode)
