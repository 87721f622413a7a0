"""Package managers behind one small interface: which one a tree has, and the calls that it takes.

Another distribution is one more module with a `Manager` of its own, and a word in `KNOWN`.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

from ..errors import ChangeError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..changes import Call
    from ..host import Host

# module of this package → the program by which a tree is known, and the families of os-release(5) that have it
KNOWN = {"apt": ("/usr/bin/apt-get", ("debian", "ubuntu"))}


class Manager(Record, metaclass=ABCMeta):
    """The calls of one package manager, made in the final stage on behalf of the duty `handler`.

    All of them wait while another run holds the manager's lock, ask nobody anything, and keep configuration files
    that the admin changed.
    """

    handler: str

    @abstractmethod
    def update(self, mark: str = "") -> Call:
        """Read the lists of what can be had; again when `mark` is another one."""

    @abstractmethod
    def upgrade(self) -> Call:
        """Bring everything that is installed up to date."""

    @abstractmethod
    def install(self, packages: Sequence[tuple[str, str | None]]) -> Call:
        """Install packages, (name, version or None for the newest) each; one that fails costs no other."""


def choose(host: Host, handler: str) -> Manager:
    """The package manager of this tree. Raises ChangeError if it is none that we know."""
    families = {host.os_release.get("ID", ""), *host.os_release.get("ID_LIKE", "").split()}
    for name, (program, known) in KNOWN.items():
        if host.exists(program) or families & set(known):
            module = __import__(f"ovfinit.packaging.{name}", fromlist=[name])
            manager: Manager = module.Manager(handler)
            return manager
    raise ChangeError(
        "no package manager that is known here", where=handler, remedy=f"known: {', '.join(KNOWN)}; or use runcmd"
    )
