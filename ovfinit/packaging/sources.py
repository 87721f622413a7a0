"""Where APT fetches from: the distribution's own list with other mirrors or fewer suites, and all else as it stands.

Formats: sources.list(5), one line an entry, and deb822 (`*.sources`). Only entries of the distribution itself are
touched: those of its suites, with components that only a distribution has.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..host import Host

LIST = "/etc/apt/sources.list"
FOLDER = "/etc/apt/sources.list.d"
DISABLED = "# disabled by ovfinit: "
_COMPONENTS = frozenset(("main", "contrib", "non-free", "non-free-firmware", "universe", "restricted", "multiverse"))
_MOVING = ("stable", "oldstable", "testing", "unstable", "sid", "devel")
_DEFAULTS = {
    "debian": ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security"),
    "ubuntu": ("http://archive.ubuntu.com/ubuntu", "http://security.ubuntu.com/ubuntu"),
}
_PORTS = "http://ports.ubuntu.com/ubuntu-ports"
# the first release whose images have deb822 files
_DEB822_SINCE = {"debian": 13.0, "ubuntu": 24.04}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf", "i686": "i386", "ppc64le": "ppc64el"}


class Mirrors(Record):
    """Other places to fetch from; None leaves what stands there. `disabled`: suites that are not wanted."""

    primary: str | None = None
    security: str | None = None
    disabled: Sequence[str] = ()


def release(host: Host) -> str | None:
    """The code name of the distribution's release (bookworm)."""
    return host.os_release.get("VERSION_CODENAME") or host.os_release.get("UBUNTU_CODENAME") or None


def architecture(host: Host) -> str:
    """Debian's name for the architecture of a tree: that of its C library, else the running kernel's."""
    for name in host.listing("/var/lib/dpkg/info"):
        if name.startswith("libc6:") and name.endswith(".list"):
            return name[len("libc6:") : -len(".list")]
    import os

    machine = os.uname().machine
    return _MACHINES.get(machine, machine)


def defaults(host: Host) -> tuple[str, str]:
    """The distribution's own primary and security mirrors."""
    family = _family(host)
    if family == "ubuntu" and architecture(host) not in ("amd64", "i386"):
        return _PORTS, _PORTS
    return _DEFAULTS[family]


def own_list(host: Host) -> str:
    """The file of the distribution's own entries, as an image of this release has it."""
    family = _family(host)
    try:
        version = float(host.os_release.get("VERSION_ID", "0"))
    except ValueError:
        version = 0.0
    return f"{FOLDER}/{family}.sources" if version >= _DEB822_SINCE[family] else LIST


def present(host: Host) -> list[str]:
    """The files of the distribution's own entries that are there."""
    return [path for path in (LIST, *(f"{FOLDER}/{name}.sources" for name in _DEFAULTS)) if host.exists(path)]


def is_deb822(text: str) -> bool:
    """True for text in deb822 form."""
    rows = (row for row in text.splitlines() if row.strip() and not row.startswith("#"))
    return next(rows, "").partition(":")[0].lower() in ("types", "uris", "suites", "enabled", "components", "signed-by")


def plain(host: Host, path: str) -> str:
    """What an image of this release has at its own list: the suites that matter, at the default mirrors."""
    name = release(host) or "stable"
    primary, security = defaults(host)
    components = "main restricted universe multiverse" if _family(host) == "ubuntu" else "main"
    suites = f"{name} {name}-updates"
    if path == LIST:
        rows = [f"deb {primary} {suite} {components}" for suite in suites.split()]
        return "\n".join([*rows, f"deb {security} {name}-security {components}", ""])
    signed = f"Signed-By: /usr/share/keyrings/{_family(host)}-archive-keyring.gpg\n"
    parts = ((primary, suites), (security, f"{name}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n{signed}" for uri, suite in parts
    )


def rewrite(text: str, mirrors: Mirrors, name: str) -> str:
    """The list with these mirrors and without the disabled suites; all but the distribution's own stays to the byte."""
    if is_deb822(text):
        return "\n".join(_stanza(part, mirrors, name) for part in _stanzas(text))
    return "\n".join(_line(row, mirrors, name) for row in text.split("\n"))


def suites(wanted: Sequence[str], name: str) -> tuple[str, ...]:
    """Suites as users name them: `$RELEASE-updates`, or short `updates`."""
    short = ("updates", "backports", "security", "proposed", "release")
    full = (f"$RELEASE-{suite}" if suite in short else suite for suite in wanted)
    return tuple(suite.replace("$RELEASE-release", "$RELEASE").replace("$RELEASE", name) for suite in full)


def _family(host: Host) -> str:
    ids = (host.os_release.get("ID", ""), *host.os_release.get("ID_LIKE", "").split())
    return next((family for family in ids if family in _DEFAULTS), "debian")


def _is_own(suite: str, name: str) -> bool:
    stem = suite.partition("/")[0].partition("-")[0]
    return stem == name or stem in _MOVING


def _is_security(suite: str) -> bool:
    return suite.endswith(("-security", "/updates"))


def _line(row: str, mirrors: Mirrors, name: str) -> str:
    words = row.split()
    if len(words) < 4 or words[0] not in ("deb", "deb-src"):
        return row
    at = 1
    if words[1].startswith("["):
        at = next((index + 1 for index, word in enumerate(words) if word.endswith("]")), len(words))
    if len(words) < at + 3 or not _is_own(words[at + 1], name):
        return row
    uri, suite = words[at : at + 2]
    if not set(words[at + 2 :]) <= _COMPONENTS:
        return row
    wanted = mirrors.security if _is_security(suite) else mirrors.primary
    if wanted and wanted != uri:
        row = " ".join([*words[:at], wanted, *words[at + 1 :]])
    return DISABLED + row if suite in mirrors.disabled else row


def _stanzas(text: str) -> Iterator[list[str]]:
    part: list[str] = []
    for row in text.split("\n"):
        if not row.strip() and part:
            yield part
            part = []
        part.append(row)
    yield part


def _fields(rows: Sequence[str]) -> Mapping[str, tuple[int, int, list[str]]]:
    """Field in small letters → first row, one past its last row, the words of its value."""
    found: dict[str, tuple[int, int, list[str]]] = {}
    current = ""
    for index, row in enumerate(rows):
        if row.startswith((" ", "\t")) and current:
            first, _, words = found[current]
            found[current] = (first, index + 1, [*words, *row.split()])
        elif ":" in row and not row.startswith("#"):
            current, _, value = row.partition(":")
            current = current.strip().lower()
            found[current] = (index, index + 1, value.split())
    return found


def _stanza(rows: list[str], mirrors: Mirrors, name: str) -> str:
    fields = _fields(rows)
    named = fields.get("suites", (0, 0, []))[2]
    components = fields.get("components", (0, 0, ["-"]))[2]
    if not named or not set(components) <= _COMPONENTS or not all(_is_own(suite, name) for suite in named):
        return "\n".join(rows)
    wanted = mirrors.security if all(_is_security(suite) for suite in named) else mirrors.primary
    left = [suite for suite in named if suite not in mirrors.disabled]
    put: dict[str, str] = {}
    if wanted and "uris" in fields and fields["uris"][2] != [wanted]:
        put["uris"] = f"URIs: {wanted}"
    if not left:
        put["enabled"] = "Enabled: no"
    elif left != named:
        put["suites"] = f"Suites: {' '.join(left)}"
    rows = list(rows)
    if "enabled" in put and "enabled" not in fields:
        rows.append(put.pop("enabled"))
    for field, row in sorted(put.items(), key=lambda item: -fields[item[0]][0]):
        first, last, _ = fields[field]
        rows[first:last] = [row]
    return "\n".join(rows)
