"""APT: apt-get(8), dpkg(1)."""

from __future__ import annotations

from .. import packaging
from ..changes import FINAL, Call
from ..digest import digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIONS = (
    "--quiet",
    "--assume-yes",
    "--option=Acquire::Retries=3",
    "--option=DPkg::Lock::Timeout=600",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
)
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_MODE": "a"}
UPDATE_SECONDS, INSTALL_SECONDS = 900.0, 7200.0
NAMES_SHOWN = 6
# all at once, and if that fails each alone: one name that nobody has must not cost the others
_INSTALL = f"""
install() {{ apt-get {" ".join(OPTIONS)} install -- "$@"; }}
install "$@" && exit
failed=
for package do install "$package" || failed="$failed $package"; done
[ -z "$failed" ] || {{ echo "not installed:$failed" >&2; exit 1; }}
"""


class Manager(packaging.Manager):
    """See the interface."""

    def update(self, mark: str = "") -> Call:
        """The lists have a lock of their own, for which apt-get does not wait: so it is tried again."""
        command = ("apt-get", *OPTIONS, "update")
        return Call(
            self.handler,
            "apt-get update",
            FINAL,
            command=command,
            fingerprint=mark,
            timeout=UPDATE_SECONDS,
            tries=6,
            environment=ENVIRONMENT,
        )

    def upgrade(self) -> Call:
        """With new dependencies, and with removals where those need them: `dist-upgrade`."""
        command = ("apt-get", *OPTIONS, "dist-upgrade")
        return Call(
            self.handler,
            "apt-get dist-upgrade",
            FINAL,
            command=command,
            timeout=INSTALL_SECONDS,
            environment=ENVIRONMENT,
        )

    def install(self, packages: Sequence[tuple[str, str | None]]) -> Call:
        """See the interface."""
        words = [f"{name}={version}" if version else name for name, version in packages]
        more = f" and {len(words) - NAMES_SHOWN} more" if len(words) > NAMES_SHOWN else ""
        return Call(
            self.handler,
            f"apt-get install {' '.join(words[:NAMES_SHOWN])}{more}",
            FINAL,
            command=("sh", "-c", _INSTALL, "install", *words),
            fingerprint=digest(*(word.encode() for word in words)),
            timeout=INSTALL_SECONDS,
            environment=ENVIRONMENT,
        )
