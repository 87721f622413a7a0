"""A guest that is a container: systemd in name spaces, up in seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import images
from guest import Guest, place
from images import run
from lab import Lab
from plug import PLATFORMS, Plug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent


class Container(Guest):
    """systemd as PID 1 over an overlay file system. What it writes survives a power cut: no page cache is lost."""

    def __init__(self, suite: str, debs: Sequence[Path], lab: Lab, folder: Path) -> None:
        super().__init__(suite, debs, lab, folder)
        self.lowers = ":".join(str(path) for path in images.lowers(suite, debs))
        self._loops: list[str] = []
        mounted = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        top = next(words[1] for words in mounted if words[2] == "cgroup2")
        self.cgroup = Path(top) / lab.name
        (folder / "upper/etc").mkdir(parents=True)

    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Write into the overlay's upper folder."""
        for path, (content, mode) in files.items():
            place(self.folder / "upper", path, content, mode)

    def boot(self, plug: Plug) -> None:
        """Start systemd in name spaces of its own, with what it is to see posed under /sys and /dev."""
        self._pose(plug)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        self.lab.plug()
        self.cgroup.mkdir(exist_ok=True)
        self._launch(
            [
                *("nsenter", f"--net=/run/netns/{self.lab.inside}", "unshare", "--mount", "--uts", "--ipc", "--pid"),
                *("--cgroup", "--fork", "--kill-child", "--", "sh", HERE / "container-init.sh", self.folder),
                *(self.lowers, *plug.words),
            ],
            lambda: (self.cgroup / "cgroup.procs").write_text("0") and None,
        )

    def switched_on(self) -> float:
        """The clock is the host's own."""
        return self.started

    def report(self, limit: float) -> dict[str, Any] | None:
        """The file that the observer leaves."""
        path = self.folder / "out/report.json"
        stop = time.monotonic() + limit
        while time.monotonic() < stop and self.process is not None and self.process.poll() is None:
            if path.exists():
                return json.loads(path.read_text())  # type: ignore[no-any-return]
            time.sleep(0.02)
        return None

    def power_off(self) -> None:
        """Send PID 1 the signal that means poweroff.target."""
        first = self._first()
        if first is not None:
            os.kill(first, signal.SIGRTMIN + 4)
        self._wait(60)
        self._clear()

    def cut(self) -> None:
        """Kill PID 1, and with it everything in its name space."""
        first = self._first()
        if first is not None:
            os.kill(first, signal.SIGKILL)
        super().cut()
        self._clear()

    def inside(self, script: str) -> str:
        """What a shell in the running guest says. Raises RuntimeError if it fails."""
        command = ["nsenter", "--all", "--target", str(self._first()), "sh", "-c", script]
        plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=plain)
        if done.returncode:
            raise RuntimeError(f"{script}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
        return done.stdout

    def _first(self) -> int | None:
        """The process id, outside, of the guest's PID 1: the only child of unshare."""
        if self.process is None:
            return None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None

    def _clear(self) -> None:
        stop = time.monotonic() + 10
        folders = sorted(self.cgroup.glob("**/"), reverse=True)
        while folders and time.monotonic() < stop:
            try:
                folders[0].rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                time.sleep(0.02)
                continue
            del folders[0]
        for device in self._loops:
            run("losetup", "--detach", device, check=False)
        self._loops = []

    def _pose(self, plug: Plug) -> None:
        pose = self.folder / "pose"
        shutil.rmtree(pose, ignore_errors=True)
        (pose / "block").mkdir(parents=True)
        nodes = []
        for name, path, kind in (("sr0", plug.cdrom, "5"), ("vdb", plug.disk, "")):
            if path is None:
                continue
            device = run("losetup", "--find", "--show", "--read-only", path).stdout.decode().strip()
            self._loops.append(device)
            number = os.stat(device).st_rdev
            nodes.append(f"{name} {os.major(number)} {os.minor(number)}\n")
            facts = {"size": str(path.stat().st_size // 512), "removable": str(int(bool(kind))), "device/type": kind}
            for fact, value in facts.items():
                if value:
                    place(pose / "block", f"{name}/{fact}", f"{value}\n".encode(), 0o644)
        (pose / "nodes").write_text("".join(nodes))
        for fact, value in PLATFORMS[plug.platform].items():
            place(pose / "dmi", fact, f"{value}\n".encode(), 0o644)
        (pose / "cmdline").write_text(" ".join(["root=LABEL=guest", *plug.words]) + "\n")
