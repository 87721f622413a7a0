"""Rules of doas.conf(5), where the distribution keeps them."""

from __future__ import annotations

from ..changes import WriteBlock, WriteFile
from ..model import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..changes import Change
    from ..host import Host

# Alpine reads all *.conf there, others one file
FOLDER = "/etc/doas.d"
MAIN = "/etc/doas.conf"
_OPTIONS = ("nopass", "nolog", "persist", "keepenv")


def grant(handler: str, host: Host, rules: Mapping[str, Sequence[str]], stage: str) -> Iterator[Change | Problem]:
    """The rules of each user; one that is wrong costs its user all, since a `deny` may have been meant by it."""
    lines: list[str] = []
    for user, wanted in rules.items():
        if all(_is_for(user, rule) for rule in wanted):
            lines += wanted
        else:
            yield Problem(f"users.{user}.doas", f"has a rule that is none of doas.conf(5) for {user}; all left out")
    if not lines:
        return
    if host.exists(FOLDER):
        content = "".join(f"{line}\n" for line in ("# Written by ovfinit.", *lines))
        target = f"{FOLDER}/90-ovfinit.conf"
        yield WriteFile(handler, target, stage, content=content.encode(), mode=0o640, check=("doas", "-C"))
    else:
        yield WriteBlock(handler, MAIN, stage, lines=tuple(lines), mode=0o640)


def _is_for(user: str, rule: str) -> bool:
    """True for `permit|deny [options] USER [as TARGET] [cmd COMMAND [args …]]`."""
    words = rule.split()
    if not words or words.pop(0) not in ("permit", "deny") or rule.rstrip().endswith("\\"):
        return False
    while words and words[0] in (*_OPTIONS, "setenv"):
        if words.pop(0) == "setenv":
            if words[:1] != ["{"] or "}" not in words:
                return False
            del words[: words.index("}") + 1]
    if not words or words.pop(0) != user:
        return False
    if words[:1] == ["as"]:
        if len(words) < 2:
            return False
        del words[:2]
    return not words or words[0] == "cmd" and len(words) > 1 and (len(words) == 2 or words[2] == "args")
