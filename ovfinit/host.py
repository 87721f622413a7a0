"""Read-only facts of this host, or of the tree under `--root` that poses as one.

DMI, kernel command line, os-release, accounts, interfaces and block devices. Nothing here changes anything, sends a
packet or resolves a name.
"""

from __future__ import annotations

import os

from .errors import InputError
from .record import Record
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from .deadline import Deadline
    from .process import Output
    from .volume import Look, VolumeFiles

FACT_LIMIT = 64 * 1024
OUTPUT_LIMIT = 4 * 1024 * 1024
# net/route.h, net/ipv6_route.h: the route is usable, leads through a router, is one to ourselves
RTF_UP, RTF_GATEWAY, RTF_LOCAL = 0x1, 0x2, 0x80000000


class Account(Record):
    """One line of passwd(5)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Group(Record):
    """One line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]


class Interface(Record):
    """One network interface that has hardware (or a hypervisor) behind it: `mac` is lower case with colons, `driver`
    as in sysfs. What changes from moment to moment is read when it is asked for.
    """

    name: str
    mac: str
    driver: str | None = None
    root: str = "/"

    @property
    def up(self) -> bool:
        """True if the kernel says that it carries traffic (operstate)."""
        return (Tree(self.root).text(f"/sys/class/net/{self.name}/operstate") or "").strip() == "up"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its IPv4 and IPv6 addresses on the running machine, without prefix length."""
        if self.root != "/":
            return ()
        import netifaces

        try:
            known = netifaces.ifaddresses(self.name)
        except ValueError:
            # it went away since it was listed
            return ()
        return tuple(
            address["addr"].partition("%")[0]
            for family in (netifaces.AF_INET, netifaces.AF_INET6)
            for address in known.get(family, ())
            if "addr" in address
        )


class BlockDevice(Record):
    """One block device or partition: `path` is its node, `size` in bytes, `removable` as the kernel says."""

    name: str
    path: str
    size: int
    removable: bool
    optical: bool


class Host(Tree):
    """The machine as datasources and handlers see it. Facts are read once and kept."""

    def __init__(self, root: str = "/") -> None:
        super().__init__(root)
        self._facts: dict[str, object] = {}

    def _fact(self, path: str) -> str | None:
        try:
            text = self.text(path, FACT_LIMIT)
        except InputError:
            # a fact that may not be read (DMI serials without root) is a fact we do not have
            return None
        return None if text is None else text.rstrip("\0\n")

    def dmi(self, name: str) -> str | None:
        """A DMI value as in /sys/class/dmi/id (`product_uuid`, `sys_vendor` …), stripped; None if unknown."""
        value = self._fact(f"/sys/class/dmi/id/{name}")
        return value.strip() or None if value else None

    @property
    def kernel_words(self) -> Sequence[tuple[str, str]]:
        """The kernel command line, each word as name and value (perhaps empty), in order; quotes are honoured."""
        if "kernel_words" not in self._facts:
            self._facts["kernel_words"] = _words(self._fact("/proc/cmdline") or "")
        return self._facts["kernel_words"]  # type: ignore[return-value]

    @property
    def cmdline(self) -> Mapping[str, str]:
        """The kernel command line: `name` or `name=value`, the last one of a name wins."""
        return dict(self.kernel_words)

    @property
    def os_release(self) -> Mapping[str, str]:
        """os-release(5) as a mapping."""
        self.note("/etc/os-release", "/usr/lib/os-release")
        if "os_release" not in self._facts:
            text = self._fact("/etc/os-release") or self._fact("/usr/lib/os-release") or ""
            pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
            self._facts["os_release"] = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
        return self._facts["os_release"]  # type: ignore[return-value]

    def accounts(self) -> Mapping[str, Account]:
        """passwd(5) of the tree by name, read anew each time; malformed lines are left out."""
        return self._table("/etc/passwd", _accounts)  # type: ignore[return-value]

    def groups(self) -> Mapping[str, Group]:
        """group(5) of the tree by name, read anew each time; malformed lines are left out."""
        return self._table("/etc/group", _groups)  # type: ignore[return-value]

    def _table(self, path: str, parse: Callable[[str], object]) -> object:
        """What a file says, parsed anew when it says something else than the last time."""
        text = self.text(path) or ""
        known: Any = self._facts.get(path)
        if known is None or known[0] != text:
            known = self._facts[path] = (text, parse(text))
        return known[1]

    def interfaces(self) -> Sequence[Interface]:
        """Physical and paravirtual interfaces, sorted by name; loopback, bridges, bonds and the like are left out."""
        found = []
        for name in self.listing("/sys/class/net"):
            base = f"/sys/class/net/{name}"
            mac = (self._fact(f"{base}/address") or "").strip().lower()
            if not mac or not self.exists(f"{base}/device"):
                continue
            # a link, which `real` follows only in a tree
            driver = os.path.basename(os.path.realpath(self.real(f"{base}/device/driver")))
            found.append(Interface(name, mac, driver if driver != "driver" else None, self.root))
        return found

    def block_devices(self) -> Sequence[BlockDevice]:
        """All disks, partitions and drives that have a medium in them, optical ones first, then by name."""
        found = []
        for name in self.listing("/sys/class/block"):
            base = f"/sys/class/block/{name}"
            size = (self._fact(f"{base}/size") or "").strip()
            if not size.isdecimal() or int(size) == 0 or name.startswith(("loop", "ram", "dm-", "md", "zram")):
                continue
            # the SCSI peripheral type of an optical drive is 5; IDE and virtio ones say so by name or not at all
            optical = name.startswith("sr") or (self._fact(f"{base}/device/type") or "").strip() == "5"
            removable = (self._fact(f"{base}/removable") or "").strip() == "1"
            found.append(BlockDevice(name, f"/dev/{name}", int(size) * 512, removable, optical))
        return sorted(found, key=lambda device: (not device.optical, device.name))

    def routed(self, *, near: bool = False) -> bool:
        """True if there is a way out of this machine: a route that is up and a default one or through a router.

        That is also how a network without a way to the world leads to its metadata service. With `near` a network that
        an adapter is in is enough, link-local ones aside. From /proc/net/route and ipv6_route.
        """
        for device, target, flags in self._routes():
            default = not target.strip("0")
            link_local = target.startswith(("fe8", "ff")) or (len(target) == 8 and target.endswith("FEA9"))
            usable = device != "lo" and flags & RTF_UP and not flags & RTF_LOCAL
            if usable and (default or flags & RTF_GATEWAY or (near and not link_local)):
                return True
        return False

    def _routes(self) -> Iterator[tuple[str, str, int]]:
        """Device, target and flags of each route, the target as the kernel writes it in hexadecimal."""
        for line in (self._fact("/proc/net/route") or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3:
                yield fields[0], fields[1], _hexadecimal(fields[3])
        for line in (self._fact("/proc/net/ipv6_route") or "").splitlines():
            fields = line.split()
            if len(fields) == 10:
                yield fields[9], fields[0], _hexadecimal(fields[8])

    def look(self, path: str) -> Look | None:
        """What file system an image or a device holds, from a few KiB of it; see `ovfinit.volume.look`.

        `path` is the operating system's; of a path of the tree that is `real(path)`.
        """
        from .volume import look

        return look(path)

    def read_volume(self, path: str, wanted: Mapping[str, int]) -> VolumeFiles:
        """Files of an image or a device by name or path, without mounting it; see `ovfinit.volume.read_files`."""
        from .volume import read_files

        return read_files(path, wanted)

    def volume_unchanged(self, path: str, footprint: Mapping[str, Any]) -> bool:
        """True if what `read_volume` read there is still the same; see `ovfinit.volume.unchanged`."""
        from .volume import unchanged

        return unchanged(path, footprint)

    def tool(self, name: str) -> str | None:
        """Where a program of the running system lies, searched in PATH and the sbin folders; None if nowhere."""
        folders = [*os.environ.get("PATH", "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        for folder in folders:
            candidate = os.path.join(folder, name)
            self.note(candidate)
            if folder and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
        return None

    def ask(self, command: Sequence[str], deadline: Deadline) -> Output:
        """Run a program that only reads (a hypervisor's tool) and hand back what it says.

        Raises InputError when it cannot be started, says more than 4 MiB or is not done at the deadline.
        """
        from .process import run

        return run(command, deadline, limit=OUTPUT_LIMIT)


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _accounts(text: str) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for line in text.splitlines():
        part = line.split(":")
        if len(part) == 7 and part[2].isdecimal() and part[3].isdecimal():
            found.setdefault(part[0], Account(part[0], int(part[2]), int(part[3]), part[5], part[6]))
    return found


def _groups(text: str) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for line in text.splitlines():
        part = line.split(":")
        if len(part) == 4 and part[2].isdecimal():
            members = tuple(name for name in part[3].split(",") if name)
            found.setdefault(part[0], Group(part[0], int(part[2]), members))
    return found


def _words(line: str) -> list[tuple[str, str]]:
    """Split as the kernel does: double quotes keep spaces together, there is no escape."""
    words, word, quoted = [], "", False
    for character in line + " ":
        if character == '"':
            quoted = not quoted
        elif character.isspace() and not quoted:
            if word:
                name, _, value = word.partition("=")
                words.append((name, value))
            word = ""
        else:
            word += character
    return words
