"""The last word on the console: that all is done, in the user's own words."""

from __future__ import annotations

from .. import __version__
from ..changes import FINAL, Announce
from ..model import Problem
from ..userdata.scalars import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "final_message"
WORDS = ("VERSION", "TIMESTAMP", "DATASOURCE", "UPTIME")
KEYS = {
    "final_message": Text(
        "What is shown on the console at the end of a boot; `$VERSION $TIMESTAMP $DATASOURCE $UPTIME`.", lines=True
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """At every boot. Moments are filled in when it is shown; of templates only the words of this message are known."""
    del config, host, past
    text = handed.config.get("final_message")
    if text is None:
        return
    first, _, rest = text.partition("\n")
    if first.replace(" ", "").lower() == "##template:jinja":
        text = rest
    known = {"VERSION": __version__, "DATASOURCE": metadata.datasource or "none"}
    for word in WORDS:
        value = known.get(word, f"${word}")
        for name in (word, word.lower()):
            for form in (f"{{{{ {name} }}}}", f"{{{{{name}}}}}", f"${{{name}}}", f"${name}"):
                text = text.replace(form, value)
    if "{{" in text or "{%" in text:
        yield Problem(NAME, f"only {', '.join(word.lower() for word in WORDS)} are filled in, nothing else of jinja")
    shown = ("".join(letter for letter in row if letter.isprintable() or letter == "\t") for row in text.splitlines())
    yield Announce(NAME, "final message", FINAL, lines=tuple(shown))
