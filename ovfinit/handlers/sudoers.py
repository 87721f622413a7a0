"""Rules of sudoers(5): one file of ours for all users, in which a wrong rule costs nobody else's."""

from __future__ import annotations

from ..accounts import valid_name
from ..changes import WriteFile
from ..deadline import Deadline
from ..errors import InputError
from ..model import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..changes import Change
    from ..host import Host

FILE = "/etc/sudoers.d/90-ovfinit"
MAIN = "/etc/sudoers"
SECONDS = 10.0
LIMIT = 64 * 1024
# what nearly everybody writes needs no judge
_USUAL = {
    *("ALL=(ALL)ALL", "ALL=(ALL:ALL)ALL", "ALL=ALL"),
    *("ALL=(ALL)NOPASSWD:ALL", "ALL=(ALL:ALL)NOPASSWD:ALL", "ALL=NOPASSWD:ALL"),
}


def grant(handler: str, host: Host, rules: Sequence[tuple[str, str]], stage: str) -> Iterator[Change | Problem]:
    """The file with these rules, each for one user; visudo(8) has the last word if any of it is unusual."""
    # in sudoers a word of capitals is an alias, and ALL is everybody
    lines = [f"{user if valid_name(user) else _quoted(user)} {rule}" for user, rule in rules]
    content = "".join(f"{line}\n" for line in ("# Written by ovfinit.", *lines))
    usual = all(valid_name(user) and _is_usual(rule) for user, rule in rules)
    check = () if usual else ("visudo", "-cf")
    yield WriteFile(handler, FILE, stage, content=content.encode(), mode=0o440, check=check)
    if not _included(host):
        yield Problem("sudo", "does not read /etc/sudoers.d: add the line `@includedir /etc/sudoers.d`", MAIN)


def wrong(rule: str) -> str | None:
    """What is wrong with one rule, None for one that visudo accepts, or that it is not there to judge.

    sudo would drop the whole file for one line that it does not understand, and with it everybody's rules.
    """
    if rule.rstrip().endswith("\\"):
        return "ends in a backslash, which would take the next line in"
    if _is_usual(rule):
        return None
    from ..host import Host as Machine
    from ..process import run

    tool = Machine().tool("visudo")
    if tool is None:
        return None
    try:
        output = run((tool, "-cf", "-"), Deadline(SECONDS), limit=LIMIT, stdin=f"somebody {rule}\n".encode())
    except InputError as error:
        return f"could not be judged: {error.message}"
    return None if output.status == 0 else "is no rule that visudo accepts; see sudoers(5)"


def _is_usual(rule: str) -> bool:
    # a line feed among the spaces would make two lines of it
    return rule.isprintable() and "".join(rule.split()) in _USUAL


def _quoted(user: str) -> str:
    return f'"{user}"'


def _included(host: Host) -> bool:
    try:
        text = host.text(MAIN)
    except InputError:
        # only root may look
        return True
    return text is None or any(
        line.split()[0] in ("@includedir", "#includedir") and "sudoers.d" in line
        for line in text.splitlines()
        if line.split()
    )
