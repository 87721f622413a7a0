"""What a change wants, in lines for people, where it is no content that a diff would show."""

from __future__ import annotations

from .changes import Announce, Call, EnsureGroup, EnsureUser, Post, Run, SetPassword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .changes import Change

SHOWN_LINES = 4
_OFTEN = {"boot": "at every boot", "once": "once in the life of this machine"}
_DEFAULTS = EnsureUser("", "")


def wishes(change: Change) -> list[str]:
    """The lines; none for what a diff shows. No secret is in them."""
    told = _WISHES[change.kind](change) if change.kind in _WISHES else ()
    return [line for text in told for line in text.splitlines()]


def _user(change: EnsureUser) -> Iterator[str]:
    for name in ("shell", "gecos", "groups", "home", "uid", "primary_group", "expires", "inactive"):
        value: Any = getattr(change, name)
        if value not in (None, "", ()):
            yield f"{name}: {value if isinstance(value, (str, int)) else ' '.join(value)}"
    for name in ("system", "create_home", "user_group", "log_init", "locked", "expired"):
        value = getattr(change, name)
        if value != getattr(_DEFAULTS, name):
            yield f"{name}: {'yes' if value else 'no'}"
    if change.password is not None:
        yield "password: given"


def _group(change: EnsureGroup) -> Iterator[str]:
    if change.gid is not None:
        yield f"gid: {change.gid}"
    if change.members:
        yield f"members: {' '.join(change.members)}"


def _password(change: SetPassword) -> Iterator[str]:
    yield "a random one, shown on the console" if change.password is None else "given"
    if change.expired:
        yield "a new one is asked for at the first login"


def _program(change: Run | Call) -> Iterator[str]:
    if change.command != (change.target,):
        yield " ".join(_quoted(word) for word in change.command)
    if change.when in _OFTEN:
        yield _OFTEN[change.when]
    if getattr(change, "unless", ()):
        yield f"unless: {' '.join(_quoted(word) for word in change.unless)}"  # type: ignore[union-attr]


def _quoted(word: str) -> str:
    from shlex import quote

    # a program of ours that looks before it does: what it is given tells more than its text, which --json has
    return "'…'" if word.count("\n") > SHOWN_LINES else quote(word)


def _post(change: Post) -> Iterator[str]:
    yield f"fields: {' '.join((*change.fields, *change.files))}"
    if change.when in _OFTEN:
        yield _OFTEN[change.when]


def _message(change: Announce) -> Iterator[str]:
    yield from change.lines


_WISHES: dict[str, Any] = {
    EnsureUser.kind: _user,
    EnsureGroup.kind: _group,
    SetPassword.kind: _password,
    Run.kind: _program,
    Call.kind: _program,
    Post.kind: _post,
    Announce.kind: _message,
}
