"""Lines of fstab(5): six fields, with the characters escaped that part them."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Host

FSTAB = "/etc/fstab"
NETWORKED = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "glusterfs", "ceph", "ocfs2", "gfs2", "9p", "virtiofs", "afs", "davfs")
)
# what is mounted without any device
NODEV = frozenset(
    ("tmpfs", "proc", "sysfs", "overlay", "devpts", "hugetlbfs", "cgroup2", "ramfs", "debugfs", "tracefs")
)


class Entry(Record):
    """One line; `point` is `none` for swap."""

    spec: str
    point: str
    type: str = "auto"
    options: str = "defaults"
    frequency: str = "0"
    order: str = "0"

    @property
    def line(self) -> str:
        """The line, without its end."""
        spec, point = (_escaped(field) for field in (self.spec, self.point))
        return "\t".join((spec, point, self.type, self.options, self.frequency, self.order))

    @property
    def networked(self) -> bool:
        """True if there must be a network before it can be mounted."""
        words = self.options.split(",")
        remote = self.spec.startswith("//") or ":/" in self.spec and not self.spec.startswith("/")
        return "_netdev" in words or self.type in NETWORKED - {"9p", "virtiofs"} or remote

    @property
    def is_swap(self) -> bool:
        """True for swap space, which has no mount point."""
        return self.type == "swap"


def entries(host: Host) -> list[tuple[str, str]]:
    """The spec and mount point of each line that is not ours."""
    from ..block import replace

    rows = (row.split() for row in replace(host.text(FSTAB) or "", ()).splitlines())
    return [(_plain(row[0]), _plain(row[1])) for row in rows if len(row) > 1 and not row[0].startswith("#")]


_ESCAPES = {"\\": "\\134", " ": "\\040", "\t": "\\011", "#": "\\043"}


def _escaped(field: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in field)


def _plain(field: str) -> str:
    for letter, escape in _ESCAPES.items():
        field = field.replace(escape, letter)
    return field
