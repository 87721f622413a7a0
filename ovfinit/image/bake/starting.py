"""What starts the agent in a tree that boots without systemd, made by files and links as the init's own tools do."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ...errors import OvfinitError
from .payload import EXAMPLES, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...tree import Tree

SCRIPT = "/etc/init.d/ovfinit"
NETWORK = f"{SCRIPT}-network"
BOOT = "/etc/rcS.d"
DEPENDENCIES = "/etc/init.d/.depend.boot"
LEVELS = "/etc/runlevels"
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_OPENRC = ("/sbin/openrc-run", "/usr/sbin/openrc-run")
_SYSVINIT = ("/etc/init.d/rc", "/usr/lib/init/rc", "/lib/init/rc")
_LINK = re.compile(r"S(\d\d)(.+)$")
_LAST = 99


def init_of(tree: Tree) -> str | None:
    """What boots the tree: systemd, openrc or sysvinit; None if it is none of them."""
    init = next((path for path in ("/usr/sbin/init", "/sbin/init") if tree.exists(path)), None)
    by_itself = init is None or os.path.basename(tree.real(init)) == "systemd"
    if by_itself and any(tree.exists(program) for program in SYSTEMD):
        return "systemd"
    if any(tree.exists(program) for program in _OPENRC):
        return "openrc"
    return "sysvinit" if any(tree.exists(program) for program in _SYSVINIT) else None


def script(tree: Tree, init: str) -> bytes:
    """The script for this init out of what was installed. Raises OvfinitError if the package came without it."""
    path = f"{EXAMPLES}/{init}/ovfinit"
    content = tree.read(path)
    if content is None:
        raise OvfinitError(
            f"has no {path}, which {init} would start", where=tree.root, remedy="bake a complete package"
        )
    return content


def openrc(tree: Tree, put: Callable[[Entry], None]) -> None:
    """As `rc-update add` does: the local stage early in the boot, the network's in the default runlevel."""
    put(Entry(SCRIPT, 0o755, content=script(tree, "openrc")))
    put(Entry(NETWORK, 0o777, target=os.path.basename(SCRIPT)))
    # Debian's starts everything early in sysinit and has an empty boot
    early = [
        level
        for level in ("boot", "sysinit")
        if any(
            os.path.lexists(tree.real(f"{LEVELS}/{level}/{name}", follow=False))
            for name in ("localmount", "mountall.sh", "bootmisc", "bootmisc.sh", "hostname", "hostname.sh")
        )
    ]
    for level, target in ((early[0] if early else "boot", SCRIPT), ("default", NETWORK)):
        put(Entry(f"{LEVELS}/{level}/{os.path.basename(target)}", 0o777, target=target))


def sysvinit(tree: Tree, put: Callable[[Entry], None]) -> None:
    """As `update-rc.d` does: a link in rcS.d, after what the script's header requires, before what it names.

    Where insserv(8) noted what depends on what, for startpar(8) to start by, that is noted, too.
    Raises OvfinitError if the header cannot be met.
    """
    content = script(tree, "sysvinit")
    put(Entry(SCRIPT, 0o755, content=content))
    header = _header(content)
    numbers = {match[2]: int(match[1]) for name in tree.listing(BOOT) if (match := _LINK.match(name))}
    ours = os.path.basename(SCRIPT)
    own = numbers.pop(ours, None)
    provided = _provided(tree, numbers)
    earlier = _named(tree, provided, f"{header.get('required-start', '')} {header.get('should-start', '')}")
    later = _named(tree, provided, header.get("x-start-before", ""))
    after = max((numbers[name], name) for name in earlier) if earlier else (0, "")
    before = min((numbers[name], name) for name in later) if later else (_LAST + 1, "")
    if after >= before:
        raise OvfinitError(
            f"starts {before[1]} before {after[1]}, and the agent belongs between them", where=tree.real(BOOT)
        )
    if own is None or not after < (own, ours) < before:
        _link(tree, put, ours, own, _place(tree, ours, after, before))
    _depend(tree, put, ours, earlier, later)


def _header(content: bytes) -> dict[str, str]:
    """The keys of an LSB header in lower case (Linux Standard Base 5.0, Init Script Actions)."""
    block = content.decode("utf-8", "replace").partition("### BEGIN INIT INFO")[2].partition("### END INIT INFO")[0]
    return {key.lower(): value.strip() for key, value in re.findall(r"^# *([\w-]+):(.*)$", block, re.MULTILINE)}


def _provided(tree: Tree, numbers: dict[str, int]) -> dict[str, list[str]]:
    """What each facility is provided by, among the scripts that are started in rcS.d."""
    found: dict[str, list[str]] = {}
    for name in numbers:
        header = _header(tree.read(f"/etc/init.d/{name}") or b"")
        for facility in {name, name.removesuffix(".sh"), *header.get("provides", "").split()}:
            found.setdefault(facility, []).append(name)
    return found


def _named(tree: Tree, provided: dict[str, list[str]], words: str) -> list[str]:
    """The scripts that these facilities mean; a $name is what insserv.conf says."""
    virtual = dict(_virtual(tree))
    names: set[str] = set()
    for word in words.split():
        for facility in virtual.get(word, "").split() if word.startswith("$") else [word]:
            names.update(provided.get(facility.lstrip("+"), ()))
    return sorted(names)


def _virtual(tree: Tree) -> Iterator[tuple[str, str]]:
    folder = "/etc/insserv.conf.d"
    for path in (*(f"{folder}/{name}" for name in tree.listing(folder)), "/etc/insserv.conf"):
        yield from re.findall(r"^(\$\w+)[ \t]+(.*)$", tree.text(path) or "", re.MULTILINE)


def _place(tree: Tree, ours: str, after: tuple[int, str], before: tuple[int, str]) -> int:
    """A number for our link; where there is no room, all that comes later moves up by one, which keeps its order."""
    for number in range(after[0], min(before[0], _LAST) + 1):
        if after < (number, ours) < before:
            return number
    links = sorted((int(match[1]), match[2]) for name in tree.listing(BOOT) if (match := _LINK.match(name)))
    moved = [link for link in links if link >= before]
    if moved[-1][0] >= _LAST:
        raise OvfinitError(f"has no number left for {SCRIPT}", where=tree.real(BOOT), remedy="insserv numbers it anew")
    # the last one first: killed at any instant, the order still stands
    for number, name in reversed(moved):
        folder = tree.real(BOOT)
        os.rename(os.path.join(folder, f"S{number:02}{name}"), os.path.join(folder, f"S{number + 1:02}{name}"))
    return _place(tree, ours, after, (before[0] + 1, before[1]))


def _link(tree: Tree, put: Callable[[Entry], None], ours: str, own: int | None, number: int) -> None:
    put(Entry(f"{BOOT}/S{number:02}{ours}", 0o777, target=f"../init.d/{ours}"))
    if own is not None and own != number:
        os.unlink(os.path.join(tree.real(BOOT), f"S{own:02}{ours}"))


def _depend(tree: Tree, put: Callable[[Entry], None], ours: str, earlier: list[str], later: list[str]) -> None:
    """Lines of a makefile: all targets, then what each waits for."""
    text = tree.text(DEPENDENCIES)
    if text is None:
        return
    lines = [line for line in text.splitlines() if not line.startswith(f"{ours}:")]
    for at, line in enumerate(lines):
        target, colon, waits = line.partition(":")
        key, equals, targets = line.partition("=")
        if equals and key.strip() == "TARGETS" and ours not in targets.split():
            # in the order of the boot, as insserv has them
            words = targets.split()
            place = min((words.index(name) for name in later if name in words), default=len(words))
            lines[at] = f"TARGETS = {' '.join([*words[:place], ours, *words[place:]])}"
        elif colon and target in later and ours not in waits.split():
            lines[at] = f"{line.rstrip()} {ours}"
    known = {line.partition(":")[0] for line in lines}
    lines += [f"{name}: {ours}" for name in later if name not in known]
    lines.append(f"{ours}: {' '.join(earlier)}".rstrip())
    put(Entry(DEPENDENCIES, 0o644, content=("\n".join(lines) + "\n").encode()))
