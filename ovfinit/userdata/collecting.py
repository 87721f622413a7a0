"""Everything that was handed over, sorted out: the long way, for more than a plain script."""

from __future__ import annotations

from ..finding import WARNING, Finding
from ..payload import BOM
from .handed import ANY, Script, UserData
from .kinds import BOOTHOOK, CONFIG, PATCH, WHEN
from .part import Part
from .unfolding import Unfolding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..host import Host
    from ..model import Metadata
    from .cloudconfig import Merged

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_NAME_LIMIT = 80
_SHELL = b"#!/bin/sh\n"


def collect(
    metadata: Metadata,
    kept: Callable[[], Mapping[str, bytes]] | None,
    fetch: Callable[[str, int], bytes] | None,
    host: Host | None,
) -> UserData:
    """See `ovfinit.userdata.collect`."""

    def variables() -> Mapping[str, Any]:
        from .jinja import variables as made

        return made(metadata, host)

    fetched = kept() if kept is not None else {}
    work = Unfolding(launch_index=metadata.launch_index, variables=variables, fetched=fetched, fetch=fetch)
    handed = [(metadata.vendor_data, "vendor_data"), (metadata.user_data, "user_data")]
    parts: list[Part] = []
    for data, field in handed:
        if data and data.strip():
            name = (metadata.origins.get(field) or field.replace("_", "-")).removeprefix(f"{metadata.datasource}:")
            parts += work.unfold(Part(data, name, name, vendor=field == "vendor_data"))
    return sort_out(parts, work)


def sort_out(parts: Sequence[Part], work: Unfolding) -> UserData:
    """Unfolded parts as what the duties take."""
    if any(part.vendor for part in parts) and _vendor_is_off(parts):
        parts = [part for part in parts if not part.vendor]
    _repeated(parts, work)
    scripts, boothooks = [], []
    names: set[str] = set()
    merged = _merged(parts, work)
    for part in parts:
        if part.kind == BOOTHOOK:
            boothooks.append(_boothook(part, names))
        elif part.kind in WHEN:
            scripts.append(_script(part, names))
    config: Mapping[str, Any] = {}
    broken: Mapping[str, Finding] = {}
    if merged is not None:
        from .keys import check

        checked = check(merged.config)
        config, broken = checked.typed, checked.broken
        if merged.unread is not None:
            # whose duty it would have been is not known
            broken = {ANY: merged.unread, **broken}
        work.findings += checked.findings
    return UserData(
        config,
        tuple(scripts),
        tuple(boothooks),
        tuple(work.findings),
        tuple(work.wanting),
        broken,
        work.fetched,
        work.failed,
        work.unread,
    )


def _merged(parts: Sequence[Part], work: Unfolding) -> Merged | None:
    configs = [part for part in parts if part.kind in (CONFIG, PATCH)]
    if not configs:
        return None
    from .cloudconfig import Merged

    merged = Merged()
    for part in configs:
        merged.add(part, work)
    return merged


def _vendor_is_off(parts: Sequence[Part]) -> bool:
    """True if the user's own cloud-config says `vendor_data: {enabled: false}`."""
    merged = _merged([part for part in parts if not part.vendor], Unfolding())
    said = merged.config.value.get("vendor_data") if merged is not None else None
    enabled = said.get("enabled", True) if isinstance(said, dict) else True
    return enabled is False or str(enabled).lower() in ("no", "off", "false", "0")


def _repeated(parts: Sequence[Part], work: Unfolding) -> None:
    """The same part twice is most likely a mistake; both are used, as they were given."""
    seen: dict[tuple[str | None, bytes], str] = {}
    for part in parts:
        same = (part.kind, part.content)
        first = seen.get(same)
        seen.setdefault(same, part.where)
        if first is not None:
            work.findings.append(Finding(WARNING, f"{part.where}:1:1", "", f"is the same as {first}"))


def _script(part: Part, names: set[str]) -> Script:
    content = part.content.removeprefix(BOM).lstrip()
    if content.partition(b"\n")[0].endswith(b"\r"):
        # written on Windows: the kernel would look for an interpreter whose name ends in a carriage return
        content = content.replace(b"\r\n", b"\n")
    assert part.kind is not None
    return Script(_name(part, names), content, WHEN[part.kind], part.where, part.vendor)


def _boothook(part: Part, names: set[str]) -> Script:
    """The program after the line `#cloud-boothook`, a shell script unless it says otherwise."""
    content = part.content.removeprefix(BOM).lstrip().replace(b"\r\n", b"\n")
    if content.lower().startswith(b"#cloud-boothook"):
        content = content.partition(b"\n")[2].lstrip()
    return Script(
        _name(part, names), content if content.startswith(b"#!") else _SHELL + content, "boot", part.where, part.vendor
    )


def _name(part: Part, names: set[str]) -> str:
    """A safe file name that tells which part it is."""
    given = "".join(character if character in _SAFE else "-" for character in part.name.rpartition("/")[2])
    given = given.lstrip(".-")[:_NAME_LIMIT]
    field = "vendor-data" if part.vendor else "user-data"
    number = "-".join(f"{number:03}" for number in part.numbers)
    name = base = "-".join(word for word in ("vendor" if part.vendor else "part", number, given) if word)
    if not part.numbers and not part.trail:
        name = base = field
    count = 1
    while name in names:
        count += 1
        name = f"{base}-{count}"
    names.add(name)
    return name
