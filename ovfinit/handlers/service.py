"""Telling systemd that a service's settings changed: never waited for, since at a boot it is ordered after us."""

from __future__ import annotations

from ..changes import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..host import Host


def tell(handler: str, host: Host, words: tuple[str, ...], stage: str, mark: str, target: str = "") -> Iterator[Call]:
    """One call of systemctl with these words, again when `mark` is another one; none on a machine without systemd."""
    if host.live and not host.exists("/run/systemd/system"):
        return
    name = target or " ".join(word for word in words if not word.startswith("-"))
    yield Call(handler, name, stage, command=("systemctl", "--no-block", *words), fingerprint=mark)
