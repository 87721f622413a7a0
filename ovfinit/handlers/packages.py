"""Packages: installed and brought up to date, in the final stage, by the package manager that the tree has."""

from __future__ import annotations

from ..digest import digest
from ..packaging import choose
from ..userdata.scalars import Flag, Text
from ..userdata.schema import Many, OneOf, Row, Table
from ..userdata.spec import Unoffered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata, Problem
    from ..state import Past
    from ..userdata import UserData

NAME = "packages"
_REST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:~_*=/^")


def judge_name(name: str) -> str | None:
    """Names of deb-src-control(5) and what apt-get(8) adds: `name:arch`, `name=version`, `name/release`, `*`, `^`.

    A `-` at the end is refused: it would remove the package.
    """
    good = name[:1].isalnum() and set(name) <= _REST and not name.endswith("-")
    return None if good else "is not the name of a package"


def _judge_version(version: str) -> str | None:
    return None if version[:1].isalnum() and set(version) <= _REST else "is not a version of a package"


NAME_OF = Text(check=judge_name)
_ITEM = (Row(columns=(NAME_OF, Text(check=_judge_version))), NAME_OF)
KEYS = {
    "packages": Many(
        "Packages to install: names, or [name, version].",
        item=OneOf(
            specs=(
                Table(
                    keys={
                        "apt": Many("Packages for APT alone.", item=OneOf(specs=_ITEM)),
                        "snap": Unoffered("Snaps.", instead="use runcmd: snap install …"),
                    }
                ),
                *_ITEM,
            )
        ),
        single=True,
    ),
    "package_update": Flag("Read the package lists anew; also done before anything is installed."),
    "package_upgrade": Flag("Bring all packages up to date before others are installed."),
    "apt_update": Flag(deprecated="write package_update"),
    "apt_upgrade": Flag(deprecated="write package_upgrade"),
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Raises ChangeError in a tree whose package manager is none that we know."""
    del metadata, config, past
    wanted: list[tuple[str, str | None]] = []
    for item in handed.config.get("packages", ()):
        for one in item.get("apt", ()) if isinstance(item, dict) else (item,):
            package = (one, None) if isinstance(one, str) else (one[0], one[1] if len(one) > 1 else None)
            if package not in wanted:
                wanted.append(package)
    upgrade = handed.config.get("package_upgrade", handed.config.get("apt_upgrade", False))
    update = handed.config.get("package_update", handed.config.get("apt_update", False))
    if not wanted and not upgrade and not update:
        return
    manager = choose(host, NAME)
    yield manager.update(digest(repr(wanted).encode()))
    if upgrade:
        yield manager.upgrade()
    if wanted:
        yield manager.install(wanted)
