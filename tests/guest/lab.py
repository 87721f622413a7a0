"""A network of its own for one guest: a bridge in a network name space, DHCP, a metadata service, and people outside.

10.77.0.1   the router, which also answers at 169.254.169.254, as a cloud's does
10.77.0.50  what DHCP gives to the guest
10.77.0.60  what scenes with static addresses ask for
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from images import run

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUTER, DHCP, STATIC = "10.77.0.1", "10.77.0.50", "10.77.0.60"
SERVICE = "169.254.169.254"
MAC = "52:54:00:0a:4d:32"
SERVER = Path(__file__).resolve().parents[1] / "metadata_server.py"


class Lab:
    """The name space. `inside` is where a container's end of the cable is, a virtual machine's tap is in the lab.

    People outside wait `patience` times as long for an answer as they usually would.
    """

    def __init__(self, folder: Path, *, container: bool, dhcp: bool = True, patience: int = 1) -> None:
        self.folder, self.container, self.dhcp, self.patience = folder, container, dhcp, patience
        self.name = f"ovfinit-lab-{os.getpid()}"
        self.inside = f"{self.name}-guest" if container else self.name
        self._started: list[subprocess.Popen[bytes]] = []
        self._service: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Lab:
        run("ip", "netns", "add", self.name)
        try:
            for line in (
                "link set lo up",
                "link add hall type bridge forward_delay 0",
                f"addr add {ROUTER}/24 dev hall",
                f"addr add {SERVICE}/32 dev hall",
                "link set hall up",
            ):
                self._ip(line)
            if self.container:
                run("ip", "netns", "add", self.inside)
            else:
                self._ip("tuntap add cable mode tap")
                self._ip("link set cable master hall up")
            if self.dhcp:
                self._start(
                    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"),
                    *("--interface=hall", "--bind-interfaces", "--leasefile-ro", "--pid-file=", "--no-ping"),
                    *("--dhcp-authoritative", f"--dhcp-range={DHCP},10.77.0.59,1h", f"--dhcp-host={MAC},{DHCP}"),
                    f"--dhcp-option=3,{ROUTER}",
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.serve(None)
        for process in self._started:
            process.kill()
            process.wait()
        for name in {self.name, self.inside}:
            run("ip", "netns", "del", name, check=False)

    def plug(self) -> None:
        """A new cable for a container's next boot; the old one went with its name space."""
        if self.container:
            run("ip", "-n", self.name, "link", "del", "cable", check=False)
            self._ip(f"link add cable type veth peer name eth0 address {MAC} netns {self.inside}")
            self._ip("link set cable master hall up")

    def serve(self, tree: Path | None, switches: Sequence[str] = ()) -> None:
        """Start the metadata service anew, or only stop it; returns once it listens."""
        if self._service:
            self._service.kill()
            self._service.wait()
            self._service = None
        if tree is None:
            return
        log = self.folder / "metadata.jsonl"
        self._service = self._run_inside(
            *(sys.executable, str(SERVER), str(tree), "--bind", SERVICE, "--port", "80", "--log", str(log), *switches)
        )
        limit = time.monotonic() + 20
        while b":0050 " not in self.enter("cat", "/proc/net/tcp").stdout.replace(b":0050\n", b":0050 "):
            if time.monotonic() > limit or self._service.poll() is not None:
                raise RuntimeError("the metadata service does not start; see programs.log")
            time.sleep(0.05)

    def silence(self) -> None:
        """From now on nobody is at the service's address, and nobody says so either."""
        self._ip(f"addr del {SERVICE}/32 dev hall")

    def enter(self, *words: str, limit: float = 60.0) -> subprocess.CompletedProcess[bytes]:
        """Run a program as somebody on the guest's network."""
        command = ["nsenter", f"--net=/run/netns/{self.name}", *words]
        try:
            return subprocess.run(
                command, capture_output=True, timeout=limit * self.patience, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(command, 124, late.stdout or b"", b"(no end within the time limit)")

    def ssh(self, address: str, user: str, key: Path, *command: str, limit: float = 60.0) -> tuple[bool, str]:
        """Whether this user can log in with this key and nothing else, and what was said until then."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options.append(f"ConnectTimeout={20 * self.patience}")
        words = [word for option in options for word in ("-o", option)]
        done = self.enter("ssh", *words, "-i", str(key), f"{user}@{address}", *command, limit=limit)
        return done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace").strip()

    def host_keys(self, address: str) -> set[str]:
        """The keys that sshd at this address shows, as `TYPE BASE64`."""
        found = self.enter("ssh-keyscan", "-T", str(20 * self.patience), address).stdout.decode()
        return {" ".join(line.split()[1:3]) for line in found.splitlines() if re.match(r"[^#].* (ssh|ecdsa)", line)}

    def _ip(self, line: str) -> None:
        run("ip", "-n", self.name, *line.split())

    def _start(self, *words: str) -> None:
        self._started.append(self._run_inside(*words))

    def _run_inside(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "programs.log").open("ab") as log:
            return subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.name}", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


def reach(path: Path, process: subprocess.Popen[bytes], limit: float) -> socket.socket | None:
    """Connect to a virtual machine's port; None if the machine ends or time is up before."""
    end = time.monotonic() + limit
    while time.monotonic() < end and process.poll() is None:
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.connect(str(path))
        except OSError:
            channel.close()
            time.sleep(0.05)
            continue
        return channel
    return None


def end(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """End a process that we started, with everything in its session."""
    if process.poll() is None:
        os.killpg(process.pid, number)
        process.wait()
