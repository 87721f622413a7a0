"""NetworkManager's keyfile: sections of keys and values, as nm-settings-keyfile(5) writes them."""

from __future__ import annotations

from .outcome import HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Line = tuple[str, str | int | bool | None]
    Lines = list[Line]
    Sections = list[tuple[str, Lines]]
    # where in the description of a device, as `dotted.keys` or one by one, and why it is refused
    Refuse = Callable[[str | tuple[str | int, ...], str], None]

_WORDS = {True: "true", False: "false"}


def text(sections: Sections) -> str:
    """The file; keys whose value is None are left out, and so is a section that has no others."""
    return "\n".join((HEADER, *_written(sections)))


def _written(sections: Sections) -> Iterator[str]:
    for name, lines in sections:
        given = [
            f"{key}={_WORDS[value] if isinstance(value, bool) else value}\n"
            for key, value in lines
            if value is not None
        ]
        if given:
            yield f"[{name}]\n{''.join(given)}"
